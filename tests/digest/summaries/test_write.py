"""Summaries by an operator's model: a real server on a loopback address answers well, wrongly, slowly or not at all."""

from __future__ import annotations

import json
import logging
import time
from datetime import timedelta
from typing import Any

import pytest

from digest import jobs
from digest.delivery.plan import plan
from digest.diagnostics.check_result import Severity
from digest.diagnostics.summaries import examine_summaries
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.ingest.http import Limits
from digest.models import Delivery, Paper, PaperSummary, SummaryDay
from digest.summaries import endpoint
from digest.summaries.write import next_papers, write_summaries
from tests.support.editions import mail_of
from tests.support.factories import NOON, entry, feed, reader, source
from tests.support.http_server import Answer, Server, drip, serve

pytestmark = pytest.mark.django_db
PATH = "/v1/chat/completions"
GOOD = "Careful measurement finds that each of the things is as it was expected to be."
KEY = "sk-a-key-that-no-log-may-hold"


def said(content: Any) -> Answer:
    return Answer(json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode())


@pytest.fixture(autouse=True)
def _a_model(settings: Any) -> None:
    settings.SUMMARY_MODEL, settings.SUMMARY_KEY, settings.SUMMARY_CALLS_A_DAY = "a-model", KEY, 10


def a_day(*numbers: int, opened: bool = True) -> None:
    papers = feed(*(entry(number) for number in numbers or (1,)))
    store.store(source(), papers, now=NOON)
    if opened:
        open_edition(NOON.date(), now=NOON)


def run(settings: Any, *scripts: Any, now: Any = NOON) -> Server:
    with serve({PATH: scripts}) as web:
        settings.SUMMARY_URL = web.url("/v1")
        write_summaries(now)
    return web


def text_of_a_mail() -> str:
    row = reader("ada", wants={"category": ["cs.LG"]})
    plan(NOON, [row.pk], issue_date=NOON.date())
    return " ".join(mail_of(Delivery.objects.get(subscriber=row)).text.split())


def account() -> tuple[int, int, int, int]:
    day = SummaryDay.objects.get()
    return day.calls, day.kept, day.refused, day.failed


# --- a model that answers --------------------------------------------------------------------------------------------


def test_each_paper_is_asked_for_once_and_its_mail_has_the_summary_marked_as_machine_written(settings: Any) -> None:
    a_day(1, 2)
    web = run(settings, said(GOOD))
    assert len(web.log) == 2
    assert len(run(settings, said(GOOD)).log) == 0
    assert account() == (2, 2, 0, 0)
    assert f"{GOOD} (Machine-written summary)" in text_of_a_mail()


def test_the_request_holds_the_model_the_instructions_the_paper_and_the_key(settings: Any) -> None:
    a_day()
    Paper.objects.update(abstract="x" * 20_000)
    (request,) = run(settings, said(GOOD)).log
    asked = json.loads(request.body)
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert (asked["model"], set(asked)) == ("a-model", {"model", "messages"})
    assert asked["messages"][0] == {"role": "system", "content": endpoint.INSTRUCTIONS}
    assert asked["messages"][1]["content"].startswith("Title: Paper number 1 on careful measurement\n\nAbstract: xxx")
    assert len(request.body) < 6_000


@pytest.mark.parametrize("path", ["/v1/", "/v1/chat/completions"])
def test_the_address_may_end_in_a_slash_or_in_the_whole_path(settings: Any, path: str) -> None:
    a_day()
    with serve({PATH: said(GOOD)}) as web:
        settings.SUMMARY_URL = web.url(path)
        write_summaries(NOON)
    assert account() == (1, 1, 0, 0)


def test_no_more_calls_are_made_in_a_day_than_the_operator_allows(settings: Any) -> None:
    settings.SUMMARY_CALLS_A_DAY = 2
    a_day(1, 2, 3)
    assert len(run(settings, said(GOOD)).log) == 2
    assert len(run(settings, said(GOOD), now=NOON + timedelta(hours=1)).log) == 0
    assert len(run(settings, said(GOOD), now=NOON + timedelta(days=1)).log) == 1


# --- one that does not -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (endpoint.INSTRUCTIONS, "prompt"),
        ("Sure! Here is a summary of the paper.", "prompt"),
        ("<script>alert(1)</script> of the things", "markup"),
        ("**Things** are as it was expected of them.", "markup"),
        ("Las cosas son como se esperaba de ellas en el estudio.", "language"),
        (GOOD * 40, "length"),
        ("", "empty"),
        (None, "empty"),
        (["a", "list"], "empty"),
    ],
)
def test_a_wrong_answer_is_refused_logged_and_not_asked_for_again(
    settings: Any, caplog: pytest.LogCaptureFixture, content: Any, why: str
) -> None:
    a_day()
    with caplog.at_level(logging.WARNING):
        run(settings, said(content))
    assert [one.refused for one in PaperSummary.objects.all()] == [why]
    assert "is refused" in caplog.text
    assert len(run(settings, said(GOOD)).log) == 0
    assert account() == (1, 0, 1, 0)
    assert "We measure thing 1." in text_of_a_mail()


@pytest.mark.parametrize(
    "script",
    [
        Answer(status=500),
        Answer(status=401, body=b'{"error": "bad key"}'),
        Answer(status=302, headers={"Location": "/elsewhere"}),
        Answer(b"<html>A page</html>"),
        Answer(b'{"choices": []}'),
        Answer(b"[" * 100_000),
        Answer(b"x" * 2_000_000),
        Answer(b"\x1f\x8bno gzip", headers={"Content-Encoding": "gzip"}),
        Answer(b"{}", headers={"Content-Length": "99"}),
    ],
)
def test_a_failure_ends_the_run_is_logged_without_the_key_and_the_next_run_waits(
    settings: Any, caplog: pytest.LogCaptureFixture, script: Any
) -> None:
    a_day(1, 2)
    with caplog.at_level(logging.WARNING):
        assert len(run(settings, script).log) == 1
    assert "The endpoint of summaries failed" in caplog.text
    assert KEY not in caplog.text + SummaryDay.objects.get().last_failure
    assert account() == (1, 0, 0, 1)
    assert not PaperSummary.objects.exists()
    assert len(run(settings, said(GOOD), now=NOON + timedelta(minutes=4)).log) == 0
    assert len(run(settings, said(GOOD), now=NOON + timedelta(minutes=6)).log) == 2
    assert "We measure" not in text_of_a_mail()


@pytest.mark.parametrize(
    "script",
    [
        Answer(after=10),
        drip(b"HTTP/1.1 200 OK\r\nA: ", every=0.05),
        drip(b" ", every=0.05, head=b"HTTP/1.1 200 OK\r\n\r\n{"),
    ],
    ids=["silent", "drips its headers", "drips its body"],
)
def test_a_slow_endpoint_is_left_in_time(settings: Any, monkeypatch: pytest.MonkeyPatch, script: Any) -> None:
    monkeypatch.setattr(endpoint, "LIMITS", Limits(connect=0.5, read=0.5, total=0.5, size=1 << 20))
    a_day()
    began = time.monotonic()
    run(settings, script)
    assert time.monotonic() - began < 5
    assert account() == (1, 0, 0, 1)
    assert "We measure thing 1." in text_of_a_mail()


def test_nobody_at_the_address_is_a_failure_too(settings: Any) -> None:
    a_day()
    with serve({}) as web:
        settings.SUMMARY_URL = web.url("/v1")
    write_summaries(NOON)
    assert account() == (1, 0, 0, 1)


def test_without_an_endpoint_nothing_is_asked_and_nothing_is_written(settings: Any) -> None:
    settings.SUMMARY_URL = ""
    a_day()
    jobs.summarise(NOON)
    assert not PaperSummary.objects.exists()
    assert not SummaryDay.objects.exists()


# --- which papers ----------------------------------------------------------------------------------------------------


def test_the_most_trending_come_first_and_those_without_an_abstract_or_with_a_summary_not_at_all() -> None:
    hf = {"name": "Hugging Face daily papers", "url": "https://huggingface.co/api/daily_papers", "kind": "hugging_face"}
    shown = [entry(n, announced="", points=n) for n in (1, 2, 3)] + [entry(4, announced="", points=9, summary=GOOD)]
    store.store(source(hf["name"], hf["url"], kind="hugging_face"), feed(*shown, **hf), now=NOON)
    store.store(source(), feed(entry(5, abstract=""), entry(6)), now=NOON)
    open_edition(NOON.date(), now=NOON)
    numbers = [paper.identifier[-1] for paper in next_papers(NOON, limit=10)]
    assert numbers == ["3", "2", "1", "6"]
    assert [paper.identifier[-1] for paper in next_papers(NOON, limit=2)] == ["3", "2"]


def test_papers_that_wait_for_their_edition_are_asked_for_before_it_opens() -> None:
    a_day(1, opened=False)
    assert len(next_papers(NOON, limit=5)) == 1
    Paper.objects.update(first_seen_at=NOON - timedelta(days=3))
    assert next_papers(NOON, limit=5) == []


# --- doctor ----------------------------------------------------------------------------------------------------------


def test_doctor_says_whether_a_model_is_set_and_how_it_fares(settings: Any) -> None:
    settings.SUMMARY_URL = ""
    (off,) = examine_summaries(NOON)
    assert (off.severity, off.seen) == (Severity.WELL, "no model writes any (SUMMARY_URL is not set)")
    settings.SUMMARY_URL = "http://127.0.0.1:9/v1"
    SummaryDay.objects.create(date=NOON.date(), calls=5, kept=4, refused=1)
    (well,) = examine_summaries(NOON)
    assert well.severity == Severity.WELL
    assert well.seen == ("a-model is asked; 5 calls in seven days: 4 kept, 1 refused, 0 failed; today 5 of at most 10")
    SummaryDay.objects.update(failures=3, failed=3, failed_at=NOON, last_failure="127.0.0.1 answered 500")
    (ill,) = examine_summaries(NOON)
    assert ill.severity == Severity.ATTENTION
    assert "the last 3 failed: 127.0.0.1 answered 500" in ill.seen
    SummaryDay.objects.update(failures=0, failed=0, refused=4)
    (doubtful,) = examine_summaries(NOON)
    assert (doubtful.severity, "Another model" in doubtful.do) == (Severity.ATTENTION, True)
