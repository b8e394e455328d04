"""Every kind of mail uses only what Gmail, Outlook, Apple Mail and Yahoo show, or what can be done without."""

from __future__ import annotations

import re
from itertools import chain

import pytest

from tests.support.mail_lint import FALL_BACKS, STYLE_BYTES, Found, look_through
from tests.support.sample_mails import mails, templates_of_mails

BARE = """<!doctype html><html lang="en" dir="ltr"><head><meta charset="utf-8">
<meta name="color-scheme" content="light dark"><title>Today</title>{head}</head>
<body><h1>Today</h1>{body}</body></html>"""


def found_in(*, head: str = "", body: str = "") -> Found:
    return look_through(BARE.format(head=head, body=body))


@pytest.fixture(scope="module")
def found() -> dict[str, Found]:
    return {name: look_through(mail.html) for name, mail in mails().items()}


def test_every_kind_of_mail_is_looked_at(found: dict[str, Found]) -> None:
    assert {re.sub("-.*", "", name) for name in found} == templates_of_mails()


def test_no_mail_relies_on_what_a_program_does_not_show(found: dict[str, Found]) -> None:
    without = {
        f"{name}: {slug} ({mail.features[slug]})"
        for name, mail in found.items()
        for slug in mail.short_of("n") | mail.short_of("a")
        if slug not in FALL_BACKS
    }
    assert without == set()


def test_every_fall_back_is_needed(found: dict[str, Found]) -> None:
    needed = set(chain.from_iterable(mail.short_of("n") | mail.short_of("a") for mail in found.values()))
    assert set(FALL_BACKS) - needed == set()


def test_the_sheet_of_every_kind_of_mail_has_the_classes_that_it_uses_and_no_other() -> None:
    for name, mail in mails().items():
        head, _, body = mail.html.partition("</head>")
        used = {word for said in re.findall(r'class="([^"]*)"', body) for word in said.split()}
        assert used == set(re.findall(r"^\.(\w+)\{", head, re.M)), name


def test_the_dark_colours_are_the_same_for_programs_that_ask_and_for_those_that_mark() -> None:
    for name, mail in mails().items():
        _, _, sheet = mail.html.partition("@media (prefers-color-scheme:dark){\n")
        asked, _, marked = sheet.partition("</style>")[0].partition("\n}\n")
        assert re.findall(r"^\[data-ogsc\] (.*)$", marked, re.M) == marked.replace("[data-ogsc] ", "").splitlines()
        assert marked.replace("[data-ogsc] ", "").strip() == asked, name
        assert ".ground{background-color:#16181c!important}" in asked, name


def test_no_colour_is_pure_black_or_pure_white() -> None:
    for name, mail in mails().items():
        colours = re.findall(r"#[0-9a-f]{3,8}(?=[;}!\"])|:(?:black|white)\b|rgba?\(", mail.html, re.I)
        assert colours, name
        assert {one for one in colours if len(one) != 7 or one.lower() in ("#000000", "#ffffff")} == set(), name


def test_everything_in_every_mail_is_either_tested_by_caniemail_or_listed_as_untested(found: dict[str, Found]) -> None:
    assert {name: mail.unknown for name, mail in found.items() if mail.unknown} == {}


def test_every_mail_keeps_the_rules_of_a_mail(found: dict[str, Found]) -> None:
    assert {name: mail.broken for name, mail in found.items() if mail.broken} == {}


# The lint itself ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declaration", "feature"),
    [
        ("display:grid", "css-display-grid"),
        ("display: flex", "css-display-flex"),
        ("border-radius:4px", "css-border-radius"),
        ("width:calc(100% - 8px)", "css-unit-calc"),
        ("color:var(--ink)", "css-variables"),
        ("font-family:system-ui", "css-sytem-ui"),
        ("position:absolute", "css-position"),
        ("background-image:linear-gradient(red,blue)", "css-linear-gradient"),
        ("width:50vw", "css-unit-vw"),
        ("font-size:max(1em,16px)", "css-function-max"),
    ],
)
def test_a_style_that_some_program_does_not_show_is_seen(declaration: str, feature: str) -> None:
    assert feature in found_in(body=f'<p style="{declaration}">x</p>').short_of("n")
    assert feature in found_in(head=f"<style>@media print{{.a{{{declaration}}}}}</style>").short_of("n")


@pytest.mark.parametrize(
    ("css", "feature"),
    [
        ("@font-face{font-style:italic}", "css-at-font-face"),
        ("@import 'a.css'; p{color:red}", "css-at-import"),
        ("@supports (color:red){p{color:red}}", "css-at-supports"),
        ("p:nth-child(2){color:red}", "css-pseudo-class-nth-child"),
        ("p::after{color:red}", "css-pseudo-element-after"),
        ("p:has(a){color:red}", "css-pseudo-class-has"),
        ("a > b{color:red}", "css-selector-child"),
        ("a + b{color:red}", "css-selector-adjacent-sibling"),
        ("a[href~=x]{color:red}", "css-selector-attribute"),
        (".a.b{color:red}", "css-selector-chaining"),
        ("p{a{color:red}}", "css-nesting"),
    ],
)
def test_a_rule_that_some_program_does_not_know_is_seen(css: str, feature: str) -> None:
    assert feature in found_in(head=f"<style>{css}</style>").short_of("n")


@pytest.mark.parametrize(
    ("html", "feature"),
    [
        ("<svg></svg>", "html-svg"),
        ("<main></main>", "html-semantics"),
        ("<p hidden>x</p>", "html-hidden"),
        ("<button>x</button>", "html-button-submit"),
    ],
)
def test_an_element_that_some_program_does_not_show_is_seen(html: str, feature: str) -> None:
    assert feature in found_in(body=html).short_of("n")


@pytest.mark.parametrize(
    ("html", "unknown"),
    [
        ("<blink>x</blink>", "element blink"),
        ('<p style="corner-shape:squircle">x</p>', "property corner-shape"),
        ("<p onclick='x()'>x</p>", "attribute onclick"),
        ('<!--[if mso]><v:rect strokecolor="red"></v:rect><![endif]-->', "element v"),
    ],
)
def test_what_is_in_no_list_is_named(html: str, unknown: str) -> None:
    assert unknown in found_in(body=html).unknown


def test_unknown_rules_queries_and_pseudo_classes_are_named() -> None:
    css = "@layer a{p{color:red}} @media (update:slow){p{color:red}} p:blank{color:red}"
    assert found_in(head=f"<style>{css}</style>").unknown == {"at-rule layer", "media query update", "pseudo :blank"}


@pytest.mark.parametrize(
    "html",
    [
        "<script>1</script>",
        "<form></form>",
        "<iframe></iframe>",
        '<img src="https://example.org/pixel.gif" alt="">',
        "<table><tr><td>x</td></tr></table>",
        "<h1>Twice</h1>",
        "<h3>Too deep</h3>",
        '<a href="https://example.org/">Click here</a>',
        '<a href="https://example.org/"></a>',
        '<a href="/relative">Paper</a>',
        '<a href="javascript:x()">Paper</a>',
        "<style>p{color:red}</style>",
        '<p style="background:url(https://example.org/x)">x</p>',
        "<p><b>x</p></b>",
        "<table role=presentation>",
    ],
)
def test_what_breaks_a_rule_is_named(html: str) -> None:
    assert found_in(body=html).broken


def test_a_heavy_style_sheet_is_named() -> None:
    assert found_in(head=f"<style>{'p{color:red}' * (STYLE_BYTES // 12)}</style>").broken


@pytest.mark.parametrize(
    "missing",
    ["<!doctype html>", ' lang="en"', ' dir="ltr"', '<meta charset="utf-8">', "Today", "</h1>", "color-scheme"],
)
def test_what_every_mail_must_have_is_missed(missing: str) -> None:
    assert look_through(BARE.format(head="", body="").replace(missing, "")).broken


def test_a_mail_of_nothing_special_is_found_in_order() -> None:
    assert found_in(body='<p>Words and a <a href="https://example.org/">link</a>.</p>').broken == []
