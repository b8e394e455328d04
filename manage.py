#!/usr/bin/env python3
"""Django's command line for Broadsheet; operators use ./run, which prepares everything first."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "digest.config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Broadsheet cannot start. {error}")


if __name__ == "__main__":
    main()
