"""Distil the data of the npm package caniemail into ``caniemail.json``: what four families of mail programs show.

    python tests/support/distil_caniemail.py PACKAGE/data/caniemail.json VERSION > tests/support/caniemail.json

Of each feature, the worst support over a family's programs is kept, each in its newest tested version.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WORST_FIRST = "nauy"  # no, in part, unknown, yes

# Outlook for Windows and Windows Mail draw with Word and stand apart; "outlook" is all the others that bear the name.
WITH_WORD = ("windows", "windows-mail")
FAMILIES: dict[str, tuple[str, Callable[[str], bool]]] = {
    "gmail": ("gmail", lambda platform: True),
    "outlook": ("outlook", lambda platform: platform not in WITH_WORD),
    "outlook-windows": ("outlook", lambda platform: platform in WITH_WORD),
    "apple-mail": ("apple-mail", lambda platform: True),
    "yahoo": ("yahoo", lambda platform: True),
}


def distil(data: dict[str, Any], version: str) -> dict[str, Any]:
    """The table as it is written: where it is from, and feature -> family -> y, a, n or u."""
    return {
        "source": "https://www.caniemail.com, by Rémi Parmentier and contributors, through the npm package caniemail",
        "version": version,
        "last_update": data["last_update_date"][:10],
        "licence": "MIT, Copyright © Avi Goldman, © Andrew Powell; the permission notice is that of this repository's LICENSE",
        "support": "y yes, a in part, n no, u unknown: the worst of a family's programs in their newest tested versions",
        "features": {
            feature["slug"]: {family: _worst(feature["stats"], family) for family in FAMILIES}
            for feature in sorted(data["data"], key=lambda feature: feature["slug"])
        },
    }


def _worst(stats: dict[str, dict[str, dict[str, str]]], family: str) -> str:
    name, belongs = FAMILIES[family]
    found = [
        tested[max(tested, key=_age)][0]  # "a #1": the number is a footnote's
        for platform, tested in stats.get(name, {}).items()
        if belongs(platform) and tested
    ]
    return min(found, key=WORST_FIRST.index, default="u")


def _age(version: str) -> tuple[bool, list[int]]:
    """To order ``2019-10``, ``2016`` and ``16.80``: years came before numbers."""
    numbers = [int(number) for number in re.findall(r"\d+", version)]
    return numbers[0] < 1900, numbers


if __name__ == "__main__":
    package, version = sys.argv[1:]
    table = distil(json.loads(Path(package).read_text()), version)
    features = table.pop("features")
    lines = [f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}," for key, value in table.items()]
    rows = [f"  {json.dumps(slug)}: {json.dumps(support)}" for slug, support in features.items()]
    sys.stdout.write("\n".join(["{", *lines, ' "features": {', ",\n".join(rows), " }", "}\n"]))
