"""Anymail's backend for Postmark, which also sends many mails in one request (at most 500, of 50 MB together)."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import parseaddr
from functools import lru_cache
from typing import Any

from anymail.backends import postmark

from subscriptions.mail.backends.batch import BatchBackend
from subscriptions.mail.backends.elements import Element

# Postmark's own codes that say the same of every mail, and the HTTP status that a request for one mail gets with them
STATUS_OF_CODE = {0: 200, 10: 401, 100: 503, 429: 429}
REFUSED = 422
# All that the answer about a mail has that was taken
PLAIN = {"To", "SubmittedAt", "MessageID", "ErrorCode", "Message"}


class EmailBackend(BatchBackend, postmark.EmailBackend):
    endpoint = "email/batch"

    def status_of(self, answer: Any) -> int:
        code = answer.get("ErrorCode", 0) if isinstance(answer, dict) else None
        return STATUS_OF_CODE.get(code, REFUSED) if isinstance(code, int) else 200  # any other is no answer

    def headers_of_list(self, headers: dict[str, str], messages: Sequence[Any]) -> dict[str, str]:
        return headers

    def number_in(self, answer: Any, address: str) -> str:
        said = answer if isinstance(answer, dict) else {}
        is_plain = (said.get("ErrorCode"), said.get("Message"), said.get("To")) == (0, "OK", address)
        is_plain = is_plain and said.keys() <= PLAIN
        number = said.get("MessageID")
        return number if is_plain and isinstance(number, str) else ""

    def answers_to(self, elements: Sequence[Element], answer: Any) -> list[Any]:
        """Return the answers by their place; if one names the recipient of another place, only those with names."""
        if not isinstance(answer, list):
            return [None] * len(elements)
        ours = [_parsed(one.address) if one.address else _address(one.make_payload().data) for one in elements]
        named = [_address(one) for one in answer]
        if len(answer) == len(ours) and all(
            name == own or name not in ours for name, own in zip(named, ours, strict=True)
        ):
            return answer
        by_name = dict(zip(named, answer, strict=True))
        # of two mails to one recipient nobody can tell which is meant
        return [by_name.get(own) if ours.count(own) == 1 else None for own in ours]


def _address(of: Any) -> str:
    return _parsed(str(of.get("To", ""))) if isinstance(of, dict) else ""


# a request and its answer name each address
@lru_cache(maxsize=200)
def _parsed(recipient: str) -> str:
    return parseaddr(recipient)[1].lower()
