"""What people type into a form, cleaned and checked: lists of phrases, and an address mail can reach."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from email_validator import EmailNotValidError, validate_email

MOST_PHRASES = 100
LONGEST_PHRASE = 200  # characters; as wide as the column
LONGEST_TEXT = MOST_PHRASES * (LONGEST_PHRASE + 2)
LONGEST_ADDRESS = 254  # RFC 5321
LONGEST_LOCAL_PART = 64

_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_CATEGORY = re.compile(r"[A-Za-z]+(-[A-Za-z]+)*(\.[A-Za-z]+(-[A-Za-z]+)*)?")


def clean_text(text: str) -> str:
    """NFC without control characters, bidi overrides, invisible marks and lone surrogates; line breaks stay.

    The joiners that Indic scripts and Persian are written with stay too.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    kept = (c for c in text if c in "\n\u200c\u200d" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Cn"))
    return unicodedata.normalize("NFC", "".join(kept))


def same(phrase: str) -> str:
    """What makes two spellings one phrase."""
    return unicodedata.normalize("NFC", phrase.casefold())


def show_text(phrase: str, *, limit: int = 40) -> str:
    """A typed phrase as an error message repeats it."""
    return f"“{phrase if len(phrase) <= limit else phrase[:limit].rstrip() + '…'}”"


class PhraseList(forms.CharField):
    """Phrases, each on its own line or between commas -> a list without repetitions."""

    widget = forms.Textarea

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"required": False, "strip": True, **options})

    def to_python(self, value: object) -> list[str]:  # type: ignore[override]
        text = clean_text(str(value or ""))
        if len(text) > LONGEST_TEXT:
            raise ValidationError(
                f"This is {len(text):,} characters long: shorten it to {MOST_PHRASES} entries of at most "
                f"{LONGEST_PHRASE} characters."
            )
        found = (" ".join(phrase.split()) for phrase in self.split(text))
        phrases = list({same(phrase): phrase for phrase in reversed([one for one in found if one])}.values())[::-1]
        if len(phrases) > MOST_PHRASES:
            raise ValidationError(f"These are {len(phrases):,} entries: keep at most {MOST_PHRASES} of them.")
        return [self.checked(phrase) for phrase in phrases]

    def run_validators(self, value: object) -> None:
        """Everything was checked phrase by phrase; the text field's own checks are for one string."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def split(self, text: str) -> Iterable[str]:
        return re.split(r"[\n,;]", text)

    def checked(self, phrase: str) -> str:
        if len(phrase) > LONGEST_PHRASE:
            raise ValidationError(
                f"{show_text(phrase)} is {len(phrase):,} characters long: shorten it to {LONGEST_PHRASE}, or put "
                f"commas or line breaks between several."
            )
        if not _LETTER_OR_DIGIT.search(phrase):
            raise ValidationError(f"{show_text(phrase)} has no letter or digit, so nothing can match it: take it out.")
        return phrase


class NameList(PhraseList):
    """Names of people, each on its own line; a comma parts two whole names, but not ``Solheim-Vargas, Ingrid``."""

    def split(self, text: str) -> Iterable[str]:
        for line in re.split(r"[\n;]", text):
            parts = line.split(",")
            yield from parts if all(len(part.split()) > 1 for part in parts if part.strip()) else [line.strip(" ,")]

    def checked(self, phrase: str) -> str:
        name = super().checked(phrase)
        if not any(character.isalpha() for character in name):
            raise ValidationError(f"{show_text(name)} has no letters, so it is nobody’s name: take it out.")
        return name


class CategoryList(PhraseList):
    """Names of arXiv categories (``cs.LG``) or archives (``math``)."""

    def split(self, text: str) -> Iterable[str]:
        return re.split(r"[\n,;\s]", text)

    def checked(self, phrase: str) -> str:
        if not _CATEGORY.fullmatch(phrase) or len(phrase) > 40:
            raise ValidationError(
                f"{show_text(phrase)} is not the name of a category: write names such as cs.LG or math."
            )
        archive, _, subject = phrase.partition(".")
        written = subject.upper() if len(subject) == 2 else subject.lower()
        return f"{archive.lower()}.{written}" if subject else archive.lower()


class Address(forms.CharField):
    """An e-mail address that mail can be sent to, with its domain in ASCII (IDNA 2008)."""

    widget = forms.EmailInput

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"error_messages": {"required": "Write the address the digest is to go to."}, **options})

    def to_python(self, value: object) -> str:
        typed = str(value or "").strip()
        if not typed:
            return ""
        if len(typed) > LONGEST_ADDRESS:
            raise ValidationError(
                f"An address has at most {LONGEST_ADDRESS} characters, and this one has {len(typed):,}: write it again."
            )
        local, _, domain = typed.rpartition("@")
        if len(local) > LONGEST_LOCAL_PART:
            raise ValidationError(
                f"The part before the @ has at most {LONGEST_LOCAL_PART} characters, and here it has {len(local)}: "
                f"check the address."
            )
        if local and domain and local.isprintable() and not local.isascii():
            raise ValidationError(
                "The part before the @ has letters that many mail servers do not take yet: use an address that has "
                "only plain letters there."
            )
        try:
            address = validate_email(typed, check_deliverability=False, allow_smtputf8=False, strict=True).ascii_email
        except EmailNotValidError as error:
            raise ValidationError(f"{clean_text(str(error))} Write it like ada@example.org.") from None
        if address is None or len(address) > LONGEST_ADDRESS:
            raise ValidationError(f"An address has at most {LONGEST_ADDRESS} characters: write it again.")
        return str(address)

    def run_validators(self, value: object) -> None:
        """Checked above."""
