"""Who may sign in on the dashboard, and as what."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction

from digest.dashboard.auth import members
from digest.dashboard.auth.roles import Role
from digest.two_factor import has_code


class Command(BaseCommand):
    help = (
        "Take somebody on the staff by their e-mail address, change their roles, give them a new password, take away a "
        "lost second factor, or let them go. Roles: curator (picks, hides, sources, topics), sender (pauses, resumes, "
        "tries again), privacy (sees readers' addresses), owner (all of it, and who has which role). With an address "
        "alone it tells what they are. A password that is made here is printed once and kept nowhere. "
        "Exit codes: 0 done; 1 not possible, and said why; 2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", help="their e-mail address, by which they sign in")
        parser.add_argument(
            "--role",
            dest="roles",
            action="append",
            type=Role,
            choices=list(Role),
            help="again for each; no other stays",
        )
        word = parser.add_mutually_exclusive_group()
        word.add_argument("--new-password", action="store_true", help="make one and print it")
        word.add_argument("--password-from-stdin", action="store_true", help="read it from the first line of the input")
        parser.add_argument("--reset-2fa", action="store_true", help="take away a second factor that was lost")
        parser.add_argument("--remove", action="store_true", help="let them go; what they did stays in the history")

    def handle(
        self,
        *,
        address: str,
        roles: list[Role] | None,
        new_password: bool,
        password_from_stdin: bool,
        reset_2fa: bool,
        remove: bool,
        **options: Any,
    ) -> None:
        user = members.find_member(address)
        if remove:
            if roles or new_password or password_from_stdin or reset_2fa:
                raise CommandError("--remove goes alone.", returncode=2)
            self._deactivate(user, address)
            return
        password = _from_stdin(user, address) if password_from_stdin else ""
        with transaction.atomic():
            if user is None or not user.is_active:
                user, password = self._add_member(address, roles, password), ""
            elif roles:
                members.give_roles(user, roles)
            if new_password and not self.told:
                password = self._made()
            if password:
                members.give_password(user, password)
            if reset_2fa and not members.reset_2fa(user):
                self.stdout.write("There was no second factor to take away.")
        self._print(user)

    told = ""  # a password that was made, to be printed once all is done

    def _add_member(self, address: str, roles: list[Role] | None, password: str) -> User:
        try:
            validate_email(address)
        except ValidationError as error:
            raise CommandError(f"{address!r} is not an e-mail address.", returncode=2) from error
        if not roles:
            known = ", ".join(Role)
            raise CommandError(f"Nobody on the staff has that address. To take them on, give a --role: {known}.")
        return members.add_member(address, roles, password=password or self._made())

    def _made(self) -> str:
        self.told = members.new_password()
        return self.told

    def _deactivate(self, user: User | None, address: str) -> None:
        if user is None or not user.is_active:
            raise CommandError("Nobody on the staff has that address.")
        members.deactivate(user)
        self.stdout.write(f"{address} may no longer sign in. What they did stays in the history.")

    def _print(self, user: User) -> None:
        groups = set(user.groups.values_list("name", flat=True))
        self.stdout.write(f"address   {user.email}")
        if self.told:
            self.stdout.write(f"password  {self.told}   (shown this once)")
        roles = (
            "all, as a superuser"
            if user.is_superuser
            else members.roles_in_words([one for one in Role if one in groups])
        )
        self.stdout.write(f"roles     {roles}")
        self.stdout.write(f"code      {'set up' if has_code(user) else 'none yet: set up after signing in'}")
        self.stdout.write(f"dashboard      {settings.SITE_URL}/dashboard/")


def _from_stdin(user: User | None, address: str) -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    try:
        validate_password(password, user or User(username=address.partition("@")[0], email=address))
    except ValidationError as error:
        raise CommandError(" ".join(error.messages), returncode=2) from error
    return password
