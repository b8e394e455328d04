#!/usr/bin/env python3
"""Django's command line for Broadsheet; operators use ./run, which prepares everything first."""

import os
import sys


def main() -> None:
    try:
        execute()
    except KeyboardInterrupt:
        print("\nStopped. What was stored stays; run it again to go on.", file=sys.stderr)  # noqa: T201
        sys.exit(130)


def execute() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "digest.config.settings")
    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import call_command, execute_from_command_line
    from django.db import DatabaseError, InterfaceError

    try:
        # ./run asks for it; in this process, because each start of Python takes a second to load Django
        if os.environ.pop("BROADSHEET_PREPARE", ""):
            django.setup()
            call_command("prepare")
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        print(f"Broadsheet cannot start. {error}", file=sys.stderr)  # noqa: T201 (nothing else is running yet)
        sys.exit(2)
    except (OSError, DatabaseError, InterfaceError) as error:
        from digest.config.storage_errors import explain_storage_error

        if (why := explain_storage_error(error)) is None:
            raise
        print(f"Broadsheet stopped. {why}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


if __name__ == "__main__":
    main()
