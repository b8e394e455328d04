#!/bin/sh
# msgspec takes a SafeString of Django or a Markup of Jinja2 into a field of type str, and cannot write it.
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
if ! timeout 300 "$python" -m pip install -q --disable-pip-version-check msgspec==0.23.0 django==5.2.19 markupsafe==3.0.3 \
    >"$work/log" 2>&1; then
    echo "missing: the packages could not be installed: $(tail -n 1 "$work/log")"
    exit 3
fi

timeout 60 "$python" - <<'PY'
import json
import sys
from importlib.metadata import version

import msgspec
from django.db.models import TextChoices
from django.utils.html import format_html
from markupsafe import escape


class Mood(TextChoices):
    GLAD = "glad", "Glad"


class Note(msgspec.Struct):
    text: str


def written(value):
    try:
        return msgspec.json.encode(value).decode()
    except TypeError as error:
        return f"TypeError, {error}"


safe, markup = format_html("{}", "a note"), escape("a note")
seen = {
    "a SafeString": written(safe),
    "a Markup": written(markup),
    "a Struct with a SafeString in a field of type str": written(Note(safe)),
    "the same after convert({'text': safe}, Note)": written(msgspec.convert({"text": safe}, Note)),
    "a SafeString as a key": written({safe: 1}),
    "a member of TextChoices, also a subclass of str": written(Mood.GLAD),
    "a dict in a subclass of dict": written(type("Own", (dict,), {})(text="a note")),
    "by json.dumps": json.dumps([safe, markup]),
    "the types of str(SafeString) and str(Markup)": [type(str(one)).__name__ for one in (safe, markup)],
    "both after an empty join, ''.join([value])": [written("".join([one])) for one in (safe, markup)],
}
for name in ("msgspec", "django", "markupsafe"):
    print(f"package   {name} {version(name)}")
print("expected  what is an instance of str, and is accepted as one, is written as one, or is refused where it is taken")
for what, found in seen.items():
    print(f"seen      {what}: {found}")
print("matters   the Struct is made, convert() approves of it and it equals one with a plain string; only the write")
print("          fails, perhaps far away, for one row of a batch, and only where a text came through a template filter or")
print("          format_html. Tests with plain strings pass. An enc_hook has to make a plain string of it, and str is none for a")
print("          SafeString, which it leaves one; ''.join([value]) is plain for both")
print("source    msgspec/msgspec issues 248 (closed: on purpose, for scalars), 289 (open since 2023) and pull request 454")
print("          (keys alone were let through)")
refused = "TypeError, Encoding objects of type {} is unsupported"
if list(seen.values()) != [
    refused.format("SafeString"),
    refused.format("Markup"),
    refused.format("SafeString"),
    refused.format("SafeString"),
    '{"a note":1}',
    '"glad"',
    '{"text":"a note"}',
    '["a note", "a note"]',
    ["SafeString", "str"],
    ['"a note"', '"a note"'],
]:
    sys.exit("CHANGED: what is written differs from what is stated")
PY
