"""Vectors of titles by an operator's endpoint: a real server on a loopback address answers well, wrongly or not at all."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import time_machine

from digest.delivery.plan import plan
from digest.diagnostics.check_result import CheckResult, Severity
from digest.diagnostics.semantic import examine_vectors
from digest.editions.candidate_pool import CandidatePool
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import (
    Delivery,
    ListEntry,
    ListSource,
    Paper,
    ReaderProfile,
    StatedVector,
    TextsVector,
    TitleVector,
    VectorModel,
    Verdict,
)
from digest.ranking.profiles import Profiles
from digest.reader_data import profiles, verdicts
from digest.reader_data.erase import erase
from digest.semantic import endpoint, write
from digest.semantic.write import write_vectors
from digest.vectors import day_vectors, serving, stated_vectors, vectors_of
from subscriptions.models import Subscriber
from tests.support.factories import NOON, entry, feed, reader, source
from tests.support.http_server import Answer, Handler, Server, serve

pytestmark = pytest.mark.django_db
PATH = "/v1/embeddings"
KEY = "sk-a-key-that-no-log-may-hold"


def answer_with(handler: Handler, vector: Callable[[str], list[float]]) -> None:
    """Answer with a vector for each text, the last first, as an endpoint may."""
    texts = json.loads(handler.server.log[-1].body)["input"]
    data = [{"index": place, "embedding": vector(text)} for place, text in enumerate(texts)]
    Answer(json.dumps({"data": list(reversed(data))}).encode())(handler)


def vectors(handler: Handler, size: int = 4) -> None:
    answer_with(handler, lambda text: vector_of(text, size).tolist())


@pytest.fixture(autouse=True)
def _a_model(settings: Any) -> Any:
    settings.EMBEDDING_MODEL, settings.EMBEDDING_KEY, settings.SEMANTIC_MODEL = "a-model", KEY, ""
    yield
    write._rests_until.clear()


def a_day(*numbers: int) -> None:
    store.store(source(), feed(*(entry(number) for number in numbers)), now=NOON)
    open_edition(NOON.date(), now=NOON)


def run(settings: Any, answer: Any = vectors, *, now: Any = NOON) -> Server:
    write._rests_until.clear()
    with serve({PATH: [answer]}) as web:
        # one name, whatever the port: another address would be another model
        settings.EMBEDDING_URL = web.url("/v1")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(endpoint.Endpoint, "__init__", lambda self: setattr(self, "name", "endpoint of the test"))
            write_vectors(now)
    return web


def test_each_title_is_asked_for_once_and_the_model_serves_when_all_are_there(settings: Any) -> None:
    a_day(1, 2, 3)
    assert serving() is None
    run(settings)
    model = serving()
    assert model is not None
    assert (model.dimension, TitleVector.objects.count()) == (4, 3)
    assert all(np.isclose(np.linalg.norm(one), 1, atol=1e-3) for one in vectors_of(range(1, 99999), model).values())
    assert len(run(settings).log) == 0


def test_profiles_and_typed_words_get_vectors_too_and_erasure_takes_them(settings: Any) -> None:
    a_day(1, 2, 3)
    ada = reader("ada", wants={"keyword": ["measurement", "things"]})
    verdicts.give(ada, Paper.objects.first(), Verdict.Value.MORE, now=NOON)
    run(settings)
    assert ReaderProfile.objects.get().vector_weight == 1
    found, stated = profiles.load([ada]), stated_vectors([ada.pk])
    assert found is not None
    assert stated is not None
    assert (found.vectors.shape, stated.shape) == ((1, 4), (1, 4))
    pool = CandidatePool.load(NOON)
    assert pool.day.taste.vectors is not None
    assert plan(NOON, [ada.pk], issue_date=NOON.date()).ready == 1
    ada.preferences.all().delete()
    run(settings)
    assert not StatedVector.objects.exists()
    erase(ada, now=NOON)
    assert not ReaderProfile.objects.exists()


def listed(row: Subscriber, *titles: str) -> ListSource:
    part = ListSource.objects.create(subscriber=row, kind="file", state="kept", given_at=NOON)
    for title in titles:
        ListEntry.objects.create(subscriber=row, source=part, name=title, title=title, added_at=NOON)
    return part


def profile_of(row: Subscriber) -> Profiles:
    found = profiles.load([row])
    assert found is not None
    return found


def test_own_texts_that_are_no_stored_papers_count_by_the_meaning_of_their_titles(settings: Any) -> None:
    a_day(1, 2, 3)
    ada = reader("ada")
    part = listed(ada, "Lichens of old walls", "Moss", "")
    assert not profile_of(ada).vector_weight[0]
    run(settings)
    assert profile_of(ada).vector_weight[0] == 1
    both = [one / np.linalg.norm(one) for one in (vector_of("Lichens of old walls"), vector_of("Moss"), vector_of(" "))]
    assert profile_of(ada).vectors[0] == pytest.approx(np.mean(both, axis=0), abs=1e-3)
    assert len(run(settings).log) == 0  # each list is asked for once
    # a liked paper counts as much as a text, and is not asked for again
    verdicts.give(ada, Paper.objects.first(), Verdict.Value.MORE, now=NOON)
    model = serving()
    assert model is not None
    paper = next(iter(vectors_of([Paper.objects.first().pk], model).values()))
    assert profile_of(ada).vectors[0] == pytest.approx(np.mean([*both, paper], axis=0), abs=1e-3)
    assert len(run(settings).log) == 0
    # what is taken back is gone at the next use
    part.entries.filter(title="Moss").delete()
    assert profile_of(ada).vectors[0] == pytest.approx(paper, abs=1e-3)
    assert not TextsVector.objects.exists()
    run(settings)
    assert profile_of(ada).vectors[0] == pytest.approx(np.mean([both[0], both[2], paper], axis=0), abs=1e-3)
    erase(ada, now=NOON)
    assert not TextsVector.objects.exists()


def vector_of(text: str, size: int = 4) -> np.ndarray:
    return np.array([1.0 + len(text) % (place + 3) + place for place in range(size)])


def test_another_model_fills_up_while_the_old_one_serves(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    a_day(1, 2, 3)
    run(settings)
    old = serving()
    monkeypatch.setattr(write, "RUN", -1.0)  # no time for a batch

    def other(handler: Handler) -> None:
        vectors(handler, size=6)

    a_new_paper()
    run(settings, other)
    monkeypatch.setattr(write, "RUN", 20.0)
    run(settings, other)
    assert serving() == old
    assert day_vectors([one.pk for one in Paper.objects.all()]) is not None
    run(settings, other)
    new = serving()
    assert new is not None
    assert new.dimension == 6
    assert VectorModel.objects.count() == 1
    assert TitleVector.objects.count() == 4


def a_new_paper() -> None:
    store.store(source(), feed(entry(9)), now=NOON)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(b"", status=500), "answered 500"),
        (Answer(b"<html>"), "not that of an embeddings endpoint"),
        (Answer(b'{"data": []}'), "shape"),
        (Answer(b'{"data": [{"index": 0, "embedding": "text"}]}'), "not that of an embeddings endpoint"),
        (Answer(b'{"data": [{"index": 0, "embedding": [[1], 2]}]}'), "not that of an embeddings endpoint"),
        (lambda handler: time.sleep(2), "did not answer"),
    ],
)
def test_an_endpoint_that_fails_is_one_warning_and_digests_go_on(
    settings: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, answer: Any, told: str
) -> None:
    a_day(1, 2)
    monkeypatch.setattr(endpoint, "LIMITS", replace(endpoint.LIMITS, read=0.5, total=0.5))
    run(settings, answer)
    assert told in caplog.text
    assert KEY not in caplog.text
    assert len(caplog.records) == 1
    row = reader("ada", wants={"category": ["cs.LG"]})
    assert plan(NOON, [row.pk], issue_date=NOON.date()).ready == 1


@pytest.mark.parametrize(
    ("told", "rests"),
    [
        ("", timedelta(minutes=10)),
        ("soon", timedelta(minutes=10)),
        ("0", timedelta(minutes=1)),
        ("90", timedelta(seconds=90)),
        ("7200", timedelta(hours=2)),
        ("999999999999", timedelta(days=1)),
        ("Mon, 02 Mar 2026 12:30:00 GMT", timedelta(minutes=30)),
        ("Tue, 02 Mar 2027 12:00:00 GMT", timedelta(days=1)),
    ],
)
def test_a_busy_endpoint_is_left_alone_for_as_long_as_it_asks(
    settings: Any, caplog: pytest.LogCaptureFixture, told: str, rests: timedelta
) -> None:
    a_day(1, 2)
    busy = Answer(b"", status=429, headers={"Retry-After": told} if told else {})

    def later(by: timedelta) -> None:
        for name in write._rests_until:
            write._rests_until[name] -= by.total_seconds()
        write_vectors(NOON)

    with serve({PATH: [busy, busy, vectors]}) as web, time_machine.travel(NOON, tick=False):
        settings.EMBEDDING_URL = web.url("/v1")
        write_vectors(NOON)
        assert f"it is tried again in {rests.total_seconds():.0f} s." in caplog.text
        later(rests / 2)
        assert len(web.log) == 1
        later(rests / 2)
        assert len(web.log) == 2


def test_an_endpoint_that_is_down_or_gives_another_size_is_told_in_one_sentence(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    a_day(1, 2)
    with serve({PATH: [vectors]}) as web:
        settings.EMBEDDING_URL = web.url("/v1")
    write_vectors(NOON)  # nobody listens there any more
    assert "The model for titles cannot be used: the endpoint did not answer" in caplog.text
    run(settings)
    a_new_paper()
    caplog.clear()
    run(settings, lambda handler: vectors(handler, size=6))
    (record,) = caplog.records
    assert "it gave 6 numbers a title where it gave 4 before; all vectors are made again." in record.getMessage()
    model = serving()
    assert model is not None
    assert model.dimension == 4


def test_what_fails_is_left_alone_for_ten_minutes(settings: Any) -> None:
    a_day(1)
    with serve({PATH: [Answer(b"", status=500)]}) as web:
        settings.EMBEDDING_URL = web.url("/v1")
        write_vectors(NOON)
        write_vectors(NOON + timedelta(minutes=1))
    assert len(web.log) == 1


def test_numbers_that_are_none_are_no_vector_and_no_score_is_nan(settings: Any) -> None:
    a_day(1, 2, 3)

    def some(handler: Handler) -> None:
        answer_with(handler, lambda text: [math.nan] * 4 if "1" in text else [1.0, 2, 3, len(text)])

    run(settings, some)
    model = serving()
    assert model is not None
    assert TitleVector.objects.filter(vector=b"").count() + len(vectors_of(range(1, 99999), model)) == 3
    ada = reader("ada", wants={"category": ["cs.LG"], "keyword": ["thing"]})
    verdicts.give(ada, Paper.objects.first(), Verdict.Value.MORE, now=NOON)
    plan(NOON, [ada.pk], issue_date=NOON.date())
    record = Delivery.objects.get(subscriber=ada).record
    assert np.isfinite(np.frombuffer(record.terms, np.float32)).all()


def test_titles_are_asked_for_again_after_an_endpoint_gave_no_number_for_any_of_many(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    a_day(*range(1, write.SURELY + 1))
    run(settings, lambda handler: answer_with(handler, lambda text: [math.nan] * 4))
    assert f"it gave no numbers for any of {write.SURELY} texts. Digests go on without it;" in caplog.text
    assert not TitleVector.objects.exists()
    run(settings)
    model = serving()
    assert model is not None
    assert len(vectors_of(range(1, 99999), model)) == write.SURELY


def examined(settings: Any, answer: Any = vectors, *, name: str = "endpoint of the test") -> CheckResult:
    """What doctor says of an endpoint of this name that answers."""
    with serve({PATH: [answer]}) as web, pytest.MonkeyPatch.context() as patch:
        settings.EMBEDDING_URL = web.url("/v1")
        patch.setattr(endpoint.Endpoint, "__init__", lambda self: setattr(self, "name", name))
        (found,) = examine_vectors(NOON)
    return found


def test_doctor_says_what_there_is(settings: Any) -> None:
    settings.EMBEDDING_URL = ""
    (none,) = examine_vectors(NOON)
    assert (none.severity, "no model" in none.seen) == (Severity.WELL, True)
    a_day(1, 2)
    run(settings)
    assert "2 papers with a vector of 4 numbers" in examined(settings).seen
    (ill,) = examine_vectors(NOON)
    assert ill.severity is Severity.ATTENTION
    assert "cannot be used" in ill.seen


def test_doctor_tells_of_a_model_without_numbers_and_only_of_the_one_that_is_set(settings: Any) -> None:
    a_day(1, 2)
    run(settings, lambda handler: answer_with(handler, lambda text: [math.nan] * 4))
    still = examined(settings, lambda handler: answer_with(handler, lambda text: [math.nan] * 4))
    assert still.severity is Severity.ATTENTION
    assert still.seen == "the model of titles cannot be used: it gave no numbers for a title."
    told = examined(settings)
    assert (told.severity, told.seen) == (
        Severity.ATTENTION,
        "the model of titles gave no numbers for any of 2 titles",
    )
    assert "Digests go on without it" in told.do
    assert "has made no vector yet" in examined(settings, name="another").seen
