"""Become another Python program that gets SIGTERM when its parent dies: ``end_with_parent.py PARENT ARGUMENTS``.

A parent that is killed can end nobody. Linux tells a child that asked for it (prctl(2)), and the wish survives exec;
elsewhere the program only starts. Run as a script, because it must start in milliseconds.
"""

import ctypes
import os
import signal
import sys
from contextlib import suppress

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, *arguments = sys.argv[1:]
    with suppress(AttributeError):  # no Linux
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # the parent may have died before the wish was known
    if os.getppid() == int(parent):
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 (our own arguments)
