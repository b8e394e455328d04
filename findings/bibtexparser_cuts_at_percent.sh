#!/bin/sh
# bibtexparser's LaTeX decoding cuts a field, an address too, at its first percent sign.
set -eu
unset PYTHONPATH PYTHONHOME

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

if ! timeout 120 python3 -m venv "$work/venv" >"$work/log" 2>&1; then
    echo "missing: python3 with its venv module"
    exit 3
fi
python=$work/venv/bin/python
if ! timeout 300 "$python" -m pip install -q --disable-pip-version-check bibtexparser==2.1.0 pylatexenc==2.11 >"$work/log" 2>&1; then
    echo "missing: the packages could not be installed: $(tail -n 1 "$work/log")"
    exit 3
fi

timeout 60 "$python" - "$work" <<'PY'
import sys
from importlib.metadata import version

import bibtexparser
from bibtexparser.middlewares import LatexDecodingMiddleware

ENTRY = r"""
@article{doe2026,
  author   = {J{\"o}rg Doe},
  title    = {Cheaper inference},
  url      = {https://example.org/papers/cheaper%20inference.pdf},
  abstract = {We save 12% of the energy on four data sets, at no loss of accuracy.},
}
"""


def fields(*middleware):
    entry = bibtexparser.parse_string(ENTRY, append_middleware=list(middleware)).entries[0]
    return {field.key: field.value for field in entry.fields}


plain, decoded = fields(), fields(LatexDecodingMiddleware())
print(f"package   bibtexparser {version('bibtexparser')} with pylatexenc {version('pylatexenc')}")
print("expected  the decoding turns accents and macros into characters and keeps every word; url is no LaTeX at all")
for key in ("author", "url", "abstract"):
    print(f"seen      {key}: {plain[key]}")
    print(f"{'':10}{'decoded':>{len(key)}}: {decoded[key]}")
print("matters   a reading list that is imported so has links that lead nowhere and abstracts that end in the middle;")
print("          no error is raised and no block is marked as failed")
print("source    bibtexparser 2.1.0, bibtexparser/middlewares/latex_encoding.py: every field goes through pylatexenc's")
print("          LatexNodes2Text, for which % begins a comment; a .bib file has no such comments, and biblatex's manual")
print("          has url as a verbatim field. Page 'Customizing' does not tell; related: sciunto-org/python-bibtexparser")
print("          issue 314, on urls that are changed")
if decoded != plain | {
    "author": "Jörg Doe",
    "url": "https://example.org/papers/cheaper",
    "abstract": "We save 12",
}:
    sys.exit("CHANGED: the decoded fields differ from what is stated")
PY
