"""The names of works as feeds write them: labels, links of lists, versions in addresses, parameters."""

from __future__ import annotations

import pytest

from digest.models import Paper
from tests.support.feed_bodies import counts, json_feed, only, rss, show

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("urn:doi:10.5555/lib.1", "doi:10.5555/lib.1"),
        ("info:doi/10.5555/lib.1", "doi:10.5555/lib.1"),
        ("DOI 10.5555/lib.1", "doi:10.5555/lib.1"),
        ("doi:https://doi.org/10.5555/lib.1", "doi:10.5555/lib.1"),
        ("ISSN: 1234-5678; DOI: 10.5555/lib.1", "doi:10.5555/lib.1"),
        ("hdl:2433/1", "url:n.example.org/7"),
    ],
)
def test_a_doi_is_found_however_it_is_labelled(given: str, name: str) -> None:
    assert only(f"<dc:identifier>{given}</dc:identifier>").identifier == name


def test_the_work_that_an_item_of_a_list_of_links_shows_is_its_work() -> None:
    item = {"id": "7", "url": "https://n.example.org/7", "external_url": "https://arxiv.org/abs/2608.01240v2"}
    show(json_feed(item | {"title": "A robot", "authors": ["Ann Lee", {"name": "Bo Chen"}]}))
    paper = Paper.objects.get()
    assert (paper.identifier, paper.authors) == ("arxiv:2608.01240", ["Ann Lee", "Bo Chen"])


@pytest.mark.parametrize(
    "page",
    [
        "https://osf.io/preprints/psyarxiv/abcde_v{}",
        "https://www.preprints.org/manuscript/202608.0123/v{}",
        "https://f1000research.com/articles/15-123/v{}",
        "https://elifesciences.org/reviewed-preprints/101234v{}",
        "https://doi.org/10.3762/bxiv.2026.12.v{}",
    ],
)
def test_versions_of_a_page_that_numbers_them_are_one_work(page: str) -> None:
    for day in range(2):
        link = f"<title>Counting bees at dusk</title><link>{page.format(day + 1)}</link><description>It is {day}.</description>"
        assert counts(show(rss(link), days=day)) == [(1 - day, day)]
    assert (Paper.objects.get().version, Paper.objects.get().url) == (2, page.format(2))


def test_pages_of_other_sites_that_end_in_a_number_of_a_version_are_works_of_their_own() -> None:
    for day in range(2):
        link = f"<title>Bees {day}</title><link>https://n.example.org/guide/v{day + 1}</link>"
        assert counts(show(rss(link), days=day)) == [(1, 0)]


@pytest.mark.parametrize("name", ["_ga", "session_id", "at_medium", "casa_token", "CMP", "elqTrackId", "srsltid"])
def test_a_parameter_that_says_how_a_link_was_followed_makes_no_second_work(name: str) -> None:
    for day in range(2):
        link = f"<title>Bees</title><link>https://n.example.org/view?id=7&amp;{name}=x{day}</link>"
        assert counts(show(rss(link), days=day)) == [(1 - day, 0)]
    assert Paper.objects.get().url == "https://n.example.org/view?id=7"
