"""A reader names papers, sees line by line what was read, keeps it, and takes it back."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
import time_machine
from django.core import mail, signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.delivery.plan import plan
from digest.ingest import reference_lists
from digest.models import Delivery, ListEntry, ListSource
from digest.reading_lists import keep
from digest.web.own import reading_list
from subscriptions import link_requests
from subscriptions.models import LinkRequest, LoginToken, Subscriber
from subscriptions.preferences import Choices
from subscriptions.tokens import new_login_token
from subscriptions.web import sign_up
from subscriptions.web.forms import OPENED_SALT, values_of
from tests.support.database_rows import every_row
from tests.support.editions import publish
from tests.support.factories import NOON, entry, reader

pytestmark = [pytest.mark.django_db, pytest.mark.service]  # a process parses
PAGE = "/preferences/list"


@pytest.fixture(autouse=True)
def _noon() -> Any:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def ada() -> Subscriber:
    publish(entry(1), entry(2))
    return reader("ada")


def signed_in(row: Subscriber, **options: Any) -> Client:
    client = Client(**options)
    client.post("/s/" + new_login_token(LoginToken.Purpose.SIGN_IN, row, now=NOON))
    return client


def words(answer: Any) -> str:
    return unescape(" ".join(re.sub("<[^>]+>", " ", answer.content.decode()).split()))


def paste(client: Client, text: str) -> Any:
    return client.post(PAGE, {"text": text}, follow=True)


def upload(client: Client, body: bytes, name: str = "mine.bib") -> Any:
    return client.post(PAGE, {"file": SimpleUploadedFile(name, body)}, follow=True)


TEXT = "2603.00001v2\nLichens of Old Walls\n10.5555/unknown\n!!!\n"


def test_what_was_read_is_shown_line_by_line_before_it_is_kept(ada: Subscriber) -> None:
    visit = signed_in(ada)
    answer = paste(visit, TEXT)
    page = words(answer)
    assert "What was read of Pasted text: arxiv:2603.00001" in page
    assert "3 works were read." in page
    assert "Nothing is kept yet." in page
    assert "Known here 1 They count as papers that you like. Paper number 1 on careful measurement" in page
    assert re.search("Kept as your text 1 .*Lichens of Old Walls", page)
    assert re.search("Not found 1 .* 10.5555/unknown", page)
    assert "!!! (neither a title nor an identifier)" in page
    assert not ListEntry.objects.exists()

    kept = visit.post(answer.request["PATH_INFO"], {"do": "keep"}, follow=True)
    assert "Kept. Your next digests rank papers similar to these higher." in words(kept)
    assert "Pasted text: arxiv:2603.00001 2 works · read on 2 Mar 2026" in words(kept)
    assert [row.text[0] for row in ListEntry.objects.newest(ada)] == [
        "Paper number 1 on careful measurement",
        "Lichens of Old Walls",
    ]


def test_pasted_texts_are_told_apart_by_how_they_begin(ada: Subscriber) -> None:
    visit = signed_in(ada)
    for text in ("Lichens of Old Walls\n2603.00001\n", f"{'Mosses of Shaded Stairs and ' * 6}Gutters\n"):
        part = paste(visit, text)
        visit.post(part.request["PATH_INFO"], {"do": "keep"})
    ListSource.objects.create(
        subscriber=ada, kind=ListSource.Kind.PASTED, state=ListSource.State.KEPT, given_at=NOON, read_at=NOON
    )  # of the version before
    shown = words(visit.get(PAGE))
    assert "Pasted text: Lichens of Old Walls 2 works" in shown
    assert re.search(r"Pasted text: Mosses of Shaded Stairs[\w ]*… 1 work ", shown)
    assert "Pasted text 0 works" in shown


def test_a_line_with_a_long_run_of_blanks_is_read_like_any_other() -> None:
    found = keep.read_body(b"Lichens of Old Walls\nMosses, pmid" + b" " * 200_000 + b"x\n")
    assert found.works[0].title == "Lichens of Old Walls"


def sign_up_with(visit: Client, papers: str) -> Any:
    opened = signing.dumps(int(NOON.timestamp()) - 60, salt=OPENED_SALT)
    typed = {**values_of(Choices()), "email": "bea@example.org", "opened": opened, "papers": papers}
    return visit.post("/subscribe", typed)


def sign_up_to_confirm(papers: str) -> tuple[Client, str]:
    """Sign up with these papers; return the visit and the token of the mailed link."""
    visit = Client()
    assert sign_up_with(visit, papers)["Location"] == "/subscribe/sent"
    link_requests.process_pending(NOON)
    (token,) = re.findall(r"/c/([\w-]+)", mail.outbox[-1].body)
    return visit, token


def confirm(papers: str) -> tuple[Client, str]:
    """Sign up with these papers and confirm; return the visit and the words of the page."""
    visit, token = sign_up_to_confirm(papers)
    return visit, words(visit.post(f"/c/{token}"))


def test_a_list_given_at_the_sign_up_is_kept_before_the_first_digest_is_due(
    ada: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    due: list[bool] = []
    read = keep.read_body

    def watched(body: bytes) -> Any:
        due.append(Subscriber.objects.due(NOON).filter(email="bea@example.org").exists())
        return read(body)

    monkeypatch.setattr(keep, "read_body", watched)
    visit, page = confirm(TEXT)
    bea = Subscriber.objects.get(email="bea@example.org")
    assert due == [False, False]  # when it is checked at the sign-up, and when it is kept
    assert bea.next_send_at == NOON
    assert f"{ListEntry.objects.filter(subscriber=bea).count()} papers that you like are in your list now" in page
    assert "Your first digest arrives within minutes." in page
    plan(NOON, [bea.pk], issue_date=NOON.date())
    known = ListEntry.objects.exclude(paper=None).get(subscriber=bea)
    assert known.paper_id not in Delivery.objects.get(subscriber=bea).paper_ids
    assert "Lichens of Old Walls" in words(visit.get(f"{PAGE}/{known.source_id}"))


@pytest.mark.parametrize(
    ("papers", "said"),
    [
        (
            "Lichens of Old Walls\n0000-0002-1825-0097",
            "1 line or entry was not read. Correct what you see here and enter it in your list . "
            "0000-0002-1825-0097 (an ORCID or a library: enter it alone, without other lines)",
        ),
        (
            "Lichens of Old Walls\n2600.99999\n0000-0002-1825-0097",
            "1 line or entry was not read. 1 paper was not found. Correct what you see here and enter it in your list . "
            "0000-0002-1825-0097 (an ORCID or a library: enter it alone, without other lines) "
            "2600.99999 (not stored here: enter its title)",
        ),
        (
            "@misc{a, title={Lichens of Old Walls}}\n@misc{<b>, title={Kelp\n@misc{c, title={Mosses}}\nloose",
            "2 lines or entries were not read. Correct what you see here and enter it in your list . "
            "@misc{<b>, title={Kelp (damaged) loose (outside the BibTeX entries: enter it on its own)",
        ),
    ],
)
def test_what_was_not_kept_of_a_list_is_said_once_the_sign_up_is_confirmed(
    ada: Subscriber, papers: str, said: str
) -> None:
    page = confirm(papers)[1]
    assert "in your list now" in page
    assert said in page


def test_many_lines_that_are_not_kept_are_counted_and_the_first_shown(ada: Subscriber) -> None:
    page = confirm("Lichens of Old Walls\n" + "\n".join(f"10.5555/none-{number}" for number in range(30)))[1]
    assert "30 papers were not found. Correct what you see here and enter it in your list . The first 20:" in page
    assert page.count("10.5555/none-") == 20


def test_nothing_is_said_of_a_list_that_is_kept_whole(ada: Subscriber) -> None:
    page = confirm("Lichens of Old Walls\n2603.00001")[1]
    assert "2 papers that you like are in your list now" in page
    assert "not read" not in page
    assert "not found" not in page


def test_bibtex_is_pasted_as_ids_and_titles_are_and_the_box_says_so(ada: Subscriber) -> None:
    reference = "@article{okafor, title = {Lichens of Old Walls}, year = {2026}}"
    visit = signed_in(ada)
    assert "or titles, one a line; or text in BibTeX, RIS, CSL-JSON, PubMed (nbib) or Zotero RDF." in words(
        visit.get(PAGE)
    )
    assert re.search("Kept as your text 1 .*Lichens of Old Walls", words(paste(visit, reference)))
    assert "or BibTeX" in words(visit.get("/subscribe"))
    assert "1 paper that you like is in your list now" in confirm(reference)[1]


UNREADABLE = [
    ("<html><body>no list</body></html>", "This is a web page."),
    ("zotero.org/ada_okafor", "Zotero knows libraries by number."),
    ("@article{broken", "None of its entries can be read."),
]


@pytest.mark.parametrize(("papers", "why"), UNREADABLE)
def test_a_list_of_which_nothing_can_be_read_is_refused_at_the_sign_up(papers: str, why: str) -> None:
    answer = sign_up_with(Client(), papers)
    assert answer.status_code == 422
    assert why in words(answer)
    assert papers in unescape(answer.content.decode())
    assert not LinkRequest.objects.exists()


@pytest.mark.parametrize(("papers", "why"), UNREADABLE)
def test_a_list_that_came_through_and_cannot_be_read_waits_and_says_why(
    ada: Subscriber, papers: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as unchecked:
        unchecked.setattr(sign_up, "list_problem", lambda papers: "")
        visit, token = sign_up_to_confirm(papers)
    page = words(visit.post(f"/c/{token}"))
    assert "Nothing is in your list yet" in page
    assert why in page
    assert "Read what you entered" in page
    assert not ListSource.objects.exists()
    listed = visit.get(PAGE)
    assert papers in unescape(listed.content.decode())
    assert why in words(listed)
    assert Subscriber.objects.get(email="bea@example.org").next_send_at == NOON


def test_a_list_given_at_the_sign_up_of_which_nothing_is_known_is_shown_line_by_line(ada: Subscriber) -> None:
    visit, page = confirm("10.5555/nobody-knows-this-one")
    assert "Nothing is in your list yet" in page
    part = ListSource.objects.get()
    assert part.state == ListSource.State.READ
    assert "See and keep" in words(visit.get(PAGE))
    assert "10.5555/nobody-knows-this-one" in words(visit.get(f"{PAGE}/{part.pk}"))


def test_an_error_in_reading_a_given_list_loses_neither_the_confirmation_nor_the_list(
    ada: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(body: bytes) -> Any:
        raise RuntimeError

    monkeypatch.setattr(keep, "read_body", broken)
    visit, page = confirm(TEXT)
    assert "Nothing is in your list yet" in page
    assert "Read what you entered" in page
    assert "Lichens of Old Walls" in visit.get(PAGE).content.decode()
    assert Subscriber.objects.get(email="bea@example.org").next_send_at == NOON


def test_the_first_digest_waits_a_little_for_a_library_given_at_the_sign_up(ada: Subscriber) -> None:
    _visit, page = confirm("https://www.zotero.org/groups/12345/walls")
    assert "The library you named is being read" in page
    assert "Your first digest arrives within minutes." in page
    part = ListSource.objects.get()
    assert (part.state, part.next_read_at) == ("kept", NOON)
    assert Subscriber.objects.get(email="bea@example.org").next_send_at == NOON + sign_up.LIST_FIRST


def test_a_draft_can_be_discarded_and_a_part_or_one_work_taken_back(ada: Subscriber) -> None:
    visit = signed_in(ada)
    draft = paste(visit, TEXT).request["PATH_INFO"]
    assert "Nothing was kept." in words(visit.post(draft, {"do": "take_back"}, follow=True))
    assert not ListSource.objects.exists()

    part = upload(visit, b"@misc{a, title={Kelp}}\n@misc{b, title={Walls}}").request["PATH_INFO"]
    visit.post(part, {"do": "keep"})
    assert "2 works of your list come from here." in words(visit.get(part))
    answer = visit.post(part, {"entry": str(ListEntry.objects.get(title="Kelp").pk), "page": "1"}, follow=True)
    assert "1 work of your list comes from here." in words(answer)
    assert "Taken back." in words(visit.post(part, {"do": "take_back"}, follow=True))
    assert not ListEntry.objects.exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"%PDF-1.7 and so on", "This is a PDF. Export your references as BibTeX, RIS, CSL-JSON, PubMed (nbib) or Zotero RDF"),
        (b"", "There is nothing in it."),
        (b"PK\x03\x04", "This is a packed file."),
        (b"<html><body>Papers</body></html>", "This is a web page."),
        (b'{"a": 1}', "This format is not known."),
        (b"@book{nameless, author={X}}", "None of its entries can be read. The first is “nameless”: neither a title"),
        (b"[]", "There is no work in it."),
    ],
)  # fmt: skip
def test_a_file_that_is_no_list_has_a_clear_sentence(ada: Subscriber, body: bytes, said: str) -> None:
    answer = upload(signed_in(ada), body)
    assert answer.status_code == 422
    assert said in words(answer)
    assert "Choose “mine.bib” again, or another file: a browser does not keep it." in words(answer)
    assert not ListSource.objects.exists()


def test_twenty_thousand_entries_are_read_and_the_newest_500_shown(ada: Subscriber) -> None:
    body = "".join(
        f"@misc{{k{number}, title={{Kelp {number}}}, year={{{1950 + number % 70}}}}}\n" for number in range(20_000)
    )
    page = words(upload(signed_in(ada), body.encode()))
    assert "20,000 works were read. The newest 500 count and are shown; the others are not kept." in page
    assert "Keep 500 works" in page


def test_a_file_that_takes_too_long_to_read_is_given_up(ada: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "SECONDS", 0)  # that is one, since the limit is in whole seconds
    slow = b"title={%s}, author={%s}" % (b'{\\"O}r $\\alpha$ ' * 15, b" and ".join([b"Ray, {\\'E}va"] * 10))
    body = b"".join(b"@misc{k%d, %s}\n" % (number, slow) for number in range(36_000))
    assert "Reading this took too long." in words(upload(signed_in(ada), body))


def test_more_than_two_lists_at_once_wait_for_their_turn(ada: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "PATIENCE", 0.01)
    visit = signed_in(ada)
    with keep._TURNS, keep._TURNS:
        assert "Other lists are being read just now." in words(paste(visit, TEXT))
    assert "What was read" in words(paste(visit, TEXT))


def test_a_list_in_other_scripts_and_tex_is_shown_as_it_reads(ada: Subscriber) -> None:
    page = words(paste(signed_in(ada), '海藻森林中的机器人\nروبوتات في الغابات\nSlow {W}aves in {\\"O}l: $\\alpha$\n'))
    assert "海藻森林中的机器人 روبوتات في الغابات Slow Waves in Öl: α" in page


def test_a_library_is_asked_for_and_its_trouble_is_said(ada: Subscriber) -> None:
    visit = signed_in(ada)
    page = words(paste(visit, "https://www.zotero.org/groups/12345/kelp"))
    assert "This library is being read." in page
    assert "Zotero group 12345 Being read. Look again" in page
    part = ListSource.objects.get()
    ListSource.objects.update(problem="forbidden")
    assert "This library is private." in words(visit.get(PAGE))
    assert "This library is being read." in words(visit.post(f"{PAGE}/{part.pk}", {"do": "read"}, follow=True))
    assert ListSource.objects.get().problem == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0000-0002-1825-0098", "This ORCID has a wrong digit."),
        ("https://www.zotero.org/ada_okafor", "Zotero knows libraries by number."),
        ("x" * (reading_list.LONGEST_TEXT + 1), "This is too long to paste."),
    ],
)
def test_a_wrong_name_and_a_long_text_have_a_sentence(ada: Subscriber, text: str, said: str) -> None:
    answer = paste(signed_in(ada), text)
    assert answer.status_code == 422
    assert said in words(answer)


def test_a_list_that_is_full_keeps_what_it_has(ada: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "MOST_ENTRIES", 1)
    visit = signed_in(ada)
    answer = visit.post(paste(visit, TEXT).request["PATH_INFO"], {"do": "keep"})
    assert answer.status_code == 422
    assert "Take a part of it back first." in words(answer)


def test_nobody_sees_or_changes_anothers_list(ada: Subscriber) -> None:
    part = paste(signed_in(ada), TEXT).request["PATH_INFO"]
    before = ListSource.objects.count()
    eve = signed_in(reader("eve"))
    assert eve.get(part).status_code == eve.post(part, {"do": "take_back"}).status_code == 404
    assert Client().post(part, {"do": "take_back"})["Location"] == "/sign-in"
    assert ListSource.objects.count() == before


def test_looking_changes_nothing_and_forms_have_their_token(ada: Subscriber) -> None:
    visit = signed_in(ada)
    part = paste(visit, TEXT).request["PATH_INFO"]
    before = list(every_row())
    for path in (PAGE, part):
        answer = visit.get(path, {"done": "kept", "page": "x"})
        assert (answer.status_code, answer["Cache-Control"], answer["X-Robots-Tag"]) == (200, "no-store", "noindex")
    assert list(every_row()) == before
    strict = signed_in(ada, enforce_csrf_checks=True)
    assert strict.post(PAGE, {"text": "Kelp"}).status_code == 403


def test_the_pages_of_a_long_list_cost_a_few_queries(ada: Subscriber, django_assert_max_num_queries: Any) -> None:
    found = reference_lists.read("\n".join(f"Kelp number {number}" for number in range(500)).encode())
    part = keep.draft(ada, found, kind="file", name="mine.txt", now=NOON)
    visit = signed_in(ada)
    with django_assert_max_num_queries(9):
        visit.get(f"{PAGE}/{part.pk}")
    keep.keep(part, now=NOON)
    with django_assert_max_num_queries(6):
        assert "Page 1 of 9" in words(visit.get(f"{PAGE}/{part.pk}"))
    with django_assert_max_num_queries(4):
        visit.get(PAGE)


def test_too_many_readings_are_asked_to_wait(ada: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_list, "too_many", lambda *_: True)
    answer = paste(signed_in(ada), TEXT)
    assert answer.status_code == 429
    assert "try again in an hour" in words(answer)
    assert "Lichens of Old Walls" in answer.content.decode()


def test_a_request_that_is_too_large_is_refused_before_it_is_read(ada: Subscriber) -> None:
    assert upload(signed_in(ada), b"x" * (reading_list.LARGEST + 1)).status_code == 413


ANYTHING = st.text(max_size=80) | st.sampled_from(
    ["keep", "take_back", "read", "\0", "9" * 15, "-1", "users/7", "2603.00001"]
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(do=ANYTHING, number=ANYTHING, page=ANYTHING)
def test_the_buttons_take_anything(ada: Subscriber, do: str, number: str, page: str) -> None:
    part = keep.draft(ada, reference_lists.read(b"Kelp"), kind="file", name="mine.txt", now=NOON)
    visit = signed_in(ada)
    answer = visit.post(f"{PAGE}/{part.pk}", {"do": do, "entry": number, "page": page})
    assert answer.status_code in (303, 400, 429)
    assert visit.get(f"{PAGE}/{part.pk}", {"page": page}).status_code in (200, 404)


# Django's own class refuses a name whose last part names no file, and browsers send none
FILE_NAMES = st.text(max_size=120).filter(lambda name: name.rpartition("/")[2] not in ("", ".", ".."))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANYTHING, name=FILE_NAMES, body=st.none() | st.binary(max_size=200))
def test_the_form_takes_anything(ada: Subscriber, text: str, name: str, body: bytes | None) -> None:
    data: dict[str, Any] = {"text": text}
    if body is not None:
        data["file"] = SimpleUploadedFile(name, body)
    assert signed_in(ada).post(PAGE, data).status_code in (303, 422, 429)
