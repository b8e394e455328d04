"""The Jinja2 environment of the web pages. ``_``, ``ngettext`` and ``{% trans %}`` use Django's translations."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from jinja2 import Environment, StrictUndefined

from subscriptions import consent_text


def environment(**options: Any) -> Environment:
    env = Environment(**{**options, "undefined": StrictUndefined}, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 (Django turns autoescape on)
    env.globals |= {"url": reverse, "static": static, "agreed": consent_text.SIGN_UP}
    env.add_extension("jinja2.ext.i18n")
    env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.policies["ext.i18n.trimmed"] = True
    return env
