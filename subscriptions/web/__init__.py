"""Forms and pages of a subscription: sign up, confirm, sign in, preferences, unsubscribe."""
