"""A real Postfix on this machine, unpacked from Debian's packages into a folder of its own and never installed.

Its packages would replace OpenSMTPD, the mail server of the suite. Root only. It takes every mail, delivers none of
them anywhere, and its log says which it took.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.services import free_port

PACKAGES = ("postfix", "sasl2-bin")  # the latter has the program that writes its passwords
OWNER, GROUP = "news", "uucp"  # of its queue; any that owns nothing else here
USER, PASSWORD = "digest", "a-password"
HOST = "mx.example.net"
TAKEN = re.compile(r"to=<([^>]*)>.* status=sent")
QUEUES = "incoming active deferred bounce defer flush hold saved trace corrupt private public maildrop pid".split()
MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {root}/usr/share/postfix
import_environment = MAIL_CONFIG MAIL_LOGTAG LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME LD_LIBRARY_PATH={root}/usr/lib/postfix
mail_owner = {owner}
setgid_group = {group}
myhostname = {host}
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_client_event_limit_exceptions =
smtpd_sasl_local_domain = {host}
default_transport = discard:taken
local_transport = discard:taken
relay_transport = discard:taken
service_throttle_time = 1s
maillog_file = {home}/log
maillog_file_prefixes = {home}
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
SASL = "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\nsasldb_path: {home}/passwords\n"


class NotHere(Exception):
    """Raised when Postfix cannot be had or started on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Postfix:
    port: int
    home: Path
    process: subprocess.Popen[bytes]

    def taken(self) -> Counter[str]:
        """Return how many mails it took for each recipient."""
        return Counter(TAKEN.findall(self.log()))

    def log(self) -> str:
        file = self.home / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def change(self, name: str, value: str) -> None:
        """Set a parameter of main.cf and have it read again."""
        with (self.home / "conf/main.cf").open("a") as file:
            file.write(f"{name} = {value}\n")
        self.process.send_signal(signal.SIGHUP)

    def kill_smtpd(self) -> int:
        """Kill every process that speaks SMTP for it; return how many there were."""
        killed = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError, IndexError):
                number, _, rest = stat.read_text().partition(" (smtpd) ")
                if rest and int(rest.split()[1]) == self.process.pid:
                    os.kill(int(number), signal.SIGKILL)
                    killed += 1
        return killed


def unpack(folder: Path) -> Path:
    """Return the folder with the programs, after a download by apt-get if it is empty. Raises NotHere."""
    root = folder / "root"
    if not (root / "usr/lib/postfix/sbin/master").exists():
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [_program("apt-get"), "download", *PACKAGES], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotHere(f"Postfix could not be downloaded: {done.stderr.strip()[:200]}")
        for package in folder.glob("*.deb"):
            subprocess.run([_program("dpkg-deb"), "-x", package, root], check=True)
    return root


def _program(name: str) -> str:
    if not (path := shutil.which(name)):
        raise NotHere(f"there is no {name}: Postfix is unpacked from Debian's packages")
    return path


@contextmanager
def postfix(root: Path, **parameters: str) -> Iterator[Postfix]:
    """Start it with these parameters of main.cf on top of those above. Raises NotHere."""
    if os.getuid() != 0:
        raise NotHere("Postfix can be started by root only")
    home = Path(tempfile.mkdtemp(prefix="broadsheet-postfix-"))
    port = free_port()
    try:
        _lay_out(home, root, port, parameters)
        environment = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": f"{root}/usr/lib/postfix"}
        with (home / "out").open("wb") as out:
            process = subprocess.Popen(
                [root / "usr/lib/postfix/sbin/master", "-c", home / "conf", "-d"],
                env=environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            _wait(process, home)
            yield Postfix(port, home, process)
        finally:
            process.terminate()
            process.wait()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], home: Path) -> None:
    for _ in range(100):
        if process.poll() is not None:
            break
        if (home / "log").exists() and "daemon started" in (home / "log").read_text():
            return
        time.sleep(0.1)
    raise NotHere(f"Postfix does not start: {(home / 'out').read_text()[-300:]}")


def _lay_out(home: Path, root: Path, port: int, parameters: dict[str, str]) -> None:
    home.chmod(0o755)
    for name in ("conf/sasl", "data", *(f"queue/{queue}" for queue in QUEUES)):
        (home / name).mkdir(parents=True)
    names = {"home": home, "root": root, "owner": OWNER, "group": GROUP, "host": HOST}
    own = "".join(f"{name} = {value}\n" for name, value in parameters.items())
    (home / "conf/main.cf").write_text(MAIN.format(**names) + own)
    (home / "conf/master.cf").write_text(MASTER.format(port=port))
    (home / "conf/sasl/smtpd.conf").write_text(SASL.format(home=home))  # Debian's Postfix looks there only
    passwords = home / "passwords"
    command = [root / "usr/sbin/saslpasswd2", "-p", "-c", "-u", HOST, "-f", passwords, USER]
    subprocess.run(command, input=PASSWORD.encode(), check=True)
    for path in (home / "data", passwords, *(home / "queue" / name for name in QUEUES if name != "pid")):
        shutil.chown(path, OWNER)
    for name, mode in (("public", 0o710), ("maildrop", 0o730)):
        shutil.chown(home / "queue" / name, group=GROUP)
        (home / "queue" / name).chmod(mode)
    (home / "queue/private").chmod(0o700)
