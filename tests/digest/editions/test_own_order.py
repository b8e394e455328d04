"""A source without votes keeps its own order: on the page, and in the mail to a reader without wishes."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
from django.test import Client

from digest import text
from digest.delivery.plan import plan
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Delivery
from tests.support.emails import email_for
from tests.support.factories import NOON, reader
from tests.support.recorded_data import recorded_data

pytestmark = pytest.mark.django_db
HEADING = "Get trending papers in your email inbox once a day!\nGet trending papers in your email inbox!\nSubscribe"
# no title, hash or length of these rises with its place
INVENTED = [f"{word} Study of Kettle {7 * number % 41}" for number, word in enumerate(("Loud", "An", "Slow") * 13, 1)]


def give(path: Path) -> None:
    """Open an edition of one given file."""
    list(store.store_files({path.name: store.read_file(path)}, now=NOON))
    open_edition(NOON.date(), now=NOON)


def titles_on_the_pages(pages: int) -> list[str]:
    found = "".join(Client().get(f"/{NOON.date()}?page={page}").content.decode() for page in range(1, pages + 1))
    return [" ".join(re.sub("<[^>]+>", "", one).split()) for one in re.findall(r"<h3[^>]*>(.*?)</h3>", found, re.S)]


def mail_to(**values: object) -> str:
    ada = reader("ada", **values)
    plan(NOON, [ada.pk], issue_date=NOON.date())
    return email_for(Delivery.objects.select_related("subscriber", "edition").get()).text


def test_a_page_of_papers_comes_out_in_its_order_on_the_page_and_in_the_mail(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text(HEADING + "\n".join(f"{title}\nWe measure it." for title in INVENTED))
    give(tmp_path / "page.txt")
    assert titles_on_the_pages(2) == INVENTED
    mail = mail_to(max_papers=25)
    assert re.findall(r"^ ?\d+\. +(.+)$", mail, flags=re.M) == INVENTED[:25]
    assert "New papers, in the order of their source" in mail
    assert "so you get what is new" in " ".join(mail.split())


def test_the_recorded_page_comes_out_as_one_two_three_on_the_page_and_in_the_mail() -> None:
    folder = recorded_data()
    if not (folder / "seed_page.txt").exists():
        pytest.skip(f"{folder} has no seed_page.txt")
    give(folder / "seed_page.txt")
    recorded = [json.loads(line)["title"] for line in (folder / "seed_papers.jsonl").read_text().splitlines()]
    titles = [html.unescape(title) for title in titles_on_the_pages(11)]
    assert len(titles) == 274
    assert [_sign(title) for title in titles] == [_sign(text.clean(title)) for title in recorded]
    shown = re.findall(r"^ ?(\d+)\. +(.{20})", mail_to(max_papers=10), flags=re.M)
    assert [int(number) for number, _ in shown] == list(range(1, 11))
    assert [start for _, start in shown] == [title[:20] for title in titles[:10]]


def _sign(title: str) -> str:
    """Return the letters by which a shortened title is known."""
    return re.sub(r"\W", "", title)[:60]
