"""Many searches and previews at once leave the other pages quick, and what is too much is told to come back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from tests.support.running_service import web_alone
from tests.support.services import AN_EDITION, Installation, free_port


def test_a_flood_of_searches_is_answered_or_told_to_come_back_and_the_home_page_is_answered(tmp_path: Path) -> None:
    installation = Installation.at(tmp_path)
    installation.prepare()
    installation.run("-c", AN_EDITION)
    with web_alone(installation, port=free_port()) as service, ThreadPoolExecutor(40) as visitors:
        searches = [
            visitors.submit(requests.get, f"{service.url}/papers/?q=paper+{number}", timeout=60)
            for number in range(200)
        ]
        pages = [requests.get(f"{service.url}/", timeout=30).status_code for _ in range(20)]
        answers = [one.result() for one in searches]
    assert pages == [200] * 20
    assert {one.status_code for one in answers} <= {200, 503}
    assert sum(one.status_code == 200 for one in answers) >= 8
    for one in answers:
        if one.status_code == 503:
            assert one.headers["Retry-After"] == "5"
            assert "Too busy just now" in one.text
