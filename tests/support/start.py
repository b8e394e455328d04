"""A start with settings as an operator writes them: those of four ways to send, and a process that is given no others."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support import forks
from tests.support.paths import ROOT

RELAY = {
    "MAIL_PROVIDER": "smtp",
    "SMTP_URL": "smtp+tls://user:pass@mail.example.org:587",
    "POSTAL_ADDRESS": "Example Institute, 1 Reading Lane",
    "DEFAULT_FROM_EMAIL": "Digest <digest@mail.example.org>",
    "SITE_URL": "https://digest.example.org",
}
POSTMARK = {**RELAY, "MAIL_PROVIDER": "postmark", "POSTMARK_SERVER_TOKEN": "t"}
MAILGUN = {**RELAY, "MAIL_PROVIDER": "mailgun", "MAILGUN_API_KEY": "k", "MAILGUN_SENDER_DOMAIN": "d"}
RESEND = {**RELAY, "MAIL_PROVIDER": "resend", "RESEND_API_KEY": "k"}


def start(tmp_path: Path, *, code: str = "", command: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Run this code, or this command of manage.py, with nothing in its environment but these settings."""
    return forks.run(
        *([str(ROOT / "manage.py"), command] if command else ["-c", code]),
        environment={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "digest.config.settings",
            "BROADSHEET_VAR": str(tmp_path),
            **settings,
        },
    )
