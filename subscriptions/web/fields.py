"""Form fields that clean and check what people type: lists of phrases, and e-mail addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from email_validator import EmailNotValidError, validate_email

from subscriptions.unicode_text import LONGEST_TEXT, clean_text, normalise

MOST_PHRASES = 100
LONGEST_PHRASE = 200  # characters; the width of the column
LONGEST_ADDRESS = 254  # RFC 5321
LONGEST_LOCAL_PART = 64

_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_LIBRARYS_WORD = re.compile(r"\bemail\b")  # the rest of its sentences is as ours
_CATEGORY = re.compile(r"[A-Za-z]+(-[A-Za-z]+)*(\.[A-Za-z]+(-[A-Za-z]+)*)?")


def same(phrase: str) -> str:
    """Return what equal phrases share, whatever their case."""
    return normalise("NFC", phrase.casefold(), limit=LONGEST_TEXT)


def show_text(phrase: str, *, limit: int = 40) -> str:
    """Quote a typed phrase for an error message."""
    return f"“{phrase if len(phrase) <= limit else phrase[:limit].rstrip() + '…'}”"


class PhraseList(forms.CharField):
    """A field of phrases, separated by lines or commas; its value is a list without duplicates."""

    widget = forms.Textarea

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"required": False, "strip": True, **options})

    # a CharField gives text; this one gives the lines of a text
    def to_python(self, value: object) -> list[str]:  # type: ignore[override]
        text = str(value or "")
        if len(text) > LONGEST_TEXT:
            raise ValidationError(
                _("This has %(length)s characters. Shorten it to at most %(most)s entries of %(longest)s characters."),
                params={"length": f"{len(text):,}", "most": MOST_PHRASES, "longest": LONGEST_PHRASE},
            )
        found = (" ".join(phrase.split()) for phrase in self.split(clean_text(text)))
        phrases = list({same(phrase): phrase for phrase in reversed([one for one in found if one])}.values())[::-1]
        if len(phrases) > MOST_PHRASES:
            raise ValidationError(
                _("There are %(count)s entries. Keep at most %(most)s."),
                params={"count": f"{len(phrases):,}", "most": MOST_PHRASES},
            )
        return [self.checked(phrase) for phrase in phrases]

    def run_validators(self, value: object) -> None:
        """Skip the validators of CharField: ``to_python`` has checked each phrase."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def split(self, text: str) -> Iterable[str]:
        return re.split(r"[\n,;]", text)

    def checked(self, phrase: str) -> str:
        if len(phrase) > LONGEST_PHRASE:
            raise ValidationError(
                _("%(phrase)s has %(length)s characters. Shorten it to %(longest)s, or separate phrases by commas."),
                params={"phrase": show_text(phrase), "length": f"{len(phrase):,}", "longest": LONGEST_PHRASE},
            )
        if not _LETTER_OR_DIGIT.search(phrase):
            message = _("%(phrase)s has no letter or digit, so it matches nothing. Remove it.")
            raise ValidationError(message, params={"phrase": show_text(phrase)})
        return phrase


class NameList(PhraseList):
    """A field of names, one per line; a comma separates two full names, but not ``Solheim-Vargas, Ingrid``."""

    def split(self, text: str) -> Iterable[str]:
        for line in re.split(r"[\n;]", text):
            parts = line.split(",")
            yield from parts if all(len(part.split()) > 1 for part in parts if part.strip()) else [line.strip(" ,")]

    def checked(self, phrase: str) -> str:
        name = super().checked(phrase)
        if not any(character.isalpha() for character in name):
            message = _("%(phrase)s has no letters, so it is not a name. Remove it.")
            raise ValidationError(message, params={"phrase": show_text(name)})
        return name


class CategoryList(PhraseList):
    """A field of arXiv categories (``cs.LG``) or archives (``math``)."""

    def split(self, text: str) -> Iterable[str]:
        return re.split(r"[\n,;\s]", text)

    def checked(self, phrase: str) -> str:
        if not _CATEGORY.fullmatch(phrase) or len(phrase) > 40:
            message = _("%(phrase)s is not an arXiv category. Write names such as cs.LG or math.")
            raise ValidationError(message, params={"phrase": show_text(phrase)})
        archive, dot, subject = phrase.partition(".")
        written = subject.upper() if len(subject) == 2 else subject.lower()
        return f"{archive.lower()}.{written}" if dot else archive.lower()


def _usual_fault(typed: str) -> str:
    """Say what is wrong with an address that is no address, for the usual faults; empty for others."""
    local, at, domain = typed.rpartition("@")
    if not at:
        return _("An e-mail address has an @.")
    if not local or not domain:
        return _("Something is missing before the @.") if domain else _("Something is missing after the @.")
    if re.search(r'[<>"]', typed):
        return ""
    if "@" in local:
        return _("Enter one e-mail address, with one @.")
    if " " in typed:
        return _("An e-mail address has no spaces.")
    if ".." in typed or local.startswith(".") or local.endswith(".") or domain.startswith(".") or domain.endswith("."):
        return _("A dot in an e-mail address stands between letters or digits.")
    return "" if "." in domain or domain.startswith("[") else _("The part after the @ has no dot.")


class Address(forms.CharField):
    """A field of one e-mail address; its domain is returned in ASCII (IDNA 2008)."""

    widget = forms.EmailInput

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"error_messages": {"required": gettext_lazy("Enter your e-mail address.")}, **options})

    def to_python(self, value: object) -> str:
        typed = str(value or "").strip()
        if not typed:
            return ""
        if len(typed) > LONGEST_ADDRESS:
            raise ValidationError(
                _("An address has at most %(most)s characters; this one has %(length)s. Check it."),
                params={"most": LONGEST_ADDRESS, "length": f"{len(typed):,}"},
            )
        local, _at, domain = typed.rpartition("@")
        if len(local) > LONGEST_LOCAL_PART:
            raise ValidationError(
                _("The part before the @ has at most %(most)s characters; here it has %(length)s. Check the address."),
                params={"most": LONGEST_LOCAL_PART, "length": len(local)},
            )
        if local and domain and local.isprintable() and not local.isascii():
            raise ValidationError(
                _("Many mail servers do not accept the letters before the @. Use an address with plain letters there.")
            )
        try:
            address = validate_email(typed, check_deliverability=False, allow_smtputf8=False, strict=True).ascii_email
        except EmailNotValidError as error:
            reason = _usual_fault(typed) or _LIBRARYS_WORD.sub("e-mail", clean_text(str(error)))
            message = _("%(reason)s Write it like ada@example.org.")
            raise ValidationError(message, params={"reason": reason}) from None
        if address is None or len(address) > LONGEST_ADDRESS:
            message = _("An address has at most %(most)s characters. Check it.")
            raise ValidationError(message, params={"most": LONGEST_ADDRESS})
        return str(address)

    def run_validators(self, value: object) -> None:
        """Skip the validators of CharField: ``to_python`` has checked the address."""
