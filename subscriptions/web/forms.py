"""Forms of the readers' pages: choices, address, pause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from subscriptions.models import WEEKDAYS_WORKING, Subscriber, Topic
from subscriptions.preferences import CONTENTS, Choices, Wish
from subscriptions.schedule import WEEKDAYS, rhythm_in_words
from subscriptions.unicode_text import clean_text
from subscriptions.web.fields import Address, CategoryList, NameList, PhraseList, same, show_text
from subscriptions.web.time_zones import known_zones

HOURS = range(4, 21)
TOO_QUICK = timedelta(seconds=2)
STALE = timedelta(hours=24)
TOO_OLD = timedelta(days=7)
LONGEST_LIST = 20_000  # characters of a list of papers
LONGEST_PAUSE = timedelta(days=366)
NO_ZONE = "Etc/Unknown"  # what browsers report that cannot tell their time zone
BAIT = "website"  # a hidden field that only programs fill in
OPENED_SALT = "broadsheet.form.opened"
RHYTHMS = {"working": WEEKDAYS_WORKING, "daily": 0b1111111, "weekly": 0b0000001}  # as Choices.weekdays
OTHER_DAYS = "days"  # those of the field weekdays

Data = Mapping[str, Any] | QueryDict | None


class ChoicesForm(forms.Form):
    """A form of all choices but the address. :meth:`choices` uses the fields that are valid so far."""

    topics = forms.MultipleChoiceField(required=False)
    keywords = PhraseList()
    authors = NameList()
    categories = CategoryList()
    muted = PhraseList()
    muted_authors = NameList()
    muted_categories = CategoryList()
    muted_topics = forms.MultipleChoiceField(required=False)
    rhythm = forms.ChoiceField(
        choices=[
            ("working", gettext_lazy("Working days")),
            ("daily", gettext_lazy("Every day")),
            ("weekly", gettext_lazy("Once a week, on Monday")),
            (OTHER_DAYS, gettext_lazy("Other days")),
        ],
        required=False,
        error_messages={"invalid_choice": gettext_lazy("Choose how often from the list.")},
    )
    weekdays = forms.MultipleChoiceField(
        choices=[(str(number), day) for number, day in enumerate(WEEKDAYS)],
        required=False,  # but with other days
        error_messages={"invalid_choice": gettext_lazy("Choose days from Monday to Sunday.")},
    )
    send_hour = forms.TypedChoiceField(
        choices=[(str(hour), f"{hour:02}:00") for hour in HOURS],
        coerce=int,
        error_messages=dict.fromkeys(
            ("required", "invalid_choice"), gettext_lazy("Choose an hour from 04:00 to 20:00.")
        ),
    )
    zone = forms.CharField(error_messages={"required": gettext_lazy("Choose your time zone from the list.")})
    max_papers = forms.IntegerField(
        min_value=3,
        max_value=25,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), gettext_lazy("Enter a number of papers from 3 to 25.")
        ),
    )
    hype = forms.IntegerField(
        min_value=0,
        max_value=100,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"),
            gettext_lazy("Choose a weight from 0 (none) to 100 (a lot)."),
        ),
    )
    quiet_days = forms.BooleanField(required=False)
    layout = forms.TypedChoiceField(
        choices=[(name, name) for name in Subscriber.Layout.values],
        required=False,
        empty_value=Subscriber.Layout.COMPACT.value,
        error_messages={"invalid_choice": gettext_lazy("Choose “compact” or “full”.")},
    )
    also_trending = forms.BooleanField(required=False)

    def __init__(self, data: Data = None, *, initial: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__(data, initial={**values_of(Choices()), **(initial or {})}, **options)
        for name in ("topics", "muted_topics"):
            if name in self.fields:
                # both are fields of choices, which the type of `fields` does not say
                self.fields[name].choices = self._slugs  # type: ignore[attr-defined]
                self.fields[name].error_messages["invalid_choice"] = gettext_lazy(
                    "One of these topics is no longer available. Choose again."
                )

    @cached_property
    def all_topics(self) -> list[Topic]:
        return list(Topic.objects.all())

    def _slugs(self) -> list[tuple[str, str]]:
        return [(topic.slug, topic.name) for topic in self.all_topics]

    def topic_groups(self, name: str = "topics") -> list[tuple[str, list[tuple[Topic, bool]]]]:
        """Return (group, [(topic, chosen)]) of the topics on offer and of chosen ones that no longer are."""
        chosen = {str(slug) for slug in self[name].value() or ()}
        groups: dict[str, list[tuple[Topic, bool]]] = {}
        for topic in self.all_topics:
            if topic.offered or topic.slug in chosen:
                groups.setdefault(topic.group, []).append((topic, topic.slug in chosen))
        return list(groups.items())

    def clean_zone(self) -> str:
        zone = str(self.cleaned_data["zone"])
        if zone not in known_zones():
            message = _("%(zone)s is not a known time zone. Choose one from the list.")
            raise ValidationError(message, params={"zone": show_text(zone)})
        return zone

    def count_of(self, name: str) -> int:
        """Count the entries of a field of several, as typed."""
        value = self[name].value() or ()
        return len(list(filter(str.strip, value.splitlines()))) if isinstance(value, str) else len(value)

    def rhythm_in_words(self) -> str:
        """Return ``on weekdays at 07:00`` for the valid days and hour so far; empty for an unfinished form."""
        given = self.initial
        if self.is_bound:
            self.is_valid()
            given = self.cleaned_data
        if not {"weekdays", "send_hour"} <= given.keys():
            return ""
        return rhythm_in_words(weekdays=_bits(given["weekdays"]), hour=given["send_hour"])

    def clean(self) -> dict[str, Any]:
        rhythm = self.cleaned_data.get("rhythm", OTHER_DAYS)
        if rhythm in RHYTHMS:
            self.cleaned_data["weekdays"] = _days(RHYTHMS[rhythm])
            self.errors.pop("weekdays", None)
        elif "weekdays" in self.cleaned_data and not self.cleaned_data["weekdays"]:
            self.add_error("weekdays", _("Choose at least one day of the week."))
        for wanted in ("keywords", "authors", "categories", "topics"):
            self._refuse_both(wanted, MUTED[wanted])
        return self.cleaned_data

    def _refuse_both(self, wanted: str, muted: str) -> None:
        """Add an error to the muted field if it shares a value with the wanted one; the muted one becomes invalid."""
        wishes = {same(value) for value in self.cleaned_data.get(wanted, ())}
        both = [value for value in self.cleaned_data.get(muted, ()) if same(value) in wishes]
        if both:
            names = dict(self._slugs()) if muted == "muted_topics" else {}
            message = ngettext(
                "%(names)s is both wanted and muted. Remove it from one of the two fields.",
                "%(names)s are both wanted and muted. Remove them from one of the two fields.",
                len(both[:3]),
            )
            quoted = ", ".join(show_text(names.get(value, value)) for value in both[:3])
            self.add_error(muted, message % {"names": quoted})

    def choices(self) -> Choices:
        """Return the values of the valid fields, and defaults for the others."""
        self.is_valid()
        given = self.cleaned_data if self.is_bound else {}
        simple: dict[str, Any] = {name: given[name] for name in ("zone", "send_hour", *CONTENTS) if name in given}
        if "weekdays" in given:
            simple["weekdays"] = _bits(given["weekdays"])
        return Choices(**simple, wishes=tuple(_wishes(given)))


MUTED = {  # field of wanted values -> field of muted values
    "keywords": "muted",
    "authors": "muted_authors",
    "categories": "muted_categories",
    "topics": "muted_topics",
}
WISHES = {  # field -> kind and stance of its wishes
    "topics": ("topic", "want"),
    "keywords": ("keyword", "want"),
    "authors": ("author", "want"),
    "categories": ("category", "want"),
    "muted": ("keyword", "mute"),
    "muted_authors": ("author", "mute"),
    "muted_categories": ("category", "mute"),
    "muted_topics": ("topic", "mute"),
}


def _wishes(given: Mapping[str, Any]) -> Iterable[Wish]:
    for name, (kind, stance) in WISHES.items():
        for value in dict.fromkeys(given.get(name, ())):
            yield Wish(kind, value, stance)


def _days(bits: int) -> list[str]:
    return [str(day) for day in range(7) if bits >> day & 1]


def _bits(days: Iterable[str]) -> int:
    return sum(1 << int(day) for day in set(days))


def values_of(choices: Choices) -> dict[str, Any]:
    """Return the values of a form's fields for these choices."""
    values: dict[str, Any] = {
        "rhythm": next((name for name, days in RHYTHMS.items() if days == choices.weekdays), OTHER_DAYS),
        "weekdays": _days(choices.weekdays),
        "send_hour": choices.send_hour,
        "zone": choices.zone,
        **{name: getattr(choices, name) for name in CONTENTS},
    }
    for name, (kind, stance) in WISHES.items():
        values[name] = [wish.value for wish in choices.wishes if (wish.kind, wish.stance) == (kind, stance)]
    return values


class SignUpForm(ChoicesForm):
    """A form of choices and an address, with two traps for programs; ``now`` is when it is shown or posted."""

    email = Address()
    papers = forms.CharField(
        required=False,
        max_length=LONGEST_LIST,
        widget=forms.Textarea,
        error_messages={
            "max_length": gettext_lazy("This list is too long. You can upload it when you have confirmed.")
        },
    )
    website = forms.CharField(required=False)
    opened = forms.CharField(required=False)
    # None takes a field out of a subclass of a form; the stubs expect another field
    muted_authors = muted_categories = muted_topics = None  # type: ignore[assignment]

    def __init__(self, data: Data = None, *, now: datetime, **options: Any) -> None:
        super().__init__(data, **options)
        self.now = now

    @classmethod
    def posted(cls, data: QueryDict, *, now: datetime) -> SignUpForm:
        """Return the posted form; the short form of the home page and of a topic's page has the default choices with
        the ticked topics, and its zone if it is known.
        """
        values = values_of(Choices())
        if data.get("zone") == NO_ZONE:
            data = data.copy()
            data["zone"] = values["zone"]
        if "short" not in data:
            return cls(data, now=now)
        if (zone := data.get("zone", "")) in known_zones():
            values["zone"] = zone
        values |= {name: data.get(name, "") for name in ("email", BAIT, "opened")}
        values["topics"] = data.getlist("topics")
        full = QueryDict(mutable=True)
        for name, value in values.items():
            if isinstance(value, list):
                full.setlist(name, value)
            else:
                full[name] = str(value)
        return cls(full, now=now)

    def opened_stamp(self) -> str:
        """Return the hidden field's value: when this form was first shown, signed; renewed after a day."""
        given = self._opened()
        if given is None or self.now - given > STALE:
            return signing.dumps(int(self.now.timestamp()), salt=OPENED_SALT)
        return str(self.data["opened"])

    def _opened(self) -> datetime | None:
        try:
            seconds = signing.loads(str(self.data.get("opened", "")), salt=OPENED_SALT)
            return datetime.fromtimestamp(seconds, self.now.tzinfo)
        except (signing.BadSignature, ValueError, TypeError, OverflowError, OSError):
            return None

    def clean(self) -> dict[str, Any]:
        super().clean()
        if self.cleaned_data.get(BAIT):
            raise ValidationError(_("A hidden field was filled in. Clear it and send the form again."))
        opened = self._opened()
        if opened is None or self.now - opened < TOO_QUICK:
            raise ValidationError(_("That was very quick. Please click the button again."))
        if self.now - opened > TOO_OLD:
            raise ValidationError(_("This form was open for more than a week. Please click the button again."))
        return self.cleaned_data

    def choices(self) -> Choices:
        chosen = super().choices()
        return replace(chosen, papers=clean_text(self.cleaned_data.get("papers", "")) if self.is_bound else "")


class AddressForm(forms.Form):
    """A form of one address: to sign in, or to change to."""

    email = Address()


class PauseForm(forms.Form):
    """A form for the end of a pause: a day, or a number of weeks from ``today`` in the reader's zone."""

    weeks = forms.TypedChoiceField(
        choices=[(weeks, weeks) for weeks in (1, 2, 4)],
        coerce=int,
        required=False,
        empty_value=None,
        error_messages={"invalid_choice": gettext_lazy("Choose one, two or four weeks.")},
    )
    until = forms.DateField(
        required=False,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": gettext_lazy("Choose a day from the calendar, or write it like 2027-01-31.")},
    )

    def __init__(self, data: Data = None, *, today: date, **options: Any) -> None:
        super().__init__(data, **options)
        self.today = today

    def clean(self) -> dict[str, Any]:
        until = self.cleaned_data.get("until")
        if weeks := self.cleaned_data.get("weeks"):
            self.cleaned_data["until"] = self.today + timedelta(weeks=weeks)
        elif until is None and not self.errors:
            self.add_error("until", _("Choose the day on which your digest starts again."))
        elif until is not None and not self.today < until <= self.today + LONGEST_PAUSE:
            self.add_error("until", _("Choose a day after today and within a year."))
        return self.cleaned_data
