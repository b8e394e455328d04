"""No secret of a link, no address and no query string in any log."""

from __future__ import annotations

import http.client
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.config.logs import Masked, MaskedJson, mask
from subscriptions.models import Subscriber, new_public_id
from subscriptions.tokens import FEEDBACK, PREFERENCES, UNSUBSCRIBE, token_for
from tests.support.factories import NOON
from tests.support.services import ROOT, Installation, free_port

SECRET = "Zx4_kT-9qWlmN0pRsTuVwX"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (f"Not Found: /c/{SECRET}", "Not Found: /c/…"),
        (f"GET https://digest.example.org/f/{SECRET}/3/more HTTP/1.1", "GET https://digest.example.org/f/…/3/more HTTP/1.1"),
        (f"next=%2Fs%2F{SECRET}", "next=%2Fs%2F…"),
        (f"KeyError: '{SECRET}'", "KeyError: '…'"),
        (f"Reverse for 'confirm' with arguments '(\"{SECRET}\",)' not found", "Reverse for 'confirm' with arguments '(\"…\",)' not found"),
        ("mail to Ada.Lovelace+x@mail.example.org bounced", "mail to (address) bounced"),
        ("<ada@example.org>: ada%40example.org", "<(address)>: (address)"),
        (f"GET /r/{SECRET} HTTP/1.1", "GET /r/… HTTP/1.1"),
        ("Not Found: /search?q=bees&page=2", "Not Found: /search?…"),
        ("Is Redis up? The next minute tries again.", "Is Redis up? The next minute tries again."),
        ("django.db.utils.OperationalError: no such table: subscriptions_linkrequest", "django.db.utils.OperationalError: no such table: subscriptions_linkrequest"),
        ("CompressedManifestStaticFilesStorage at /srv/broadsheet/digest/views/public.py", "CompressedManifestStaticFilesStorage at /srv/broadsheet/digest/views/public.py"),
    ],
)  # fmt: skip
def test_what_must_not_be_written_down_is_masked_and_the_rest_stays(written: str, kept: str) -> None:
    assert mask(written) == kept


@given(st.sampled_from([UNSUBSCRIBE, PREFERENCES]), st.sampled_from(["", "/", "/3/mute", "?x=1", "'", '"']))
def test_no_token_survives_in_its_path(purpose: str, after: str) -> None:
    token = token_for(purpose, Subscriber(public_id=new_public_id()))
    feedback = token_for(FEEDBACK, Subscriber(public_id=new_public_id()), day=NOON.date())
    for secret, path in ((token, "u"), (feedback, "f")):
        assert secret[:22] not in mask(f"POST /{path}/{secret}{after} failed")


def test_a_traceback_is_masked_with_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(Masked("%(message)s"))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        raise ValueError(f"/s/{SECRET} of ada@example.org")
    except ValueError:
        logger.exception("Bad: %s", "ben@example.org")
    said = capsys.readouterr().out
    assert "Bad: (address)" in said
    assert "ValueError: /s/… of (address)" in said
    assert "Traceback" in said


@pytest.mark.service
def test_every_process_writes_with_the_mask(tmp_path: Path) -> None:
    """A 500 in the web process, a task that fails in a worker: told with its cause, without who and what."""
    boom = f"raise ValueError('/c/{SECRET} ada@example.org')"
    installation = Installation.at(tmp_path)
    worker = (
        "import django; django.setup()\n"
        "from digest.config.celery import app\n"
        f"@app.task\ndef boom():\n    {boom}\n"
        "app.log.setup(loglevel='WARNING'); boom.apply()\n"
    )
    web = (
        "import django; django.setup()\nfrom django.test import Client\nfrom subscriptions import rate_limits\n"
        "from django.urls import path\nfrom digest.config import urls\n"
        f"def boom(request, token): {boom}\n"
        "urls.urlpatterns.append(path('x/<token>', boom))\n"
        f"Client(raise_request_exception=False).get('/x/{SECRET}?q=ada@example.org', headers={{'host': 'localhost'}})\n"
    )
    for program in (worker, web):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=installation.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "ValueError: /c/… (address)" in done.stderr
        assert SECRET not in done.stdout + done.stderr
        assert "ada" not in (done.stdout + done.stderr).replace("Traceback", "")


JOURNEY = [
    ("GET", "/c/{}"), ("POST", "/c/{}"), ("GET", "/s/{}"), ("POST", "/s/{}"), ("GET", "/u/{}"), ("POST", "/u/{}"),
    ("GET", "/p/{}"), ("POST", "/p/{}"), ("GET", "/a/{}"), ("POST", "/a/{}"), ("GET", "/f/{}/3/more"), ("GET", "/d/{}"),
    ("POST", "/f/{}/3/mute"), ("GET", "/nowhere/{}"), ("GET", "/papers/?q=ada@example.org"), ("POST", "/subscribe"),
    ("BREW", "/c/{}"),
]  # fmt: skip


@pytest.mark.service
def test_a_journey_of_bad_links_leaves_no_secret_in_the_log_of_the_web_process(tmp_path: Path) -> None:
    installation = Installation.at(tmp_path)
    installation.prepare()
    port, log = free_port(), tmp_path / "web.log"
    with log.open("w") as out:
        web = subprocess.Popen(
            [sys.executable, "-m", "digest.config.web_server", "--bind", f"127.0.0.1:{port}"],
            cwd=ROOT, env=installation.environment, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        while "ready" not in log.read_text():
            assert web.poll() is None, log.read_text()
        for method, path in JOURNEY:
            for host in ("localhost", "evil.example"):
                visit = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                visit.request(method, path.format(SECRET), body=b"email=ada@example.org", headers={"Host": host})
                assert visit.getresponse().status < 500
        visit.send(b"GET /c/" + SECRET.encode() + b" HTTP/9.9\r\n\r\n")
    finally:
        web.terminate()
        web.wait()
    said = log.read_text()
    assert "ready" in said
    assert SECRET not in said
    assert "ada@" not in said


def formatted(kind: type[logging.Formatter], message: str, **facts: Any) -> str:
    record = logging.LogRecord("digest.delivery.send", logging.INFO, "", 0, message, (), None)
    record.facts = facts
    return kind().format(record)


def test_a_line_says_its_facts_and_no_address_in_text_and_in_json() -> None:
    facts = {"batch": 7, "accepted": 20, "last": "ada@example.org"}
    assert formatted(Masked, "delivered", **facts) == "delivered batch=7 accepted=20 (address)"
    line = json.loads(formatted(MaskedJson, "delivered to ada@example.org", **facts))
    assert (line["level"], line["logger"], line["said"]) == ("info", "digest.delivery.send", "delivered to (address)")
    assert (line["batch"], line["accepted"], line["last"]) == (7, 20, "(address)")


def test_a_traceback_is_one_line_of_json_without_addresses() -> None:
    try:
        raise ValueError("no mail for ada@example.org")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "it failed", (), sys.exc_info())
    written = MaskedJson().format(record)
    assert "\n" not in written
    assert "ValueError: no mail for (address)" in json.loads(written)["traceback"]
