"""Today: the morning, the candidates, and what curators say of them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.dashboard.auth.roles import Role
from digest.delivery import throttle
from digest.delivery.plan import plan
from digest.editions import reach
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import CuratorPick, Edition, EditionPaper, Paper
from tests.support.database_rows import every_row
from tests.support.editions import GRAPHS, LANGUAGE, ROBOT, STARS, publish
from tests.support.factories import NOON, delivery, entry, feed, reader, topic
from tests.support.staff import one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
DAY = timedelta(days=1)
HOSTILE = '"><svg onload=alert(1)><script>alert(2)</script><img src=x onerror=alert(3)>'


@pytest.fixture(autouse=True)
def _at_noon() -> Any:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def cleo() -> User:
    return one_of_the_staff(Role.CURATOR, first_name="Cleo", last_name="Curie")


@pytest.fixture
def dashboard(cleo: User) -> Client:
    return signed_in(cleo)


def of(title: str) -> Paper:
    return Paper.objects.get(title=title)


def say(dashboard: Client, paper: Paper, **values: Any) -> Any:
    typed = {"verdict": "pick", "note": "Read it.", "edition_date": TODAY.isoformat(), "seen": "", **values}
    return dashboard.post(f"/dashboard/papers/{paper.pk}", typed)


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def after(answer: Any, dashboard: Client) -> str:
    """What the page says that a press leads to."""
    assert answer.status_code == 302
    return text_of(dashboard.get(answer.headers["Location"]))


# --- the morning -----------------------------------------------------------------------------------------------------


def test_the_morning_says_what_came_in_who_is_planned_and_where_to_see_to_it(dashboard: Client) -> None:
    publish(ROBOT, GRAPHS)
    plan(NOON, [reader("ada", wants={"category": ["cs.RO"]}).pk])
    reader("ben", next_send_at=NOON + timedelta(hours=2))
    throttle.pause("a doubtful paper")
    page = dashboard.get("/dashboard/")
    said = text_of(page)
    assert "Monday, 2 March 2026" in said
    assert "Papers received 2 of 2 expected" in said
    assert "Readers planned 1 about 1 to come" in said
    assert "Next digests 14:00 UTC, for 1 reader" in said
    assert "Sending is paused: a doubtful paper Deliveries" in said
    assert 'href="/dashboard/deliveries"' in page.content.decode()
    assert 'href="/dashboard/sources"' in page.content.decode()


def test_on_a_day_that_stands_still_nobody_but_a_new_reader_is_due(dashboard: Client, settings: Any) -> None:
    settings.MODE = "sample"
    publish(ROBOT, GRAPHS)
    reader("ada", next_send_at=NOON + timedelta(hours=2), last_issue_date=NOON.date())
    assert "Next digests – the day stands still: only new readers get a digest" in text_of(dashboard.get("/dashboard/"))
    reader("ben", next_send_at=NOON)
    assert "Next digests 12:00 UTC, for 1 reader" in text_of(dashboard.get("/dashboard/"))


def test_before_there_is_any_edition_it_says_so_and_until_when_sources_are_awaited(dashboard: Client) -> None:
    with time_machine.travel(NOON - timedelta(hours=7), tick=False):
        said = text_of(signed_in(User.objects.get(username="cleo")).get("/dashboard/"))
    assert "Not yet opens by 06:30 UTC" in said
    assert "There is no edition yet." in said
    assert "The deadline of 06:30 UTC has passed" in text_of(dashboard.get("/dashboard/"))


# --- the candidates --------------------------------------------------------------------------------------------------


def test_a_candidate_shows_its_score_with_its_inputs_sources_topics_and_readers(dashboard: Client) -> None:
    topic("Robotics", categories=["cs.RO"])
    voted = entry(1, title=ROBOT.title, categories=("cs.RO",), announced="", points=73, comments=4)
    shown = feed(voted, kind="hugging_face", name="Hugging Face daily papers", url="https://hf.example.org/papers")
    store.store(store.source_named_in(shown, "f"), shown, now=NOON - timedelta(hours=9))
    reader("ada", wants={"topic": ["Robotics"]})
    publish(ROBOT)
    reach.count_readers(Edition.objects.get())
    said = text_of(dashboard.get("/dashboard/"))
    assert f"{ROBOT.title} Ada Example, Ben Sample" in said
    assert "36.0 = (73 + 1) / (9.0 + 2)^0.3: 73 upvotes, 4 comments in 9 hours" in said
    EditionPaper.objects.exclude(trending=None).update(inputs={"points": 7, "hours": 0.0})
    assert ": 7 upvotes in less than an hour" in text_of(dashboard.get("/dashboard/"))
    assert "About 1 reader asked for it · Seen at Hugging Face daily papers, arXiv cs.LG" in said
    assert "Robotics cs.RO" in said


def test_a_candidate_has_its_sentence_and_its_abstract_folded(dashboard: Client) -> None:
    publish(entry(1, abstract="We <b>measure</b> tides. It is found that they rise twice a day."))
    html = dashboard.get("/dashboard/").content.decode()
    fold = html.partition('<details class="more abstract-of">')[2].partition("</details>")[0]
    assert "We measure tides. It is found" in fold
    assert 'class="sentence" dir="auto">' in html


def test_candidates_are_sifted_by_words_topic_source_and_judgement(dashboard: Client, cleo: User) -> None:
    topic("Robotics", categories=["cs.RO"])
    publish(ROBOT, GRAPHS, LANGUAGE)
    CuratorPick.objects.create(paper=of(GRAPHS.title), edition_date=TODAY, verdict="hide", note="A copy.")

    def shown(query: str) -> set[str]:
        page = dashboard.get(f"/dashboard/?{query}").content.decode().partition('id="any-paper"')[0]
        return {title for title in (ROBOT.title, GRAPHS.title, LANGUAGE.title) if f">{title}</a>" in page}

    everything = {ROBOT.title, GRAPHS.title, LANGUAGE.title}
    assert shown("") == everything
    assert shown("words=folds+LAUNDRY") == {ROBOT.title}
    assert shown("topic=robotics") == {ROBOT.title}
    assert shown("judged=hide") == shown("judged=any") == {GRAPHS.title}
    assert shown("judged=none") == everything - {GRAPHS.title}
    assert shown("source=999999") == set()
    for odd in ("source=x", "source=²", "judged=x", "page=99", "page=-1", "words=%00%", "topic=%00"):
        assert dashboard.get(f"/dashboard/?{odd}").status_code == 200


def test_any_stored_paper_is_found_by_title_number_or_link(dashboard: Client) -> None:
    publish(ROBOT, GRAPHS)
    with time_machine.travel(NOON + 20 * DAY, tick=False):
        dashboard = signed_in(User.objects.get(username="cleo"))
        for typed in ("laundry robot", "2603.00001", "https://arxiv.org/abs/2603.00001v2", "arXiv:2603.00001"):
            page = dashboard.get("/dashboard/", {"find": typed}).content.decode()
            assert f"/dashboard/papers/{of(ROBOT.title).pk}?find=" in page, typed
        assert "No stored paper has that title or number." in text_of(dashboard.get("/dashboard/", {"find": "<b>zzz"}))


def test_a_paper_that_is_no_candidate_is_picked_and_comes_to_readers(dashboard: Client) -> None:
    publish(STARS, at=NOON - 20 * DAY)
    publish(ROBOT)
    assert "Picked for 2 March" in after(say(dashboard, of(STARS.title)), dashboard)
    ada = reader("ada", wants={"category": ["cs.RO"]})
    plan(NOON, [ada.pk])
    assert ada.deliveries.get().paper_ids == [of(STARS.title).pk, of(ROBOT.title).pk]


@pytest.mark.parametrize("papers", [2, 40])
def test_it_takes_as_many_queries_for_many_papers_as_for_two(
    papers: int, dashboard: Client, django_assert_num_queries: Any
) -> None:
    topic("Learning", categories=["cs.LG"])
    publish(*[entry(number) for number in range(1, papers + 1)])
    for paper in Paper.objects.all()[:20]:
        CuratorPick.objects.create(paper=paper, edition_date=TODAY, verdict="boost")
        CuratorPick.objects.create(paper=paper, edition_date=TODAY + DAY, verdict="pick")
    say(dashboard, Paper.objects.latest("pk"), edition_date="2026-03-05")
    dashboard.get("/dashboard/")  # content types are remembered
    with django_assert_num_queries(34):
        dashboard.get("/dashboard/?find=paper")


# --- what is said of them --------------------------------------------------------------------------------------------


def test_a_pick_with_a_note_is_written_with_its_line_of_history(dashboard: Client, cleo: User) -> None:
    publish(ROBOT)
    reader("ada"), reader("ben")
    says = after(say(dashboard, of(ROBOT.title), back="words=robot&evil=1"), dashboard)
    assert f"Picked for 2 March: “{ROBOT.title}”. This affects 2 readers." in says
    assert "Cleo Curie : Picked for 2026-03-02: Read it." in says
    assert CuratorPick.objects.get().curator == cleo
    line = LogEntry.objects.get()
    assert (line.user, line.object_id) == (cleo, str(CuratorPick.objects.get().pk))


def test_a_press_leads_back_to_where_it_was_pressed(dashboard: Client) -> None:
    publish(ROBOT)
    paper = of(ROBOT.title)
    answer = say(dashboard, paper, back="words=robot&page=2&next=https://evil.example.org")
    assert answer.headers["Location"] == f"/dashboard/?words=robot&page=2#p{paper.pk}"


def test_a_hide_after_some_were_served_says_how_many_have_it_and_for_whom_it_counts(dashboard: Client) -> None:
    publish(ROBOT)
    ada = reader("ada", wants={"category": ["cs.RO"]})
    reader("ben", wants={"category": ["cs.RO"]})
    reader("cai", wants={"category": ["cs.RO"]})
    plan(NOON, [ada.pk])
    says = after(say(dashboard, of(ROBOT.title), verdict="hide", note="It was retracted."), dashboard)
    assert "This affects 2 readers. 1 reader has the paper already." in says
    assert CuratorPick.objects.get().verdict == "hide"


def test_more_picks_than_the_smallest_digest_holds_are_taken_and_told(dashboard: Client) -> None:
    publish(ROBOT, GRAPHS, LANGUAGE, STARS)
    for one in (ROBOT, GRAPHS, LANGUAGE):
        assert "papers are picked" not in after(say(dashboard, of(one.title)), dashboard)
    assert "4 papers are picked for that day. Readers who chose 3 papers" in after(
        say(dashboard, of(STARS.title)), dashboard
    )


def test_it_is_taken_back(dashboard: Client) -> None:
    publish(ROBOT)
    say(dashboard, of(ROBOT.title))
    row = CuratorPick.objects.get()
    assert row.version in dashboard.get("/dashboard/").content.decode()
    says = after(say(dashboard, of(ROBOT.title), seen=row.version, take_back="1"), dashboard)
    assert "Removed for 2 March" in says
    assert "Removed the pick for 2026-03-02." in says
    assert not CuratorPick.objects.exists()


def test_a_day_to_come_is_listed(dashboard: Client) -> None:
    publish(ROBOT)
    says = after(say(dashboard, of(ROBOT.title), edition_date="2026-03-04"), dashboard)
    assert "This affects 0 readers." in says
    assert "Wed 4 Mar pick A robot that folds laundry" in says


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"note": "x" * 501}, "The note has 501 characters"),
        ({"verdict": "hide", "note": ""}, "Give a reason"),
        ({"edition_date": "2026-03-01"}, "1 March 2026 is in the past"),
        ({"edition_date": "2026-02-31"}, "Choose a day from the calendar"),
        ({"edition_date": ""}, "Choose a day from the calendar"),
        ({"embargo_until": "2026-03-02T11:59"}, "ends in the past"),
        ({"embargo_until": "soon"}, "Write the end of the embargo"),
        ({"verdict": ""}, "Choose pick, boost or hide."),
        ({"note": "nul \0 byte"}, "Null characters are not allowed."),
    ],
)
def test_what_cannot_be_is_said_with_what_was_typed_and_nothing_is_written(
    values: dict[str, str], sentence: str, dashboard: Client
) -> None:
    publish(ROBOT)
    before = [rows for name, rows in every_row() if "Session" not in name]
    answer = say(dashboard, of(ROBOT.title), **values)
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert (values.get("note") or "").replace("\0", "") in answer.content.decode().replace("\0", "")
    assert [rows for name, rows in every_row() if "Session" not in name] == before


@pytest.mark.parametrize("number", ["999999", "9" * 30])
def test_a_paper_that_is_not_there_is_a_sentence(number: str, dashboard: Client) -> None:
    says = after(dashboard.post(f"/dashboard/papers/{number}", {"verdict": "pick"}), dashboard)
    assert "no longer stored" in says


def test_two_curators_who_change_the_same_pick_each_see_both_and_the_second_decides(dashboard: Client) -> None:
    publish(ROBOT)
    paper = of(ROBOT.title)
    dan = signed_in(one_of_the_staff(Role.CURATOR, name="dan", first_name="Dan"))
    say(dashboard, paper, note="First.")
    seen = CuratorPick.objects.get().version
    with time_machine.travel(NOON + timedelta(seconds=5), tick=False):
        say(dashboard, paper, verdict="hide", note="A copy of <b>mine</b>.", seen=seen)
        late = say(dan, paper, verdict="boost", note="Not so bad.", seen=seen)
        assert late.status_code == 409
        said = text_of(late)
        assert "Cleo Curie saved “hide” for 2 March at 12:00 UTC" in said
        assert "A copy of &lt;b&gt;mine&lt;/b&gt;." in said
        assert "Not so bad." in said
        assert CuratorPick.objects.get().verdict == "hide"
        version = CuratorPick.objects.get().version
        assert f'name="seen" value="{version}"' in late.content.decode()
        assert say(dan, paper, verdict="boost", note="Not so bad.", seen=version).status_code == 302
    assert CuratorPick.objects.get().verdict == "boost"
    assert LogEntry.objects.count() == 3


def test_who_changes_what_was_taken_back_meanwhile_is_told_by_whom(dashboard: Client) -> None:
    publish(ROBOT)
    paper = of(ROBOT.title)
    dan = signed_in(one_of_the_staff(Role.CURATOR, name="dan"))
    say(dashboard, paper)
    seen = CuratorPick.objects.get().version
    say(dashboard, paper, seen=seen, take_back="1")
    late = say(dan, paper, seen=seen)
    assert late.status_code == 409
    assert "The latest change is by Cleo Curie at 12:00 UTC" in text_of(late)


def test_hostile_words_are_text_everywhere(dashboard: Client, cleo: User) -> None:
    hostile = entry(1, title=f"Title {HOSTILE}", authors=(f"Name {HOSTILE}",), categories=(f"cs.{HOSTILE}",))
    publish(hostile, name=f"Source {HOSTILE}")
    paper = Paper.objects.get()
    cleo.first_name = "<script>alert(4)</script>"
    cleo.save()
    say(dashboard, paper, note=HOSTILE)
    say(dashboard, paper, note=HOSTILE, edition_date="2026-03-03")
    late = say(dashboard, paper, note=HOSTILE)
    assert late.status_code == 409
    wrong = say(dashboard, paper, note=HOSTILE * 9)
    for answer in (
        dashboard.get("/dashboard/?find=title"),
        dashboard.get(f"/dashboard/papers/{paper.pk}"),
        late,
        wrong,
    ):
        html = answer.content.decode()
        assert "alert(" in html
        assert not re.search(r"<script(?! src=)|<svg|<img|onerror=alert\(3\)>", html)


def test_a_pick_for_a_topic_says_for_whom_and_how_many_it_reaches(dashboard: Client, cleo: User) -> None:
    publish(ROBOT)
    reader("ada", wants={"topic": ["Robotics"]})
    reader("ben")
    told = text_of(dashboard.get(say(dashboard, of(ROBOT.title), topic="robotics")["Location"].partition("#")[0]))
    assert "Picked for 2 March, for readers of Robotics" in told
    assert "This affects 1 reader." in told
    assert "picked for Robotics" in told
    assert CuratorPick.objects.get().topic.slug == "robotics"
    page = dashboard.get(f"/dashboard/papers/{of(ROBOT.title).pk}").content.decode()
    assert '<option value="robotics" selected>' in page


def test_each_form_lists_all_topics_as_text(dashboard: Client) -> None:
    topic("Robots & <b>arms</b>")
    topic("Galaxies")
    publish(ROBOT, GRAPHS)
    say(dashboard, of(ROBOT.title), topic="galaxies")
    page = dashboard.get("/dashboard/").content.decode()
    assert page.count(">readers of Robots &amp; &lt;b&gt;arms&lt;/b&gt;</option>") == 2
    assert page.count('<option value="galaxies" selected>readers of Galaxies</option>') == 1
    assert page.count('<option value="galaxies">readers of Galaxies</option>') == 1


def test_picks_are_moved_by_buttons_with_a_line_of_history(dashboard: Client) -> None:
    publish(ROBOT, GRAPHS, STARS)
    for one in (ROBOT, GRAPHS, STARS):
        say(dashboard, of(one.title))
    rows = {row.paper.title: row.pk for row in CuratorPick.objects.select_related("paper")}

    def shown() -> list[str]:
        panel = dashboard.get("/dashboard/").content.decode().partition('id="picks"')[2].partition("</ol>")[0]
        return re.findall(r'dir="auto">([^<]+)<', panel)

    assert shown() == [ROBOT.title, GRAPHS.title, STARS.title]
    dashboard.post(f"/dashboard/picks/{rows[STARS.title]}/move", {"to": "up"})
    dashboard.post(f"/dashboard/picks/{rows[ROBOT.title]}/move", {"to": "down"})
    assert shown() == [STARS.title, ROBOT.title, GRAPHS.title]
    log = text_of(dashboard.get("/dashboard/"))
    assert "Moved up among the picks for 2026-03-02." in log
    dashboard.post(f"/dashboard/picks/{rows[STARS.title]}/move", {"to": "up"})
    assert "This pick cannot be moved there" in text_of(dashboard.get("/dashboard/"))
    assert dashboard.post("/dashboard/picks/999999/move", {"to": "up"}).status_code == 302
    assert dashboard.get(f"/dashboard/picks/{rows[STARS.title]}/move").status_code == 405


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    verdict=st.sampled_from(["pick", "boost", "hide", ""]) | st.text(max_size=9),
    topic_slug=st.sampled_from(["robotics", "", "\0"]) | st.text(max_size=90),
    to=st.sampled_from(["up", "down"]) | st.text(max_size=9),
)
def test_a_judgement_and_a_move_take_anything(dashboard: Client, verdict: str, topic_slug: str, to: str) -> None:
    if not Paper.objects.exists():
        publish(ROBOT, GRAPHS)
        topic("Robotics")
    for title in (ROBOT.title, GRAPHS.title):
        standing = CuratorPick.objects.filter(paper=of(title)).first()
        seen = standing.version if standing else ""
        assert say(dashboard, of(title), verdict=verdict, topic=topic_slug, seen=seen).status_code in (302, 422)
    for row in CuratorPick.objects.all():
        assert row.topic is None or (row.verdict, row.topic.slug) == ("pick", "robotics")
        assert dashboard.post(f"/dashboard/picks/{row.pk}/move", {"to": to}).status_code == 302


@pytest.mark.parametrize("roles", [[], [Role.SENDER], [Role.PRIVACY]])
def test_only_curators_judge_and_only_they_see_the_forms(roles: list[Role]) -> None:
    publish(ROBOT)
    dashboard = signed_in(one_of_the_staff(*roles, name="sven"))
    assert say(dashboard, of(ROBOT.title)).status_code == 403
    assert dashboard.post("/dashboard/picks/1/move", {"to": "up"}).status_code == 403
    assert not CuratorPick.objects.exists()
    for address in ("/dashboard/", f"/dashboard/papers/{of(ROBOT.title).pk}"):
        assert 'name="verdict"' not in dashboard.get(address).content.decode()


def test_looking_changes_nothing(dashboard: Client) -> None:
    publish(ROBOT)
    delivery(reader("ada"), edition=Edition.objects.get())
    before = list(every_row())
    for address in (
        "/dashboard/",
        "/dashboard/?find=robot",
        f"/dashboard/papers/{of(ROBOT.title).pk}?take_back=1&verdict=pick",
    ):
        assert dashboard.get(address).status_code == 200
    assert list(every_row()) == before


def test_an_edition_that_opened_today_is_the_one_that_is_judged(dashboard: Client) -> None:
    publish(ROBOT, at=NOON - DAY)
    assert 'value="2026-03-01"' in dashboard.get("/dashboard/").content.decode()
    open_edition(TODAY, now=NOON)
    assert 'value="2026-03-01"' not in dashboard.get(f"/dashboard/papers/{of(ROBOT.title).pk}").content.decode()
