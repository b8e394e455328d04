"""A mail server for the journeys that end in a mailbox."""

from tests.mail_server import signing_server  # noqa: F401 (fixture)
