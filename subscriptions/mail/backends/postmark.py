"""Anymail's backend for Postmark, which also sends many mails in one request (at most 500, of 50 MB together)."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import parseaddr
from typing import Any

from anymail.backends import postmark

from subscriptions.mail.backends.batch import BatchBackend

# Postmark's own codes that say the same of every mail, and the HTTP status that a request for one mail gets with them
STATUS_OF_CODE = {0: 200, 10: 401, 100: 503, 429: 429}
REFUSED = 422


class EmailBackend(BatchBackend, postmark.EmailBackend):
    endpoint = "email/batch"

    def status_of(self, answer: Any) -> int:
        return STATUS_OF_CODE.get(answer.get("ErrorCode", 0), REFUSED) if isinstance(answer, dict) else 200

    def headers_of_list(self, headers: dict[str, str], messages: Sequence[Any]) -> dict[str, str]:
        return headers

    def answers_to(self, payloads: Sequence[Any], answer: Any) -> list[Any]:
        """Return the answers by their place; if one names the recipient of another place, only those with names."""
        if not isinstance(answer, list):
            return [None] * len(payloads)
        places = {_address(payload.data): place for place, payload in enumerate(payloads)}
        named = [places.get(_address(one)) for one in answer]
        is_in_order = all(place in (None, number) for number, place in enumerate(named))
        if is_in_order and len(answer) == len(payloads):
            return answer
        by_place = dict(zip(named, answer, strict=True))
        return [by_place.get(place) for place in range(len(payloads))]


def _address(of: Any) -> str:
    return parseaddr(str(of.get("To", "")))[1].lower() if isinstance(of, dict) else ""
