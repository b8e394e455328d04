"""A reader's choices in a few lines, for the top of their preferences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from subscriptions.models import Preference, Subscriber, Topic
from subscriptions.preferences import Choices, Wish
from subscriptions.schedule import rhythm_in_words
from subscriptions.web.time_zones import time_of

SHOWN = 12  # wishes of one line


def summary_of(choices: Choices, topics: Iterable[Topic]) -> list[tuple[str, str]]:
    """Return (name, words) of what is wanted, left out, when it comes and in which mail; no query."""
    names = {topic.slug: topic.name for topic in topics}
    wanted, muted = ([wish for wish in choices.wishes if wish.stance == stance] for stance in Preference.Stance.values)
    when = rhythm_in_words(weekdays=choices.weekdays, hour=choices.send_hour) or _("never")
    lines = [
        (
            _("Papers about"),
            _in_words(wanted, names)
            or _("nothing in particular: what is trending, or similar to the papers in your list"),
        )
    ]
    if muted:
        lines.append((_("Left out"), _in_words(muted, names)))
    lines.append((_("When"), _("%(when)s, %(time)s") % {"when": when, "time": time_of(choices.zone)}))
    full = choices.layout == Subscriber.Layout.FULL
    papers = ngettext("at most %(count)s paper", "at most %(count)s papers", choices.max_papers)
    lines.append(
        (_("Mail"), f"{papers % {'count': choices.max_papers}}, {_('with abstracts') if full else _('compact')}")
    )
    return lines


def _in_words(wishes: list[Wish], names: Mapping[str, str]) -> str:
    told = [_told(wish, names) for wish in wishes[:SHOWN]]
    if more := len(wishes) - len(told):
        told.append(ngettext("%(count)s more", "%(count)s more", more) % {"count": more})
    return ", ".join(told)


def _told(wish: Wish, names: Mapping[str, str]) -> str:
    if wish.kind == Preference.Kind.TOPIC:
        return names.get(wish.value, wish.value)
    return f"“{wish.value}”" if wish.kind == Preference.Kind.KEYWORD else wish.value
