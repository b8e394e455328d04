"""What an HTML mail uses of HTML and CSS, in caniemail's words, and what it breaks of the rules for every mail."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

SUPPORT: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "caniemail.json").read_text())["features"]
STYLE_BYTES = 16_000  # Gmail drops every style sheet of a mail that has more than 16 KB of them

# What some of these programs do not show, or show in part, and what their readers have instead. A line that no mail
# needs any more fails too.
FALL_BACKS = {
    # the style sheet, which holds the dark colours and the corners of the chips, and nothing else
    "html-style": "Gmail in a phone's browser and with other accounts drops it: each element bears its own light style.",
    "css-at-media": "Without it the light palette stays.",
    "css-at-media-prefers-color-scheme": "Gmail, Yahoo and Word invert by themselves or stay light: both keep 4.5:1.",
    "html-meta-color-scheme": "Only Apple Mail heeds it; the others go by the media query or by themselves.",
    "css-selector-class": "Classes serve what the style sheet holds, and no more.",
    "css-selector-attribute": "[data-ogsc] is Outlook's own mark of its dark mode, used by the programs that set it.",
    "css-selector-descendant": "Only below [data-ogsc].",
    "css-important": "Only in the style sheet, in lower case; Word, which wants a space before it, knows no media query.",
    # the frame
    "html-doctype": "Word draws no differently with or without it; Yahoo on Android puts its own there.",
    "html-body": "Its colour stands on the div around everything too; its margin is then the program's own.",
    "html-role": "For screen readers: without it a table for layout is read out as a table, in the same order.",
    "html-lang": "Not on cells in Yahoo; it stands on html and on the div around everything.",
    "html-dir": "Word passes over it on links; it stands on headings and paragraphs, and signs find their own way.",
    "html-align": "Only Word is given it, for its own table.",
    "html-width": "Word does not scale it at 120 dpi: the mail is narrower there, and whole.",
    "css-width": "Word heeds it on cells, which is where it stands, and the attribute says the same.",
    "css-max-width": "Word heeds it on tables, and has its own table of 640 in a conditional comment; Yahoo on iOS is narrow.",
    # blocks
    "css-margin": "No negative margin is used. Where auto is not heeded a mail stands to the left; Word has its own table.",
    "css-text-align": "Only right is used, which all heed; else the links at the top stand to the left.",
    "css-padding": "Word pads cells only: what needs room is a cell, the button and Word's own frame too; a chip has spaces.",
    "css-border": "Word draws lines of up to 8 pixels, surely on cells, and only cells have one.",
    "css-border-radius": "Word draws a chip with corners.",
    "css-display": "block and inline-block give links a larger target; without them they are as large as their words, and no line ends by them alone.",
    "css-display-none": "Where it is not heeded the line for the list of mails is shown on top: true words of this digest.",
    "css-max-height": "The same line is hidden by mso-hide in Word.",
    "css-overflow": "The same line; nothing else overflows.",
    "css-line-height": "Word takes it as a minimum, and gives tall scripts and signs the room that they need.",
    "html-lists": "Word draws its own bullets and indents, and Gmail and Yahoo pass over some types; the items stay items.",
    # words
    "html-mailto-links": "Yahoo on Android does not open them; the text part has the address.",
    "css-font-weight": "600 and normal: bold or not.",
    "css-letter-spacing": "Small and positive, in pixels.",
    "css-text-decoration": "none: where it is not heeded a link is underlined.",
    "css-white-space": "nowrap keeps a number of two digits in one line; its cell is wide enough.",
    "css-word-break": "Very long words get a <wbr> each 60 characters too.",
    "html-wbr": "Word and Gmail on iOS break very long words by themselves or widen the mail; no title is refused for it.",
}

# What caniemail has under another name than its own -------------------------------------------------------------------

PROPERTIES = {
    **dict.fromkeys([f"margin-{side}" for side in ("top", "right", "bottom", "left")], "css-margin"),
    **dict.fromkeys([f"padding-{side}" for side in ("top", "right", "bottom", "left")], "css-padding"),
    **dict.fromkeys([f"border-{side}" for side in ("top", "right", "bottom", "left")], "css-border"),
    **dict.fromkeys(["border-color", "border-style", "border-width"], "css-border"),
    **dict.fromkeys(["left", "right", "top", "bottom"], "css-left-right-top-bottom"),
    **dict.fromkeys(["column-gap", "row-gap"], "css-gap"),
    **dict.fromkeys(["grid-template-columns", "grid-template-rows", "grid-template-areas"], "css-grid-template"),
    **dict.fromkeys(["overflow-x", "overflow-y"], "css-overflow"),
}
VALUES = {
    r"^display:.*flex": "css-display-flex",
    r"^display:.*grid": "css-display-grid",
    r"^display:none": "css-display-none",
    r"calc\(": "css-unit-calc",
    r"var\(|^--": "css-variables",
    r"rgb\(": "css-rgb",
    r"rgba\(": "css-rgba",
    r"(lch|lab)\(": "css-modern-color",
    r"conic-gradient\(": "css-conic-gradient",
    r"linear-gradient\(": "css-linear-gradient",
    r"radial-gradient\(": "css-radial-gradient",
    r"(fit|min|max)-content": "css-intrinsic-size",
    r"\b(system-ui|ui-(serif|sans-serif|rounded|monospace))\b": "css-sytem-ui",  # as caniemail spells it
    r":initial\b": "css-unit-initial",
    r"!important": "css-important",
    r"\d%": "css-unit-percent",
}
UNITS = "ch|cm|em|ex|in|mm|pc|pt|px|rem|vh|vmax|vmin|vw"
FUNCTIONS = "clamp|light-dark|max|min"
SELECTORS = {
    r"\.[\w-]+": "css-selector-class",
    r"#[\w-]+": "css-selector-id",
    r"\[": "css-selector-attribute",
    r"\*": "css-selector-universal",
    r"[\w\])]>|[\w\])] *> *": "css-selector-child",
    r"\+": "css-selector-adjacent-sibling",
    r"~(?!=)": "css-selector-general-sibling",
    r"[\w\])*] +[\w.#\[*:]": "css-selector-descendant",
    r"[\w\])][.\[#]": "css-selector-chaining",
    r"(^|[ >+~])[a-z]": "css-selector-type",
}
MEDIA = ("prefers-color-scheme", "prefers-reduced-motion", "orientation", "hover", "device-pixel-ratio")
ELEMENTS = {
    **dict.fromkeys(["h1", "h2", "h3", "h4", "h5", "h6"], "html-h1-h6"),
    **dict.fromkeys(["ul", "ol", "li", "dl", "dt", "dd"], "html-lists"),
    **dict.fromkeys(["tr", "td", "th", "thead", "tbody", "tfoot", "caption", "col", "colgroup"], "html-table"),
    **dict.fromkeys(["article", "aside", "footer", "header", "main", "nav", "section", "figure"], "html-semantics"),
    **dict.fromkeys(["map", "area"], "html-image-maps"),
    "source": "html-picture",
    "embed": "html-object",
    "button": "html-button-submit",
    "input": "html-input-text",
}
ATTRIBUTES = {
    **{
        name: f"html-{name}"
        for name in ("align", "background", "cellpadding", "cellspacing", "dir", "height", "hidden")
    },
    **{name: f"html-{name}" for name in ("lang", "popover", "required", "role", "srcset", "target", "valign", "width")},
    **{f"aria-{name}": f"html-aria-{name}" for name in ("describedby", "hidden", "label", "labelledby", "live")},
    "loading": "html-loading-attribute",
    "sizes": "html-srcset",
    "usemap": "html-image-maps",
}

# What caniemail has not tested, which is then a matter of knowledge ---------------------------------------------------

UNTESTED = {
    "property color": "as old as style itself; all show it",
    "property font-family": "the families end in serif or sans-serif, which all have",
    "property font-style": "italic, or at worst upright",
    "property mso-hide": "Outlook's own; the others pass over it",
    "element html": "removed by webmail, which keeps what is in it",
    "element head": "removed by webmail",
    "element title": "a page's title only where a mail is opened as a page",
    "element meta": "for the mail as a page, and the colour scheme",
    "element a": "the first of all elements; its targets are html-anchor-links and html-mailto-links",
    "element br": "as old as HTML",
    "element em": "as old as HTML; at worst upright",
    "attribute href": "a link is all that a mail can do",
    "attribute class": "of no use without its style sheet, and harmless",
    "attribute style": "each of its properties is looked at",
    "attribute charset": "the wire says it too",
    "attribute name": "of a meta element",
    "attribute content": "of a meta element",
    "attribute colspan": "as old as tables",
}


@dataclass(slots=True)
class Found:
    """What a mail uses: feature -> where it was first seen; things that are in no list; broken rules in words."""

    features: dict[str, str] = field(default_factory=dict)
    untested: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)

    def short_of(self, support: str) -> set[str]:
        """The features that some family of programs has only so far: ``n`` not at all, ``a`` in part."""
        return {slug for slug in self.features if support in SUPPORT[slug].values()}


def look_through(html: str) -> Found:
    """Everything the mail uses and everything it breaks; what is for Outlook alone (``[if mso]``) is looked at too."""
    mail = _Mail()
    mail.feed(html)
    mail.close()
    mail.end(html)
    return mail.found


class _Mail(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found = Found()
        self._open: list[str] = []  # the elements around
        self._words: dict[str, str] = {}  # what title and style hold
        self._links: list[str] = []
        self._headings: list[int] = []
        self._seen: set[str] = set()

    # HTML ---------------------------------------------------------------------------------------------------------

    def handle_decl(self, decl: str) -> None:
        self._use("html-doctype", decl)

    def handle_comment(self, data: str) -> None:
        self._use("html-comments", data)
        if data.startswith("[if ") and not data.startswith("[if !mso"):
            inside = re.sub(r"^\[if [^\]]*\]>|<!\[endif\]$", "", data)
            for tag, rest in re.findall(r"<(\w+)([^>]*)>", inside):
                self._element(tag, dict(re.findall(r'([\w-]+)="([^"]*)"', rest)))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag not in ("meta", "br", "wbr", "hr", "img", "link", "input", "col", "area", "base", "embed", "source"):
            self._open.append(tag)
        self._element(tag, values)
        if tag == "style" and "head" not in self._open:
            self._break("a style sheet outside the head")
        if tag == "a":
            self._links.append("")
        if re.fullmatch("h[1-6]", tag):
            self._headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._open:
            self._break(f"</{tag}> closes nothing")
            return
        while self._open.pop() != tag:
            self._break(f"</{tag}> closes more than its own")

    def handle_data(self, data: str) -> None:
        for holder in {"title", "style"} & set(self._open[-1:]):
            self._words[holder] = self._words.get(holder, "") + data
        if "a" in self._open:
            self._links[-1] += data

    def _element(self, tag: str, values: dict[str, str]) -> None:
        self._map(f"element {tag}", ELEMENTS.get(tag, f"html-{tag}"), f"<{tag}>")
        for name, value in values.items():
            self._map(f"attribute {name}", ATTRIBUTES.get(name, ""), f'<{tag} {name}="{value[:40]}">')
        for name, value in _declarations(values.get("style", "")):
            self._declaration(name, value)
        if values.get("href", "").startswith("mailto:"):
            self._use("html-mailto-links", values["href"])
        if values.get("href", "").startswith("#"):
            self._use("html-anchor-links", values["href"])
        if tag == "meta" and values.get("name") == "color-scheme":
            self._use("html-meta-color-scheme", values.get("content", ""))
        self._rules(tag, values)

    # CSS ----------------------------------------------------------------------------------------------------------

    def _style_sheet(self, css: str) -> None:
        if "/*" in css:
            self._use("css-comments", "/*")
        for selector, inside in _blocks(re.sub(r"/\*.*?\*/", "", css, flags=re.S)):
            if selector.startswith("@media"):
                self._use("css-at-media", selector)
                for query in re.findall(r"\(([^)]*)\)", selector):
                    name = query.partition(":")[0].strip()
                    slug = next((f"css-at-media-{known}" for known in MEDIA if known in name), "")
                    self._map(f"media query {name}", slug, selector)
                self._style_sheet(inside)
            elif selector.startswith("@"):
                name = selector.split()[0][1:]
                self._map(f"at-rule {name}", f"css-at-{name}", selector)
                if name == "supports":
                    self._style_sheet(inside)
            else:
                self._selector(selector)
                if "{" in inside:
                    self._use("css-nesting", selector)
                for declared, value in _declarations(inside):
                    self._declaration(declared, value)

    def _selector(self, selector: str) -> None:
        if "," in selector:
            self._use("css-selector-grouping", selector)
        for kind, name in re.findall(r"(::?)([\w-]+)", selector):
            known = (f"css-pseudo-element-{name}", f"css-pseudo-class-{name}")
            self._map(f"pseudo {kind}{name}", next((slug for slug in known if slug in SUPPORT), ""), selector)
        for one in selector.split(","):
            plain = re.sub(r"::?[\w-]+(\([^)]*\))?", "", one.strip())
            for sign, slug in SELECTORS.items():
                if re.search(sign, re.sub(r"(?<=\[)[^\]]*", "x", plain)):
                    self._use(slug, selector)

    def _declaration(self, name: str, value: str) -> None:
        said = f"{name}:{value}"
        if not name.startswith("--"):
            self._map(f"property {name}", PROPERTIES.get(name, f"css-{name}"), said)
        for sign, slug in VALUES.items():
            if re.search(sign, said):
                self._use(slug, said)
        for unit in re.findall(rf"(?<![\w#-])[\d.]+({UNITS})\b", value):
            self._use(f"css-unit-{unit}", said)
        for function in re.findall(rf"(?<![\w-])({FUNCTIONS})\(", value):
            self._use(f"css-function-{function}", said)
        if "url(" in value:
            self._break(f"a style asks for something else: {said}")

    # rules --------------------------------------------------------------------------------------------------------

    def _rules(self, tag: str, values: dict[str, str]) -> None:
        if tag in ("script", "form", "iframe", "img", "link", "object", "embed", "video", "audio", "base", "input"):
            self._break(f"<{tag}> has no place in a mail of ours")
        for name in {"src", "srcset", "background", "action", "poster", "data"} & set(values):
            self._break(f"<{tag}> asks for {name}={values[name]}")
        if event := next((name for name in values if name.startswith("on")), ""):
            self._break(f"<{tag}> has {event}")
        if tag == "table" and values.get("role") != "presentation":
            self._break("a table for layout without role=presentation")
        if tag == "a" and not re.match("https?://|mailto:", values.get("href", "")):
            self._break(f"a link to nowhere: {values.get('href')!r}")
        if tag == "html":
            self._seen |= {name for name in ("lang", "dir") if values.get(name)}
        if tag == "meta":
            self._seen |= {name for name in ("charset",) if values.get(name) == "utf-8"} | {values.get("name", "")}

    def end(self, html: str) -> None:
        """The rules that only the whole mail can break."""
        self._style_sheet(self._words.get("style", ""))
        style_bytes = sum(len(sheet.encode()) for sheet in re.findall(r"<style.*?</style>", html, re.S))
        if style_bytes >= STYLE_BYTES:
            self._break(f"{style_bytes} bytes of style sheets")
        if not html.lstrip().lower().startswith("<!doctype html>"):
            self._break("no <!doctype html> at its head")
        for name in {"lang", "dir", "charset", "color-scheme"} - self._seen:
            self._break(f"no {name} is said")
        if not self._words.get("title", "").strip():
            self._break("no title")
        if self._open:
            self._break(f"never closed: {self._open}")
        if self._headings[:1] != [1] or self._headings.count(1) != 1:
            self._break(f"not one h1 before all other headings: {self._headings}")
        if any(after - before > 1 for before, after in zip(self._headings, self._headings[1:], strict=False)):
            self._break(f"headings leave out a level: {self._headings}")
        for text in self._links:
            if not text.strip() or re.search(r"\b(click|here|read more|learn more)\b\W*$", text.strip(), re.I):
                self._break(f"a link that does not say where it leads: {text!r}")

    # notes --------------------------------------------------------------------------------------------------------

    def _use(self, slug: str, where: str) -> None:
        assert slug in SUPPORT, slug
        self.found.features.setdefault(slug, " ".join(where.split()))

    def _map(self, thing: str, slug: str, where: str) -> None:
        if slug in SUPPORT:
            self._use(slug, where)
        elif thing in UNTESTED:
            self.found.untested.add(thing)
        else:
            self.found.unknown.add(thing)

    def _break(self, rule: str) -> None:
        self.found.broken.append(rule)


def _declarations(css: str) -> Iterator[tuple[str, str]]:
    """Each ``name`` and ``value`` between semicolons."""
    for declaration in css.split(";"):
        name, colon, value = declaration.partition(":")
        if colon:
            yield name.strip().lower(), value.strip()


def _blocks(css: str) -> Iterator[tuple[str, str]]:
    """Each selector or at-rule with what is between its outermost braces, which is empty for one without braces."""
    start = 0
    while start < len(css):
        brace, end = css.find("{", start), css.find(";", start)
        if end >= 0 and (brace < 0 or end < brace):  # @import "…";
            yield css[start:end].strip(), ""
            start = end + 1
            continue
        if brace < 0:
            return
        depth, at = 1, brace + 1
        while depth and at < len(css):
            depth += {"{": 1, "}": -1}.get(css[at], 0)
            at += 1
        yield css[start:brace].strip(), css[brace + 1 : at - 1]
        start = at
