"""Let mail leave again after a suppression key was lost for good."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from digest.compose.phrases import plural
from subscriptions.suppression_key import forget_lost_keys


class Command(BaseCommand):
    help = (
        "Forget the suppression keys that this installation no longer has, so that mail leaves again. Addresses that "
        "were suppressed with them cannot be recognised any more: enter those that you know again first "
        "(docs/operators.md, Keys). Exit codes: 0 done; 2 wrong arguments."
    )

    def handle(self, **options: Any) -> None:
        if forgotten := forget_lost_keys():
            self.stdout.write(
                f"Forgot {plural(forgotten, 'lost key')}. Addresses suppressed with one get mail again if they sign up."
            )
        else:
            self.stdout.write("Every key that this database was used with is there. Nothing was changed.")
