"""The pattern of an address that can be written into headers and envelopes as it is, as most can."""

from __future__ import annotations

import re

PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
