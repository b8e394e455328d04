"""Bodies that are cut, damaged, oversized, wrongly encoded or meant to harm: one sentence, and nothing else is lost."""

from __future__ import annotations

import builtins
import gzip
import json
import random
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.ingest import parsers
from digest.ingest.parsers import MAX_BYTES, SourceUnreadable
from digest.source_errors import ErrorKind
from tests.support.source_errors import unreadable

MIB = 1024 * 1024


def item(number: int, title: str = "") -> str:
    title = title or f"Bees, part {number}"
    return f"<item><title>{title}</title><link>https://bees.example/{number}</link><description>We count.</description></item>"


def feed(*items: str, head: str = "") -> str:
    return f'<rss version="2.0"><channel><title>Bees</title>{head}{"".join(items)}</channel></rss>'


def titles(body: bytes | str) -> list[str]:
    return [entry.title for entry in parsers.read(body.encode() if isinstance(body, str) else body).entries]


# what is no feed at all


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", ErrorKind.EMPTY),
        (b" \r\n\t", ErrorKind.EMPTY),
        (b"\xef\xbb\xbf", ErrorKind.EMPTY),
        (b"\x0c\x0b", ErrorKind.UNKNOWN_FORMAT),
        (b"<!DOCTYPE html><html><head><title>Bees</title></head></html>", ErrorKind.WEB_PAGE),
        (b"\n<!-- hello --><HTML><body>Sign in</body></HTML>", ErrorKind.WEB_PAGE),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "x"><html/>', ErrorKind.WEB_PAGE),
        (b"%PDF-1.7\n%\xe2\xe3", ErrorKind.BINARY),
        (b"PK\x03\x04\x14\x00\x00\x00", ErrorKind.ARCHIVE),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", ErrorKind.BINARY),
        (b"<urlset><url><loc>https://bees.example/</loc></url></urlset>", ErrorKind.UNKNOWN_FORMAT),
        (b"<svg/>", ErrorKind.UNKNOWN_FORMAT),
        (b"null", ErrorKind.UNKNOWN_FORMAT),
        (b"{}", ErrorKind.UNKNOWN_FORMAT),
        (b'{"collection": 7}', ErrorKind.UNKNOWN_FORMAT),
        (b"[" * 100_000, ErrorKind.MALFORMED),
        (b"[" + b"9" * 5000 + b"]", ErrorKind.TRUNCATED),
        (b"Too Many Requests", ErrorKind.UNKNOWN_FORMAT),
        (b"/etc/passwd", ErrorKind.UNKNOWN_FORMAT),
        (b"file:///etc/passwd", ErrorKind.UNKNOWN_FORMAT),
        (b"http://127.0.0.1:1/feed", ErrorKind.UNKNOWN_FORMAT),
        (b"\x1f\x8bnot really", ErrorKind.BAD_COMPRESSION),
    ],
)
def test_what_is_no_feed_is_told_by_its_kind(body: bytes, kind: ErrorKind) -> None:
    for read in (parsers.read, *parsers.KINDS.values()):
        with pytest.raises(SourceUnreadable) as caught:
            read(body)
        assert caught.value.kind in ErrorKind
        assert len(caught.value.detail) < 300
    with unreadable(kind):
        parsers.read(body)


def test_a_body_that_reads_like_a_path_is_never_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "feed.xml"
    secret.write_text(feed(item(1)), encoding="utf-8")
    opened: list[Any] = []
    monkeypatch.setattr(builtins, "open", lambda *a, **k: opened.append(a))
    for body in (str(secret).encode(), secret.as_uri().encode(), b"<" + str(secret).encode()):
        for read in (parsers.read, *parsers.KINDS.values()):
            with pytest.raises(SourceUnreadable):
                read(body)
    assert opened == []


# sizes


def test_a_body_larger_than_32_mib_is_not_looked_at() -> None:
    with unreadable(ErrorKind.TOO_LARGE):
        parsers.read(b"<" * (50 * MIB))


def test_a_gz_that_unpacks_to_more_than_32_mib_is_stopped_while_it_unpacks(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(feed(item(1)).encode() + b" " * (200 * MIB), 1)
    most = 0
    unpacker = zlib.decompressobj

    def watched(**options: Any) -> Any:
        part = unpacker(**options)

        class Watched:
            eof, unused_data = True, b""

            def decompress(self, body: bytes, limit: int) -> bytes:
                nonlocal most
                out = part.decompress(body, limit)
                most = max(most, len(out))
                return out

        return Watched()

    monkeypatch.setattr(zlib, "decompressobj", watched)
    with unreadable(ErrorKind.TOO_LARGE):
        parsers.read(bomb)
    assert 0 < most <= MAX_BYTES + 1


def test_a_gz_of_thousands_of_parts_is_not_unpacked_for_ever() -> None:
    with pytest.raises(SourceUnreadable):
        parsers.read(gzip.compress(b"") * 50_000)


def test_a_gz_inside_a_gz_is_refused_and_one_in_two_parts_is_read() -> None:
    with unreadable(ErrorKind.ARCHIVE):
        parsers.read(gzip.compress(gzip.compress(feed(item(1)).encode())))
    whole = feed(item(1), item(2)).encode()
    assert len(titles(gzip.compress(whole[:90]) + gzip.compress(whole[90:]))) == 2


def test_a_cut_gz_gives_the_entries_that_are_whole() -> None:
    rng = random.Random(1)
    items = [item(n, title=f"Bees {rng.random()}") for n in range(200)]
    read = parsers.read(gzip.compress(feed(*items).encode())[:-400])
    assert 100 < len(read.entries) < 200
    assert [refused.why for refused in read.refused] in ([], ["cut in the middle"])
    assert "the .gz file is cut in the middle" in read.notes


def test_a_feed_of_a_hundred_thousand_entries_is_refused() -> None:
    with unreadable(ErrorKind.TOO_LARGE):
        parsers.read(feed("<item><title>b</title><link/></item>" * 150_000).encode())
    with unreadable(ErrorKind.TOO_LARGE, detail="50,000 entries"):
        parsers.read(b"[" + b"7," * 60_000 + b"7]")


# declarations


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE rss [<!ENTITY a "bee"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!doctype rss [ <!ENTITY x SYSTEM "file:///etc/passwd"> ]>',
        '<!-- c --><?pi?><!DOCTYPE rss SYSTEM "x" [<!ENTITY % p SYSTEM "http://127.0.0.1:1/">%p;]>',
    ],
)
def test_entity_bombs_and_outside_entities_are_refused(declaration: str) -> None:
    with unreadable(ErrorKind.MALFORMED, detail="DTD"):
        parsers.read((declaration + feed(item(1, title="&x;&b;"))).encode())


def test_a_declaration_in_the_middle_defines_nothing() -> None:
    body = feed(item(1), '<!DOCTYPE a [<!ENTITY e "boom">]>', item(2, title="&e;"))
    assert "boom" not in "".join(titles(body))


def test_a_bare_document_type_as_of_rss_091_is_harmless() -> None:
    assert titles('<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://x/rss.dtd">' + feed(item(1))) == [
        "Bees, part 1"
    ]


# cut and damaged


def test_a_feed_cut_at_any_byte_keeps_the_entries_before_the_cut() -> None:
    body = feed(item(1), item(2), item(3)).encode()
    ends = [body.index(b"</item>", body.index(b"part %d" % n)) + len(b"</item>") for n in (1, 2, 3)]
    for cut in range(1, len(body)):
        whole = sum(end <= cut for end in ends)
        if whole == 0:
            with pytest.raises(SourceUnreadable):
                parsers.read(body[:cut])
            continue
        read = parsers.read(body[:cut])
        assert [entry.title for entry in read.entries] == [f"Bees, part {n}" for n in range(1, whole + 1)]
        begun = body[:cut].count(b"<item>") - whole
        assert [refused.why for refused in read.refused] == ["cut in the middle"] * begun
        assert read.notes[0].startswith("cut in the middle")


@pytest.mark.parametrize(
    ("flaw", "title"),
    [
        ("Bees & wasps", "Bees & wasps"),
        ("Caf&eacute; bees&nbsp;&copy;", "Café bees ©"),
        ("Bees\x0b and\x00 wasps&#11;", "Bees and wasps"),
        ("Bees &lt; wasps & bees", "Bees < wasps & bees"),
        ("AT&T; &unknown;", "AT&T; &unknown;"),
    ],
)
def test_stray_characters_are_mended_and_cost_no_entry(flaw: str, title: str) -> None:
    read = parsers.read(feed(item(1, title=flaw), item(2)).encode())
    assert [" ".join(entry.title.split()) for entry in read.entries] == [title, "Bees, part 2"]
    assert read.refused == ()
    assert read.notes == ("damaged XML: stray characters were mended",)


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ("<b><i></b></i>", "mismatched tag"),
        ("<description>a < b</description>", "invalid token"),
        ("<a>" * 200 + "</a>" * 200, "nested more than 100 deep"),
        (f"<author>{'a' * 100_000}</author>", "an author's name with 100 letters and no space"),
        (f"<author>{'aaaaaaaaa<x/>' * 10_000}</author>", "an author's name with 100 letters and no space"),
        ("<category>bee</category>" * 1000, "more than 300 categories"),
        ("<a " + " ".join(f"a{n}=''" for n in range(1000)) + "/>", "more than 300 attributes"),
        ("<authors a=''/><author>Ann Lee</author>", "an element called “authors”"),
    ],
)
def test_a_damaged_or_drowning_entry_costs_only_itself(inside: str, why: str) -> None:
    bad = item(9, title="Broken bees").replace("</item>", f"{inside}</item>")
    read = parsers.read(feed(item(1), bad, item(2)).encode())
    assert [entry.title for entry in read.entries] == ["Bees, part 1", "Bees, part 2"]
    assert [refused.what for refused in read.refused] == ["Broken bees"]
    assert why in read.refused[0].why


def test_an_entry_that_is_never_closed_ends_where_the_next_begins() -> None:
    read = parsers.read(feed(item(1), "<item><title>Open bees</title>", item(2)).encode())
    assert ([entry.title for entry in read.entries], read.refused[0].what) == (
        ["Bees, part 1", "Bees, part 2"],
        "Open bees",
    )


def test_a_damaged_head_costs_no_entry() -> None:
    read = parsers.read(feed(item(1), item(2), head="<description>a < b</description>").encode())
    assert (read.name, len(read.entries), read.refused) == ("Bees", 2, ())


def test_a_prefix_that_nobody_declared_is_understood_where_it_is_known() -> None:
    extra = "<dc:creator>Ann Lee</dc:creator><itunes:subtitle>x</itunes:subtitle>"
    read = parsers.read(feed(item(1).replace("</item>", f"{extra}</item>")).encode())
    assert read.entries[0].authors == ("Ann Lee",)


def test_a_title_of_a_megabyte_is_refused_and_the_rest_kept() -> None:
    read = parsers.read(feed(item(1, title="b" * MIB), item(2)).encode())
    assert ([entry.title for entry in read.entries], len(read.refused)) == (["Bees, part 2"], 1)
    assert len(read.refused[0].what) <= 80


# encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("declared", ["", "utf-16", "UTF-8"])
def test_the_bytes_own_shape_goes_before_what_they_say(encoding: str, declared: str) -> None:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    assert titles((declaration + feed(item(1, title="Bienen zählen"))).encode(encoding)) == ["Bienen zählen"]


@pytest.mark.parametrize("encoding", ["iso-8859-1", "windows-1252", "koi8-r", "gb2312", "shift_jis", "euc-kr"])
def test_a_declared_encoding_is_used(encoding: str) -> None:
    title = {"koi8-r": "Пчёлы", "gb2312": "蜜蜂", "shift_jis": "ミツバチ", "euc-kr": "꿀벌"}.get(
        encoding, "Bienen zählen"
    )
    assert titles((f'<?xml version="1.0" encoding="{encoding}"?>' + feed(item(1, title=title))).encode(encoding)) == [
        title
    ]


def test_a_feed_that_names_the_wrong_encoding_and_is_utf_8_is_read_and_noted() -> None:
    read = parsers.read(('<?xml version="1.0" encoding="us-ascii"?>' + feed(item(1, title="Bienen zählen"))).encode())
    assert (read.entries[0].title, read.notes) == ("Bienen zählen", ("it says ascii but is UTF-8",))


@pytest.mark.parametrize("name", ["x-bees", "punycode", "unicode_escape", "idna", "zip", "utf-7", "undefined"])
def test_an_encoding_that_is_none_is_noted_and_utf_8_tried(name: str) -> None:
    read = parsers.read((f'<?xml version="1.0" encoding="{name}"?>' + feed(item(1, title="zählen"))).encode())
    assert (read.entries[0].title, len(read.notes)) == ("zählen", 1)


@pytest.mark.parametrize("declaration", ["", '<?xml version="1.0" encoding="utf-8"?>'])
def test_bytes_that_cannot_be_decoded_cost_the_entry_they_fall_on(declaration: str) -> None:
    body = (declaration + feed(item(1), item(2, title="Bienen zXhlen"), item(3))).encode().replace(b"zX", b"z\xe4")
    read = parsers.read(body)
    assert [entry.title for entry in read.entries] == ["Bees, part 1", "Bees, part 3"]
    assert [refused.why for refused in read.refused] == ["its text has bytes that cannot be decoded"]
    assert len(read.notes) == 1


def test_a_character_cut_at_the_end_is_only_a_cut() -> None:
    body = feed(item(1), item(2, title="蜜蜂")).encode()
    read = parsers.read(body[: body.index("蜂".encode()) + 1])
    assert ([entry.title for entry in read.entries], read.refused[0].why) == (["Bees, part 1"], "cut in the middle")


# anything


def outcome(read: Any, body: bytes) -> None:
    """Read it: a feed whose parts have their types, or a kind of error."""
    try:
        result = read(body)
    except SourceUnreadable as error:
        if error.kind not in ErrorKind:
            raise AssertionError("it gives no reason") from error
        return
    for entry in result.entries:
        assert entry.identifiers
        assert entry.title or entry.withdrawn
        assert all(isinstance(name, str) and ":" in name for name in entry.identifiers)
        "".join(
            (entry.title, entry.abstract, entry.url, *entry.identifiers, *entry.authors, *entry.categories)
        ).encode()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"<rss><channel><item>", b"<feed>", b"[{", b'{"collection":[', b"\x1f\x8b"]),
)
def test_any_bytes_give_a_feed_or_one_sentence(body: bytes, start: bytes) -> None:
    for read in (parsers.read, *parsers.KINDS.values()):
        outcome(read, start + body)


KEYS = (
    *("paper", "id", "title", "summary", "authors", "name", "upvotes", "publishedAt", "submittedOnDailyAt"),
    *("collection", "messages", "doi", "date", "version", "total", "cursor", "error", "githubRepo"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("2601.00001"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(JSON)
def test_json_of_any_shape_gives_a_feed_or_one_sentence(value: Any) -> None:
    outcome(parsers.read, json.dumps(value).encode())


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_recorded_feeds_with_damage_anywhere_give_a_feed_or_one_sentence(data: Path, draw: st.DataObject) -> None:
    name = draw.draw(st.sampled_from(SMALL))
    body = (data / "feeds" / name).read_bytes()[:20_000]
    for _ in range(draw.draw(st.integers(1, 4))):
        start, length = draw.draw(st.integers(0, len(body))), draw.draw(st.integers(0, 60))
        put = draw.draw(
            st.binary(max_size=8) | st.sampled_from([b"<", b">", b"&", b"]]>", b"<item>", b"</item>", b'"', b"\x00"])
        )
        body = body[:start] + put + body[start + length :]
    outcome(parsers.read, body)


SMALL = [
    "arxiv-api-2-entries-2026.xml",
    "arxiv-api-10-entries.xml",
    "arxiv-oai-record-2025.xml",
    "arxiv-rss-atom-cs.AI-2025-08-20.xml",
    "arxiv-rss1.0-hep-ex-1.rdf",
    "arxiv-rss2-cs.AI-2016-02-02.xml",
    "biorxiv-bioengineering.rdf",
    "hf-daily-2026-01-28-later.json",
    "hf-papers-feed_weekly.xml",
    "encoding-encoding_utf-32le-bom.xml",
]
