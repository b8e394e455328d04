"""What readers say of papers, more or less, moves the papers of their next digests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from digest.compose.reasons import Reason, reason_in_words, reasons_as_text
from digest.delivery import plan
from digest.editions.candidate_pool import CandidatePool
from digest.models import Delivery, ListEntry, ListSource, Paper, Verdict
from digest.ranking.features import ReaderBatch
from digest.ranking.personal import rank
from subscriptions.models import Subscriber
from tests.support.editions import ROBOT, publish
from tests.support.factories import NOON, entry, reader
from tests.support.planned import papers_of, planned_for

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
DAY = timedelta(days=1)


CLOTH = entry(31, title="A robot folds towels", abstract="Grasping cloth with two arms.", categories=("cs.RO",))
LEGS = entry(32, title="A robot walks on ice", abstract="Legs slip on frozen ground.", categories=("cs.RO",))
DRONES = entry(33, title="A robot flies in wind", abstract="Rotors tilt in gusts.", categories=("cs.RO",))
SHIRTS = entry(34, title="Folding shirts", abstract="A robot grasps cloth with two arms.", categories=("cs.RO",))
OTHERS = [  # so many that a word of four robots is a rare one
    entry(
        50 + number, title=f"Lemma {number} of {field}", abstract=f"We prove it for {field}.", categories=("math.CO",)
    )
    for number, field in enumerate(["primes", "knots", "trees", "maps", "rings", "groups", "sheaves", "braids"] * 4)
]


def judge(one: Subscriber, title: str, value: str, at: Any = NOON) -> Verdict:
    return Verdict.objects.create(subscriber=one, paper=Paper.objects.get(title=title), value=value, given_at=at)


def tomorrow_for(mona: Subscriber) -> tuple[list[str], dict[str, dict[str, float]]]:
    """Mona's digest of the next day: the titles in their order, and what each kind of reason contributes to each."""
    Delivery.objects.filter(subscriber=mona, issue_date=TODAY + DAY).delete()
    planned_for(mona, at=NOON + DAY)
    row = Delivery.objects.get(subscriber=mona, issue_date=TODAY + DAY)
    titles = papers_of(mona, NOON + DAY)
    why = {
        title: {kind: value for kind, _, value in reasons}
        for title, reasons in zip(titles, row.record.explained, strict=True)
    }
    return titles, why


def monas_second_day() -> Subscriber:
    """Mona reads robotics; she had one digest, and on the next day four robots and other papers come in."""
    mona = reader("mona", wants={"category": ["cs.RO"]})
    publish(ROBOT)
    planned_for(mona)
    Delivery.objects.update(status="accepted")
    later = [replace(one, announced_on=TODAY + DAY) for one in (CLOTH, LEGS, DRONES, SHIRTS, *OTHERS)]
    publish(*later, at=NOON + DAY)
    return mona


def test_more_brings_papers_like_it_to_the_front_and_the_reason_says_so_until_it_is_taken_back() -> None:
    mona = monas_second_day()
    before, unsaid = tomorrow_for(mona)
    assert {CLOTH.title, SHIRTS.title} != set(before[:2])
    assert not any({"like", "taste"} & set(why) for why in unsaid.values())
    verdict = judge(mona, ROBOT.title, "more")
    after, why = tomorrow_for(mona)
    assert set(after[:2]) == {CLOTH.title, SHIRTS.title}
    assert set(after) == set(before)  # a like hides nothing, and lets nothing in that was not asked for
    scores = [sum(why[title].values()) for title in after]
    assert scores == sorted(scores, reverse=True)
    assert why[after[0]]["like"] > 0
    row = Delivery.objects.get(issue_date=TODAY + DAY)
    said = [reason_in_words(reasons_as_text(Reason(*reason) for reason in reasons)) for reasons in row.record.explained]
    assert said[0] == "Category: cs.RO · Similar to the paper that you like"
    assert said[-1] == "Category: cs.RO"
    verdict.delete()
    assert tomorrow_for(mona) == (before, unsaid)


def test_less_moves_papers_like_it_down_and_says_nothing_about_it() -> None:
    mona = monas_second_day()
    before, unsaid = tomorrow_for(mona)
    verdict = judge(mona, ROBOT.title, "less")
    after, why = tomorrow_for(mona)
    assert set(after[-2:]) == {CLOTH.title, SHIRTS.title} != set(before[-2:])
    assert set(after) == set(before)
    assert why[after[-1]]["taste"] < 0
    row = Delivery.objects.get(issue_date=TODAY + DAY)
    for reasons in row.record.explained:
        assert reason_in_words(reasons_as_text(Reason(*reason) for reason in reasons)) == "Category: cs.RO"
    verdict.delete()
    assert tomorrow_for(mona) == (before, unsaid)


def test_the_contributions_of_a_reader_with_verdicts_add_up_to_the_scores() -> None:
    mona = monas_second_day()
    judge(mona, ROBOT.title, "more")
    judge(mona, OTHERS[0].title, "less")
    pool = CandidatePool.load(NOON + DAY)
    asked = plan._asked_by([mona], {mona.pk: TODAY + DAY})
    readers = ReaderBatch(wants=asked.wants, hype=asked.hype, profiles=asked.profiles)
    allowed = pool.inside[-1:] & pool.eligible
    ranking = rank(pool.against(asked.rules), readers, allowed=allowed, limit=10)
    _, why = tomorrow_for(mona)
    assert [sum(one.values()) for one in why.values()] == pytest.approx(ranking.scores[0, : len(why)], abs=1e-5)
    assert all({"like", "taste"} & set(one) for one in why.values())


def keep_in_list(one: Subscriber, title: str) -> ListEntry:
    part = ListSource.objects.create(subscriber=one, kind="pasted", state="kept", given_at=NOON)
    paper = Paper.objects.get(title=title)
    return ListEntry.objects.create(
        subscriber=one, source=part, paper=paper, name=paper.identifier, title=title, added_at=NOON
    )


def test_who_only_keeps_a_list_gets_papers_like_it_and_the_mail_says_that_this_was_asked_for() -> None:
    mona = monas_second_day()
    mona.preferences.all().delete()
    kept = keep_in_list(mona, ROBOT.title)
    titles, _ = tomorrow_for(mona)
    assert set(titles) == {CLOTH.title, SHIRTS.title}
    frozen = Delivery.objects.get(issue_date=TODAY + DAY).record
    assert (frozen.asked_for, frozen.matched) == (["papers similar to 1 paper that you like"], 2)
    kept.delete()
    titles, _ = tomorrow_for(mona)
    assert len(titles) == 10


def test_a_paper_of_the_day_in_a_list_is_not_sent_and_brings_those_like_it() -> None:
    mona = monas_second_day()
    mona.preferences.all().delete()
    keep_in_list(mona, CLOTH.title)
    titles, _ = tomorrow_for(mona)
    assert titles[0] == SHIRTS.title
    assert set(titles) <= {SHIRTS.title, LEGS.title, DRONES.title}


def test_verdicts_of_who_asked_for_nothing_reorder_the_list_of_the_day_and_leave_nothing_out() -> None:
    mona = monas_second_day()
    mona.preferences.all().delete()
    before, _ = tomorrow_for(mona)
    assert SHIRTS.title not in before[:2]
    judge(mona, CLOTH.title, "more")
    titles, why = tomorrow_for(mona)
    assert len(titles) == 10
    assert {CLOTH.title, SHIRTS.title} == set(titles[:2])
    assert "like" in why[SHIRTS.title]
    assert not Delivery.objects.get(issue_date=TODAY + DAY).record.asked_for
    Verdict.objects.update(value="less")
    assert tomorrow_for(mona)[0][:2] != titles[:2]
