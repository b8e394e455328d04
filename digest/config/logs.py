"""Mask log lines: tokens of links, e-mail addresses, query strings."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

from digest.config.storage_errors import explain_storage_error

# Paths of links in mails, /c/TOKEN or /f/TOKEN/3/more, also URL-encoded
_LINK = re.compile(r"(/[a-z]/|%2F[a-z]%2F)[^\s/?&'\"<>]+", re.IGNORECASE)
# Tokens without a path: base64 of 22 characters or more with capitals, small letters and digits
_TOKEN = re.compile(
    r"(?<![\w-])(?=[\w-]{0,200}[A-Z])(?=[\w-]{0,200}[a-z])(?=[\w-]{0,200}[0-9])[A-Za-z0-9_-]{22,}(?![\w-])"
)
_ADDRESS = re.compile(r"[^\s@<>'\"(),;:/]{1,256}(?:@|%40)[^\s@<>'\"(),;:/]{1,256}", re.IGNORECASE)
_QUERY = re.compile(r"(?<=[\w/.-])\?[^\s'\"<>]+")


def mask(text: str) -> str:
    """Return the text without tokens, addresses and queries."""
    text = _LINK.sub(r"\1…", text)
    text = _QUERY.sub("?…", text)
    text = _ADDRESS.sub("(address)", text)
    return _TOKEN.sub("…", text)


class Mistakes(logging.Filter):
    """A filter that keeps errors of ours only; /health answers 503 on purpose, and often.

    A database that is away or full becomes one line with its cause, without a traceback.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error and (why := explain_storage_error(error)):
            record.msg, record.args = "A page could not be shown. %s", (why,)
            record.exc_info = record.exc_text = None
            return True
        return bool(record.exc_info) or getattr(record, "status_code", 500) == 500


class Masked(logging.Formatter):
    """A formatter that masks message, arguments and traceback; ``facts`` follow as ``name=value``."""

    def format(self, record: logging.LogRecord) -> str:
        facts = "".join(f" {name}={value}" for name, value in facts_of(record).items())
        return mask(super().format(record) + facts)


class MaskedJson(logging.Formatter):
    """A formatter of one JSON object per line: at, level, logger, said, and the record's ``facts``."""

    def format(self, record: logging.LogRecord) -> str:
        words = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "said": record.getMessage(),
            **facts_of(record),
        }
        if record.exc_info:
            words["traceback"] = self.formatException(record.exc_info)
        return json.dumps({name: mask(value) if isinstance(value, str) else value for name, value in words.items()})


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the structured values of a record: ``logger.info("delivered", extra={"facts": {...}})``."""
    facts: dict[str, Any] = getattr(record, "facts", {})
    return facts
