"""What the staff do in a browser before their work begins: sign in with a password, and with a code from a phone."""

from __future__ import annotations

import time

from playwright.sync_api import expect

from tests.support.staff import PASSWORD, SECRET, code
from tests.support.visitor import Visitor


class Phone:
    """An app of codes; as each works once, it waits for the next one where it must."""

    def __init__(self, secret: str = SECRET) -> None:
        self.secret, self.last = secret, 0

    def code(self) -> str:
        while True:
            now = int(time.time())
            ahead = max(self.last + 1 - now // 30, 0 if now % 30 > 20 else -1)
            if ahead <= 1:
                self.last = now // 30 + ahead
                return code(self.secret, ahead=ahead)
            time.sleep(0.5)


def sign_in(visitor: Visitor, address: str, password: str = PASSWORD) -> None:
    visitor.page.get_by_label("E-mail address").fill(address)
    visitor.page.get_by_label("Password").fill(password)
    visitor.press("Sign in")


def type_code(visitor: Visitor, shown: str, button: str) -> None:
    visitor.page.get_by_label("Code", exact=True).fill(shown)
    visitor.press(button)


def heading(visitor: Visitor, text: str) -> None:
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(text)
