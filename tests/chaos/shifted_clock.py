"""A module run with a wall clock that is ahead or behind: ``python -m tests.chaos.shifted_clock SECONDS MODULE ...``."""

import runpy
import sys
import time

import time_machine

_, seconds, module, *arguments = sys.argv
sys.argv = [module, *arguments]
# Celery's children are forks, which keep the traveller; the monotonic clock stays.
with time_machine.travel(time.time() + float(seconds), tick=True):
    runpy.run_module(module, run_name="__main__", alter_sys=True)
