"""What an address looks like that needs no rewriting in a header or an envelope: most do."""

from __future__ import annotations

import re

PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
