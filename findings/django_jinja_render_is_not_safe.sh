#!/bin/sh
# render_to_string() is typed as SafeString, but with Django's Jinja2 engine it is a plain str, and is escaped when shown.
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
if ! timeout 300 "$python" -m pip install -q --disable-pip-version-check Django==5.2.19 Jinja2==3.1.6 django-stubs==6.1.2 \
    >"$work/log" 2>&1; then
    echo "missing: the packages could not be installed: $(tail -n 1 "$work/log")"
    exit 3
fi
mkdir "$work/templates"
printf '<b>{{ name }}</b>' >"$work/templates/bold.html"

timeout 60 "$python" - "$work" <<'PY'
import re
import sys
from importlib.metadata import files, version

import django
from django.conf import settings
from django.template import engines
from django.template.loader import render_to_string

ENGINES = {"django": "django.DjangoTemplates", "jinja2": "jinja2.Jinja2"}
settings.configure(
    TEMPLATES=[
        {"NAME": name, "BACKEND": f"django.template.backends.{path}", "DIRS": [f"{sys.argv[1]}/templates"]}
        for name, path in ENGINES.items()
    ]
)
django.setup()
page = engines["django"].from_string("{{ part }}")
seen = {}
for name in ENGINES:
    part = render_to_string("bold.html", {"name": "A & B"}, using=name)
    seen[name] = (type(part).__name__, page.render({"part": part}))
stub = next(path for path in files("django-stubs") if str(path).endswith("template/loader.pyi")).read_text()
typed = re.search(r"def render_to_string\(.*?\) -> (\w+)", stub, re.S)[1]
print(f"package   Django {django.get_version()}, Jinja2 {version('Jinja2')}, django-stubs {version('django-stubs')}")
print("expected  the same of both engines, which both escape variables: markup that another template shows as it is;")
print(f"          the type checker is told so: render_to_string() -> {typed}")
for name, (kind, shown) in seen.items():
    print(f"seen      using {name}: {kind}, shown by a Django template as {shown}")
print("matters   a part that moves from one engine to the other shows its tags as text, and mypy agrees with the code;")
print("          there is no error. SafeString(render_to_string(...)) is right where the template escapes")
print("source    django/template/backends/jinja2.py, Template.render() returns what Jinja2 gives, a str; Django's own ends")
print("          in mark_safe(). pallets/jinja issue 576 (closed) has the cause, typeddjango/django-stubs pull request")
print("          1036 the type")
if typed != "SafeString" or seen != {
    "django": ("SafeString", "<b>A &amp; B</b>"),
    "jinja2": ("str", "&lt;b&gt;A &amp;amp; B&lt;/b&gt;"),
}:
    sys.exit("CHANGED: the two engines did not differ as stated")
PY
