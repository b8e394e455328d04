"""A draft is the mail of the real run, and nothing is written for it."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from digest.compose.build import Reader
from digest.compose.emails import Mails, digest_of
from digest.delivery.plan import plan
from digest.delivery.send import deliver_all
from digest.ingest import store
from digest.models import CuratorPick, Delivery, DeliveryContent, Paper, Verdict
from digest.preview.staff import FORGOTTEN, NOBODY, for_reader, for_taste
from digest.preview.visitor import NO_EDITION
from subscriptions import tokens
from subscriptions.models import Subscriber
from subscriptions.preferences import Choices, Wish
from subscriptions.tokens import BadLink
from tests.support.database_rows import every_row
from tests.support.editions import GRAPHS, LANGUAGE, ROBOT, STARS, publish
from tests.support.factories import NOON, delivery, feed, reader, topic

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
DAY = timedelta(days=1)


def real_row(one: Subscriber, at: Any = NOON) -> Delivery:
    plan(at, [one.pk])
    return Delivery.objects.filter(subscriber=one).latest("issue_date")


def without_links(text: str) -> str:
    """The reader's own links have the form of the draft's; only what is between the slashes differs."""
    return re.sub(r"/(u|f|d|p|preferences)/[\w-]{38,41}", r"/\1/TOKEN", text)


def test_a_draft_for_a_reader_is_the_mail_that_they_are_then_sent() -> None:
    topic("Robotics", categories=["cs.RO"])
    publish(STARS, at=NOON - 2 * DAY)
    publish(GRAPHS, LANGUAGE, at=NOON - DAY)
    publish(ROBOT)
    ada = reader("ada", wants={"topic": ["Robotics"], "category": ["cs.CL", "math.CO"]}, last_digest_at=NOON - 2 * DAY)
    sent = Paper.objects.get(title=STARS.title).pk
    delivery(ada, days=-2, edition=publish(STARS, at=NOON - 2 * DAY), paper_ids=[sent])
    Verdict.objects.create(subscriber=ada, paper=Paper.objects.get(title=STARS.title), value="more", given_at=NOON)
    CuratorPick.objects.create(
        paper=Paper.objects.get(title=GRAPHS.title), edition_date=TODAY, verdict="pick", note="Read this <b>first</b>."
    )
    draft = for_reader(ada, now=NOON)
    row = real_row(ada)
    mails = Mails()
    mails.read_cards([row])
    sent = mails.email_for(row)
    assert draft.email is not None
    assert len(row.paper_ids) == 3
    assert draft.email.subject == sent.subject
    for drafted, real in ((draft.email.text, sent.text), (draft.email.html, sent.html)):
        assert without_links(drafted).replace("preview@", "ada@").split("@")[0] == without_links(real).split("@")[0]
        assert len(without_links(drafted)) > 500
    links_away = dict.fromkeys(("unsubscribe_url", "preferences_url", "feedback_url", "web_url"), "")
    assert draft.preheader == digest_of(row, mails.cards_of(row), Reader(address="", **links_away)).preheader
    assert [paper.title for paper in draft.papers] == [mails.cards_of(row)[one].title for one in row.paper_ids]


def test_its_links_are_as_long_as_the_readers_and_open_nothing() -> None:
    publish(ROBOT)
    ada = reader("ada", wants={"category": ["cs.RO"]})
    draft = for_reader(ada, now=NOON)
    assert draft.email is not None
    assert len(NOBODY) == len(ada.public_id)
    found = re.findall(r"/(u|f|d|p)/([\w-]{38,41})", draft.email.html + draft.email.text + draft.octets.decode())
    assert len(found) > 4
    purposes = {"u": tokens.UNSUBSCRIBE, "p": tokens.PREFERENCES, "f": tokens.FEEDBACK, "d": tokens.WEB_COPY}
    for page, token in found:
        with suppress(BadLink):  # opens nothing at all
            assert tokens._read(purposes[page], token)[0] == NOBODY
    assert ada.public_id not in draft.email.html + draft.email.text + draft.octets.decode()
    assert ada.email not in draft.email.html + draft.email.text + draft.octets.decode()


def test_the_contributions_of_each_paper_add_up_to_its_score() -> None:
    topic("Robotics", categories=["cs.RO"])
    publish(ROBOT, GRAPHS, LANGUAGE)
    draft = for_reader(reader("ada", wants={"topic": ["Robotics"], "keyword": ["laundry"]}), now=NOON)
    (why,) = draft.papers
    assert {kind for kind, _, _ in why.terms} >= {"Topic", "Keyword"}
    assert why.score == pytest.approx(sum(value for _, _, value in why.terms))


def test_who_has_their_digest_already_is_shown_that_one() -> None:
    publish(ROBOT, GRAPHS)
    ada = reader("ada", wants={"category": ["cs.RO"]})
    plan(NOON, [ada.pk])
    deliver_all(clock=lambda: NOON)
    CuratorPick.objects.create(paper=Paper.objects.get(title=GRAPHS.title), edition_date=TODAY, verdict="pick")
    draft = for_reader(Subscriber.objects.get(), now=NOON)
    assert (draft.is_planned, draft.status) == (True, "Accepted")
    assert [paper.title for paper in draft.papers] == [ROBOT.title]
    DeliveryContent.objects.update(record={})
    assert for_reader(ada, now=NOON).why_nothing == FORGOTTEN


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"wants": {"keyword": ["nothing like it"]}}, "Nothing that came in matched what you asked for."),
        ({"status": "paused"}, "You paused your digests."),
        ({"status": "unsubscribed"}, "This reader is not on the list (unsubscribed)"),
        ({"status": "pending", "confirmed_at": None}, "This reader is not on the list (pending)"),
    ],
)
def test_where_there_is_no_mail_it_says_why(values: dict[str, Any], why: str) -> None:
    publish(ROBOT)
    draft = for_reader(reader("ada", **values), now=NOON)
    assert draft.email is None
    assert draft.why_nothing.startswith(why)


def test_a_quiet_day_of_who_wishes_to_be_told_is_a_mail_too() -> None:
    publish(ROBOT)
    draft = for_reader(reader("ada", wants={"keyword": ["silence"]}, quiet_days=True), now=NOON)
    assert draft.email is not None
    assert "nothing for you today" in draft.email.subject


def test_without_any_edition_it_says_so() -> None:
    assert for_reader(reader("ada"), now=NOON).why_nothing == NO_EDITION
    assert for_taste(Choices(), now=NOON).why_nothing == NO_EDITION


def test_a_made_up_taste_gets_the_papers_of_a_reader_who_confirms_it() -> None:
    publish(ROBOT, GRAPHS, LANGUAGE)
    draft = for_taste(
        Choices(wishes=(Wish("category", "cs.RO"), Wish("keyword", "graphs"), Wish("keyword", "cloth", "mute"))),
        now=NOON,
    )
    assert [paper.title for paper in draft.papers] == [GRAPHS.title]
    ben = reader("ben", wants={"category": ["cs.RO"], "keyword": ["graphs"]})
    ben.preferences.create(kind="keyword", value="cloth", stance="mute")
    row = real_row(ben)
    assert row.paper_ids == [Paper.objects.get(title=GRAPHS.title).pk]
    assert draft.email is not None
    assert draft.email.subject == row.subject


def test_a_pick_that_was_no_candidate_is_in_the_draft_before_it_is_written_to_the_edition() -> None:
    publish(STARS, at=NOON - 20 * DAY)
    publish(ROBOT)
    CuratorPick.objects.create(paper=Paper.objects.get(title=STARS.title), edition_date=TODAY, verdict="pick")
    draft = for_reader(reader("ada", wants={"category": ["cs.RO"]}), now=NOON)
    assert [paper.title for paper in draft.papers] == [STARS.title, ROBOT.title]


def test_a_pick_that_came_in_after_the_edition_opened_is_in_the_draft_too() -> None:
    publish(ROBOT)
    late = feed(STARS)
    store.store(store.source_named_in(late, "file.xml"), late, now=NOON)
    paper = Paper.objects.get(title=STARS.title)
    CuratorPick.objects.create(paper=paper, edition_date=TODAY, verdict="pick", note="Late, and good.")
    ada = reader("ada", wants={"category": ["cs.RO"]})
    draft = for_reader(ada, now=NOON)
    assert [one.title for one in draft.papers] == [STARS.title, ROBOT.title]
    assert real_row(ada).paper_ids == [paper.pk, Paper.objects.get(title=ROBOT.title).pk]


def test_a_paper_withdrawn_from_an_older_edition_is_in_no_draft() -> None:
    publish(GRAPHS, at=NOON - DAY)
    publish(ROBOT)
    ada = reader("ada", wants={"category": ["cs.RO", "math.CO"]}, last_digest_at=NOON - 2 * DAY)
    old = publish(STARS, at=NOON - 3 * DAY)
    Delivery.objects.create(subscriber=ada, issue_date=TODAY - 3 * DAY, status="accepted", edition=old)
    assert len(for_reader(ada, now=NOON).papers) == 2
    Paper.objects.filter(title=GRAPHS.title).update(withdrawn_at=NOON)
    assert [paper.title for paper in for_reader(ada, now=NOON).papers] == [ROBOT.title]


def test_nothing_is_written() -> None:
    publish(STARS, at=NOON - 20 * DAY)
    publish(ROBOT)
    CuratorPick.objects.create(paper=Paper.objects.get(title=STARS.title), edition_date=TODAY, verdict="pick")
    ada = reader("ada", wants={"category": ["cs.RO"]})
    before = list(every_row())
    for_reader(ada, now=NOON)
    for_taste(Choices(wishes=(Wish("category", "cs.RO"),)), now=NOON)
    assert list(every_row()) == before


def test_a_pick_is_in_the_smallest_digest_of_whoever_follows_others_but_not_beyond_a_mute() -> None:
    """Personal ranking may move a pick among picks; what hides one is the reader's own mute or size."""
    publish(ROBOT, GRAPHS, LANGUAGE, STARS)
    for entry in (GRAPHS, LANGUAGE):
        CuratorPick.objects.create(
            paper=Paper.objects.get(title=entry.title), edition_date=TODAY, verdict="pick", note="N."
        )
    ada = reader("ada", wants={"category": ["cs.RO"], "author": ["Ingrid Solheim-Vargas"]}, max_papers=3, hype=100)
    draft = for_reader(ada, now=NOON)
    assert {paper.title for paper in draft.papers[:2]} == {GRAPHS.title, LANGUAGE.title}
    assert draft.email is not None
    assert draft.email.text.count("Picked by the editors") == 1  # their heading
    ada.preferences.create(kind="category", value="math.CO", stance="mute")
    assert GRAPHS.title not in {paper.title for paper in for_reader(ada, now=NOON).papers}
