"""Real mails through a real Postfix: one that takes so many a minute, four set-ups that refuse us, and one that dies.

Each part has an installation of its own in live mode, with readers who are due now, and runs the service's own loop. What
counts is the log of Postfix: who got a mail, and how many.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.benchmarks.command_line import Refused, Result
from tests.benchmarks.ground import installation
from tests.benchmarks.report import table
from tests.support.paths import ROOT
from tests.support.postfix import PASSWORD, USER, NotHere, Postfix, postfix, unpack
from tests.support.processes import SET_UP
from tests.support.services import Installation

PARTS = ("rate", "setups", "killed")
LIMIT = 25 * 60.0  # seconds for all readers at 30 a minute
EACH = 0.12  # seconds between two kills
CALL_UP = f"""{SET_UP}
from datetime import UTC, datetime
from subscriptions.models import Subscriber
Subscriber.objects.update(next_send_at=datetime.now(UTC))
"""
COUNT = f"""{SET_UP}
import json
from collections import Counter
from digest.models import Delivery
print(json.dumps(Counter(Delivery.objects.values_list("status", flat=True))))
"""
HELD = f"""{SET_UP}
from datetime import UTC, datetime
from digest.delivery import throttle
state = throttle.state(datetime.now(UTC))
print(state.why if state.held_until else "")
"""
DOCTOR = (
    SET_UP
    + """
from datetime import UTC, datetime
from digest.diagnostics.mail_server import examine_mail_server, our_senders
from digest.diagnostics.queue import examine_queue
for one in [*examine_mail_server(our_senders()[:1]), *examine_queue(datetime.now(UTC))]:
    if one.what.startswith("mail") or one.what in ("TLS", "sending"):
        print(f"  {one.severity.name:<9} {one.what}: {one.seen}", f"-> {one.do}" if one.do else "")
"""
)
LONGEST_KILLED = 300.0  # seconds
OPEN = ("ready", "handing_off", "retry_wait")


@dataclass(frozen=True, slots=True)
class SetUp:
    """A server that refuses how we come; then the server or our settings are put right."""

    server: dict[str, str]
    wrong: str = "smtp://127.0.0.1:{port}"
    right: str = "smtp://127.0.0.1:{port}"
    server_then: dict[str, str] = field(default_factory=dict)  # what is changed at the server to put it right


def set_ups(certificate: Path, key: Path) -> dict[str, SetUp]:
    tls = {"smtpd_tls_cert_file": str(certificate), "smtpd_tls_key_file": str(key)}
    return {
        "STARTTLS demanded": SetUp(tls | {"smtpd_tls_security_level": "encrypt"}, right="smtp+tls://127.0.0.1:{port}"),
        "full EHLO name demanded": SetUp(
            {"smtpd_helo_required": "yes", "smtpd_helo_restrictions": "reject_non_fqdn_helo_hostname"}
        ),
        "relaying denied": SetUp({"mynetworks": "192.0.2.0/24"}, server_then={"mynetworks": "127.0.0.0/8"}),
        "log-in demanded": SetUp(
            {
                "smtpd_sasl_auth_enable": "yes",
                "mynetworks": "192.0.2.0/24",
                "smtpd_client_restrictions": "permit_sasl_authenticated, reject",
            },
            right=f"smtp://{USER}:{PASSWORD}@127.0.0.1:{{port}}",
        ),
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--readers", type=int, default=600, help="of the part 'rate' (default: 600)")
    parser.add_argument("--a-minute", type=int, default=30, help="mails that the server takes (default: 30)")
    parser.add_argument(
        "--postfix", type=Path, metavar="DIR", help="where it is unpacked, or is to be (default: a new one)"
    )


def run(given: argparse.Namespace, out: Console) -> Result:
    if unknown := set(given.parts) - set(PARTS):
        raise Refused(f"there is no part '{min(unknown)}' of relay; the parts are {', '.join(PARTS)}")
    parts = given.parts or PARTS
    figures: dict[str, Any] = {}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="broadsheet-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        try:
            root = unpack((given.postfix or folder / "postfix").absolute())
            if "setups" in parts:
                figures["setups"] = _run_set_ups(root, folder, out, wrong)
            if "killed" in parts:
                figures["killed"] = _run_killed(root, out, wrong)
            if "rate" in parts:
                figures["rate"] = _run_rate(root, given.readers, given.a_minute, out, wrong)
        except NotHere as error:
            raise Refused(str(error)) from None
    return Result(figures, " ".join(wrong))


# --- the parts -------------------------------------------------------------------------------------------------------


def _run_rate(root: Path, readers: int, a_minute: int, out: Console, wrong: list[str]) -> dict[str, Any]:
    with postfix(root, smtpd_client_message_rate_limit=str(a_minute)) as server, _people(readers, server) as place:
        began = time.monotonic()
        limit = LIMIT * max(1.0, readers / 600 * 30 / a_minute)
        with _service(place):
            _wait_until(lambda: len(server.taken()) == readers, limit)
        minutes = (time.monotonic() - began) / 60
        taken, refused = server.taken(), server.log().count("rate limit exceeded")
        statuses = _count(place)
    found = {"readers": readers, "served": len(taken), "twice": _twice(taken), "minutes": round(minutes, 1)}
    found |= {"refusals": refused, "statuses": statuses}
    rows = [(f"{readers:,}", f"{len(taken):,}", f"{_twice(taken)}", f"{minutes:.1f}", f"{refused:,}")]
    table(out, f"A server that takes {a_minute} a minute", ("readers", "served", "twice", "minutes", "refusals"), rows)
    if len(taken) != readers or _twice(taken):
        wrong.append(f"Of {readers} readers {len(taken)} were served, {_twice(taken)} twice.")
    return found


def _run_set_ups(root: Path, folder: Path, out: Console, wrong: list[str]) -> list[dict[str, Any]]:
    certificate, key = _certificate(folder)
    found = []
    for name, given in set_ups(certificate, key).items():
        one = _run_set_up(root, given, certificate)
        found.append({"set-up": name} | one)
        if one["days lost"] or one["twice"]:
            wrong.append(f"{name}: {one['days lost']} days lost, {one['twice']} mails twice.")
    rows = [
        (one["set-up"], f"{one['readers']}", f"{one['days lost']}", f"{one['twice']}", one["held"]) for one in found
    ]
    table(out, "Set-ups that refuse us, then put right", ("", "readers", "days lost", "twice", "why it was held"), rows)
    for one in found:
        out.print(f"\n{one['set-up']}: what doctor says")
        out.print("\n".join(one["doctor"]), markup=False, soft_wrap=True)
    return found


def _run_set_up(root: Path, given: SetUp, certificate: Path, *, readers: int = 20) -> dict[str, Any]:
    with postfix(root, **given.server) as server, _people(readers, server) as place:
        place.environment["SSL_CERT_FILE"] = str(certificate)
        place.environment["SMTP_URL"] = given.wrong.format(port=server.port)
        with _service(place):
            time.sleep(20)
        held, doctor, before = _held(place), _doctor(place), server.taken()
        place.environment["SMTP_URL"] = given.right.format(port=server.port)
        for name, value in given.server_then.items():
            server.change(name, value)
        place.run("manage.py", "resume_sending")
        with _service(place):
            _wait_until(lambda: len(server.taken()) == readers, 120)
        taken = server.taken()
        doctor_after = _doctor(place)
    return {
        "readers": readers,
        "served before": len(before),
        "days lost": readers - len(taken),
        "twice": _twice(taken),
        "held": held or "nothing to put right",
        "doctor": [*doctor, "  once it is right:", *doctor_after] if doctor_after != doctor else doctor,
    }


def _run_killed(root: Path, out: Console, wrong: list[str], *, readers: int = 200) -> dict[str, Any]:
    kills = 0
    with postfix(root) as server, _people(readers, server, MAIL_RATE="10") as place:
        with _service(place):
            end, looked_at = time.monotonic() + LONGEST_KILLED, time.monotonic()
            while time.monotonic() < end:
                kills += server.kill_smtpd()
                time.sleep(EACH)
                if time.monotonic() - looked_at > 10:
                    if _is_done(place, readers):
                        break
                    looked_at = time.monotonic()
        time.sleep(2)
        taken, statuses = server.taken(), _count(place)
    found = {"readers": readers, "kills": kills, "served": len(taken), "twice": _twice(taken), "statuses": statuses}
    unknown = statuses.get("unknown", 0)
    rows = [(f"{readers}", f"{kills}", f"{len(taken)}", f"{_twice(taken)}", f"{unknown}")]
    table(out, f"A server that is killed every {EACH} s", ("readers", "kills", "served", "twice", "unknown"), rows)
    if _twice(taken) or len(taken) + unknown < readers:
        wrong.append(f"While the server died: {_twice(taken)} twice, {readers - len(taken)} not served, {statuses}.")
    return found


# --- an installation and its service ---------------------------------------------------------------------------------


@contextmanager
def _people(readers: int, server: Postfix, **settings: str) -> Iterator[Installation]:
    """An installation with so many readers who are due now."""
    url = f"smtp://127.0.0.1:{server.port}"
    with installation(MAIL_PROVIDER="smtp", SMTP_URL=url, **settings) as place:
        place.run("-m", "tests.chaos.population", str(readers), "1")
        place.run("-c", CALL_UP)
        yield place


@contextmanager
def _service(place: Installation) -> Iterator[None]:
    command = [sys.executable, "manage.py", "send_due", "--loop"]
    with (place.var / "service.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=place.environment, stdout=log, stderr=log)
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"the service ended: {(place.var / 'service.log').read_text()[-500:]}")
    finally:
        process.terminate()
        process.wait()


def _wait_until(is_done: Callable[[], bool], limit: float, *, every: float = 1.0) -> None:
    end = time.monotonic() + limit
    while not is_done() and time.monotonic() < end:
        time.sleep(every)


def _count(place: Installation) -> dict[str, int]:
    counts: dict[str, int] = json.loads(place.run("-c", COUNT))
    return counts


def _is_done(place: Installation, readers: int) -> bool:
    counts = _count(place)
    return sum(counts.values()) == readers and not any(counts.get(status) for status in OPEN)


def _held(place: Installation) -> str:
    return place.run("-c", HELD).strip()


def _doctor(place: Installation) -> list[str]:
    """Return what ``doctor`` says of the mail server and of sending."""
    return place.run("-c", DOCTOR).splitlines()


def _twice(taken: Counter[str]) -> int:
    return sum(count > 1 for count in taken.values())


def _certificate(folder: Path) -> tuple[Path, Path]:
    """For 127.0.0.1, signed by itself, and its key."""
    paths = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mx"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(paths[0]), "-keyout", str(paths[1])]
    subprocess.run(command, check=True, capture_output=True)
    return paths
