"""Cards and digests for pure tests, with sensible values for what a test does not care about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from digest.compose.build import Digest, Reader, Sender, compose
from digest.compose.card import Card, Fact, card_for
from digest.compose.reasons import Reason, reasons_as_text
from digest.compose.size_limit import fit
from subscriptions.mail.rendering import RenderedEmail

MONDAY = date(2026, 11, 23)
ADA = Reader(
    address="ada.okafor@example.org",
    unsubscribe_url="https://papers.example.org/u/8fKx2LmQz1",
    preferences_url="https://papers.example.org/p/8fKx2LmQz1",
    feedback_url="https://papers.example.org/f/" + "8fKx2LmQz1" * 4 + "abc",
    asked_for=("Robotics", "“grasping”"),
    confirmed_on=date(2026, 5, 12),
)
BROADSHEET = Sender(
    name="Broadsheet", site_url="https://papers.example.org", postal_address="4 Harbour Street, 20457 Hamburg"
)
ROBOTICS = (Reason("topic", "Robotics", 1.0),)
UPVOTES = Fact(73, "upvote", "Hugging Face")
ABSTRACT = (
    "We ask how much of the skill of a gripper lies in the hand and how much of it lies in the table under it. Over "
    "14,000 trials with eleven hands we find that placing is the harder half. A rule that looks at the free space "
    "first, and at the object second, halves the failures. Code is at hand."
)


def a_card(number: int = 1, **values: object) -> Card:
    given: dict = {
        "identifier": f"arxiv:2600.{number:05}",
        "title": f"Everything in Its Place, Part {number}",
        "authors": ["Ingrid Solheim-Vargas", "Tomas Brandl"],
        "url": f"https://arxiv.org/abs/2600.{number:05}",
        "abstract": ABSTRACT,
        "source": "arXiv",
        "category": "cs.RO",
        "category_name": "Robotics",
        "published": date(2026, 11, 20),
    }
    return card_for(**given | values)


def a_digest(cards: list | None = None, reader: Reader = ADA, **values: object) -> Digest:
    cards = cards or [(a_card(number), ROBOTICS) for number in range(1, 11)]
    given: dict = {"issue_date": MONDAY, "sender": BROADSHEET, "arrived": 412, "matched": 38}
    return compose(with_texts(cards), reader, **given | values)


def with_texts(cards: Iterable[tuple[Card, Iterable[Reason]]]) -> list[tuple[Card, str]]:
    """Cards with their reasons as composing takes them."""
    return [(card, reasons_as_text(reasons)) for card, reasons in cards]


def mail(**values: object) -> RenderedEmail:
    """The mail with one paper made of these values."""
    return fit(a_digest([(a_card(**values), ROBOTICS)]))[1]
