"""A wrong setting stops the start with its name and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from digest.config.environment import contact as read_contact
from digest.config.environment import env, misspelt_names, settings_lines
from digest.config.var_folder import data_folder
from tests.support.paths import ROOT
from tests.support.start import MAILGUN, POSTMARK, RELAY, RESEND, start

pytestmark = pytest.mark.service
SECRET = "broadsheet:k7Qm2xVb9sTn4wLd"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            {"SITE_URL": "digest.example.org"},
            "The setting SITE_URL is 'digest.example.org', but it must be the public address",
        ),
        ({"SITE_URL": "https://example.org/digest"}, "SITE_URL"),
        ({"SITE_URL": "https://example.org # ours"}, "SITE_URL"),
        ({"BROADSHEET_MODE": "party"}, "BROADSHEET_MODE is 'party', but it must be one of live, rehearsal, sample"),
        ({"BROADSHEET_VAR": "data"}, "BROADSHEET_VAR is 'data', but it must be a whole path from /, such as /"),
        ({"BROADSHEET_VAR": "~/data"}, "BROADSHEET_VAR is '~/data', but it must be a whole path from /"),
        ({"BROADSHEET_VAR": "$HOME/data"}, "BROADSHEET_VAR is '$HOME/data', but it must be a whole path from /"),
        ({"DATABASE_URL": "$DATABASE"}, "DATABASE_URL is '…', but it must be like postgres://"),
        ({"MAIL_RATE": "$RATE"}, "MAIL_RATE"),
        ({"MAIL_PROVIDER": "pigeon"}, "MAIL_PROVIDER is 'pigeon', but it must be one of outbox, smtp"),
        ({"MAIL_PROVIDER": "postmark"}, "MAIL_PROVIDER=postmark needs POSTMARK_SERVER_TOKEN"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"DEFAULT_FROM_EMAIL": "nobody"}, "DEFAULT_FROM_EMAIL"),
        ({"DEFAULT_FROM_EMAIL": "Digest\nBcc: eve@example.org <digest@mail.example.org>"}, "DEFAULT_FROM_EMAIL"),
        ({"TRANSACTIONAL_FROM_EMAIL": "nobody"}, "The setting TRANSACTIONAL_FROM_EMAIL is 'nobody', but it must be"),
        ({**RELAY, "TRANSACTIONAL_FROM_EMAIL": "account@broadsheet.invalid"}, "TRANSACTIONAL_FROM_EMAIL"),
        ({**RELAY, "POSTAL_ADDRESS": ""}, "POSTAL_ADDRESS is empty"),
        ({**RELAY, "SMTP_URL": "mail.example.org"}, "SMTP_URL"),
        ({**RELAY, "SITE_URL": "http://localhost:8000"}, "SITE_URL"),
        ({**RELAY, "SMTP_URL": "smtp+tls://user:sEcr/et@mail.example.org:587"}, "SMTP_URL is '…'"),
        ({**RELAY, "SMTP_URL": "smtp://host:port"}, "SMTP_URL is '…'"),
        ({"SITE_URL": "https://digest.example.org:0"}, "SITE_URL is"),
        ({"EMBEDDING_URL": "https://llm.example.org:port/v1", "EMBEDDING_MODEL": "m"}, "EMBEDDING_URL is '…'"),
        (
            {"CONTACT": "nobody"},
            "CONTACT is 'nobody', but it must be an address such as editor@example.org, or that of",
        ),
        ({"CONTACT": "ada@example.org\r\nX-Evil: 1"}, "CONTACT"),
        ({"CONTACT": "ftp://example.org"}, "CONTACT"),
        ({"ZOTERO_URL": "foo"}, "ZOTERO_URL is 'foo', but it must be an address such as https://api.zotero.org"),
        ({"ORCID_URL": "https://pub.orcid.org?x=1"}, "ORCID_URL"),
        ({"EHLO_NAME": "box"}, "The setting EHLO_NAME is 'box', but it must be this machine's full name"),
        ({"EHLO_NAME": "mail.example.org\nRSET"}, "EHLO_NAME"),
        ({"SITE_URL": "https://example.org:99999"}, "SITE_URL"),
        (
            {**POSTMARK, "MAIL_API_URL": "http://api.example.org/"},
            "MAIL_API_URL is '…', but it must be an https address",
        ),
        ({**POSTMARK, "MAIL_API_URL": "https://user:pass@api.example.org/"}, "MAIL_API_URL is '…'"),
        ({**POSTMARK, "MAIL_API_URL": "http://127.0.0.1:port/"}, "MAIL_API_URL is '…'"),
        ({"SUMMARY_URL": "http://localhost:11434/v1"}, "SUMMARY_URL needs SUMMARY_MODEL"),
        ({"EMBEDDING_URL": "http://localhost:11434/v1"}, "EMBEDDING_URL needs EMBEDDING_MODEL"),
        ({"SUMMARY_URL": "llm.example.org", "SUMMARY_MODEL": "m"}, "SUMMARY_URL is '…', but it must be the address of"),
        ({"SUMMARY_URL": "https://user:pass@llm.example.org/v1", "SUMMARY_MODEL": "m"}, "SUMMARY_URL is '…'"),
        (
            {"SUMMARY_URL": "http://llm.example.org/v1", "SUMMARY_MODEL": "m", "SUMMARY_KEY": "sk-1"},
            "SUMMARY_URL is '…', but it must be an https address, since SUMMARY_KEY is sent there",
        ),
        ({"SUMMARY_KEY": "sk-1\r\nX: y"}, "SUMMARY_KEY is '…'"),
        ({"SUMMARY_CALLS_A_DAY": "0"}, "SUMMARY_CALLS_A_DAY is '0', but it must be a number from 1 to 100000"),
        ({"DKIM_SELECTOR": "s1, s/2"}, "The setting DKIM_SELECTOR is 's/2', but it must be the s= of"),
        ({"PROXIES": "-1"}, "PROXIES is '-1', but it must be the number of reverse proxies"),
        ({"PROXIES": "²"}, "PROXIES"),
        ({"PROXIES": "yes"}, "PROXIES"),
        ({**RELAY, "DEFAULT_FROM_EMAIL": "Digest <digest@broadsheet.invalid>"}, "DEFAULT_FROM_EMAIL"),
        (
            {"WEBHOOK_SECRET": "hunter2"},
            "The setting WEBHOOK_SECRET is '…', but it must be a name, a colon and at least",
        ),
        ({"WEBHOOK_SECRET": "me:hunter2"}, "WEBHOOK_SECRET"),
        ({"WEBHOOK_SECRET": f"{SECRET},me:hunter2hunter2:x"}, "WEBHOOK_SECRET"),
        ({"RESEND_SIGNING_SECRET": "hunter2hunter2"}, "RESEND_SIGNING_SECRET is '…'"),
        ({**MAILGUN, "WEBHOOK_SECRET": SECRET}, "Webhooks of mailgun need MAILGUN_WEBHOOK_SIGNING_KEY"),
        ({**RESEND, "WEBHOOK_SECRET": SECRET}, "Webhooks of resend need RESEND_SIGNING_SECRET"),
        ({**POSTMARK, "MAILGUN_WEBHOOK_SIGNING_KEY": "hunter2"}, "Webhooks of postmark need WEBHOOK_SECRET"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_name(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    started = start(tmp_path, code="from django.conf import settings; settings.MODE", **environment)
    assert started.returncode == 1
    assert said in started.stderr
    assert "hunter2" not in started.stderr


def test_the_command_line_says_it_in_one_sentence(tmp_path: Path) -> None:
    started = start(tmp_path, command="check", BROADSHEET_MODE="party")
    assert started.returncode == 2
    assert started.stderr.startswith("Broadsheet cannot start. The setting BROADSHEET_MODE is 'party', but it must be")
    assert "Traceback" not in started.stderr


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert "BROADSHEET_VAR" in start(tmp_path, command="check", BROADSHEET_VAR=str(tmp_path / "file" / "var")).stderr


def test_an_empty_folder_is_the_one_beside_the_code_and_not_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROADSHEET_VAR", "")
    assert data_folder() == ROOT / "var"


def test_it_starts_with_nothing_set_and_keeps_its_secrets(tmp_path: Path) -> None:
    code = "from django.conf import settings; print(settings.SECRET_KEY, settings.SUPPRESSION_KEY)"
    first, second = start(tmp_path, code=code), start(tmp_path, code=code)
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("environment", "backend"),
    [
        ({}, "subscriptions.mail.backends.outbox.EmailBackend"),
        (RELAY, "subscriptions.mail.backends.smtp.EmailBackend"),
        ({"AWS_REGION": "eu-central-1"}, "anymail.backends.amazon_ses.EmailBackend"),
        ({"BREVO_API_KEY": "k"}, "anymail.backends.brevo.EmailBackend"),
        ({"MAILGUN_API_KEY": "k", "MAILGUN_SENDER_DOMAIN": "d"}, "anymail.backends.mailgun.EmailBackend"),
        ({"MAILJET_API_KEY": "k", "MAILJET_SECRET_KEY": "s"}, "anymail.backends.mailjet.EmailBackend"),
        ({"POSTMARK_SERVER_TOKEN": "t"}, "subscriptions.mail.backends.postmark.EmailBackend"),
        ({"RESEND_API_KEY": "k"}, "subscriptions.mail.backends.resend.EmailBackend"),
        ({"SPARKPOST_API_KEY": "k"}, "anymail.backends.sparkpost.EmailBackend"),
    ],
)
def test_each_provider_is_chosen_by_environment_and_can_be_opened(
    tmp_path: Path, environment: dict[str, str], backend: str
) -> None:
    if environment and environment is not RELAY:
        environment = {**RELAY, "MAIL_PROVIDER": backend.split(".")[-2], **environment}
    code = (
        "import django; django.setup(); from django.core.mail import get_connection as to; print(type(to()).__module__)"
    )
    started = start(tmp_path, code=code, **environment)
    assert started.stdout.strip() == backend.removesuffix(".EmailBackend"), started.stderr


@pytest.mark.parametrize(
    "url", ["https://gateway.example.org/postmark/", "http://127.0.0.1:8025/", "http://[::1]:8025/"]
)
def test_a_provider_may_be_asked_at_another_address(tmp_path: Path, url: str) -> None:
    code = "import django; django.setup(); from django.core.mail import get_connection; print(get_connection().api_url)"
    assert start(tmp_path, code=code, **POSTMARK, MAIL_API_URL=url).stdout.strip() == url
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    amazon = {**RELAY, "MAIL_PROVIDER": "amazon_ses", "AWS_REGION": "eu-central-1", **keys}
    code = (
        "from django.core.mail import get_connection; c = get_connection(); c.open(); print(c.client.meta.endpoint_url)"
    )
    assert start(tmp_path, code=code, **amazon, MAIL_API_URL=url).stdout.strip() == url


@pytest.mark.parametrize(("given", "read"), [("", []), ("s1", ["s1"]), ("s1 s2,s3, k.a ", ["s1", "s2", "s3", "k.a"])])
def test_selectors_are_parted_by_spaces_or_commas(tmp_path: Path, given: str, read: list[str]) -> None:
    code = "from django.conf import settings; print(settings.DKIM_SELECTORS)"
    assert start(tmp_path, code=code, DKIM_SELECTOR=given).stdout.strip() == str(read)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "- []"),
        (POSTMARK, "- []"),
        ({**POSTMARK, "WEBHOOK_SECRET": f"{SECRET}, old{SECRET} ,"}, f"postmark ['{SECRET}', 'old{SECRET}']"),
        ({**MAILGUN, "MAILGUN_WEBHOOK_SIGNING_KEY": "k"}, "mailgun []"),
        ({**RESEND, "RESEND_SIGNING_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "resend []"),
        ({**RELAY, "WEBHOOK_SECRET": SECRET}, "- []"),  # a server of one's own tells nothing
        ({**POSTMARK, "WEBHOOK_SECRET": SECRET, "BROADSHEET_MODE": "rehearsal"}, "- []"),
    ],
)
def test_events_are_taken_of_the_provider_alone_and_with_a_proof(
    tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    code = (
        "from django.conf import settings as s; print(s.WEBHOOK_PROVIDER or '-', s.ANYMAIL.get('WEBHOOK_SECRET', []))"
    )
    started = start(tmp_path, code=code, **environment)
    assert started.stdout.strip() == said, started.stderr


VISITS = """
from django.conf import settings as s
print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE,
      s.SESSION_COOKIE_HTTPONLY, s.SESSION_COOKIE_SAMESITE, getattr(s, "SECURE_PROXY_SSL_HEADER", None))
"""


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "visit csrf False True Lax None"),
        (
            {**RELAY, "PROXIES": "1", "REDIS_URL": "redis://localhost/0"},
            "__Host-visit __Host-csrf True True Lax ('HTTP_X_FORWARDED_PROTO', 'https')",
        ),
        (
            {"REDIS_URL": "redis://localhost/0", "BROADSHEET_MODE": "sample"},
            "visit csrf False True Lax None",
        ),
    ],
)
def test_visits_are_kept_as_the_installation_allows(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    assert start(tmp_path, code=VISITS, **environment).stdout.strip() == said


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("smtps://me:secret@mail.example.org", "465 True False"),
        ("smtp+ssl://me:secret@mail.example.org", "465 True False"),
        ("smtps://me:secret@mail.example.org:2465", "2465 True False"),
        ("smtp+tls://me:secret@mail.example.org", "587 False True"),
        ("smtp://mail.example.org", "25 False False"),
        ("SMTPS://mail.example.org", "465 True False"),
    ],
)
def test_the_scheme_of_the_mail_server_says_how_it_is_encrypted(tmp_path: Path, url: str, read: str) -> None:
    code = (
        "import django; django.setup(); from django.core.mail import get_connection; one = get_connection(); "
        "print(one.port, bool(one.use_ssl), one.use_tls)"
    )
    started = start(tmp_path, code=code, **RELAY | {"SMTP_URL": url})
    assert (started.stdout.strip(), started.stderr) == (read, "")


def test_a_rehearsal_never_leaves_the_machine(tmp_path: Path) -> None:
    code = "from django.conf import settings; print(settings.EMAIL_BACKEND, settings.DATABASES['default']['NAME'].name)"
    started = start(tmp_path, code=code, BROADSHEET_MODE="rehearsal", **RELAY)
    assert started.stdout.split() == ["subscriptions.mail.backends.outbox.EmailBackend", "rehearsal.sqlite3"]


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("NAME=value", "NAME=value"),
        ("  export  NAME =\t value \r", "NAME=value"),
        ("NAME=", "NAME="),
        ("NAME=a#b", "NAME=a#b"),
        ("NAME=#b", "NAME=#b"),
        ('NAME="Suite #5" ', 'NAME="Suite #5"'),
        ("NAME='Suite #5'", "NAME='Suite #5'"),
        ("  # a comment", ""),
        (" \t", ""),
    ],
)
def test_blanks_and_comments_of_the_file_are_no_part_of_a_setting(line: str, read: str) -> None:
    assert settings_lines(line) == read


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("hunter2", "Line 2 of the file .env must be a comment, or a setting as NAME=value."),
        ("SMTP-URL=hunter2", "Line 2 of the file .env must be"),
        ("PROXIES=hunter2 # one", "In line 2 of the file .env, a # follows the value of PROXIES."),
        ("PROXIES= # hunter2", "In line 2"),
        ('PROXIES="hunter2" # one', "In line 2"),
    ],
)
def test_a_line_of_the_file_that_is_no_setting_is_named_without_its_value(line: str, said: str) -> None:
    with pytest.raises(ImproperlyConfigured) as error:
        settings_lines(f"# first\n{line}\n")
    assert str(error.value).startswith(said)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "contact", ["editor@example.org", "The editors <editor@example.org>", "https://example.org/contact", ""]
)
def test_a_contact_is_an_address_or_that_of_a_page(contact: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTACT", contact)
    assert read_contact("CONTACT") == contact


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("MAIL_PROVDER", "MAIL_PROVIDER"),
        ("mail_provider", "MAIL_PROVIDER"),
        ("BROADSHEET_VARS", "BROADSHEET_VAR"),
        ("BREVO_APIKEY", "BREVO_API_KEY"),  # of a provider that is not in use
        ("LEASE_SECONDS", None),  # a setting, but only of tests
        ("AWS_ACCESS_KEY_ID", None),  # read by libraries
        ("AWS_DEFAULT_REGION", None),
        ("HTTPS_PROXY", None),
        ("PGSSLMODE", None),
    ],
)
def test_a_name_that_is_nearly_a_setting_is_found(name: str, near: str | None) -> None:
    lines = settings_lines(f"SITE_URL=https://digest.example.org\n{name}=1\nPROXIES=1")
    assert misspelt_names(lines) == ([(name, near)] if near else [])


def test_a_value_that_begins_with_a_dollar_is_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "$ecret")
    monkeypatch.setenv("ecret", "another")
    assert env.str("PASSWORD", default="") == env("PASSWORD") == "$ecret"
    assert env.str("NO_PASSWORD", default="none") == "none"
