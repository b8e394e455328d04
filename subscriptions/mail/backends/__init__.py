"""Django mail backends: SMTP with a known stage of failure, Resend with keys, and the outbox of files."""
