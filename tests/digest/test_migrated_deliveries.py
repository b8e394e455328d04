"""Rows of 5de826d, migrated, say today what they said before sentences became codes, but for the words listed here."""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
from collections.abc import Iterator
from http import HTTPStatus
from itertools import zip_longest
from pathlib import Path
from typing import Any

import psycopg
import pytest

from digest.compose.card import TITLE_LENGTH
from digest.compose.phrases import shorten
from digest.compose.reasons import TERMS, Reason, reason_in_words, reasons_as_text, terms_in_words
from digest.models import StatusReason
from tests.support.services import Installation, empty_database

pytestmark = pytest.mark.service

DATA = Path(__file__).parents[1] / "data" / "5de826d"
SAID = json.loads((DATA / "said.json").read_text())
GONE = "A deleted paper"
# Case of a reader -> the first paper of the next digest since votes count as of the latest reading, no longer as of the opening
# of the edition.
FIRST_BY_LATE_VOTES = {
    "saturday.told": "Honest Query Plans after the Holidays",
    "why.picks.alone": "Honest Query Plans after the Holidays",
}
LATER = {StatusReason.SETUP_REFUSED, StatusReason.MAILBOX_FULL, StatusReason.CANCELLED}  # added since
SENTENCES = {  # what was stored -> its code, and what the staff reads now
    "": ("", ""),
    "You paused your digests.": ("paused", "The reader paused."),
    "Mail to this address is suppressed.": ("suppressed", "Mail to this address is suppressed."),
    "You unsubscribed before it left.": ("unsubscribed", "The reader unsubscribed."),
    "No new paper came in.": ("no_new_papers", "No new paper came in."),
    "Nothing that came in matched what you asked for.": ("nothing_matched", "Nothing matched."),
    "Two digests are never less than 12 hours apart; the papers of this one are in the next.": (
        "too_soon",
        "Less than 12 hours after the last digest.",
    ),
    "Your digest could not be made in time; its papers are in the next one.": ("too_late", "Not made in time."),
    "The address was never confirmed.": ("not_confirmed", "The address was never confirmed."),
    "A demonstration reader gets mail in the outbox only.": (
        "demo_reader",
        "A demonstration reader gets mail in the outbox only.",
    ),
    "It could not leave in time; its papers return to the next digest.": (
        "expired",
        "It could not leave in time; its papers return to the next digest.",
    ),
    "It could not leave in time; it had no paper for you.": ("expired", "It could not leave in time; it had no paper."),
    "The worker stopped while this mail was being handed over.": (
        "worker_stopped",
        "The worker stopped while this mail was being handed over.",
    ),
    "This digest stopped every worker that took it.": ("poison", "This digest stopped every worker that took it."),
    "This digest could not be composed; the service's log says why.": (
        "compose_error",
        "The mail could not be composed; the service’s log says why.",
    ),
    "Tried again by hand.": ("retried_by_hand", "Tried again by hand."),
    "The database was restored from a backup; this digest may have left before.": (
        "restored",
        "The database was restored from a backup; this digest may have left before.",
    ),
    "No connection to the mail provider.": ("no_connection", "There was no connection to the mail server or provider."),
    "The mail provider refused the address.": ("no_such_address", "The address does not exist."),
    "The mail provider did not take this message.": ("refused_by_provider", "The mail provider refused the mail."),
    "The mail provider does not say if it took the mail.": ("no_answer", "It is not known whether the mail left."),
    "The mail provider could not send it.": ("event_failed", "The mail provider could not send it."),
    "The mail provider did not send it.": ("event_rejected", "The mail provider did not send it."),
    "Your mail server refused it.": ("event_refused", "The reader’s mail server refused it."),
    "Your mail server could not take it that day.": (
        "event_soft_bounced",
        "The reader’s mail server could not take it that day.",
    ),
    "Your mail server says that this address does not exist.": (
        "event_bounced",
        "The reader’s mail server says that this address does not exist.",
    ),
    "It was reported as spam.": ("event_complained", "It was reported as spam."),
    "The mail server says that there is no such mailbox.": (
        "event_bounced",
        "The reader’s mail server says that this address does not exist.",
    ),
    "The mail server refused the message.": ("refused_by_server", "The mail server refused the mail."),
    "The mail server asked for another try.": ("deferred", "The mail server asks us to try again later."),
    "The mail provider answered 401.": (
        "account_refused",
        "The mail provider refuses our account or sending domain (answer 401).",
    ),
    "The mail provider answered 429.": (
        "too_fast",
        "The mail server or provider says that we send too fast (answer 429).",
    ),
    "The mail provider answered 500; it is not known whether the mail left.": (
        "provider_error",
        "The mail provider failed; it is not known whether the mail left (answer 500).",
    ),
    "252 2.0.0 As good as taken": ("", "252 2.0.0 As good as taken"),
    "Because.": ("other", "Because."),  # nobody's words
    "We kept a holiday.": ("other", "We kept a holiday."),
}
BEGINNINGS = {  # what was stored before words of somebody else -> its code, and what stands before them in brackets now
    "The mail could not be written: ": ("message_error", "The mail could not be encoded"),
    "No connection to the mail server: ": ("no_connection", "There was no connection to the mail server or provider"),
    "The mail provider is not set up: ": ("not_set_up", "The mail provider is not set up"),
    "The mail server does not accept our log-in: ": ("login_refused", "The mail server does not accept our log-in"),
    "The mail server asks for patience: ": ("deferred", "The mail server asks us to try again later"),
    "It is not known whether the mail left: ": ("no_answer", "It is not known whether the mail left"),
    "The mail server refused: 550 5.1.1 ": ("no_such_address", "The address does not exist"),
    "The mail server refused: ": ("refused_by_server", "The mail server refused the mail"),
    "The mail provider cannot take this message: ": ("message_error", "The mail could not be encoded"),
    "The mail provider answered 422: ": ("refused_by_provider", "The mail provider refused the mail"),
}


def code_and_words(sentence: str) -> tuple[str, str]:
    """The code of a sentence of 5de826d, and what the staff reads for it now."""
    if sentence in SENTENCES:
        return SENTENCES[sentence]
    beginning = next(one for one in BEGINNINGS if sentence.startswith(one))
    code, words = BEGINNINGS[beginning]
    return code, f"{words} ({detail_of(sentence).removesuffix('.')})."


def detail_of(sentence: str) -> str:
    """What is kept beside the code: the words of somebody else."""
    if sentence in SENTENCES:
        code, words = SENTENCES[sentence]
        in_brackets = re.search(r"\((answer \d+)\)\.$", words)
        return words if code in ("", "other") else in_brackets[1] if in_brackets else ""
    cause, _, words = sentence.partition(": ")
    return f"answer 422: {words}" if cause == "The mail provider answered 422" else words


def code(sentence: str) -> str:
    return code_and_words(sentence)[0]


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What today's code says of the dump, restored and migrated."""
    var = tmp_path_factory.mktemp("installation")
    if request.param == "SQLite":
        (var / "broadsheet.sqlite3").write_bytes(gzip.decompress((DATA / "deliveries.sqlite3.gz").read_bytes()))
        yield words_of(Installation.at(var, **SAID["settings"]))
        return
    with empty_database(request.getfixturevalue("postgres_url"), bare=True) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(gzip.decompress((DATA / "deliveries.pg.sql.gz").read_bytes()))
        yield words_of(Installation.at(var, **SAID["settings"], DATABASE_URL=url))


def words_of(installation: Installation) -> dict[str, Any]:
    installation.run("manage.py", "migrate", "-v0")
    installation.run("tests/support/words_of_deliveries.py", str(installation.var / "words.json"), SAID["now"])
    words: dict[str, Any] = json.loads((installation.var / "words.json").read_text())
    return words


def of_each(migrated: dict[str, Any], name: str) -> dict[str, Any]:
    return {number: row[name] for number, row in migrated["deliveries"].items() if name in row}


def said_of_each(name: str) -> dict[str, Any]:
    """What the code of 5de826d said of each delivery, by its number."""
    return of_each(SAID, name)


def test_no_delivery_is_lost_and_each_has_its_status(migrated: dict[str, Any]) -> None:
    for name in ("reader", "issue_date", "status"):
        assert of_each(migrated, name) == said_of_each(name)


def test_the_dump_has_every_reason_of_its_time(migrated: dict[str, Any]) -> None:
    assert set(StatusReason.values) - LATER <= {row["status_reason"] for row in of_each(migrated, "exported").values()}


def test_each_reader_finds_the_receipts_that_they_found(migrated: dict[str, Any]) -> None:
    now, said = of_each(migrated, "receipt"), said_of_each("receipt")
    for receipt in (*now.values(), *said.values()):
        receipt["read"] = without_tokens(receipt["read"])
    assert now == said


def test_the_dashboard_logs_as_many_steps_at_the_same_moments(migrated: dict[str, Any]) -> None:
    def moments(steps: list[list[str]]) -> list[str]:
        return [at for at, _, _ in steps]

    now = {number: moments(steps) for number, steps in of_each(migrated, "story").items()}
    assert now == {number: moments(steps) for number, steps in said_of_each("story").items()}


def test_the_dashboard_says_why_in_words_of_today(migrated: dict[str, Any]) -> None:
    for number, row in SAID["deliveries"].items():
        sentence = row["exported"]["outcome"]
        old = " ".join(detail for _, _, detail in row["story"])
        new = " ".join(detail for _, _, detail in of_each(migrated, "story")[number])
        if sentence and sentence in old:
            assert code_and_words(sentence)[1] in new


def test_the_export_has_codes_for_sentences_and_all_else_as_it_was(migrated: dict[str, Any]) -> None:
    expected = {}
    for number, exported in said_of_each("exported").items():
        sentence = exported["outcome"]
        kept = {name: value for name, value in exported.items() if name != "outcome"}
        codes = {"status_reason": code(sentence), "detail": detail_of(sentence)}
        expected[number] = kept | codes
    assert of_each(migrated, "exported") == expected


def test_papers_are_chosen_for_the_same_reasons(migrated: dict[str, Any]) -> None:
    # the frozen reasons, in words of today: those of 5de826d were longer
    assert of_each(migrated, "why") == {
        number: [(reason_in_words(reasons_as_text(why)) or TERMS["pick"]) if why else "" for _, why in papers]
        for number, papers in old_rows().items()
    }
    assert of_each(migrated, "also_trending") == said_of_each("also_trending")


def test_the_terms_of_scores_are_kept_to_seven_digits(migrated: dict[str, Any]) -> None:
    old = old_terms()
    for number, papers in of_each(migrated, "terms").items():
        assert [title for title, _, _ in papers] == [title for title, _, _ in old[number]]
        for (_, terms, score), (_, old_words, old_score) in zip(papers, old[number], strict=True):
            assert [value for _, value in terms] == pytest.approx([value for _, value in old_words], rel=1e-6)
            assert score == pytest.approx(old_score, rel=1e-5, abs=1e-6)


def old_terms() -> dict[str, list[Any]]:
    """Return the terms of each paper of each delivery in words, from the dump before it is migrated."""
    found: dict[str, list[Any]] = {}
    for number, papers in old_rows().items():
        found[number] = []
        for title, why in papers:
            terms = sorted(terms_in_words(why), key=lambda term: -abs(term[1]))
            score = sum(value for _, value in terms)
            found[number].append([title, [[words, value + 0.0] for words, value in terms], score + 0.0])
    return found


def old_rows() -> dict[str, list[tuple[str, list[Reason]]]]:
    """Return the title and the reasons of each paper of each delivery, from the dump before it is migrated."""
    with sqlite3.connect(":memory:") as dump:
        dump.deserialize(gzip.decompress((DATA / "deliveries.sqlite3.gz").read_bytes()))
        titles = dict(dump.execute("SELECT id, title FROM digest_paper"))
        rows = dump.execute("SELECT id, paper_ids, reasons FROM digest_delivery").fetchall()
    found = {}
    for number, paper_ids, frozen in rows:
        reasons = json.loads(frozen)
        kept = reasons.get("papers", []) if isinstance(reasons, dict) else []
        pairs = zip_longest(json.loads(paper_ids), kept, fillvalue=[])
        found[str(number)] = [
            (shorten(titles.get(paper_id, GONE), TITLE_LENGTH), [Reason(*one) for one in why])
            for paper_id, why in pairs
        ]
    return found


def test_mails_that_are_still_to_leave_have_the_same_papers_and_links(migrated: dict[str, Any]) -> None:
    compared = 0
    for number, mail in said_of_each("mail").items():
        now = of_each(migrated, "mail")[number]
        assert now["subject"] == mail["subject"]
        assert now.get("left_out", 0) <= mail.get("left_out", 0)  # mails are shorter since
        # of a longer text only its hash was kept, which no rewording survives
        if "text" in mail:
            assert titles_in(now["text"]) == titles_in(mail["text"])
            assert links_in(now["text"]) == links_in(mail["text"])
            compared += 1
    assert compared > 20


def titles_in(mail: str) -> list[str]:
    """Return the numbered titles of a text part, in their order."""
    return re.findall(r"^\d+\.  .*", mail, re.M)


def links_in(mail: str) -> set[str]:
    """Return the links of a text part; the service's own address stands at the foot since later."""
    return {without_tokens(link) for link in re.findall(r"https?://\S+", mail)} - {"https://digest.example"}


def without_tokens(link: str) -> str:
    """Return a link without the token of a web copy or verdict, and without the verdict, which its page asks since."""
    return re.sub(r"/(?:more|less|mute)$", "", re.sub(r"/([df])/[\w-]+", r"/\1/", link))


def test_copies_on_the_web_have_the_same_status_and_the_papers_of_their_digest(migrated: dict[str, Any]) -> None:
    now = of_each(migrated, "web_copy")
    said = said_of_each("web_copy")
    assert {number: copy["status"] for number, copy in now.items()} == {
        number: copy["status"] for number, copy in said.items()
    }
    shown = {number: copy["titles"] for number, copy in now.items() if copy["status"] == HTTPStatus.OK}
    assert any(shown.values())
    for number, titles in shown.items():
        chosen = [title for title, _, _ in of_each(migrated, "terms")[number] if title != GONE]
        assert titles == chosen


def test_each_day_is_summed_up_as_it_was(migrated: dict[str, Any]) -> None:
    expected = {
        day: said
        | {
            "skipped_for": {code(reason): count for reason, count in said["skipped_for"].items()},
            "skipped_texts": {code(reason): text_of_skipped(reason) for reason in said["skipped_for"]},
            "listed": {code(reason): rows for reason, rows in said["listed"].items()},
            "words": [re.sub(r"(digests?) left", r"\1 sent", words) for words in said["words"]],
        }
        for day, said in SAID["days"].items()
    }
    assert migrated["days"] == expected


def text_of_skipped(sentence: str) -> str:
    reason, words = code_and_words(sentence)
    return "Another reason." if reason == "other" else words


def test_counts_of_days_have_codes_and_the_same_numbers(migrated: dict[str, Any]) -> None:
    expected = {}
    for day, kept in SAID["counted"]["daybook"].items():
        counts = dict(kept["counts"])
        if "skipped" in counts:
            counts["skipped"] = {code(reason): count for reason, count in counts["skipped"].items()}
        expected[day] = kept | {"counts": counts}
    assert migrated["counted"]["daybook"] == expected


def test_the_statistics_of_a_month_are_the_same(migrated: dict[str, Any]) -> None:
    said, now = SAID["counted"]["month"], dict(migrated["counted"]["month"])
    by_name = now.pop("skipped_by_name")
    assert now == said | {"skipped": {code(reason): series for reason, series in said["skipped"].items()}}
    named = {text_of_skipped(reason): series for reason, series in said["skipped"].items()}
    for text, series in by_name.items():
        assert text == "other reasons" or series == named[text]
    assert sum(map(sum, by_name.values())) == sum(map(sum, said["skipped"].values()))


def test_editions_and_what_can_be_tried_again_are_the_same(migrated: dict[str, Any]) -> None:
    assert migrated["editions"] == {day: said["tally"] for day, said in SAID["editions"].items()}
    assert migrated["again"] == SAID["sending"]["again"]


def test_each_reader_gets_the_digest_next_that_they_would_have_got(migrated: dict[str, Any]) -> None:
    expected = {}
    for public_id, said in SAID["next"].items():
        row = said["row"]
        if row:
            day, status, outcome, subject, papers, occasion, since, nothing = row
            subject = subject_of_today(subject, papers, FIRST_BY_LATE_VOTES.get(said["case"]))
            row = [day, status, code(outcome), subject, papers, occasion or "", since or "", code(nothing or "")]
        expected[public_id] = {"row": row, "draft": said["draft"]}
    assert migrated["next"] == expected


def subject_of_today(subject: str, papers: int, first_now: str | None = None) -> str:
    """Return a digest's subject as it is written since: the number of papers before the first title."""
    day, _, first = subject.partition(": ")
    first = first_now or first
    count = "1 paper" if papers == 1 else f"{papers} papers"
    return f"{day}, {count}: {re.sub(r' and [0-9]+ more$', '', first)}" if papers else subject
