#!/usr/bin/env python3
"""Django's command line for Broadsheet; operators use ./run, which prepares everything first."""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.core.management import ManagementUtility


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
    from django.core.management import ManagementUtility, call_command
    from django.db import DatabaseError, InterfaceError

    line = ManagementUtility(sys.argv)
    try:
        # ./run asks for it; in this process, because each start of Python takes a second to load Django
        if os.environ.pop("BROADSHEET_PREPARE", ""):
            line.prog_name = "./run manage"  # as usage texts name it
            django.setup()
            refuse_wrong_arguments(line)
            call_command("prepare")
        line.execute()
    except ImproperlyConfigured as error:
        print(f"Broadsheet cannot start. {error}", file=sys.stderr)  # noqa: T201 (nothing else is running yet)
        sys.exit(2)
    except (OSError, DatabaseError, InterfaceError) as error:
        from digest.config.storage_errors import explain_storage_error

        if (why := explain_storage_error(error)) is None:
            raise
        print(f"Broadsheet stopped. {why}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


def refuse_wrong_arguments(line: "ManagementUtility") -> None:
    """End with the usage for arguments that a command does not know, and with its help: both need no database."""
    name, *arguments = line.argv[1:] or ["help"]
    if name == "help" or name.startswith("-"):
        return
    try:
        command = line.fetch_command(name)
    except SystemExit:  # with 1: there is none of this name
        sys.exit(2)
    command._called_from_command_line = True  # so that the parser ends the process
    command.create_parser(line.prog_name, name).parse_args(arguments)


if __name__ == "__main__":
    main()
