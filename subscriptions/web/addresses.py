"""How pages show an address that not everybody who sees them may read."""

from __future__ import annotations


def mask_address(email: str) -> str:
    """Return ``a…@example.org``, enough to recognize one's own address."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1] if len(local) > 1 else ''}…@{domain}" if local else ""
