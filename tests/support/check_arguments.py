"""Refuse arguments that pytest would refuse, in one line and before anything else has run.

``python -m tests.support.check_arguments ARGS`` ends with exit code 2 if they are wrong. It only parses.
"""

from __future__ import annotations

import io
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest


class _OnlyParse:
    config: pytest.Config | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> int:
        self.config = config
        return 0


def refusal(arguments: list[str]) -> str:
    """Return what is wrong with these arguments of pytest; "" if it takes them."""
    parsed = _OnlyParse()
    with redirect_stdout(io.StringIO()) as said, redirect_stderr(said):
        pytest.main([*arguments], plugins=[parsed])
    if parsed.config is None:
        # Below its usage. If it says something else, it says it better itself, later.
        wrong = re.search(r": error: (.+)", said.getvalue())
        return wrong[1] if wrong else ""
    paths = [Path(argument.partition("::")[0]) for argument in parsed.config.args if not parsed.config.option.pyargs]
    return next((f"there is no {path}" for path in paths if not path.exists()), "")


def main(arguments: list[str]) -> int:
    if wrong := refusal(arguments):
        print(f'run: {wrong} ("./run test --help" lists what pytest takes)', file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
