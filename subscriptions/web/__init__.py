"""Forms and pages of a reader's subscription: sign up, confirm, sign in, preferences, unsubscribe."""
