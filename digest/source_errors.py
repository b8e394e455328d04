"""Why a source failed: a closed set of kinds, and the error that carries one."""

from __future__ import annotations

from enum import StrEnum


class ErrorKind(StrEnum):
    """Reasons why nothing could be read from a source.

    The value is stored; ``ingest/sources/advice.py`` explains each.
    """

    # fetching
    HOST_BUSY = "host_busy"
    RATE_LIMITED = "rate_limited"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    SERVER_ERROR = "server_error"
    UNEXPECTED_STATUS = "unexpected_status"
    BAD_REDIRECT = "bad_redirect"
    INVALID_URL = "invalid_url"
    HOST_NOT_FOUND = "host_not_found"
    PRIVATE_ADDRESS = "private_address"
    TIMEOUT = "timeout"
    CONNECTION_FAILED = "connection_failed"
    INVALID_RESPONSE = "invalid_response"
    FILE_UNREADABLE = "file_unreadable"
    # fetching or parsing
    BAD_COMPRESSION = "bad_compression"
    TOO_LARGE = "too_large"
    # parsing
    EMPTY = "empty"
    ARCHIVE = "archive"
    BINARY = "binary"
    WEB_PAGE = "web_page"
    UNKNOWN_FORMAT = "unknown_format"
    UNDECODABLE = "undecodable"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    SOURCE_ERROR = "source_error"
    PARSER_ENDED = "parser_ended"
    # storing
    NOT_STORED = "not_stored"
    # rows written before there were kinds
    OTHER = "other"


class SourceError(Exception):
    """Base of the errors of fetching and parsing.

    ``detail`` is free text for a person: the host and its status, the words of a source. It has no full stop, may be
    empty, and nothing may depend on what it says.
    """

    def __init__(self, kind: ErrorKind, detail: str = "") -> None:
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail

    def __str__(self) -> str:
        return self.detail or self.kind.replace("_", " ")
