"""A mail provider's web interface that takes every mail and keeps count, as a process of its own; see tests/support/smtp_sink.py.

Postmark's ``/email`` and ``/email/batch`` and Resend's ``/emails`` and ``/emails/batch``, one after the other from their
own paths: ``python -m tests.support.http_sink`` prints where. It is told the same things, at fewer stages: ``greeting`` (a
connection is there, nothing of it was read), ``content`` (a request begins to come) and ``end`` (it came, and is to be
answered). At the end ``refuse("end", 500, "...", taken=True)`` is a provider that took the mail and says it did not;
``headers={"Retry-After": "2"}`` go with the answer; a text that is JSON is the answer as it stands, so that
``refuse("end", 200, '{"ErrorCode": 406, "Message": "..."}')`` is an error inside a success. In a batch of Postmark's, a
rule with code 200 concerns the mails it is for, any other the batch.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from http import HTTPStatus
from typing import Any

from tests.support.smtp_sink import Client, Rule, Server, arguments, serve

LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
KEY = re.compile(rb"\r\nidempotency-key:\s*([^\r]+)", re.IGNORECASE)


class Provider(Server):
    """Speaks HTTP/1.1 on connections that stay open, and answers as Postmark or Resend, whichever was asked."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._answers: dict[bytes, tuple[bytes, bytes]] = {}  # idempotency key -> the request and its answer
        self._repeats: Counter[str] = Counter()

    def counts(self) -> dict[str, Any]:
        """Those of every sink, and how often a key came again: with the same request, or with another one."""
        return super().counts() | {"repeats": self._repeats}

    def refusal(self, rule: Rule) -> bytes:
        return _answer(rule.code, _words(rule).encode(), rule.headers)

    def read(self, client: Client) -> bool:
        end = client.input.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(client.input[:end])
        if client.looked == 0:
            client.looked = 1
            if not self.reply(client, "content", b"") or client.held_at:
                return False
        length = LENGTH.search(head)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(client.input) < size:
            return False
        body = bytes(client.input[end + 4 : size])
        del client.input[:size]
        client.looked = 0
        self._take_request(client, head, body)
        return True

    def _take_request(self, client: Client, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1].decode()
        if path not in ("/email", "/email/batch", "/emails", "/emails/batch"):
            client.answer += _answer(404, b'{"message": "There is no such path."}')
            return
        key = KEY.search(head) if path.startswith("/emails") else None
        if key and key[1] in self._answers:  # as Resend's documentation has it
            first, answer = self._answers[key[1]]
            self._repeats["same" if first == body else "other"] += 1
            other = b'{"statusCode": 409, "name": "invalid_idempotent_request", "message": "Same key, other request."}'
            client.answer += answer if first == body else _answer(409, other)
            return
        said = json.loads(body)
        mails = said if isinstance(said, list) else [said]
        client.recipients = [to for mail in mails for to in _recipients(mail)]
        rule = self.struck("end", client.recipients)
        judges_each = path == "/email/batch" and rule is not None and rule.do == "refuse" and rule.code == 200
        results = []
        for mail in mails:
            its = rule if rule and (not judges_each or rule.concerns(_recipients(mail))) else None
            taken = self._take_mail(mail) if its is None or its.is_taken else {}
            results.append(json.loads(_words(its)) if judges_each and its else taken)
        whole = results if path == "/email/batch" else {"data": results} if path == "/emails/batch" else results[0]
        answer = _answer(200, json.dumps(whole).encode())
        if key and (rule is None or rule.is_taken):
            self._answers[key[1]] = body, answer
        self.act(client, "end", answer, None if judges_each else rule)

    def _take_mail(self, mail: dict[str, Any]) -> dict[str, Any]:
        """Count one mail; what is answered for it, in its provider's words."""
        content = json.dumps(mail).encode()
        self.take(_message_id(mail), _recipients(mail), len(content))
        self.keep(lambda: content)
        name = f"00000000-0000-4000-8000-{self.mails:012}"  # of the provider's own making
        return {"To": mail["To"], "ErrorCode": 0, "Message": "OK", "MessageID": name} if "To" in mail else {"id": name}


def _words(rule: Rule) -> str:
    if rule.text[:1] in ("{", "["):
        return rule.text
    postmark = {"ErrorCode": rule.code, "Message": rule.text}
    return json.dumps(postmark | {"statusCode": rule.code, "name": "refused", "message": rule.text})


def _recipients(mail: dict[str, Any]) -> list[bytes]:
    to = mail["To"].split(",") if "To" in mail else mail["to"]
    return [one.rpartition("<")[2].rstrip("> ").strip().encode() for one in to]


def _message_id(mail: dict[str, Any]) -> bytes:
    """What names the delivery: the Message-ID that was asked for, or the reference in the metadata."""
    headers = mail.get("headers") or {one["Name"]: one["Value"] for one in mail.get("Headers", [])}
    named = {name.lower(): value for name, value in headers.items()}
    metadata = mail.get("Metadata") or json.loads(named.get("x-metadata", "{}"))
    return str(named.get("message-id") or metadata.get("reference") or "-").encode()


def _answer(code: int, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    lines = [f"HTTP/1.1 {code} {HTTPStatus(code).phrase}", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def main() -> None:
    serve(Provider, arguments("tests.support.http_sink", __doc__ or "").parse_args())


if __name__ == "__main__":
    main()
