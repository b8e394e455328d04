"""``./run manage makemessages -l de``: collect the texts for translators, those of Jinja templates too."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import cast

from django.conf import settings
from django.core.management.base import CommandParser
from django.core.management.commands import makemessages
from django.template import engines
from django.template.backends.jinja2 import Jinja2

JINJA = [settings.BASE_DIR / "templates" / folder for folder in ("web", "email")]
NOT_OURS = ["var/*", "tests/*", "findings/*", "docs/*"]


def calls_in(template: str) -> str:
    """Return the texts of a Jinja template as calls in Python, each on the line that it has there."""
    pages = cast(Jinja2, engines["jinja2"]).env
    calls = defaultdict(list)
    # a method of the extension, which the stubs of Environment do not know
    for line, function, said in pages.extract_translations(template):  # type: ignore[attr-defined]
        texts = said if isinstance(said, tuple) else (said,)
        calls[line].append(f"{function}({', '.join(repr(text) for text in texts if isinstance(text, str))})")
    return "".join("; ".join(calls[line]) + "\n" for line in range(1, max(calls, default=0) + 1))


class BuildFile(makemessages.BuildFile):
    """A file on its way to xgettext, which reads Python: a Jinja template is replaced by its texts."""

    def preprocess(self) -> None:
        if any(Path(self.path).resolve().is_relative_to(folder) for folder in JINJA):
            Path(self.work_path).write_text(calls_in(Path(self.path).read_text("utf-8")), "utf-8")
        else:
            super().preprocess()


class Command(makemessages.Command):
    build_file_class = BuildFile

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(ignore_patterns=NOT_OURS)
