"""Manage who can sign in on the dashboard, and their roles."""

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
        "Add a member of the staff by e-mail address, change roles, set a new password, reset a lost second factor, or "
        "remove a member. Roles: curator (picks, hides, sources, topics), sender (pauses, resumes, retries), privacy "
        "(sees readers' addresses), owner (everything, and gives roles). With only an address, print the member. A "
        "generated password is printed once and not stored. "
        "Exit codes: 0 done; 1 not possible, with the reason; 2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", help="e-mail address to sign in with")
        parser.add_argument(
            "--role",
            dest="roles",
            action="append",
            type=Role,
            choices=list(Role),
            help="repeat for several; replaces all roles",
        )
        word = parser.add_mutually_exclusive_group()
        word.add_argument("--new-password", action="store_true", help="generate and print a password")
        word.add_argument("--password-from-stdin", action="store_true", help="read it from the first line of the input")
        parser.add_argument("--reset-2fa", action="store_true", help="delete a lost second factor")
        parser.add_argument("--remove", action="store_true", help="remove the member; the audit log stays")

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
                raise CommandError("Use --remove alone.", returncode=2)
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
                self.stdout.write("There was no second factor to reset.")
        self._print(user)

    told = ""  # generated password, to print at the end

    def _add_member(self, address: str, roles: list[Role] | None, password: str) -> User:
        try:
            validate_email(address)
        except ValidationError as error:
            raise CommandError(f"{address!r} is not an e-mail address.", returncode=2) from error
        if not roles:
            known = ", ".join(Role)
            raise CommandError(f"No member of the staff has this address. To add one, give a --role: {known}.")
        return members.add_member(address, roles, password=password or self._made())

    def _made(self) -> str:
        self.told = members.new_password()
        return self.told

    def _deactivate(self, user: User | None, address: str) -> None:
        if user is None or not user.is_active:
            raise CommandError("No member of the staff has this address.")
        members.deactivate(user)
        self.stdout.write(f"{address} can no longer sign in. The audit log stays.")

    def _print(self, user: User) -> None:
        groups = set(user.groups.values_list("name", flat=True))
        self.stdout.write(f"address   {user.email}")
        if self.told:
            self.stdout.write(f"password  {self.told}   (shown only now)")
        roles = (
            "all, as a superuser"
            if user.is_superuser
            else members.roles_in_words([one for one in Role if one in groups])
        )
        self.stdout.write(f"roles     {roles}")
        self.stdout.write(f"code      {'set up' if has_code(user) else 'not set up yet: sign in to set it up'}")
        self.stdout.write(f"dashboard {settings.SITE_URL}/dashboard/")


def _from_stdin(user: User | None, address: str) -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    try:
        validate_password(password, user or User(username=address.partition("@")[0], email=address))
    except ValidationError as error:
        raise CommandError(" ".join(error.messages), returncode=2) from error
    return password
