"""A mail server for the journeys that end in a mailbox."""

from tests.support.opensmtpd import signing_server  # noqa: F401 (fixture)
