"""A reader's profile follows what the reader likes: given, taken back, joined, erased."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from digest.models import ListEntry, ListSource, Paper, ReaderProfile, Verdict
from digest.ranking.profiles import Profile, Profiles
from digest.reader_data import profiles, verdicts
from digest.reader_data.erase import erase
from subscriptions.models import Subscriber
from tests.support.factories import NOON, reader

pytestmark = pytest.mark.django_db


def paper(title: str, **values: Any) -> Paper:
    return Paper.objects.create(identifier=f"title:{title}", title=title, first_seen_at=NOON, **values)


def loaded(*readers: Subscriber) -> Profiles:
    found = profiles.load(readers)
    assert found is not None
    return found


def same(found: Profiles, expected: Profile) -> bool:
    return np.array_equal(found.grams, expected.grams) and np.allclose(found.weights, expected.weights, rtol=1e-3)


def listed(ada: Subscriber, title: str, **values: Any) -> ListEntry:
    part, _ = ListSource.objects.get_or_create(
        subscriber=ada, kind=ListSource.Kind.FILE, state=ListSource.State.KEPT, defaults={"given_at": NOON}
    )
    return ListEntry.objects.create(
        **{"subscriber": ada, "source": part, "name": f"title:{title}", "title": title, "added_at": NOON} | values
    )


def test_a_verdict_makes_the_profile_and_taking_it_back_unmakes_it() -> None:
    ada, bees = reader("ada"), paper("Dance of the bees")
    assert profiles.load([ada]) is None
    verdicts.give(ada, bees, Verdict.Value.MORE, now=NOON)
    assert ReaderProfile.objects.get().likes == 1
    assert same(loaded(ada), Profile.of(["Dance of the bees. "]))
    verdicts.give(ada, bees, Verdict.Value.LESS, now=NOON + timedelta(hours=1))
    assert loaded(ada).weight.tolist() == [-0.25]
    Verdict.objects.all().delete()
    assert profiles.load([ada]) is None


def test_profiles_come_in_the_order_of_the_readers_and_who_has_none_has_an_empty_one() -> None:
    ada, bob, cem = reader("ada"), reader("bob"), reader("cem")
    verdicts.give(ada, paper("Bees"), Verdict.Value.MORE, now=NOON)
    verdicts.give(cem, paper("Soil and ice"), Verdict.Value.MORE, now=NOON)
    assert np.diff(loaded(cem, bob, ada).starts).tolist() == [3, 0, 1]


def test_a_readers_own_list_counts_as_likes_and_a_work_that_is_there_twice_once() -> None:
    ada, bees = reader("ada"), paper("Bees", categories=["q-bio.NC"])
    verdicts.give(ada, bees, Verdict.Value.MORE, now=NOON)
    listed(ada, "Bees", paper=bees)
    own = listed(ada, "蜜蜂 wasps", abstract="They sting.")
    gone = listed(ada, "Ice", taken_back=True)
    assert same(loaded(ada), Profile.of(["Bees. ", "蜜蜂 wasps. They sting."]))
    assert ReaderProfile.objects.get().categories == {"q-bio.NC": 0.5}
    own.delete()
    gone.delete()
    assert same(loaded(ada), Profile.of(["Bees. "]))


def test_a_list_is_a_wish_for_similar_papers_and_a_verdict_alone_is_none() -> None:
    ada, bob, cem = reader("ada"), reader("bob"), reader("cem")
    bees = paper("Bees")
    for one in (ada, bob):
        verdicts.give(one, bees, Verdict.Value.MORE, now=NOON)
    for one in (bob, cem):
        listed(one, "Ice")
    assert loaded(ada, bob, cem).are_wishes.tolist() == [False, True, True]
    ListEntry.objects.update(taken_back=True)
    assert loaded(ada, bob, cem).are_wishes.tolist() == [False, False, False]


def test_the_latest_fifty_verdicts_and_the_newest_five_hundred_entries_count() -> None:
    ada = reader("ada")
    papers = Paper.objects.bulk_create(
        Paper(identifier=f"title:{n}", title=f"liked{'abcdefghij'[n % 10] * (n // 10 + 1)}", first_seen_at=NOON)
        for n in range(60)
    )
    Verdict.objects.bulk_create(
        Verdict(subscriber=ada, paper=one, value="more", given_at=NOON + timedelta(minutes=n))
        for n, one in enumerate(papers)
    )
    assert loaded(ada).likes.tolist() == [50]
    assert same(loaded(ada), Profile.of([f"{one.title}. " for one in papers[10:]]))
    part = ListSource.objects.create(subscriber=ada, kind="file", state="kept", given_at=NOON)
    ListEntry.objects.bulk_create(
        ListEntry(subscriber=ada, source=part, name=f"title:{n}", title="entry", added_at=NOON) for n in range(510)
    )
    assert loaded(ada).likes.tolist() == [550]


def test_the_profile_follows_papers_that_are_joined_or_deleted() -> None:
    ada, bees, wasps = reader("ada"), paper("Bees"), paper("Wasps of the south")
    verdicts.give(ada, bees, Verdict.Value.MORE, now=NOON)
    Verdict.objects.update(paper=wasps)  # as joining does
    assert same(loaded(ada), Profile.of(["Wasps of the south. "]))
    wasps.delete()
    assert profiles.load([ada]) is None


def test_erasing_a_reader_leaves_no_profile() -> None:
    ada = reader("ada")
    verdicts.give(ada, paper("Bees"), Verdict.Value.MORE, now=NOON)
    assert erase(ada, now=NOON)
    assert not ReaderProfile.objects.exists()
    assert profiles.load([ada]) is None


def test_a_profile_of_another_version_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ada = reader("ada")
    verdicts.give(ada, paper("Bees"), Verdict.Value.MORE, now=NOON)
    ReaderProfile.objects.update(weights=b"", grams=b"")
    monkeypatch.setattr(profiles, "VERSION", 999)
    assert len(loaded(ada).grams) == 1


def test_loading_takes_three_queries_however_many_readers_there_are(django_assert_num_queries: Any) -> None:
    readers, papers = [reader(f"reader{n}") for n in range(30)], [paper(f"Paper on bees {n}") for n in range(4)]
    with django_assert_num_queries(2):
        assert profiles.load(readers) is None
    Verdict.objects.bulk_create(
        Verdict(subscriber=one, paper=some, value="more", given_at=NOON) for one in readers for some in papers
    )
    loaded(*readers)
    with django_assert_num_queries(3):
        assert len(loaded(*readers)) == 30
