"""Sign-in of the staff: members, roles, second factor, and allauth's adapters and views."""
