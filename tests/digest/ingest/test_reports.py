"""Feeds in the shape of public bug reports: each work once, with the names, versions and texts that are its own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from digest.ingest import parsers, store
from digest.models import Paper, PaperChange, Sighting
from tests.support.factories import NOON

pytestmark = pytest.mark.django_db
HEAD = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/"'


def show(body: bytes, *, days: int = 0, name: str = "file.xml") -> store.Reading:
    feed = parsers.read(body)
    return store.store(store.source_named_in(feed, name), feed, now=NOON + timedelta(days=days))


def given(data: Path, name: str, *, days: int = 0) -> store.Reading:
    return show((data / "reports" / name).read_bytes(), days=days, name=name)


def rss(*items: str, home: str = "https://j.example.org/") -> bytes:
    wrapped = "".join(f"<item>{item}</item>" for item in items)
    head = f"<title>Notes of {home}</title><link>{home}</link>"
    return f'<rss version="2.0" {HEAD}><channel>{head}{wrapped}</channel></rss>'.encode()


def item(title: str, link: str, *, guid: str = "", more: str = "", abstract: str = "") -> str:
    named = f'<guid isPermaLink="false">{guid}</guid>' if guid else ""
    text = f"<description>{abstract}</description>" if abstract else ""
    return f"<title>{title}</title><link>{link}</link>{named}{text}{more}"


def titles() -> list[str]:
    return list(Paper.objects.order_by("pk").values_list("title", flat=True))


# --- 1: names that items share ----------------------------------------------------------------------------------------


def test_a_guid_that_all_items_bear_names_none_of_them(data: Path) -> None:
    first, second = (
        given(data, name, days=day)
        for day, name in enumerate(["01-one-guid-for-all.xml", "01-one-guid-for-all-day2.xml"])
    )
    assert [(one.new, one.updated) for one in (first, second)] == [(10, 0), (10, 0)]
    assert Paper.objects.count() == 20


@pytest.mark.parametrize(
    "shared", ["<prism:doi>10.5555/issue.7</prism:doi>", "<dc:identifier>pmid:7</dc:identifier>", ""]
)
def test_an_issues_doi_or_page_that_all_items_bear_names_none_of_them(shared: str) -> None:
    for day in range(3):  # the last has one item alone, which shares its name with nobody that day
        numbers = range(1 if day == 2 else 4)
        show(
            rss(
                *(
                    item(f"Robot {day}.{n}", "https://j.example.org/issue/7", guid=f"g{day}{n}", more=shared)
                    for n in numbers
                )
            ),
            days=day,
        )
    assert titles() == [f"Robot {day}.{n}" for day, count in enumerate([4, 4, 1]) for n in range(count)]
    show(rss(item("Robot 3.0", "https://j.example.org/issue/7", guid="g30", more=shared)), days=3)
    assert titles()[-1] == "Robot 3.0"


def test_a_guid_that_every_days_only_item_bears_is_no_name() -> None:
    for day in range(3):
        show(rss(item(f"Lesson {day}", f"https://j.example.org/{day}", guid="the-lesson")), days=day)
    assert titles() == ["Lesson 0", "Lesson 1", "Lesson 2"]


def test_an_item_that_is_listed_twice_is_one_paper() -> None:
    twice = item("A robot", "https://j.example.org/1", guid="g1")
    reading = show(rss(twice, twice, item("Another", "https://j.example.org/2", guid="g2")))
    assert (reading.stored, [one.why for one in reading.refused]) == (2, ["listed twice"])


def test_fragments_tell_items_apart_when_nothing_else_does(data: Path) -> None:
    for day in range(2):
        given(data, "01-fragment-links.xml", days=day)
    assert [paper.url for paper in Paper.objects.order_by("pk")] == [
        "https://ws.example.org/2026#talk-1",
        "https://ws.example.org/2026#talk-2",
    ]


def test_fragments_and_parameters_count_without_guids_too() -> None:
    talks = [item(f"Talk {n}", f"https://j.example.org/day#{n}") for n in range(3)]
    stories = [item(f"Story {n}", f"https://j.example.org/story?sid={n}") for n in range(3)]
    for day in range(2):
        show(rss(*talks, *stories), days=day)
    assert titles() == ["Talk 0", "Talk 1", "Talk 2", "Story 0", "Story 1", "Story 2"]
    assert Paper.objects.get(title="Story 2").url == "https://j.example.org/story?sid=2"


def test_a_fragment_is_no_name_where_the_page_is_enough() -> None:
    show(rss(item("A robot", "https://j.example.org/1#abstract")))
    show(rss(item("A robot", "https://j.example.org/1#top")), days=1)
    assert titles() == ["A robot"]


# --- 3: links that change ---------------------------------------------------------------------------------------------


def test_pubmeds_papers_are_known_again_although_their_links_change(data: Path) -> None:
    readings = [given(data, f"03-changing-link-day{day + 1}.xml", days=day) for day in range(2)]
    assert [reading.new for reading in readings] == [1, 0]
    paper = Paper.objects.get()
    assert (paper.identifier, paper.url) == ("pmid:49999002", "https://pubmed.ncbi.nlm.nih.gov/49999002/")
    assert Sighting.objects.values("source").distinct().count() == 1  # the feed's own address is cleaned too


@pytest.mark.parametrize(
    "link",
    [
        "https://j.example.org/read;jsessionid={day}F3A?id=7",
        "https://j.example.org/read?id=7&amp;mc_cid={day}&amp;mc_eid={day}&amp;fbclid=x{day}",
        "https://j.example.org/read?id=7&amp;dgcid=rss{day}&amp;PHPSESSID=a{day}",
        "https://j.example.org/read?id=7&amp;sid={day}&amp;ff={day}&amp;v={day}.1",
    ],
)
def test_what_follows_a_reader_is_part_of_no_name_and_no_link(link: str) -> None:
    for day in range(2):
        show(rss(item(f"A robot, {day}", link.format(day=day))), days=day)
    assert [paper.url for paper in Paper.objects.all()] == ["https://j.example.org/read?id=7"]


def test_a_guid_is_a_name_within_its_source_whatever_its_form() -> None:
    for day in range(2):
        show(rss(item("A robot", f"https://j.example.org/go?token=a{day}", guid="tag:j,2026:7")), days=day)
    show(rss(item("A whale", "https://k.example.org/7", guid="tag:j,2026:7"), home="https://k.example.org/"))
    assert titles() == ["A robot", "A whale"]


def test_a_page_that_is_renamed_keeps_its_guid_and_date() -> None:
    dated = "<pubDate>Mon, 02 Mar 2026 08:00:00 GMT</pubDate>"
    for day, title in enumerate(["A robt", "A robot"]):
        show(rss(item(title, f"https://j.example.org/{title[2:]}", guid="?p=12", more=dated)), days=day)
    assert Paper.objects.count() == 1


# --- 4: versions ------------------------------------------------------------------------------------------------------


def test_a_new_version_of_a_preprint_is_the_same_work(data: Path) -> None:
    readings = [given(data, f"04-versioned-dois-day{day + 1}.xml", days=day) for day in range(2)]
    assert [(reading.new, reading.updated, reading.stored) for reading in readings] == [(3, 0, 3), (0, 3, 3)]
    assert sorted(Paper.objects.values_list("url", flat=True)) == [
        "https://chemrxiv.org/doi/full/10.26434/chemrxiv-2026-hss99/v2",
        "https://doi.org/10.31234/osf.io/abcde_v2",
        "https://www.biorxiv.org/content/10.64898/2026.08.01.999001v2",
    ]
    assert sorted(Paper.objects.values_list("identifier", "version")) == [
        ("doi:10.26434/chemrxiv-2026-hss99", 2),
        ("doi:10.31234/osf.io/abcde", 2),
        ("doi:10.64898/2026.08.01.999001", 2),
    ]
    assert set(Sighting.objects.filter(seen_at__gt=NOON).values_list("announced", flat=True)) == {"replace"}


NUMBERED = [
    "10.1101/2026.08.01.999001v{}",
    "10.64898/2026.08.01.999001v{}",
    "10.26434/chemrxiv-2026-hss99/v{}",
    "10.26434/chemrxiv-2026-hss99-v{}",
    "10.26434/chemrxiv.1234567.v{}",
    "10.33774/coe-2026-hss99-v{}",
    "10.21203/rs.3.rs-1234567/v{}",
    "10.22541/au.178.99/v{}",
    "10.36227/techrxiv.1234567.v{}",
    "10.36227/techrxiv.178.99/v{}",
    "10.20944/preprints202608.0123.v{}",
    "10.31124/advance.1234567.v{}",
    "10.6084/m9.figshare.1234567.v{}",
    "10.14293/PR2199.000999.v{}",
    "10.7287/peerj.preprints.99999v{}",
    "10.12688/f1000research.98765.{}",
    "10.12688/wellcomeopenres.98765.{}",
    "10.7554/eLife.98765.{}",
    "10.32388/A1B2C3.{}",
    "10.1002/essoar.99999999.{}",
    "10.31219/osf.io/q2w3e_v{}",
    "10.31234/osf.io/abcde_v{}",
]
LIKE_NUMBERED = ["10.1016/j.robot.2026.v{}", "10.5555/robots/v{}", "10.1038/s41586-026-1.{}", "10.5555/osf-abcde_v{}"]


def show_versions(doi: str, *, link: str) -> list[store.Reading]:
    names = [doi.format(version) for version in (1, 2, 1)]
    return [
        show(rss(item("A robot", link.format(name), more=f"<dc:identifier>doi:{name}</dc:identifier>")), days=day)
        for day, name in enumerate(names)
    ]


@pytest.mark.parametrize("link", ["https://doi.org/{}", "https://j.example.org/doi/full/{}"])
@pytest.mark.parametrize("doi", NUMBERED)
def test_a_version_of_a_registrant_that_numbers_so_is_an_update_and_its_link_is_kept(doi: str, link: str) -> None:
    readings = show_versions(doi, link=link)
    assert [(reading.new, reading.updated) for reading in readings] == [(1, 0), (0, 1), (0, 0)]
    paper = Paper.objects.get()
    assert (paper.version, paper.url) == (2, link.format(doi.format(2)))


@pytest.mark.parametrize("doi", LIKE_NUMBERED)
def test_what_looks_like_a_version_of_another_registrant_is_another_work(doi: str) -> None:
    readings = show_versions(doi, link="https://doi.org/{}")
    assert [(reading.new, reading.updated) for reading in readings] == [(1, 0), (1, 0), (0, 0)]


def test_another_sites_version_moves_no_link(data: Path) -> None:
    given(data, "04-versioned-dois-day1.xml")
    before = set(Paper.objects.values_list("url", "version"))
    link = "https://www.biorxiv.org/content/10.64898/2026.08.01.999001v2"
    reading = show(rss(item("A robot on bioRxiv", link), home="https://k.example.org/"), days=1)
    assert (set(Paper.objects.values_list("url", "version")), reading.updated) == (before, 0)


def test_elifes_version_of_record_and_its_parts() -> None:
    for day, name in enumerate(["98765.2", "98765", "98765.001"]):
        shown = item("A robot", "https://j.example.org/", more=f"<prism:doi>10.7554/eLife.{name}</prism:doi>")
        show(rss(shown), days=day)
    assert sorted(Paper.objects.values_list("identifier", flat=True)) == [
        "doi:10.7554/elife.98765",
        "doi:10.7554/elife.98765.001",
    ]


# --- 9: several identifiers -------------------------------------------------------------------------------------------


def test_of_several_identifiers_the_doi_is_kept_wherever_it_stands(data: Path) -> None:
    given(data, "09-two-identifiers.xml")
    assert sorted(Paper.objects.values_list("identifier", flat=True)) == [
        "doi:10.5555/lib.1",
        "doi:10.5555/lib.2",
        "doi:10.5555/lib.3",
    ]


def test_several_identifiers_in_an_atom_feed_under_another_prefix() -> None:
    given = "".join(f"<d:identifier>{one}</d:identifier>" for one in ("urn:isbn:1", "pmid:77", "10.5555/lib.9", "x:1"))
    entry = f'<entry><title>A robot</title><id>urn:1</id><link href="https://lib.example.org/1"/>{given}</entry>'
    head = 'xmlns="http://www.w3.org/2005/Atom" xmlns:d="http://purl.org/dc/elements/1.1/"'
    show(f"<feed {head}><title>Lib</title>{entry}</feed>".encode())
    paper = Paper.objects.get()
    assert paper.identifier == "doi:10.5555/lib.9"
    assert set(paper.identifiers.values_list("value", flat=True)) >= {"doi:10.5555/lib.9", "pmid:77"}


# --- 10: the same work elsewhere --------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [("itself", "elsewhere"), ("elsewhere", "itself")])
def test_an_arxiv_id_in_a_links_path_counts_on_any_host(data: Path, order: tuple[str, str]) -> None:
    for day, name in enumerate(order):
        given(data, f"10-arxiv-{name}.xml", days=day)
    paper = Paper.objects.get()
    assert (paper.identifier, paper.url) == ("arxiv:2608.01240", "https://arxiv.org/abs/2608.01240")
    assert (paper.categories, paper.sightings.count()) == (["cs.RO"], 2)


@pytest.mark.parametrize(
    ("link", "identifier"),
    [
        ("https://scirate.com/arxiv/2608.01240", "arxiv:2608.01240"),
        ("https://www.alphaxiv.org/overview/2608.01240v2", "arxiv:2608.01240"),
        ("https://ar5iv.labs.arxiv.org/html/2608.01240", "arxiv:2608.01240"),
        ("https://j.example.org/arxiv/hep-th/9901001", "arxiv:hep-th/9901001"),
        ("https://j.example.org/reviews/1412.6980.pdf", "arxiv:1412.6980"),
        ("https://j.example.org/2099.012", ""),
        ("https://j.example.org/news/2613.01240", ""),
        ("https://j.example.org/news/2012.1234", ""),
        ("https://j.example.org/2608.01240/2608.01241", ""),
        ("https://www.tandfonline.com/doi/full/10.1080/0123.2026.77?src=rss", "doi:10.1080/0123.2026.77"),
        ("https://pubs.example.org/doi/abs/10.1021/acs.robot.6c0/", "doi:10.1021/acs.robot.6c0"),
        ("https://j.example.org/article/10.1007%2Fs10514-026-7/fulltext.html", "doi:10.1007/s10514-026-7"),
        ("https://europepmc.org/article/MED/0049999002", "pmid:49999002"),
    ],
)
def test_ids_in_paths(link: str, identifier: str) -> None:
    show(rss(item("A robot", link)))
    assert Paper.objects.get().identifier == (identifier or f"url:{link.removeprefix('https://')}")


# --- 8: a source speaks for its own works -----------------------------------------------------------------------------


def test_a_blogs_versions_withdrawals_and_texts_of_an_arxiv_paper_are_claims(data: Path) -> None:
    given(data, "10-arxiv-itself.xml")
    before = Paper.objects.values().get()
    blog = "https://blog.example.org/arxiv/2608.01240"
    category = "<category>cooking</category><prism:doi>10.5555/other</prism:doi>"
    show(rss(item("Buy robots", f"{blog}v9", more=category, abstract="Cheap robots."), home=blog), days=1)
    show(rss(item("WITHDRAWN: Buy robots", f"{blog}v9", guid="2"), home=blog), days=2)
    assert Paper.objects.values().get() == before
    assert set(Paper.objects.get().identifiers.values_list("value", flat=True)) >= {"arxiv:2608.01240"}
    assert not Paper.objects.filter(identifiers__value="doi:10.5555/other").exists()
    assert list(PaperChange.objects.order_by("pk").values_list("kind", "state")) == [
        ("version", "claimed"),
        ("withdrawal", "claimed"),
    ]
