"""Read Zotero RDF, the format in which Zotero exports a library with its abstracts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from xml.etree import ElementTree

from digest.ingest.parsers.body import Text
from digest.ingest.parsers.feed import SourceUnreadable
from digest.ingest.reference_lists.work import RawWork, ReferenceList, assemble, names_in
from digest.source_errors import ErrorKind

FORMAT = "Zotero RDF"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_TERMS = "{http://purl.org/dc/terms/}"
_ZOTERO = "{http://www.zotero.org/namespaces/export#}"
_NO_WORK = {"attachment", "note", "annotation"}


def read(opened: Text) -> ReferenceList:
    """Return the works of an export; of one that is cut or damaged, those before. Raises SourceUnreadable."""
    text = opened.text
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise SourceUnreadable(ErrorKind.MALFORMED, "it declares a document type of its own (DTD)")
    nodes, is_cut = _nodes(text)
    named = Counter(ref for node in nodes if (ref := _issue(node)))
    issues = {node.get(f"{_RDF}about"): node for node in nodes}
    return assemble(_works(nodes, issues, named), format=FORMAT, is_cut=is_cut)


def _nodes(text: str) -> tuple[list[ElementTree.Element], bool]:
    """Return the whole elements below the root, and whether the document is cut. Raises SourceUnreadable."""
    sound = text.partition("?>")[2] if text.startswith("<?xml") else text
    nodes: list[ElementTree.Element] = []
    depth = 0
    try:
        # without a DTD there is no entity to expand
        for event, node in ElementTree.iterparse(BytesIO(sound.encode("utf-8", "replace")), ["start", "end"]):  # noqa: S314
            if event == "start":
                if not depth and node.tag != f"{_RDF}RDF":
                    raise SourceUnreadable(ErrorKind.UNKNOWN_FORMAT, "XML, but not an export of Zotero")
                depth += 1
            else:
                depth -= 1
                nodes += [node] if depth == 1 else []
    except ElementTree.ParseError:
        if not nodes:
            raise SourceUnreadable(ErrorKind.MALFORMED) from None
        return nodes, True
    return nodes, False


def _works(
    nodes: list[ElementTree.Element], issues: dict[str | None, ElementTree.Element], named: Counter[str]
) -> Iterator[RawWork]:
    for node in nodes:
        kind = node.findtext(f"{_ZOTERO}itemType", "").strip()
        if not kind or kind in _NO_WORK:  # journals, collections, tags, files and notes are no works
            continue
        texts = [*_identifiers(node)]
        for part in node.findall(f"{_TERMS}isPartOf"):
            texts += [name for issue in part for name in _identifiers(issue)]
        # the DOI stands with the issue, which may be that of several works
        if (ref := _issue(node)) and named[ref] == 1 and ref in issues:
            texts += _identifiers(issues[ref])
        extra = " ".join(one.text or "" for one in node.findall(f"{_DC}description"))
        yield RawWork(
            title=_text(node.find(f"{_DC}title")),
            abstract=_text(node.find(f"{_TERMS}abstract")),
            names=(
                *(name for text in texts for name in names_in(text)),
                *names_in(extra),
                node.get(f"{_RDF}about", ""),
            ),
            published=_text(node.find(f"{_DC}date")),
        )


def _issue(node: ElementTree.Element) -> str:
    part = node.find(f"{_TERMS}isPartOf")
    return part.get(f"{_RDF}resource", "") if part is not None else ""


def _identifiers(node: ElementTree.Element) -> Iterator[str]:
    for one in node.findall(f"{_DC}identifier"):
        yield _text(one)


def _text(element: ElementTree.Element | None) -> str:
    return " ".join("".join(element.itertext()).split()) if element is not None else ""
