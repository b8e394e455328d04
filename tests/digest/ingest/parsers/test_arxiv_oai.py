from __future__ import annotations

import pytest

from digest.ingest import parsers
from digest.source_errors import ErrorKind
from tests.support.source_errors import unreadable


def record(*, id: str = "2601.00042", metadata: str = "", header: str = "") -> str:
    body = f"""<metadata><arXiv xmlns="http://arxiv.org/OAI/arXiv/"><id>{id}</id><created>2026-01-28</created>
        <authors><author><keyname>Lee</keyname><forenames>Ann</forenames><suffix>II</suffix></author></authors>
        <title>Bees</title><categories>cs.LG stat.ML</categories><abstract>We count.</abstract>{metadata}
        </arXiv></metadata>"""
    return (
        f"<record><header{header}><identifier>oai:arXiv.org:{id}</identifier></header>{'' if header else body}</record>"
    )


def answer(*records: str, token: str = "") -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?><OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">
        <request verb="ListRecords">https://oaipmh.arxiv.org/oai</request>
        <ListRecords>{"".join(records)}{token}</ListRecords></OAI-PMH>""".encode()


def test_a_deleted_record_still_names_the_paper_to_withdraw() -> None:
    (gone,) = parsers.read(answer(record(id="math/0611800", header=' status="deleted"'))).entries
    assert (gone.identifiers, gone.title, gone.withdrawn) == (("arxiv:math/0611800",), "", True)


def test_several_dois_of_a_record_are_as_many_names() -> None:
    (paper,) = parsers.read(answer(record(metadata="<doi>10.1000/a 10.1000/b</doi>"))).entries
    assert paper.identifiers == ("arxiv:2601.00042", "doi:10.1000/a", "doi:10.1000/b")


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("", None),
        ('<resumptionToken cursor="0" completeListSize="500">next</resumptionToken>', None),
        ('<resumptionToken cursor="300" completeListSize="500"></resumptionToken>', 200),
    ],
)
def test_only_the_last_page_tells_how_many_records_it_should_have(token: str, expected: int | None) -> None:
    assert parsers.read(answer(record(), token=token)).stated_total == expected


def test_errors_are_told_and_no_news_is_an_empty_feed() -> None:
    def error(code: str) -> bytes:
        return answer().replace(b"<ListRecords></ListRecords>", f'<error code="{code}">Not so.</error>'.encode())

    with unreadable(ErrorKind.SOURCE_ERROR, detail="Not so."):
        parsers.read(error("badArgument"))
    nothing = parsers.read(error("noRecordsMatch"))
    assert (nothing.entries, nothing.stated_total) == ((), 0)


def test_a_record_in_another_format_costs_only_itself() -> None:
    dublin_core = (
        "<record><header><identifier>oai:arXiv.org:2601.00001</identifier></header><metadata><dc/></metadata></record>"
    )
    read = parsers.read(answer(dublin_core, record()))
    assert [refused.why for refused in read.refused] == ["no metadata in arXiv's own format"]
    assert [entry.authors for entry in read.entries] == [("Ann Lee II",)]
