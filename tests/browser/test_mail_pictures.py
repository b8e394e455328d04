"""The digest as a browser draws it, in phone and desktop widths, light and dark. A browser is no mail program: these
pictures show that the mail holds together, not that Outlook agrees. They are left in var/pictures to be looked at."""

from __future__ import annotations

import re
from datetime import date

import pytest
from playwright.sync_api import Browser

from digest.compose.build import Reader, Sender, compose
from digest.compose.card import Fact, card_for
from digest.compose.completeness import SourceCount, completeness_in_words
from digest.compose.reasons import Reason
from digest.compose.size_limit import fit
from tests.support.digests import with_texts
from tests.support.mail_pictures import look

GRIPPERS = (
    "We ask how much of the skill of a gripper lies in the hand and how much in the table under it. Over 14,000 trials "
    "with eleven hands we find that placing is the harder half. A simple rule that looks at the free space first, and "
    "at the object second, halves the failures."
)
REWARDS = (
    "A score can rise while the work gets worse. We collect 212 such cases from six laboratories and sort them by what "
    "the reward had missed. Most could have been seen in the first hour of training."
)

COLOURS = """() => [...document.querySelectorAll("[class]")].flatMap((node) => [...node.classList].map((name) => {
  const of = {ground: "backgroundColor", chip: "backgroundColor", rule: "borderTopColor"}[name] ?? "color";
  return `${name} ${getComputedStyle(node)[of]}`;
}))"""


def html() -> str:
    """An invented morning of Ada's: a pick, long and short papers, three scripts, a paper without an abstract."""

    def card(number: int, title: str, authors: list[str], abstract: str, category: str, name: str, *counts: Fact):
        return card_for(
            identifier=f"arxiv:2600.{number:05}",
            title=title,
            authors=authors,
            url=f"https://arxiv.org/abs/2600.{number:05}",
            abstract=abstract,
            source="arXiv",
            category=category,
            category_name=name,
            published=date(2026, 11, 21),
            facts=counts,
        )

    upvotes = Fact(73, "upvote", "Hugging Face"), Fact(12, "comment", "Hugging Face"), Fact(1340, "star", "GitHub")
    hands = ["Ingrid Solheim-Vargas", "Tomas Brandl", "Yuki Ono", *["A. Helper"] * 11, "Lucia Ferrante"]
    order = "Everything in Its Place: Benchmarking Spatial Order in Household Manipulation"
    graphs = "Small Graphs Teach Large Ones: Curriculum Sampling for Message Passing"
    japanese = "本研究では、触覚と視覚を統合することにより、少量のデータから把持を学習する手法を提案する。"
    arabic = "نقدم نماذج لغوية صغيرة تترجم بين اللهجات العربية، ونقارنها بنماذج أكبر منها بعشر مرات."
    long_word = "Pneumonoultramicroscopicsilicovolcanoconiosis" * 2
    cards = [
        (
            card(1, order, hands, GRIPPERS, "cs.RO", "Robotics", *upvotes),
            [
                Reason("author", "Ingrid Solheim-Vargas", 2),
                Reason("topic", "Robotics", 1),
                Reason("keyword", "grasping", 1),
                Reason("trending", "", 0.4),
            ],
        ),
        (
            card(2, graphs, ["Noor Haddad", "Wei Lin"], REWARDS, "cs.LG", "Machine Learning", upvotes[1]),
            [Reason("topic", "Machine learning", 1)],
        ),
        (
            card(
                3, "A Field Guide to Reward Models That Lie", ["Marta Kowalczyk"], REWARDS, "cs.LG", "Machine Learning"
            ),
            [Reason("pick", "The clearest account this year of why a score goes up while the work gets worse.")],
        ),
        (
            card(4, "小規模データからの視覚的把持学習：触覚と視覚の統合", ["佐藤 花子"], japanese, "cs.RO", "Robotics"),
            [Reason("keyword", "grasping", 1)],
        ),
        (
            card(5, "نماذج لغوية صغيرة للترجمة", ["ليلى حداد"], arabic, "cs.CL", "Computation and Language"),
            [Reason("category", "cs.CL", 1)],
        ),
        (
            card(6, "∀ε∃δ: Rates of O(n⁻¹ᐟ²) in 𝒪-Minimal Structures 🧪", ["Élodie Châtel"], "", "math.ST", ""),
            [Reason("like", "", 0.3)],
        ),
        (
            card(
                7,
                f"On {long_word}",
                ["Ana Ruiz", "Ben Meyer"],
                f"{long_word} is long.",
                "q-bio.TO",
                "Tissues",
            ),
            [Reason("category", "q-bio.TO", 1)],
        ),
    ]
    digest = compose(
        with_texts(cards),
        Reader(
            address="ada.okafor@example.org",
            unsubscribe_url="https://papers.example.org/u/8fKx2LmQz1",
            preferences_url="https://papers.example.org/p/8fKx2LmQz1",
            feedback_url="https://papers.example.org/f/8fKx2LmQz1",
            asked_for=("Robotics", "Machine learning", "“grasping”", "Ingrid Solheim-Vargas"),
            confirmed_on=date(2026, 5, 12),
        ),
        issue_date=date(2026, 11, 23),
        sender=Sender(
            name="Broadsheet",
            site_url="https://papers.example.org",
            postal_address="4 Harbour Street, 20457 Hamburg, Germany",
        ),
        arrived=412,
        matched=38,
        completeness=completeness_in_words(
            [
                SourceCount("arXiv cs.LG", 40, 40),
                SourceCount("arXiv cs.RO", 38, 40),
                SourceCount("Hugging Face daily papers", 27, 27),
                SourceCount("bioRxiv", 212),
                SourceCount("medRxiv", 0, late=True),
            ]
        ),
    )
    return fit(digest)[1].html


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 375, 600, 700])
def test_the_digest_fits_its_width_and_can_be_read(browser: Browser, width: int, scheme: str) -> None:
    scrolls, contrast, small = look(browser, html(), f"digest-{width}-{scheme}", width=width, scheme=scheme)

    assert not scrolls
    assert contrast >= 4.5
    assert small == []


def test_dark_colours_also_apply_where_outlook_marks_them(browser: Browser) -> None:
    marked = html().replace("<html ", '<html data-ogsc="" ')

    scrolls, contrast, _ = look(browser, marked, "digest-600-outlook-dark", width=600)
    drawn = {}
    for scheme, page_html in (("light", html()), ("dark", html()), ("light, marked", marked)):
        page = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
        page.set_content(page_html, wait_until="load")
        drawn[scheme] = page.evaluate(COLOURS)
        page.close()

    assert not scrolls
    assert contrast >= 4.5
    assert drawn["light, marked"] == drawn["dark"] != drawn["light"]


def test_the_digest_reads_well_without_its_style_sheet(browser: Browser) -> None:
    without = re.sub(r"<style>.*?</style>", "", html(), flags=re.S)

    scrolls, contrast, small = look(browser, without, "digest-375-no-style-sheet", width=375)

    assert not scrolls
    assert contrast >= 4.5
    assert small == []


def test_the_digest_can_be_read_without_any_style(browser: Browser) -> None:
    bare = re.sub(r'<style>.*?</style>|\bstyle="[^"]*"', "", html(), flags=re.S)

    _, contrast, _ = look(browser, bare, "digest-600-no-styles", width=600)

    assert "style=" not in bare
    assert contrast >= 4.5
