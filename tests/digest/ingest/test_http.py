from __future__ import annotations

import gzip
import socket
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from typing import Any

import pytest

from digest import lease
from digest.ingest import http, parsers
from digest.ingest.http import Limits, ssrf_guard
from digest.models import Lease
from digest.source_errors import ErrorKind
from tests.support import processes
from tests.support.clock import Clock
from tests.support.factories import NOON
from tests.support.http_server import Answer, drip, serve
from tests.support.services import Installation
from tests.support.source_errors import unreadable

pytestmark = pytest.mark.django_db
FEED = b"<rss/>"
HURRIED = Limits(connect=1, read=0.3, total=0.6)
Names = Callable[..., list[str]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def get(clock: Clock, settings: Any) -> Callable[..., http.Fetched]:
    """``http.get`` at noon, that waits for turns without losing time, and may reach ``web``."""

    def get(web: Any, path: str = "/feed", *, url: str = "", let_in: tuple[Any, ...] = (), **values: Any) -> Any:
        settings.FETCH_LOOPBACK = {server.at for server in (web, *let_in)}
        return http.get(url or web.url(path), now=NOON, clock=clock, sleep=clock.sleep, **values)

    return get


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Gives a name addresses, at the resolver of the operating system; of several answers each is given once."""
    known: dict[str, list[list[str]]] = {}
    asked: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in known:
            return real(host, port, *args, **kwargs)
        asked.append(host)
        answer = known[host].pop(0) if len(known[host]) > 1 else known[host][0]
        return [found for address in answer for found in real(address, port, *args, **kwargs)]

    def name(host: str, *answers: list[str]) -> list[str]:
        known[host] = list(answers)
        return asked

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return name


# --- what a good host answers ----------------------------------------------------------------------------------------


def test_a_source_is_asked_politely_and_its_body_kept_with_its_marks(get: Any, settings: Any) -> None:
    settings.SITE_URL, settings.CONTACT = "https://digest.example.org", "ada@example.org\r\nX-Evil: 1"
    marks = {"ETag": '"v1"', "Last-Modified": "Mon, 02 Mar 2026 05:00:00 GMT", "Set-Cookie": "a=b"}
    with serve({"/feed": Answer(FEED, headers=marks)}) as web:
        assert get(web) == http.Fetched(
            status="fresh", body=FEED, etag='"v1"', last_modified="Mon, 02 Mar 2026 05:00:00 GMT"
        )
        assert dict(web.log[0].headers) == {
            "Host": web.at,
            "User-Agent": "Broadsheet/0.1.0 (+https://digest.example.org; ada@example.orgX-Evil: 1)",
            "Accept-Encoding": "gzip",
            "Connection": "close",
        }


def test_what_has_not_changed_is_not_sent_again(get: Any) -> None:
    day = "Mon, 02 Mar 2026 05:00:00 GMT"
    with serve({"/feed": Answer(status=304)}) as web:
        fetched = get(web, etag='W/"é"', last_modified=day)
        assert fetched == http.Fetched(status="unchanged", etag='W/"é"', last_modified=day)
        assert web.log[0].headers["If-None-Match"] == 'W/"é"'
        assert web.log[0].headers["If-Modified-Since"] == day


def test_unchanged_is_no_answer_to_who_has_nothing_yet(get: Any) -> None:
    with serve({"/feed": Answer(status=304)}) as web:
        assert get(web).status == "failed"


def test_a_mark_that_its_column_cannot_hold_is_not_kept(get: Any) -> None:
    with serve({"/feed": Answer(FEED, headers={"ETag": '"' + "x" * 200 + '"'})}) as web:
        assert get(web).etag == ""


def test_a_gzip_is_unpacked(get: Any) -> None:
    body = FEED * 10_000
    with serve({"/feed": Answer(gzip.compress(body), headers={"Content-Encoding": "gzip"})}) as web:
        assert get(web).body == body


def test_redirects_are_followed_in_the_turns_of_their_hosts(get: Any, clock: Clock) -> None:
    hops = {
        "/feed": Answer(status=301, headers={"Location": "next?a=b"}),
        "/next": Answer(status=302, headers={"Location": "/last"}),
        "/last": Answer(FEED),
    }
    with serve(hops) as web:
        assert get(web).body == FEED
        assert [request.path for request in web.log] == ["/feed", "/next?a=b", "/last"]
    assert clock.slept == [1, 1]


def test_a_bad_query_at_arxiv_is_told_in_its_own_words(get: Any, names: Names) -> None:
    names("rss.arxiv.org", ["127.0.0.1"])
    told = (
        b"<rss version='2.0'><channel><title>Feed error for query: cs.XX</title>"
        b"<description>Bad archive cs.XX</description></channel></rss>"
    )
    with serve({"/rss/cs.XX": Answer(told, status=400, headers={"ETag": '"bad"'})}) as web:
        fetched = get(web, url=web.url("/rss/cs.XX", "rss.arxiv.org"))
        assert (fetched.status, fetched.etag) == ("fresh", "")
        with unreadable(ErrorKind.SOURCE_ERROR, detail="cs.XX"):
            parsers.read(fetched.body)
        assert get(web, "/rss/cs.XX").status == "failed"  # any other host


# --- turns -----------------------------------------------------------------------------------------------------------


def test_all_hosts_of_arxiv_share_one_turn_with_three_seconds_of_rest(get: Any, clock: Clock, names: Names) -> None:
    hosts = ["arxiv.org", "rss.arxiv.org", "Export.arXiv.org", "oaipmh.arxiv.org."]
    for host in (*hosts, "notarxiv.org"):
        names(host.lower(), ["127.0.0.1"])
    with serve({"/feed": Answer(FEED)}) as web:
        for host in hosts:
            assert get(web, url=web.url("/feed", host)).status == "fresh"
        assert clock.slept == [3, 3, 3]
        assert get(web, url=web.url("/feed", "notarxiv.org")).status == "fresh"
    assert sorted(Lease.objects.values_list("name", flat=True)) == ["host:arxiv.org", "host:notarxiv.org"]


def test_a_host_whose_turn_others_have_is_asked_later(get: Any, clock: Clock) -> None:
    lease.acquire("host:127.0.0.1", holder="another", now=NOON, hold=timedelta(minutes=3))
    with serve({"/feed": Answer(FEED)}) as web:
        fetched = get(web)
        assert (fetched.status, fetched.next_check_at) == ("later", NOON + timedelta(minutes=1))
        assert (fetched.error_kind, fetched.error) == (ErrorKind.HOST_BUSY, "127.0.0.1")
        assert sum(clock.slept) == 60
        assert web.log == []


def test_a_turn_is_given_back_whatever_happens(get: Any) -> None:
    with serve({"/feed": Answer(status=500)}) as web:
        assert get(web).status == "failed"
    assert get(web).status == "failed"  # the server is gone by now
    assert Lease.objects.get().holder == ""


# --- what a busy or broken host answers ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("120", 120),
        (format_datetime(NOON + timedelta(hours=2), usegmt=True), 7200),
        (format_datetime(NOON - timedelta(hours=2), usegmt=True), 1),
        ("0", 1),
        ("999999999999999999", 86400),
        (format_datetime(NOON + timedelta(days=300), usegmt=True), 86400),
    ],
)
def test_a_pause_that_a_host_asks_for_is_kept(get: Any, status: int, told: str, seconds: int) -> None:
    with serve({"/feed": Answer(status=status, headers={"Retry-After": told})}) as web:
        fetched = get(web, failures=4)
        assert (fetched.status, fetched.next_check_at) == ("later", NOON + timedelta(seconds=seconds))
        assert fetched.error_kind is ErrorKind.RATE_LIMITED
        assert f"answered {status}" in fetched.error


def test_a_host_that_asked_for_a_pause_is_left_alone_by_its_other_sources_too(get: Any, clock: Clock) -> None:
    with serve({"/feed": Answer(status=429, headers={"Retry-After": "600"}), "/other": Answer(FEED)}) as web:
        get(web)
        assert get(web, "/other").next_check_at == NOON + timedelta(seconds=600)
        assert len(web.log) == 1
        clock.now += timedelta(seconds=600)
        assert get(web, "/other").status == "fresh"


@pytest.mark.parametrize("told", ["", "soon", "-5", "1e9", "²", "Mon, 99 Mar 2026 99:00:00 GMT"])
def test_without_a_usable_pause_a_busy_host_counts_as_failing(get: Any, told: str) -> None:
    with serve({"/feed": Answer(status=503, headers={"Retry-After": told} if told else {})}) as web:
        assert (fetched := get(web)).status == "failed"
        assert fetched.next_check_at == NOON + timedelta(minutes=5)


def test_failures_in_a_row_make_the_pause_longer_up_to_six_hours(get: Any, clock: Clock) -> None:
    with serve({"/feed": Answer(status=404)}) as web:
        pauses = [(get(web, failures=failures).next_check_at - NOON).total_seconds() / 60 for failures in range(9)]
        assert pauses == [5, 10, 20, 40, 80, 160, 320, 360, 360]
        assert get(web, failures=10**6).next_check_at == NOON + timedelta(hours=6)
        spread = {get(web, failures=20, spread=pk).next_check_at for pk in range(30)}
        assert len(spread) == 30
        assert max(spread) < NOON + timedelta(hours=6.6)


@pytest.mark.parametrize(
    ("script", "kinds"),
    [
        (Answer(status=404), "not_found"),
        (Answer(status=500), "server_error"),
        (Answer(status=204), "unexpected_status"),
        (Answer(FEED, after=60), "timeout"),
        (drip(b"", every=60), "timeout"),
        (drip(b"H", every=0.05), "timeout|invalid_response"),
        (drip(b"a: b\r\n", every=0.05, head=b"HTTP/1.1 200 OK\r\n"), "timeout"),
        (drip(b"HTTP/1.1 102 Wait\r\n\r\n", every=0.05), "timeout"),
        (drip(b"x", every=0.05, head=b"HTTP/1.1 200 OK\r\n\r\n"), "timeout"),
        (drip(b"x" * 65536, every=0, head=b"HTTP/1.1 200 OK\r\n\r\n"), "too_large"),
        (
            drip(b"5\r\nhello\r\n", every=0, head=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "too_large|timeout",
        ),
        (drip(b"a: b\r\n" * 9999, every=0, head=b"HTTP/1.1 200 OK\r\n"), "invalid_response"),
        (drip(b"what?\r\n", every=0), "invalid_response"),
        (Answer(FEED, headers={"Big": "x" * 200_000}), "invalid_response"),
        (Answer(FEED, headers={"Content-Length": "99"}), "invalid_response"),
        (Answer(FEED, headers={"Content-Encoding": "gzip"}), "bad_compression"),
        (Answer(gzip.compress(FEED)[:-4], headers={"Content-Encoding": "gzip"}), "bad_compression"),
        (Answer(gzip.compress(FEED) * 2, headers={"Content-Encoding": "gzip"}), "bad_compression"),
        (Answer(FEED, headers={"Content-Encoding": "br"}), "bad_compression"),
        (Answer(status=302), "bad_redirect"),
        (Answer(status=302, headers={"Location": "ftp://example.org/"}), "invalid_url"),
        (Answer(status=302, headers={"Location": "file:///etc/passwd"}), "invalid_url"),
        (Answer(status=302, headers={"Location": "http://a@b/"}), "invalid_url"),
        (Answer(status=302, headers={"Location": "http://[::1"}), "invalid_url"),
    ],
)
def test_a_broken_host_is_told_by_its_kind_and_tried_later(get: Any, script: Any, kinds: str) -> None:
    limits = Limits(connect=1, read=0.3, total=0.6, size=2**20)
    with serve({"/feed": script}) as web:
        fetched = get(web, limits=limits)
        assert (fetched.status, fetched.body) == ("failed", b"")
        assert fetched.next_check_at == NOON + timedelta(minutes=5)
        assert fetched.error_kind in kinds.split("|"), fetched
        assert len(fetched.error) <= 500


def test_a_gzip_bomb_does_not_go_off(get: Any) -> None:
    bomb = gzip.compress(bytes(256 << 20), compresslevel=9)
    assert len(bomb) < 1 << 20
    with serve({"/feed": Answer(bomb, headers={"Content-Encoding": "gzip"})}) as web:
        assert get(web).error_kind is ErrorKind.TOO_LARGE


def test_redirects_in_a_circle_end(get: Any) -> None:
    with serve({"/feed": Answer(status=307, headers={"Location": "/feed"})}) as web:
        assert get(web).error_kind is ErrorKind.BAD_REDIRECT
        assert len(web.log) == 6


def test_a_host_that_is_gone_could_not_be_reached(get: Any) -> None:
    with serve({}) as web:
        pass
    assert get(web).error_kind is ErrorKind.CONNECTION_FAILED


# --- no way into a private network -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    "127.0.0.1 localhost 2130706433 0x7f000001 0x7f.1 127.1 0177.1 0.0.0.0 0 [::1] [::] [::ffff:127.0.0.1] [::127.0.0.1] "
    "[64:ff9b::7f00:1] [2002:7f00:1::] 10.0.0.1 172.16.0.1 192.168.0.1 100.64.0.1 169.254.169.254 224.0.0.1 "
    "255.255.255.255 240.0.0.1 [fe80::1] [fd00:ec2::254] [ff02::1] [2001:db8::1]".split(),
)
def test_no_spelling_of_a_private_address_is_dialled(clock: Clock, host: str) -> None:
    with serve({"/feed": Answer(FEED)}) as web:
        fetched = http.get(web.url("/feed", host), now=NOON, clock=clock, sleep=clock.sleep, limits=HURRIED)
        assert fetched.status == "failed"
        assert fetched.error_kind is ErrorKind.PRIVATE_ADDRESS
        assert web.most_open == 0


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:4700::6810:84e5", True),
        ("64:ff9b::5db8:d70e", True),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::5db8:d70e", False),
        ("2002:5db8:d70e::1", True),
        ("2001:0:5db8:d70e::1", False),
        ("::ffff:93.184.215.14", True),
        ("::ffff:169.254.169.254", False),
        ("fec0::1", False),
        ("198.18.0.1", False),
        ("192.0.2.1", False),
    ],
)
def test_addresses_of_the_open_internet_are_told_from_all_others(address: str, public: bool) -> None:
    assert ssrf_guard.is_public(ip_address(address)) is public


def test_a_redirect_into_a_private_network_is_not_followed(get: Any) -> None:
    with (
        serve({"/admin": Answer(b"secret")}) as inside,
        serve({"/feed": Answer(status=302, headers={"Location": inside.url("/admin")})}) as web,
    ):
        fetched = get(web)
        assert (fetched.error_kind, fetched.error) == (ErrorKind.PRIVATE_ADDRESS, "127.0.0.1 has the address 127.0.0.1")
        assert (len(web.log), inside.most_open) == (1, 0)
        assert get(web, let_in=(inside,)).body == b"secret"  # nothing else stood in the way


def test_a_name_that_turns_private_on_its_second_look_up_leads_nowhere(get: Any, names: Names) -> None:
    with (
        serve({"/feed": Answer(FEED)}) as web,
        serve({"/feed": Answer(b"secret")}, host="127.0.0.2", port=web.port) as inside,
    ):
        looked_up = names("feeds.example.org", ["127.0.0.1"], ["127.0.0.2"])
        url = web.url("/feed", "feeds.example.org")
        assert get(web, url=url).body == FEED
        assert len(looked_up) == 1  # what was checked is what was dialled
        assert web.log[0].headers["Host"] == f"feeds.example.org:{web.port}"
        assert get(web, url=url).error == "feeds.example.org has the address 127.0.0.2"
        assert inside.most_open == 0
        assert get(web, url=url, let_in=(inside,)).body == b"secret"


def test_one_private_address_of_a_name_is_enough_to_refuse_it(get: Any, names: Names) -> None:
    names("feeds.example.org", ["127.0.0.1", "93.184.215.14", "10.0.0.1"])
    with serve({"/feed": Answer(FEED)}) as web:
        assert get(web, url=web.url("/feed", "feeds.example.org")).error == "feeds.example.org has the address 10.0.0.1"
        assert web.log == []


def test_a_name_without_an_address_is_told_as_such(get: Any, names: Names) -> None:
    with serve({}) as web:
        names("gone.example.org", [])
        for host in ("gone.example.org", ".example.org"):
            fetched = get(web, url=f"http://{host}/")
            assert (fetched.error_kind, fetched.error) == (ErrorKind.HOST_NOT_FOUND, host)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:given.xml",
        "ftp://{at}/feed",
        "//{at}/feed",
        "http://ada:secret@{at}/feed",
        "http://example.org@{at}/feed",
        "http://{at}/feed\r\nX-Evil: 1",
        "http://{at}/feed HTTP/1.1\r\nHost: x\r\n\r\nGET /",
        "http://{at}\t/feed",
        "http://127.0.0.1:99999/feed",
        "http://127.0.0.1:-1/feed",
        "http://①②⑦.0.0.1/feed",
        "http://{at}/" + "x" * 3000,
        "http://" + "x." * 900,
    ],
)
def test_an_address_that_is_none_is_not_asked(get: Any, url: str) -> None:
    with serve({"/feed": Answer(FEED)}) as web:
        fetched = get(web, url=url.format(at=web.at) or " ")
        assert fetched.status == "failed"
        assert fetched.error_kind in (ErrorKind.INVALID_URL, ErrorKind.HOST_NOT_FOUND)
        assert web.log == []


def test_nothing_from_outside_becomes_a_header(get: Any) -> None:
    evil = Answer(status=302, headers={"Location": "/next%0d%0aX-Evil:%201?%0aX-Evil: 1"})
    with serve({"/feed": evil, "/next%0d%0aX-Evil:%201": Answer(FEED)}) as web:
        assert get(web).body == FEED
        assert all("X-Evil" not in request.headers for request in web.log)
        assert get(web, etag='"a"\r\nX-Evil: 1').status == "failed"
        assert len(web.log) == 2


def test_no_proxy_of_the_environment_is_asked(get: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve({"/feed": Answer(FEED)}) as web, serve({}) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.at}")
        assert get(web).body == FEED
        assert proxy.log == []


# --- two worker processes --------------------------------------------------------------------------------------------

WORKER = """
import socket, sys
from django.conf import settings
from django.utils import timezone
from digest.ingest import http

port, urls = sys.argv[1], sys.argv[2:]
settings.FETCH_LOOPBACK = {f"127.0.0.1:{port}"}
real = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: real("127.0.0.1", *rest, **more)
print("ready", flush=True)
sys.stdin.readline()
for url in urls:
    print(http.get(url, now=timezone.now()).status)
"""


def test_two_workers_ask_arxiv_once_in_three_seconds_over_one_connection(installation: Installation) -> None:
    installation.prepare()
    with serve({"/feed": Answer(FEED, after=0.3)}) as web:
        hosts = [["rss.arxiv.org", "export.arxiv.org", "arxiv.org"], ["rss.arxiv.org", "oaipmh.arxiv.org"]]
        urls = [[web.url("/feed", host) for host in some] for some in hosts]
        workers = [processes.start(WORKER, str(web.port), *some, environment=installation.environment) for some in urls]
        assert processes.go(workers) == ["fresh\n" * 3, "fresh\n" * 2]

        gaps = [later.at - sooner.at for sooner, later in zip(web.log, web.log[1:], strict=False)]
        log = "; ".join(
            f"+{gap:.3f} s {asked.headers['Host']}" for asked, gap in zip(web.log, [0.0, *gaps], strict=True)
        )
        assert len(gaps) == 4
        assert min(gaps) >= 3, log
        assert web.most_open == 1, log
