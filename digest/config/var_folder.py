"""The folder of an installation's data: made for its owner only, with the secrets that are generated there."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from django.core.management.utils import get_random_secret_key

from digest.config.environment import BASE_DIR, env, wrong


def data_folder() -> Path:
    """Return BROADSHEET_VAR, or ``var`` in the checkout. Raises ImproperlyConfigured for a relative path."""
    given = env.str("BROADSHEET_VAR", default="")
    if given and not Path(given).is_absolute():
        # from cron it would be another folder, with an empty database
        raise wrong("BROADSHEET_VAR", given, f"a whole path from /, such as {BASE_DIR / 'var'}")
    return Path(given or BASE_DIR / "var").resolve()


def make_folder(folder: Path, *, within: Path) -> None:
    """Make a folder within that of the data. Raise ImproperlyConfigured where that cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise wrong("BROADSHEET_VAR", str(within), f"a folder that can be written to ({error.strerror})") from error
    if not os.access(within, os.W_OK):
        raise wrong("BROADSHEET_VAR", str(within), "a folder that this user may write to")
    close_folder(within)


def close_folder(folder: Path) -> None:
    """Take from all but the owner what earlier versions left open. Folders of others stay as they are."""
    if not folder.stat().st_mode & 0o077 or folder.stat().st_uid != os.getuid():
        return
    for path in [*folder.rglob("*"), folder]:
        # a file may go meanwhile
        with suppress(OSError):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o700)


def kept_secret(name: str, var: Path) -> tuple[str, list[str]]:
    """Return a secret, generated into the folder ``var`` on first use, so that links stay valid after a restart.

    With it come the keys that it replaces: versions of 2026 took a file that was written by hand with its line break.
    """
    if given := env.str(name, default=""):
        if len(given) < 32:
            raise wrong(name, "…", f"at least 32 characters long (it has {len(given)})")
        return str(given), []
    path = var / name.lower()
    # not exists(): a link that leads nowhere is a lost key, and must not be replaced by a new one
    if not os.path.lexists(path):
        handle, draft = tempfile.mkstemp(dir=var)  # mode 600
        with os.fdopen(handle, "w") as file:
            file.write(get_random_secret_key())
            file.flush()
            os.fsync(handle)
        # of two concurrent first starts, one writes the secret for both
        with suppress(FileExistsError):
            os.link(draft, path)
        Path(draft).unlink()
        sync_folder(var)
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise wrong(name, "…", f"in the file {path}, which this user cannot read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise wrong(name, "…", f"text, and the file {path} holds something else: restore it") from error
    return text.strip(), [text] if text != text.strip() else []


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk, so that a new file is still there after a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
