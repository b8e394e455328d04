"""The pages of a paper and of a topic in a real browser: found from the home page, read, subscribed to."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from subscriptions.default_topics import TOPICS
from tests.support.visitor import Visitor


def test_a_visitor_opens_a_paper_and_goes_on_from_there(visitor: Visitor) -> None:
    page = visitor.open("/")
    title = page.locator(".paper h3 a").first
    words = title.inner_text()
    title.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(words)
    expect(page.locator("figure.chart, .seen li").first).to_be_visible()
    visitor.look("paper")
    with page.expect_download() as download:
        page.get_by_role("link", name="BibTeX").click()
    assert download.value.suggested_filename.endswith(".bib")
    page.locator(".byline a").first.click()
    page.wait_for_url(re.compile(r"/papers/\?q=author"))
    expect(page.locator(".paper h3").first).to_be_visible()


def test_a_visitor_reads_a_topic_and_subscribes_to_it(visitor: Visitor) -> None:
    page = visitor.open("/topics/")
    visitor.look("topics")
    page.get_by_role("link", name="Robotics", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Robotics")
    expect(page.locator("figure.chart rect").first).to_be_visible()
    visitor.look("topic")
    page.locator("form [name=email]").fill("bela.topic@readers.example")
    page.wait_for_timeout(2_100)  # nobody is faster than that
    visitor.press("Subscribe")
    page.wait_for_url("**/subscribe/sent")
    assert "bela.topic@readers.example" in str(visitor.mail("bela.topic@readers.example")["To"])


def test_a_topic_is_found_by_another_name(visitor: Visitor) -> None:
    page = visitor.open("/")
    page.locator("[type=search]").first.fill("computer vision")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Vision", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Vision")


def test_the_form_finds_topics_by_its_own_examples_and_by_every_other_name(visitor: Visitor) -> None:
    page = visitor.open("/subscribe")
    search = page.get_by_label("Find a topic").first
    told = page.locator("#id_topics [data-none]")
    examples = (search.get_attribute("placeholder") or "").removesuffix(" …").split(", ")
    assert len(examples) > 1
    for example in [*examples, "NLP", "robot", "galaxy", "Computer-Vision", "diffusion transformers", "Bayésian"]:
        search.fill(example)
        expect(told).to_contain_text("found")
    visitor.look("find-a-topic")
    for topic in (one for group in TOPICS.values() for one in group):
        for name in topic.aliases:
            search.fill(name)
            expect(page.locator("#id_topics .pick:visible").get_by_text(topic.name, exact=True)).to_be_visible()
