"""List readers by topic, status and domain, page by page, and as a CSV file for spreadsheets."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from subscriptions.models import Preference, Subscriber, Topic
from subscriptions.schedule import rhythm_in_words

ROWS = 50  # on a page
COLUMNS = ("number", "address", "status", "confirmed", "digests", "zone")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # with which spreadsheets begin a formula, or a cell's next line
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


class ReaderFilters(forms.Form):
    """The readers to list; an empty field filters nothing."""

    topic = forms.ModelChoiceField(
        Topic.objects.order_by("name"),
        to_field_name="slug",
        required=False,
        label=gettext_lazy("Topic"),
        empty_label=gettext_lazy("all topics"),
        error_messages={"invalid_choice": gettext_lazy("There is no such topic. Choose one from the list.")},
    )
    status = forms.ChoiceField(
        choices=[
            ("", gettext_lazy("all")),
            *((one.value, one.value) for one in Subscriber.Status if one != Subscriber.Status.ERASED),
        ],
        required=False,
        label=gettext_lazy("Status"),
        error_messages={"invalid_choice": gettext_lazy("There is no such status. Choose one from the list.")},
    )
    domain = forms.CharField(required=False, max_length=253, label=gettext_lazy("Domain of the address"))

    def clean_domain(self) -> str:
        typed = self.cleaned_data["domain"].strip().removeprefix("@").lower()
        try:
            domain = typed if typed.isascii() else typed.encode("idna").decode()
        except UnicodeError:
            domain = "-"
        if domain and not _DOMAIN.fullmatch(domain):
            raise ValidationError(gettext_lazy("Write a domain like example.org."))
        return domain

    def readers(self) -> QuerySet[Subscriber]:
        """Return the readers that the valid fields select, oldest first; none of those erased."""
        self.is_valid()
        given: dict[str, Any] = self.cleaned_data
        found = Subscriber.objects.exclude(status=Subscriber.Status.ERASED).order_by("pk")
        if topic := given.get("topic"):
            wanting = Preference.objects.filter(topic=topic, stance=Preference.Stance.WANT)
            found = found.filter(pk__in=wanting.values("subscriber"))
        if status := given.get("status"):
            found = found.filter(status=status)
        if domain := given.get("domain"):
            found = found.filter(email_key__endswith=f"@{domain}")
        return found

    def in_words(self) -> str:
        """Return the filters for the history: ``topic robotics, domain example.org``."""
        given = [(name, self.cleaned_data.get(name)) for name in self.fields]
        return ", ".join(f"{name} {getattr(value, 'slug', value)}" for name, value in given if value) or "all readers"


def page_of(readers: QuerySet[Subscriber], after: str) -> tuple[list[Subscriber], int | None]:
    """Return the readers of the page after that row, and the last row's number if there are more."""
    if after.isascii() and after.isdecimal() and len(after) < 16:
        readers = readers.filter(pk__gt=int(after))
    rows = list(readers[: ROWS + 1])
    return rows[:ROWS], rows[ROWS - 1].pk if len(rows) > ROWS else None


def csv_lines(readers: Iterable[Subscriber]) -> Iterator[str]:
    """Return the lines of a CSV file (RFC 4180), without cells that a spreadsheet would run as a formula."""
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for one in readers:
        digests = rhythm_in_words(weekdays=one.weekdays, hour=one.send_hour)
        confirmed = one.confirmed_at.date().isoformat() if one.confirmed_at else ""
        cells = (one.public_id, one.email, one.status, confirmed, digests, one.zone)
        yield writer.writerow([_inert(cell) for cell in cells])


def _inert(cell: str) -> str:
    """Return a cell that is text in every spreadsheet: an apostrophe stands before what would begin a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


class _Line:
    """A file that gives each line back to the caller of the csv writer."""

    def write(self, line: str) -> str:
        return line
