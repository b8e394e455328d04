"""Each kind of error has a sentence and advice, and each error that is raised has one of the kinds."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.utils.translation import override

from digest.ingest.http.ssrf_guard import NoAnswer
from digest.ingest.parsers import SourceUnreadable
from digest.ingest.sources.advice import MEANINGS, UNREADABLE, advice_for, explain
from digest.models import Source
from digest.source_errors import ErrorKind, SourceError
from tests.support.services import ROOT

INGEST = sorted((ROOT / "digest" / "ingest").rglob("*.py"))
RAISED = (SourceUnreadable.__name__, NoAnswer.__name__)


def test_each_kind_has_a_sentence_and_advice() -> None:
    assert list(MEANINGS) == list(ErrorKind)
    for kind in ErrorKind:
        assert explain(kind, detail="").endswith("."), kind
        assert advice_for(kind).endswith("."), kind
    assert len({explain(kind, detail="") for kind in ErrorKind}) == len(ErrorKind)


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (ErrorKind.NOT_FOUND, "switch this one off"),
        (ErrorKind.SERVER_ERROR, "at their end"),
        (ErrorKind.FORBIDDEN, "refuses us"),
        (ErrorKind.RATE_LIMITED, "Nothing to do"),
        (ErrorKind.PRIVATE_ADDRESS, "open internet"),
        (ErrorKind.TOO_LARGE, "smaller"),
        (ErrorKind.TIMEOUT, "slow or away"),
        (ErrorKind.WEB_PAGE, "RSS or Atom"),
        (ErrorKind.NOT_STORED, "fault of ours"),
        (ErrorKind.MALFORMED, str(UNREADABLE)),
    ],
)
def test_a_kind_comes_with_what_to_do(kind: ErrorKind, advice: str) -> None:
    assert advice in advice_for(kind)


@pytest.mark.parametrize(
    ("detail", "sentence"),
    [
        ("", "It is too large."),
        ("more than 32 MiB", "It is too large: more than 32 MiB."),
        ("They say so. ", "It is too large: They say so."),
        ("100 % {of} %(it)s\n<b>", "It is too large: 100 % {of} %(it)s\n<b>."),
    ],
)
def test_the_detail_follows_the_reason(detail: str, sentence: str) -> None:
    assert explain(ErrorKind.TOO_LARGE, detail=detail) == sentence


def test_where_nothing_is_wrong_there_is_nothing_to_say_or_do() -> None:
    assert (explain("", detail="left over"), advice_for("")) == ("", "")


def test_a_kind_of_another_version_is_shown_as_unknown_with_its_detail() -> None:
    assert explain("quantum_noise", detail="cat 17") == "Unknown reason: cat 17."
    assert advice_for("quantum_noise")


def test_the_words_of_a_detail_change_no_advice() -> None:
    for detail in (
        "It redirects to a web page.",
        "answered 404",
        "larger than 32 MiB",
        "answered 503 and asked for a pause.",
    ):
        assert advice_for(ErrorKind.UNKNOWN_FORMAT) in str(UNREADABLE)
        assert explain(ErrorKind.UNKNOWN_FORMAT, detail=detail).startswith("Its format is not known here: ")


def test_a_sentence_is_made_in_the_language_of_whoever_reads_it() -> None:
    with override("de"):  # has no translation yet
        assert explain(ErrorKind.EMPTY, detail="") == "The body is empty."
    assert not isinstance(MEANINGS[ErrorKind.EMPTY].reason, str)


def test_the_column_takes_each_kind_and_offers_no_other() -> None:
    column = Source._meta.get_field("last_error_kind")
    assert [value for value, _ in column.choices or ()] == list(ErrorKind)
    assert max(map(len, ErrorKind)) <= (column.max_length or 0)


def test_an_error_keeps_its_kind_apart_from_its_detail() -> None:
    error: SourceError = SourceUnreadable(ErrorKind.TRUNCATED, "line 7")
    assert (error.kind, error.detail, str(error)) == (ErrorKind.TRUNCATED, "line 7", "line 7")
    assert str(NoAnswer(ErrorKind.NOT_FOUND)) == "not found"


@pytest.mark.parametrize("path", INGEST, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_error_is_raised_with_a_kind_of_the_set(path: Path) -> None:
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in RAISED):
            continue
        kind = ast.unparse(call.args[0])
        if kind.startswith("ErrorKind."):
            assert kind.removeprefix("ErrorKind.") in ErrorKind.__members__, f"line {call.lineno}"
        else:  # taken over from a table of kinds or from a fetch, whose types mypy checks
            assert kind in ("kind", "fetched.error_kind or ErrorKind.OTHER"), f"line {call.lineno}: {kind}"


def test_each_kind_but_other_is_raised_or_noted_somewhere() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in INGEST if path.name != "advice.py")
    assert [kind for kind in ErrorKind if f"ErrorKind.{kind.name}" not in code] == []
