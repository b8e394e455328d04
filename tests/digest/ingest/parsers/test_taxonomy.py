from __future__ import annotations

from digest.ingest.parsers.taxonomy import CATEGORIES


def test_all_categories_of_today_have_names() -> None:
    of_today = [name for name in CATEGORIES.values() if "(until" not in name and "(early" not in name]
    assert len(of_today) == 155
    assert all(name[0].isupper() for name in CATEGORIES.values())
    assert (CATEGORIES["cs.LG"], CATEGORIES["hep-th"]) == ("Machine Learning", "High Energy Physics: Theory")
