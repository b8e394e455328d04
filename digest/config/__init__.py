"""Wiring: settings, addresses and entry points. May import everything; nothing imports it."""
