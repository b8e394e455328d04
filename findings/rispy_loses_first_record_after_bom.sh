#!/bin/sh
# rispy loses the first record of a RIS file that begins with a byte order mark, without an error.
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
if ! timeout 300 "$python" -m pip install -q --disable-pip-version-check rispy==0.10.0 >"$work/log" 2>&1; then
    echo "missing: the packages could not be installed: $(tail -n 1 "$work/log")"
    exit 3
fi

timeout 60 "$python" - "$work" <<'PY'
import sys
from importlib.metadata import version
from pathlib import Path

import rispy

RECORD = "TY  - JOUR\r\nTI  - {}\r\nPY  - 2026\r\nER  - \r\n\r\n"
path = Path(sys.argv[1]) / "export.ris"
path.write_bytes(b"\xef\xbb\xbf" + "".join(map(RECORD.format, ("First", "Second", "Third"))).encode())
alone = Path(sys.argv[1]) / "one.ris"
alone.write_bytes(b"\xef\xbb\xbf" + RECORD.format("Only").encode())


def titles(path, encoding):
    return [record["title"] for record in rispy.load(path, encoding=encoding)]


seen = {
    "three records": titles(path, "utf-8"),
    "one record": titles(alone, "utf-8"),
    "three records, encoding='utf-8-sig'": titles(path, "utf-8-sig"),
}
print(f"package   rispy {version('rispy')}")
print("expected  each record of a UTF-8 file, whether it begins with a byte order mark or not, or an error")
for what, found in seen.items():
    print(f"seen      {what}: {found}")
print("matters   editors on Windows write the mark, and exports of EndNote had it. An imported library lacks its first paper, a file")
print("          of one paper is empty, and nothing says so: before the first TY every line is skipped in silence")
print("source    rispy 0.10.0, rispy/parser.py: _iter_till_start looks for a line that starts with TY. MrTango/rispy issue")
print("          13 reported it in 2019, when it was an error; pull request 23 stripped the mark, and pull request 64")
print("          took that back in 2024 and leaves it to the caller's encoding")
if seen != {
    "three records": ["Second", "Third"],
    "one record": [],
    "three records, encoding='utf-8-sig'": ["First", "Second", "Third"],
}:
    sys.exit("CHANGED: the records differ from what is stated")
PY
