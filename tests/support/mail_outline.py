"""What an HTML mail is made of, in order: its tags, headings and addresses."""

from __future__ import annotations

import re
from html.parser import HTMLParser


class Outline(HTMLParser):
    """The tags of a mail in order, the heading of each level with its words, and every address that it names."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.headings: list[list[str]] = []
        self.addresses: list[tuple[str, str]] = []
        self.open_heading = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [(tag, value or "") for name, value in attrs if name in ("href", "src", "background")]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append([tag, ""])
            self.open_heading = True

    def handle_endtag(self, tag: str) -> None:
        if re.fullmatch("h[1-6]", tag):
            self.open_heading = False

    def handle_data(self, data: str) -> None:
        if self.open_heading:
            self.headings[-1][1] += data

    def titles(self) -> list[str]:
        return [" ".join(words.split()) for tag, words in self.headings if tag == "h3"]
