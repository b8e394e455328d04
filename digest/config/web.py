"""The Jinja2 environment of the web pages. ``_``, ``ngettext`` and ``{% trans %}`` use Django's translations."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language, gettext, ngettext
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from subscriptions import consent_text
from subscriptions.web.sessions import is_signed_in

# In a script element neither "</script>" nor "<!--" may appear.
ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


# What a browser keeps in a cookie, written by static/pages.js, becomes an attribute of the page's root.
LOOKS = {"theme": ("light", "dark"), "view": ("compact",)}


def look(request: HttpRequest) -> Markup:
    """Return the attributes for the theme and the view that this browser keeps; ``?view=`` goes before the cookie."""
    chosen = {name: request.COOKIES.get(name, "") for name in LOOKS} | {"view": _view(request)}
    kept = {name: value for name, value in chosen.items() if value in LOOKS[name]}
    return Markup("").join(Markup(' data-{}="{}"').format(name, value) for name, value in kept.items())


def _view(request: HttpRequest) -> str:
    return str(request.GET.get("view") or request.COOKIES.get("view", ""))


def json_ld(value: Any) -> Markup:
    """Return a script element of JSON-LD, which browsers never run, so that the policy of scripts allows it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(ESCAPES)
    return Markup('<script type="application/ld+json">{}</script>').format(Markup(text))  # noqa: S704 (escaped above)


@lru_cache(maxsize=4096)
def _translated(_language: str | None, text: str, has_variables: bool) -> Markup:
    """Return a text in the current language; where variables will be filled in, with their places."""
    translated = Markup(gettext(text))  # noqa: S704 (templates' own words)
    return translated if has_variables else translated % {}


def page_gettext(text: str, /, **variables: Any) -> Markup:
    """Do what Jinja's new-style gettext does. A page asks for 180 texts, most of them once for each paper."""
    translated = _translated(get_language(), text, bool(variables))
    return translated % variables if variables else translated


def environment(**options: Any) -> Environment:
    env = Environment(**{**options, "undefined": StrictUndefined}, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 (Django turns autoescape on)
    env.globals |= {
        "url": reverse,
        "static": static,
        "agreed": consent_text.SIGN_UP,
        "absolute": lambda path: f"{settings.SITE_URL}{path}",
        "json_ld": json_ld,
        "look": look,
        # the folder of mails that do not leave this machine
        "outbox": f"{settings.VAR.name}/{settings.OUTBOX.name}" if settings.MAIL_PROVIDER == "outbox" else "",
        "is_signed_in": is_signed_in,
    }
    env.filters["zip"] = zip
    env.add_extension("jinja2.ext.i18n")
    # added by the extension, which the stubs of Environment do not know
    env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.globals |= {"gettext": page_gettext, "_": page_gettext}
    env.policies["ext.i18n.trimmed"] = True
    return env
