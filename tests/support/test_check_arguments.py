"""Wrong arguments of ``./run test`` are told in one line, and at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.service
JUDGED = {
    "--nonsense": "unrecognized arguments: --nonsense",
    "--quick=3": "argument --quick: ignored explicit argument '3'",
    "-k": "argument -k: expected one argument",
    "-n many": "argument -n/--numprocesses: invalid parse_numprocesses value: 'many'",
    "--quick tests/digest/composed": "there is no tests/digest/composed",
    "--quick tests/digest/compose -k reasons": "",
    "--quick tests/test_site.py::test_no_such_test -x": "",
    "-n 2 --dist loadfile --durations=5": "",
}
JUDGE = """
import json, sys
from tests.support.check_arguments import refusal
print(json.dumps({line: refusal(line.split()) for line in json.loads(sys.argv[1])}))
"""


@pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="./run would set up an environment of its own first")
def test_a_flag_that_nobody_knows_is_one_line_on_stderr_and_exit_code_2() -> None:
    done = subprocess.run([ROOT / "run", "test", "--nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == 'run: unrecognized arguments: --nonsense ("./run test --help" lists what pytest takes)\n'


def test_what_pytest_takes_passes_and_what_it_refuses_is_told_in_its_words() -> None:
    """In a process of its own: to parse ``--quick`` changes Hypothesis for good."""
    done = subprocess.run(
        [sys.executable, "-c", JUDGE, json.dumps([*JUDGED])], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == JUDGED
