"""Pages while the database is away: a plain 503 that says when to come back, one log line, and nothing half saved."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import requests

from tests.support.running_service import Served, wait_for, web_alone
from tests.support.services import AN_EDITION, Installation, empty_database, free_port


def ask(service: Served, path: str) -> tuple[int, str, str]:
    """Return the status, the header Retry-After and the page, for a browser that has the cookie of a session."""
    with requests.get(f"{service.url}{path}", cookies={"visit": "a" * 32}, timeout=30) as answer:
        return answer.status_code, answer.headers.get("Retry-After", ""), answer.text


def test_pages_say_that_the_database_is_away_and_come_back_with_it(tmp_path: Path, postgres_url: str) -> None:
    with (
        empty_database(postgres_url) as database_url,
        psycopg.connect(postgres_url, autocommit=True) as connection,
    ):
        installation = Installation.at(tmp_path, DATABASE_URL=database_url)
        installation.prepare()
        installation.run("-c", AN_EDITION)
        with web_alone(installation, port=free_port()) as service:
            assert ask(service, "/")[0] == 200
            visitor = requests.Session()
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', visitor.get(f"{service.url}/sign-in").text)
            assert token
            opened = re.search(r'name="opened" value="([^"]+)"', visitor.get(f"{service.url}/subscribe").text)
            assert opened
            name = database_url.rpartition("/")[2]
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            # the first request may meet a connection that was cut in mid-air
            for path in ("/", "/", "/subscribe", "/papers/2603.00001"):
                status, again, page = ask(service, path)
                assert (status, again) == (503, "60"), path
                assert "Back in a moment" in page
                assert "Traceback" not in page
            form = {"email": "ada@example.org", "csrfmiddlewaretoken": token[1]}
            sent = visitor.post(f"{service.url}/sign-in", form, timeout=30)
            assert sent.status_code == 503
            assert "please send it again in a minute" in sent.text
            choices = {"weekdays": ["0"], "send_hour": "6", "zone": "Europe/Berlin", "max_papers": "8", "hype": "20"}
            sign_up = {**form, **choices, "opened": opened[1], "website": ""}
            sent = visitor.post(f"{service.url}/subscribe", sign_up, timeout=30, allow_redirects=False)
            assert (sent.status_code, sent.headers["Retry-After"]) == (503, "60")
            assert "nothing of it was saved" in sent.text
            status, _, page = ask(service, "/health")
            assert (status, page) == (503, "late\nthe database does not answer\n")
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            wait_for(lambda: ask(service, "/")[0] == 200, service)
            with psycopg.connect(database_url) as after:
                assert after.execute("SELECT count(*) FROM subscriptions_linkrequest").fetchone() == (0,)
            assert installation.mails() == []
        said = service.log.read_text()
    assert "A page could not be shown. The database does not answer" in said
    assert "Traceback" not in said
