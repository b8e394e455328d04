"""Feeds of bug reports with elements moved, repeated, dropped and renamed: no crash, no lost paper, no wrong merge."""

from __future__ import annotations

import copy
import itertools
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.ingest import parsers, store
from digest.ingest.parsers import SourceUnreadable
from digest.models import Identifier, Paper
from tests.support.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
NAMES = [
    "01-fragment-links.xml",
    "01-one-guid-for-all.xml",
    "01-one-guid-for-all-day2.xml",
    "03-changing-link-day1.xml",
    "03-changing-link-day2.xml",
    "04-versioned-dois-day1.xml",
    "04-versioned-dois-day2.xml",
    "09-two-identifiers.xml",
    "10-arxiv-elsewhere.xml",
    "10-arxiv-itself.xml",
]
# the other file whose works are known already
BEFORE = {
    "01-one-guid-for-all-day2.xml": "01-one-guid-for-all.xml",
    "03-changing-link-day2.xml": "03-changing-link-day1.xml",
    "04-versioned-dois-day2.xml": "04-versioned-dois-day1.xml",
    "10-arxiv-elsewhere.xml": "10-arxiv-itself.xml",
    "10-arxiv-itself.xml": "10-arxiv-elsewhere.xml",
}
Element = ElementTree.Element


def local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def items_of(root: Element) -> list[Element]:
    return [one for one in root.iter() if local(one) in ("item", "entry")]


@st.composite
def mutations(draw: st.DrawFn) -> list[tuple[str, int, int, int]]:
    numbers = st.integers(0, 40)
    acts = st.sampled_from(["move", "repeat", "drop", "rename", "repeat item"])
    return draw(st.lists(st.tuples(acts, numbers, numbers, numbers), min_size=1, max_size=5))


def mutated(body: bytes, acts: list[tuple[str, int, int, int]]) -> Element:
    root = ElementTree.fromstring(body)
    for act, *numbers in acts:
        items = items_of(root)
        source, target = (items[number % len(items)] for number in numbers[:2])
        if act == "repeat item":
            parent = next(one for one in root.iter() if source in list(one))
            parent.append(copy.deepcopy(source))
            continue
        if not len(source):
            continue
        element = source[numbers[2] % len(source)]
        if act in ("move", "drop"):
            source.remove(element)
        if act in ("move", "repeat"):
            target.insert(numbers[2] % (len(target) + 1), copy.deepcopy(element))
        if act == "rename":
            element.tag = f"{element.tag}-of-old"
    return root


def titles_of_good(root: Element) -> set[str]:
    """The titles of the items that have one title and one link or more."""
    found = set()
    for item in items_of(root):
        titles = [one.text for one in item if local(one) == "title" and one.text]
        links = [one for one in item if local(one) == "link" and (one.text or one.get("href"))]
        if len(titles) == 1 and len(links) == 1:
            found.add(titles[0])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_mutated_feeds_lose_no_paper_and_merge_no_works(data: Path, name: str) -> None:
    folder = data / "reports"
    body = (folder / name).read_bytes()
    arxivs = name.startswith("10-arxiv-itself")

    @settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(mutations(), st.booleans())
    def check(acts: list[tuple[str, int, int, int]], known: bool) -> None:
        root = mutated(body, acts)
        with transaction.atomic():
            try:
                for day, shown in enumerate(
                    itertools.chain(
                        [(folder / BEFORE[name]).read_bytes()] if known and name in BEFORE else [],
                        [ElementTree.tostring(root)],
                    )
                ):
                    feed = parsers.read(shown)
                    at = NOON + timedelta(days=day)
                    reading = store.store(store.source_named_in(feed, "file.xml"), feed, now=at)
            except SourceUnreadable:
                assert not items_of(root)
                return
            finally:
                stored = set(Paper.objects.values_list("title", flat=True))
                schemes = [(row.paper_id, row.value) for row in Identifier.objects.all()]
                transaction.set_rollback(True)
        assert len(reading.refused) + reading.stored >= len(items_of(root)) - (arxivs and 1)
        if not arxivs:  # an item of arXiv's without its id is refused
            assert titles_of_good(root) <= stored
        assert len({value for _, value in schemes}) == len(schemes)

    check()
