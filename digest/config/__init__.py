"""Wiring: settings, URLs and entry points. It may import everything; nothing imports it."""
