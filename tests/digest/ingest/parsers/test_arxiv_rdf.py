from __future__ import annotations

import pytest

from digest.ingest import parsers


def feed(title: str, *, creators: str = "") -> bytes:
    return f"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
        xmlns:dc="http://purl.org/dc/elements/1.1/">
        <channel rdf:about="http://arxiv.org/"><title>math updates on arXiv.org</title>
        <dc:date>2019-03-05T20:30:00-05:00</dc:date></channel>
        <item rdf:about="http://arxiv.org/abs/1903.01234"><title>{title}</title>
        <link>http://arxiv.org/abs/1903.01234</link><description>&lt;p&gt;We knot.&lt;/p&gt;</description>
        <dc:creator>{creators}</dc:creator></item></rdf:RDF>""".encode()


@pytest.mark.parametrize(
    ("suffix", "announced", "version"),
    [
        ("(arXiv:1903.01234v1 [math.GT])", "new", 1),
        ("(arXiv:1903.01234v1 [math.GT] CROSS LISTED)", "cross", 1),
        ("(arXiv:1903.01234v4 [math.GT] UPDATED)", "replace", 4),
    ],
)
def test_the_end_of_a_title_is_read_and_taken_off(suffix: str, announced: str, version: int) -> None:
    read = parsers.read(feed(f"On (very) odd knots. {suffix}"))
    (paper,) = read.entries
    assert read.kind == "arxiv_rdf"
    assert (paper.title, paper.announced, paper.version) == ("On (very) odd knots", announced, version)
    assert (paper.identifiers, paper.categories) == (("arxiv:1903.01234",), ("math.GT",))


def test_authors_are_taken_out_of_their_links() -> None:
    creators = '&lt;a href="http://arxiv.org/find/math/1/au:+Lee_A/0/1"&gt;Ann Lee&lt;/a&gt; (MIT, USA), Bo Chen'
    (paper,) = parsers.read(feed("Knots. (arXiv:1903.01234v1 [math.GT])", creators=creators)).entries
    assert paper.authors == ("Ann Lee", "Bo Chen")
