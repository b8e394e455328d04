"""Lists of feeds: what readers export is read, what is written can be read again, hostile files are refused."""

from __future__ import annotations

import pytest

from digest.ingest import opml
from digest.ingest.opml import MAX_FEEDS, FeedLink
from digest.source_errors import ErrorKind
from tests.support.source_errors import unreadable

BODY = """<?xml version="1.0" encoding="{encoding}"?>
<opml version="1.0"><head><title>Mine</title></head><body>{outlines}</body></opml>"""
FOLDER = (
    '<outline text="Science"><outline type="rss" text="Bées &amp; birds" title="" xmlUrl="https://bees.example/feed"/>'
    '<outline text="Knots" title="Knots today" xmlUrl="https://knots.example/atom?a=1&amp;b=2" htmlUrl="https://knots.example"/>'
    "</outline>"
    '<outline XMLURL="https://bare.example/rss"/><outline xmlUrl="https://bees.example/feed" text="again"/>'
    '<outline xmlUrl="feed://old.example/rss"/><outline xmlUrl="javascript:alert(1)"/><outline text="a link" url="https://no.example/feed"/>'
)


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1"])
def test_feeds_are_found_in_folders_each_address_once(encoding: str) -> None:
    found = opml.read(BODY.format(encoding=encoding, outlines=FOLDER).encode(encoding))
    assert found.feeds == (
        FeedLink(url="https://bees.example/feed", name="Bées & birds"),
        FeedLink(url="https://knots.example/atom?a=1&b=2", name="Knots today"),
        FeedLink(url="https://bare.example/rss", name=""),
        FeedLink(url="https://old.example/rss", name=""),
    )
    assert found.notes == (opml.UNUSABLE.format(count=1, first="javascript:alert(1)"),)


def test_what_is_written_is_read_again() -> None:
    feeds = (FeedLink(url="https://a.example/?x=1&y=\"2'", name='A "quoted" <name>\n& more'),)
    (again,) = opml.read(opml.write(feeds).encode()).feeds
    assert again.url == feeds[0].url
    assert again.name == 'A "quoted" <name> & more'


def test_of_a_cut_file_what_came_before_is_kept() -> None:
    body = BODY.format(encoding="UTF-8", outlines=FOLDER).encode()
    found = opml.read(body[: body.index(b"XMLURL")])
    assert [feed.name for feed in found.feeds] == ["Bées & birds", "Knots today"]
    assert found.notes == (opml.CUT,)


def test_a_list_of_very_many_is_cut() -> None:
    outlines = "".join(f'<outline xmlUrl="https://a.example/{number}"/>' for number in range(MAX_FEEDS + 1))
    found = opml.read(BODY.format(encoding="UTF-8", outlines=outlines).encode())
    assert (len(found.feeds), found.notes) == (MAX_FEEDS, (opml.TOO_MANY,))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", ErrorKind.EMPTY),
        (b"<html><body>no</body></html>", ErrorKind.UNKNOWN_FORMAT),
        (b'<rss version="2.0"><channel/></rss>', ErrorKind.UNKNOWN_FORMAT),
        (b"<opml><body/></opml>", ErrorKind.EMPTY),
        (b"just words", ErrorKind.MALFORMED),
        (b'<!DOCTYPE opml [<!ENTITY a "aaaa">]><opml><body/></opml>', ErrorKind.MALFORMED),
        (b"<opml>" + b"<outline>" * 10_000, ErrorKind.MALFORMED),
    ],
    ids=["empty", "a page", "a feed", "no feeds", "no markup", "entities", "deep"],
)
def test_anything_else_is_refused(body: bytes, kind: ErrorKind) -> None:
    with unreadable(kind):
        opml.read(body)
