"""Bodies are parsed in a process of its own: the same feeds come out, and a body that ends it ends nothing else."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from digest.ingest import http, parsers, refresh
from digest.ingest.parser_process import ParserProcess, decode, encode
from digest.ingest.parsers import Feed, SourceUnreadable
from digest.models import Paper, Source
from digest.source_errors import ErrorKind
from tests.support.factories import NOON
from tests.support.http_server import Answer, serve
from tests.support.recorded_data import recorded_data

pytestmark = pytest.mark.service

ITEM = "<item><title>Paper {0}</title><link>https://journal.example/{0}</link><description>{1}</description></item>"
FEED = '<?xml version="1.0"?><rss version="2.0"><channel><title>Journal</title>{}</channel></rss>'


def body(items: int, length: int = 10) -> bytes:
    return FEED.format("".join(ITEM.format(number, "word " * length) for number in range(items))).encode()


SMALL, BIG = body(2), body(20_000, 100)  # about 12 MB


@pytest.fixture
def parser() -> Iterator[ParserProcess]:
    with ParserProcess() as parser:
        yield parser


@pytest.mark.skipif(not recorded_data().is_dir(), reason="there are no recorded inputs")
def test_what_comes_out_is_what_the_parsers_give(parser: ParserProcess) -> None:
    paths = [
        path for folder in ("feeds", "reports") for path in (recorded_data() / folder).rglob("*") if path.is_file()
    ]
    assert len(paths) > 50
    for path in paths:
        content = path.read_bytes()
        try:
            expected: Feed | tuple[str, str] = parsers.read(content)
        except SourceUnreadable as error:
            expected = (error.kind, error.detail)
        try:
            found: Feed | tuple[str, str] = parser.read(content)
        except SourceUnreadable as error:
            found = (error.kind, error.detail)
        assert found == expected, path.name


def test_one_process_reads_one_body_after_the_other(parser: ParserProcess) -> None:
    first = parser.start().pid
    assert [len(parser.read(SMALL).entries), len(parser.read(SMALL).entries)] == [2, 2]
    with pytest.raises(SourceUnreadable) as raised:
        parser.read(b"<html>no feed</html>")
    assert raised.value.kind is ErrorKind.WEB_PAGE
    assert parser.start().pid == first


@pytest.mark.parametrize(
    ("limits", "why"),
    [({"memory": 110}, "110 MiB of memory"), ({"seconds": 1}, "more than 1 s")],
    ids=["memory", "processor time"],
)
def test_a_body_that_needs_too_much_ends_the_process_and_the_next_is_read_by_another(
    limits: dict[str, int], why: str
) -> None:
    with ParserProcess(**limits) as parser:
        assert len(parser.read(SMALL).entries) == 2
        first = parser.start().pid
        with pytest.raises(SourceUnreadable, match=why) as raised:
            parser.read(BIG)
        assert raised.value.kind is ErrorKind.PARSER_ENDED
        assert len(parser.read(SMALL).entries) == 2
        assert parser.start().pid != first


def test_a_process_that_was_killed_is_started_again(parser: ParserProcess) -> None:
    killed = parser.start()
    os.kill(killed.pid, signal.SIGTERM)
    killed.wait()
    with pytest.raises(SourceUnreadable) as raised:
        parser.read(SMALL)
    assert raised.value.kind is ErrorKind.PARSER_ENDED
    assert len(parser.read(SMALL).entries) == 2


def test_the_process_knows_no_secret_and_ends_with_its_parent(parser: ParserProcess, monkeypatch: Any) -> None:
    monkeypatch.setenv("SECRET_KEY", "s" * 40)
    process = parser.start()
    parser.read(SMALL)
    assert b"SECRET_KEY" not in Path(f"/proc/{process.pid}/environ").read_bytes()
    assert process.stdin
    process.stdin.close()  # as the kernel does when the parent dies
    assert process.wait(timeout=30) == 0


def test_values_survive_their_way_through_json() -> None:
    feed = parsers.read(SMALL)
    assert decode(Feed, json.loads(encode(feed))) == feed


@pytest.mark.django_db(transaction=True)
class TestRefresh:
    @pytest.fixture(autouse=True)
    def _loopback(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.FETCH_LOOPBACK = True
        monkeypatch.setattr(http, "REST", timedelta())

    def test_a_source_whose_body_ends_the_parser_is_left_alone_for_longer_each_time(self) -> None:
        with (
            serve({"/big": Answer(BIG), "/small": Answer(SMALL)}) as web,
            ParserProcess(memory=110) as parser,
        ):
            big = Source.objects.create(name="Big", kind="journal", url=web.url("/big"))
            small = Source.objects.create(name="Small", kind="journal", url=web.url("/small"))
            waits = []
            for _ in range(2):
                reading = refresh.refresh(big, now=NOON, parser=parser)
                assert reading.error_kind is ErrorKind.PARSER_ENDED
                big.refresh_from_db()
                waits.append(big.next_check_at - NOON)
            assert refresh.refresh(small, now=NOON, parser=parser).new == 2
        assert (big.failures, big.last_error_kind) == (2, "parser_ended")
        assert timedelta(minutes=5) <= waits[0] < waits[1]

    def test_a_body_that_ends_the_worker_itself_was_marked_before_it_was_read(self) -> None:
        class Killed(BaseException):
            """As if the kernel had ended this process: nothing after the reading happens."""

        class Killing(ParserProcess):
            def read(self, body: bytes) -> Feed:
                raise Killed

        with serve({"/feed": Answer(SMALL)}) as web:
            source = Source.objects.create(name="Fatal", kind="journal", url=web.url("/feed"))
            waits = []
            for _ in range(2):
                with pytest.raises(Killed):
                    refresh.refresh(source, now=NOON, parser=Killing())
                source.refresh_from_db()
                waits.append(source.next_check_at - NOON)
            assert not Source.objects.due(NOON).exists()
            assert refresh.refresh(source, now=NOON + waits[1]).new == 2
        source.refresh_from_db()
        assert timedelta(minutes=5) <= waits[0] < waits[1]
        assert (source.failures, source.last_error_kind, Paper.objects.count()) == (0, "", 2)
