"""Python looks for garbage seldom while a process loads, and never again at what was loaded."""

from __future__ import annotations

import gc

from digest.config.garbage import leave_out_loaded, look_seldom_at_start


def test_a_start_passes_without_a_look_and_what_it_made_is_never_looked_at() -> None:
    before = gc.get_threshold()
    try:
        look_seldom_at_start()
        assert gc.get_threshold()[0] >= 200_000
        loaded = [["of a start"] for _ in range(1000)]
        leave_out_loaded(50_000, 20, 50)
        assert gc.get_threshold()[0] == 50_000
        made = ["later"]
        assert not any(one is two for one in gc.get_objects() for two in loaded[:3])
        assert any(one is made for one in gc.get_objects())
    finally:
        gc.set_threshold(*before)
