"""Form of a topic."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from digest.ingest.parsers.taxonomy import CATEGORIES
from subscriptions.models import Topic
from subscriptions.unicode_text import clean_text
from subscriptions.web.fields import CategoryList, PhraseList, show_text

ARCHIVES = {category.partition(".")[0] for category in CATEGORIES}
LONGEST_SLUG, LAST = 60, 9999
WHERE = _("Write a whole number from 0 to 9,999.")


class Words(forms.CharField):
    """A field for text on one line, as readers see it."""

    def to_python(self, value: object) -> str:
        return " ".join(clean_text(str(value or "")).split())


class TopicForm(forms.Form):
    """The fields of a topic; :meth:`topic` returns the row and writes nothing."""

    name = Words(max_length=80, label=_("Name"), error_messages={"required": _("Write a name for the topic.")})
    group = Words(
        max_length=60,
        label=_("Group"),
        help_text=_("The readers’ form shows topics by group."),
        error_messages={"required": _("Write a group for the topic.")},
    )
    description = Words(max_length=300, required=False, label=_("Description"))
    categories = CategoryList(
        label=_("Categories"),
        help_text=_("Of arXiv, such as cs.RO, or whole archives, such as math. Separate them by commas or lines."),
    )
    keywords = PhraseList(
        label=_("Keywords"),
        help_text=_(
            "One per line, or separated by commas, such as graph coloring. Matches whole words in title or abstract, "
            "also plurals."
        ),
    )
    aliases = PhraseList(
        label=_("Other names"),
        help_text=_(
            "Names that lead to this topic in a search or an address, such as NLP. They file no paper under it."
        ),
    )
    position = forms.IntegerField(
        min_value=0,
        max_value=LAST,
        label=_("Position"),
        help_text=_("Lower numbers come first."),
        error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), WHERE),
    )

    def __init__(self, data: Any = None, *, row: Topic) -> None:
        self.row = row
        fields = ("name", "group", "description", "categories", "keywords", "aliases", "position")
        super().__init__(data, initial={name: getattr(row, name) for name in fields})
        for name, rows in (("categories", 3), ("keywords", 6), ("aliases", 3)):
            self.fields[name].widget.attrs |= {"rows": rows, "spellcheck": "false"}
        self.fields["group"].widget.attrs["list"] = "groups"

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = Topic.objects.exclude(pk=self.row.pk)
        if others.filter(name__iexact=name).exists():
            taken = gettext("A topic called %(name)s exists. Choose another name.")
            raise ValidationError(taken % {"name": show_text(name)})
        if not self.row.pk:
            slug = slugify(name)[:LONGEST_SLUG]
            if not slug:
                raise ValidationError(gettext("Use at least one letter from a to z or a digit in the name."))
            if others.filter(slug=slug).exists():
                similar = gettext("%(name)s is too similar to another topic’s name. Change a word.")
                raise ValidationError(similar % {"name": show_text(name)})
        return name

    def clean(self) -> dict[str, Any]:
        found = self.cleaned_data
        if not self.errors and not (found["categories"] or found["keywords"]):
            raise ValidationError(gettext("Add a category or a keyword. Without one the topic gets no papers."))
        return found

    def topic(self) -> Topic:
        """Return the row with the typed values; a new one gets its slug from the name."""
        row = self.row
        slug = row.slug or slugify(self.cleaned_data["name"])[:LONGEST_SLUG]
        return Topic(pk=row.pk, slug=slug, offered=row.offered, **self.cleaned_data)

    def unknown_categories(self) -> list[str]:
        """Return categories that arXiv does not have; another source may."""
        return [one for one in self.cleaned_data.get("categories", ()) if one not in CATEGORIES and one not in ARCHIVES]


def in_words(before: Topic, after: Topic) -> str:
    """Return the changes in words, for the audit log."""
    said: list[str] = []
    for name in ("name", "group", "description", "position"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            said.append(f"{name} from “{old}” to “{new}”" if old else f"{name} “{new}”")
    for name in ("categories", "keywords", "aliases"):
        old, new = getattr(before, name), getattr(after, name)
        came, went = [one for one in new if one not in old], [one for one in old if one not in new]
        said += [f"{name} added: {', '.join(came)}"] if came else []
        said += [f"{name} removed: {', '.join(went)}"] if went else []
    return "; ".join(said)
