"""What a curator types of a topic, checked."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import slugify

from digest.ingest.parsers.taxonomy import CATEGORIES
from subscriptions.models import Topic
from subscriptions.web.fields import CategoryList, PhraseList, clean_text, show_text

ARCHIVES = {category.partition(".")[0] for category in CATEGORIES}
LONGEST_SLUG, LAST = 60, 9999
WHERE = f"Write a whole number from 0 to {LAST:,}."


class Words(forms.CharField):
    """Text on one line, as readers see it."""

    def to_python(self, value: object) -> str:
        return " ".join(clean_text(str(value or "")).split())


class TopicForm(forms.Form):
    """A topic's fields; :meth:`topic` is the row as it would be, and writes nothing."""

    name = Words(max_length=80, label="Name", error_messages={"required": "Give it a name: readers choose by it."})
    group = Words(
        max_length=60,
        label="Group",
        help_text="Topics of one group stand together in the readers’ form.",
        error_messages={"required": "Say which group it stands in."},
    )
    description = Words(max_length=300, required=False, label="Description")
    categories = CategoryList(
        label="Categories",
        help_text="arXiv’s, such as cs.RO, or whole archives, such as math. Between commas or on lines.",
    )
    keywords = PhraseList(
        label="Keywords",
        help_text="Found as whole words in title or abstract, singular or plural: graph coloring. One a line.",
    )
    position = forms.IntegerField(
        min_value=0,
        max_value=LAST,
        label="Position",
        help_text="Lower numbers come first.",
        error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), WHERE),
    )

    def __init__(self, data: Any = None, *, row: Topic) -> None:
        self.row = row
        fields = ("name", "group", "description", "categories", "keywords", "position")
        super().__init__(data, initial={name: getattr(row, name) for name in fields})
        for name, rows in (("categories", 3), ("keywords", 6)):
            self.fields[name].widget.attrs |= {"rows": rows, "spellcheck": "false"}
        self.fields["group"].widget.attrs["list"] = "groups"

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = Topic.objects.exclude(pk=self.row.pk)
        if others.filter(name__iexact=name).exists():
            raise ValidationError(
                f"There is a topic called {show_text(name)} already: give this one a name of its own."
            )
        if not self.row.pk:
            slug = slugify(name)[:LONGEST_SLUG]
            if not slug:
                raise ValidationError(
                    "Use at least one letter from a to z or a digit: its address is made of the name."
                )
            if others.filter(slug=slug).exists():
                raise ValidationError(f"{show_text(name)} is too like another topic’s name: change a word.")
        return name

    def clean(self) -> dict[str, Any]:
        found = self.cleaned_data
        if not self.errors and not (found["categories"] or found["keywords"]):
            raise ValidationError("Give it a category or a keyword, or no paper would ever be in it.")
        return found

    def topic(self) -> Topic:
        """The row with what was typed; of a new one, with an address made of its name."""
        row = self.row
        slug = row.slug or slugify(self.cleaned_data["name"])[:LONGEST_SLUG]
        return Topic(pk=row.pk, slug=slug, offered=row.offered, **self.cleaned_data)

    def unknown_categories(self) -> list[str]:
        """Those that arXiv does not have: another source may."""
        return [one for one in self.cleaned_data.get("categories", ()) if one not in CATEGORIES and one not in ARCHIVES]


def in_words(before: Topic, after: Topic) -> str:
    """What was changed, for the history."""
    said: list[str] = []
    for name in ("name", "group", "description", "position"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            said.append(f"{name} from “{old}” to “{new}”" if old else f"{name} “{new}”")
    for name in ("categories", "keywords"):
        old, new = getattr(before, name), getattr(after, name)
        came, went = [one for one in new if one not in old], [one for one in old if one not in new]
        said += [f"{name} added: {', '.join(came)}"] if came else []
        said += [f"{name} taken out: {', '.join(went)}"] if went else []
    return "; ".join(said)
