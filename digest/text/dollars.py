"""Tell dollars that enclose maths from dollars that count money."""

from __future__ import annotations

import re


def maths_spans(text: str) -> list[tuple[int, int]]:
    """Return the positions of the two dollars of each formula in ``text``.

    "A $30 budget and a $50 budget" has no formula. A formula has no blank on only one of its sides, no digit after it,
    and no prose after a leading number, unless it has a backslash, brace or script.
    """
    dollars = [m.start() for m in re.finditer(r"(?<!\\)\$", text)]
    spans = []
    at = 0
    while at + 1 < len(dollars):
        start, end = dollars[at], dollars[at + 1]
        if _is_maths(text[start + 1 : end], text[end + 1 : end + 2]):
            spans.append((start, end))
            at += 1
        at += 1
    return spans


def _is_maths(body: str, after: str) -> bool:
    # "$$" is a delimiter too
    if not body:
        return True
    inner = body.strip()
    lop_sided = body[0].isspace() != body[-1].isspace()
    prose = re.search(r"\s[a-z]{2}", re.sub(r"\\[A-Za-z]+", "", body))
    if len(body) > 1000 or (body[0].isdigit() and prose and (lop_sided or "\\" not in body)):
        return False
    if re.search(r"[\\^_{]", body):
        return True
    if inner != body:
        return not prose and ((len(inner) < 3 and not inner.isdigit()) or bool(re.search("[=<>]", inner)))
    return not after.isdigit() or not re.search(r"\w", body)
