#!/bin/sh
# Django's cache counts on with another lifetime: incr() forgets a key's own timeout on two backends.
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
if ! timeout 300 "$python" -m pip install -q --disable-pip-version-check Django==5.2.19 >"$work/log" 2>&1; then
    echo "missing: the packages could not be installed: $(tail -n 1 "$work/log")"
    exit 3
fi

timeout 60 "$python" - "$work" <<'PY'
import sys
import time

import django
from django.conf import settings
from django.core.cache import caches
from django.core.management import call_command

BACKENDS = {
    "LocMemCache": ("locmem.LocMemCache", "memory"),
    "DatabaseCache": ("db.DatabaseCache", "counts"),
    "FileBasedCache": ("filebased.FileBasedCache", f"{sys.argv[1]}/cache"),
}
settings.configure(
    CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    | {
        name: {"BACKEND": f"django.core.cache.backends.{path}", "LOCATION": location, "TIMEOUT": 1}
        for name, (path, location) in BACKENDS.items()
    },
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{sys.argv[1]}/database"}},
)
django.setup()
call_command("createcachetable", verbosity=0)
for name in BACKENDS:
    for key in ("counted", "alone"):
        caches[name].set(key, 1, timeout=24 * 3600)
    caches[name].incr("counted")
time.sleep(2)
seen = {name: (caches[name].get("alone"), caches[name].get("counted")) for name in BACKENDS}
print("package   Django", django.__version__)
print("expected  a counter that was set for a day lives a day, also when incr() adds to it; TIMEOUT, here 1 s, is for")
print("          keys that were set without a timeout of their own")
for name, (alone, counted) in seen.items():
    print(f"seen      {name}: two seconds later the key without incr() holds {alone}, the one with incr() {counted}")
print("matters   a day's count, of mails or of requests to a source, is lost when nothing is counted for TIMEOUT seconds;")
print("          tests that run on LocMemCache pass all the same")
print("source    Django 5.2.19, django/core/cache/backends/base.py, BaseCache.incr: get(), then set() without a timeout;")
print("          ticket 26619, django/django pull request 19875 (open)")
if seen != {"LocMemCache": (1, 2), "DatabaseCache": (1, None), "FileBasedCache": (1, None)}:
    sys.exit("CHANGED: the counters did not live as stated")
PY
