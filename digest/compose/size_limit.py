"""A Digest -> its e-mail, made lighter where it would be larger than mail programs show."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace

from digest.compose.build import Digest, Item, Nothing
from digest.text import snippet
from subscriptions.mail.rendering import RenderedEmail, render_email

SHORT_SNIPPET = 160
HTML_BYTES = 90_000  # Gmail clips at about 102 kB, and the wire encoding adds its own


def email_of_nothing(nothing: Nothing) -> RenderedEmail:
    """Render a mail that says that there is nothing: it always fits."""
    return render_email("nothing", subject=nothing.subject, nothing=nothing)


def fit(digest: Digest, *, limit: int = HTML_BYTES) -> tuple[Digest, RenderedEmail]:
    """Render a digest as an e-mail whose HTML has at most ``limit`` bytes, and return it with what it shows.

    An ordinary digest fits at once. Else snippets are shortened from the bottom, then left out from the bottom, then
    papers are dropped and counted in ``left_out``: the least of these steps that is enough. One paper always stays.
    """
    if _size(email := _render(digest)) <= limit:
        return digest, email
    steps = range(1, 3 * len(digest.papers) - 1)
    enough = bisect_left(steps, True, key=lambda step: _size(_render(_lighter(digest, step))) <= limit)
    digest = _lighter(digest, steps[min(enough, len(steps) - 1)])
    return digest, _render(digest)


def _render(digest: Digest) -> RenderedEmail:
    return render_email("digest", subject=digest.subject, digest=digest)


def _size(email: RenderedEmail) -> int:
    return len(email.html.encode()) + email.html.count("\n")  # a line ends in two octets on its way


def _lighter(digest: Digest, step: int) -> Digest:
    """The digest made lighter by ``step`` steps: each paper's snippet shortened, then left out, then the paper."""
    count = len(digest.papers)
    shorter, without, dropped = (min(max(step - done, 0), count) for done in (0, count, 2 * count))

    def lightened(items: tuple[Item, ...]) -> tuple[Item, ...]:
        return tuple(
            item._replace(card=replace(item.card, snippet=snippet_left(item)))
            for item in items
            if item.number <= count - dropped
        )

    def snippet_left(item: Item) -> str:
        if item.number > count - without:
            return ""
        return snippet(item.card.snippet, limit=SHORT_SNIPPET) if item.number > count - shorter else item.card.snippet

    return replace(digest, picks=lightened(digest.picks), items=lightened(digest.items), left_out=dropped)
