"""Importing the ranking loads no part of numpy that it does not use, and hides none."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.service
def test_no_unused_part_of_numpy_is_loaded_and_each_can_be_imported() -> None:
    script = """
import sys
import digest.ranking.personal
from digest.ranking.sparse import UNUSED
loaded = sorted(name for name in UNUSED if f"numpy.{name}" in sys.modules)
assert not loaded, loaded
import numpy
assert UNUSED < set(dir(numpy)) and UNUSED < set(numpy.__all__)
assert all(getattr(numpy, name) for name in UNUSED)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
