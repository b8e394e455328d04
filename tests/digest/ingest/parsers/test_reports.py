"""Inputs in the form of public bug reports (recorded data, folder ``reports``): right values, whole and mutated."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.ingest import parsers
from digest.ingest.entry import Entry
from digest.ingest.parsers import Feed, SourceUnreadable
from digest.ingest.parsers.retractions import says_withdrawn, why_no_work
from digest.text import clean, clean_abstract

FILES = (
    *("05-sciencedirect.xml", "05-wiley.xml", "05-nature.xml", "06-mathml.xml", "07-retracted.xml", "08-dates.xml"),
    "14-json-feed.json",
)


def reading_of(data: Path, name: str) -> Feed:
    return parsers.read((data / "reports" / name).read_bytes())


def shown(paper: Entry) -> tuple[Any, ...]:
    """What readers see of a paper: title, authors, abstract and as much of the date as is known."""
    length = {"day": 10, "month": 7, "year": 4}[paper.precision]
    day = paper.published.date().isoformat()[:length] if paper.published else ""
    return clean(paper.title), paper.authors, clean_abstract(paper.abstract), day


def test_elsevier(data: Path) -> None:
    read = reading_of(data, "05-sciencedirect.xml")
    title = "Field trials of a soil-moisture network in terraced vineyards"
    authors = ("Marta Okonjo-Reyes", "Li Fen", "Jakob van der Moor")
    assert [shown(paper) for paper in read.entries] == [(title, authors, "", "2026-08-03")]
    assert [one.why for one in read.refused] == ["a notice about another paper"]


def test_wiley(data: Path) -> None:
    authors = ("Helena Lauwers", "Jamie De Boer", "Ilke Aertsen", "Federica Cappelli", "Bruno G. De Groot")
    abstract = "We report a cage that opens when lit by green light and closes in the dark."
    assert [shown(paper) for paper in reading_of(data, "05-wiley.xml").entries] == [
        ("Mixed separators", authors, abstract, "2026-08-04"),  # in UTC
        ("One author, surname first", ("Joana Santander",), "", "2026-08"),
    ]


def test_nature(data: Path) -> None:
    abstract = (
        "Fog harvesting has been limited to coastal sites. Here a woven copper mesh gathers eight litres a day inland."
    )
    assert [shown(paper)[1:] for paper in reading_of(data, "05-nature.xml").entries] == [
        (("Kalinda Konwar", "Joseph S. Adamu"), abstract, "2026-08-03")
    ]


def test_mathml(data: Path) -> None:
    (paper,) = reading_of(data, "06-mathml.xml").entries
    assert shown(paper) == (
        "A robot counts 10⁵ photons near T_c",
        ("Rosa Delgado", "Ivo Petrov", "Q. Zhang"),
        "A robot counts photons with √2 scaling.",
        "2026-08-03",
    )


def test_retracted(data: Path) -> None:
    read = reading_of(data, "07-retracted.xml")
    assert [(paper.title, paper.withdrawn) for paper in read.entries] == [
        ("RETRACTED ARTICLE: A robot cures bio-resins rapidly", True),
        ("WITHDRAWN: A robot that was never built", True),
        ("A robot withdraws a needle", False),
    ]
    notice, matter = "a notice about another paper", "front matter of an issue"
    assert [one.why for one in read.refused] == [notice, notice, matter]


def test_dates(data: Path) -> None:
    days = [shown(paper)[-1] for paper in reading_of(data, "08-dates.xml").entries]
    assert days == ["2026-08-03", "2026-12-01", "2026", "2026-08-03", "2026-08-03"]


def test_json_feed(data: Path) -> None:
    (paper,) = reading_of(data, "14-json-feed.json").entries
    assert shown(paper) == ("A robot in a JSON feed", (), "", "2026-08-03")


# --- mutated ----------------------------------------------------------------------------------------------------------


def mutated_xml(body: bytes, random: Any) -> tuple[bytes, set[str]]:
    """Return the feed with one to four parts of its items moved, repeated, dropped or renamed; and the titles of the
    items that were left alone."""
    root = ElementTree.fromstring(body)
    items = [element for element in root.iter() if element.tag.endswith("item")]
    touched = set()
    for _ in range(random.randint(1, 4)):
        item = random.choice(items)
        touched.add(items.index(item))
        parts = list(item)
        if not parts:
            continue
        part = random.choice(parts)
        match random.choice(["move", "repeat", "drop", "rename", "swap"]):
            case "move":
                item.remove(part)
                other = random.choice(items)
                touched.add(items.index(other))
                other.insert(random.randint(0, len(other)), part)
            case "repeat":
                item.insert(random.randint(0, len(parts)), copy.deepcopy(part))
            case "drop":
                item.remove(part)
            case "rename":
                part.tag = random.choice(parts).tag
            case _:
                other_part = random.choice(parts)
                part.text, other_part.text = other_part.text, part.text
    whole = {titles_of(item) for at, item in enumerate(items) if at not in touched}
    return ElementTree.tostring(root, encoding="utf-8"), whole


def titles_of(item: ElementTree.Element) -> str:
    return next(part.text or "" for part in item if part.tag.endswith("title")).strip()


def mutated_json(body: bytes, random: Any) -> tuple[bytes, set[str]]:
    """Return the feed with parts of a copy of its item dropped, renamed or exchanged, beside the item itself."""
    value = json.loads(body)
    odd = dict(value["items"][0], id="2", url="https://jf.example.org/2", title="A robot in another item")
    for _ in range(random.randint(1, 4)):
        key, other = (
            random.choice(list(odd)),
            random.choice(["title", "url", "id", "authors", "tags", "date_published"]),
        )
        match random.choice(["drop", "rename", "replace"]):
            case "drop" if len(odd) > 1:
                odd.pop(key)
            case "rename":
                odd[other] = odd.pop(key)
            case _:
                odd[key] = random.choice([None, 7, [], {}, ["x"], "", "\x00", {"name": 3}, [{"name": "A"}]])
    items = [value["items"][0], odd]
    random.shuffle(items)
    return json.dumps(dict(value, items=items)).encode(), {value["items"][0]["title"]}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_mutation_loses_no_other_paper_and_stops_nothing(data: Path, name: str) -> None:
    body = (data / "reports" / name).read_bytes()

    @settings(derandomize=True, deadline=None, database=None)
    @given(st.randoms(use_true_random=False))
    def mutate(random: Any) -> None:
        mutated, whole = (mutated_json if name.endswith("json") else mutated_xml)(body, random)
        try:
            read = parsers.read(mutated)
        except SourceUnreadable:
            assert not whole
            return
        right = {paper.title: shown(paper) for paper in parsers.read(body).entries}
        found = {paper.title: shown(paper) for paper in read.entries}
        for title in whole & right.keys():
            assert title in found
            if [entry.title for entry in read.entries].count(title) == 1 and title not in str(read.refused):
                assert found[title] == right[title]
        assert all(one.what and one.why for one in read.refused)
        for paper in read.entries:
            assert not why_no_work(paper.title, paper.abstract)
            assert paper.withdrawn or not says_withdrawn(title=paper.title)
            assert "<m" not in "".join(shown(paper)[0:3:2])
            assert len(set(paper.authors)) == len(paper.authors)

    mutate()
