"""Django mail backends: SMTP that knows whether a mail left, Resend with idempotency keys, an outbox of files."""
