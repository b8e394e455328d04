"""Read settings from the environment and ``.env``; a wrong one stops the start with its name and the right form."""

from __future__ import annotations

import re
from difflib import get_close_matches
from email.utils import parseaddr
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent.parent


class Environment(environ.Env):
    """The environment, in which a value that begins with ``$`` is read as it is written.

    django-environ 0.14 takes such a value for the name of another variable, and returns the default where there is
    none: a password would be empty.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()  # names read so far

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        self.asked.add(var)
        given = self.ENVIRON.get(var, "")
        if given.startswith("$"):
            return self.parse_value(given, cast)
        return super().get_value(var, cast, default, parse_default)


def settings_lines(text: str) -> str:
    """Return the lines of ``.env`` that set something, without blanks around names and values.

    Raises ImproperlyConfigured for a line that sets nothing, which django-environ would leave out, and for a comment
    behind a value, which it would take for a part of the value. No value is repeated, since it may be a password.
    """
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.strip().startswith("#"):
            continue
        found = re.fullmatch(r"\s*(?:export\s+)?([A-Za-z_0-9]+)\s*=(.*)", line)
        if not found:
            raise ImproperlyConfigured(f"Line {number} of the file .env must be a comment, or a setting as NAME=value.")
        name, value = found[1], found[2].strip()
        if re.search(r"\s#", found[2]) and not re.fullmatch(r"'.*'|\".*\"", value):
            raise ImproperlyConfigured(
                f"In line {number} of the file .env, a # follows the value of {name}. Put a comment on a line of its "
                f'own. If the # is part of the value, put quotation marks around the whole value: {name}="...".'
            )
        lines.append(f"{name}={value}")
    return "\n".join(lines)


env = Environment()
FILE_LINES = ""  # of .env, as settings_lines returns them
if (BASE_DIR / ".env").is_file():
    try:
        text = (BASE_DIR / ".env").read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured("The file .env is not UTF-8 text: write it again from .env.example.") from error
    FILE_LINES = settings_lines(text)
    env.read_env(StringIO(FILE_LINES))


def misspelt_names(lines: str = FILE_LINES) -> list[tuple[str, str]]:
    """Return the names in these lines of ``.env`` that are no setting but nearly one, each with that one.

    Others may be meant for libraries, such as AWS_ACCESS_KEY_ID. All settings must have been read before.
    """
    unread = [name for name in re.findall(r"^(\w+)=", lines, re.M) if name not in env.asked]
    if not unread:
        return []
    # those of a provider that is not in use are not read
    described = re.findall(r"^#?([A-Z_]+)=", (BASE_DIR / ".env.example").read_text(), re.M)
    known = env.asked.union(described)
    near = {name: get_close_matches(name.upper(), known, 1, cutoff=0.8) for name in unread if name not in known}
    return [(name, found[0]) for name, found in near.items() if found]


def wrong(name: str, value: object, right: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"The setting {name} is {value!r}, but it must be {right}.")


def one_of(name: str, choices: tuple[str, ...]) -> str:
    value = env.str(name, default=choices[0]).strip().lower()
    if value not in choices:
        raise wrong(name, value, "one of " + ", ".join(choices))
    return str(value)


def address_parts(address: str) -> SplitResult:
    """Split an address; what is none, also by its port, has empty parts."""
    nothing = urlsplit("")
    try:
        parts = urlsplit(address)
        return nothing if parts.port == 0 else parts
    except ValueError:
        return nothing


def model_endpoint(prefix: str) -> tuple[str, str, str]:
    """Read the address, model and key of a model's endpoint; the address is empty where there is none."""
    names = url, model, key = f"{prefix}_URL", f"{prefix}_MODEL", f"{prefix}_KEY"
    asked_url, asked_model, asked_key = (str(env.str(name, default="")).strip() for name in names)
    if asked_url:
        asked = address_parts(asked_url)
        is_plain = not (asked.username or asked.query or asked.fragment)
        if asked.scheme not in ("http", "https") or not asked.hostname or not is_plain:
            raise wrong(url, "…", "the address of an API such as https://llm.example.org/v1")
        if asked_key and asked.scheme == "http" and asked.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise wrong(url, "…", f"an https address, since {key} is sent there, or one on this machine")
        if not asked_model:
            raise ImproperlyConfigured(f"{url} needs {model}, the name of the model to ask: see .env.example.")
    if not asked_key.isascii() or not asked_key.isprintable():
        raise wrong(key, "…", "the key of the endpoint, in plain letters, digits and signs")
    return asked_url, asked_model, asked_key


def number(name: str, default: int, *, least: int, most: int, right: str = "") -> int:
    """Return a number; raise ImproperlyConfigured beyond ``least`` and ``most``, and for what is none."""
    given = env.str(name, default=str(default)).strip()
    if not (given.isascii() and given.isdecimal()) or not least <= int(given) <= most:
        raise wrong(name, given, right or f"a number from {least} to {most}")
    return int(given)


def sender(name: str, default: str) -> str:
    """Return a sender, ``Name <address>`` or an address."""
    given = env.str(name, default="") or default
    if given and not _is_sender(given):
        raise wrong(name, given, "a sender such as Broadsheet <digest@mail.example.org>")
    return str(given)


def _is_sender(given: str) -> bool:
    return given.isprintable() and bool(re.fullmatch(r"[!-?A-~]+@[^@\s]+", parseaddr(given)[1]))


def contact(name: str) -> str:
    """Return an address of e-mail or of a page, or an empty string."""
    given = env.str(name, default="").strip()
    page = address_parts(given)
    if given and not (page.scheme in ("http", "https") and page.hostname) and not _is_sender(given):
        raise wrong(name, given, "an address such as editor@example.org, or that of a page, from https:// on")
    return str(given)


def service_address(name: str, default: str) -> str:
    """Return the address of a service, without a slash at its end."""
    given = env.str(name, default=default).strip().rstrip("/")
    parts = address_parts(given)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise wrong(name, given, f"an address such as {default}")
    return str(given)
