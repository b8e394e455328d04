"""Render a Digest as an e-mail, shortened if it is larger than mail programs show."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace

from digest.compose.build import Digest, Item, Nothing
from digest.text import snippet
from subscriptions.mail.rendering import RenderedEmail, render_email

SHORT_SENTENCE = 160
HTML_BYTES = 90_000  # Gmail clips at about 102 kB, and the wire encoding adds its own


def email_of_nothing(nothing: Nothing) -> RenderedEmail:
    """Render the mail of a day without papers, which always fits."""
    return render_email("nothing", subject=nothing.subject, nothing=nothing)


def fit(digest: Digest, *, limit: int = HTML_BYTES) -> tuple[Digest, RenderedEmail]:
    """Render a digest as an e-mail with at most ``limit`` bytes of HTML; return the shown digest and the e-mail.

    An ordinary digest fits at once. Otherwise the fewest of these steps are taken, each from the bottom: leave
    abstracts out, shorten sentences, leave sentences out, drop papers and count them in ``left_out``. One paper always
    stays.
    """
    if size_of((email := _render(digest)).html) <= limit:
        return digest, email
    steps = range(1, 4 * len(digest.papers) - 1)
    enough = bisect_left(steps, True, key=lambda step: size_of(_render(_lighter(digest, step)).html) <= limit)
    digest = _lighter(digest, steps[min(enough, len(steps) - 1)])
    return digest, _render(digest)


def _render(digest: Digest) -> RenderedEmail:
    return render_email("digest", subject=digest.subject, digest=digest)


def size_of(html: str) -> int:
    """Return how many octets a mail has in HTML, before its encoding."""
    # SMTP sends two at the end of a line
    return len(html.encode()) + html.count("\n")


def _lighter(digest: Digest, step: int) -> Digest:
    """Return the digest after ``step`` steps: each abstract left out, sentence shortened, left out, paper dropped."""
    count = len(digest.papers)
    bare, shorter, without, dropped = (min(max(step - stage * count, 0), count) for stage in range(4))

    def lightened(items: tuple[Item, ...], first: int) -> tuple[Item, ...]:
        return tuple(
            item._replace(
                card=replace(
                    item.card,
                    sentence=left_of(number, item.card.sentence),
                    summary=left_of(number, item.card.summary),
                    abstract="" if number > count - bare else item.card.abstract,
                )
            )
            for number, item in enumerate(items, first)
            if number <= count - dropped
        )

    def left_of(number: int, shown: str) -> str:
        if number > count - without:
            return ""
        return snippet(shown, limit=SHORT_SENTENCE) if number > count - shorter else shown

    picks, items = lightened(digest.picks, 1), lightened(digest.items, 1 + len(digest.picks))
    return replace(digest, picks=picks, items=items, left_out=dropped)
