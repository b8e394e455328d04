"""Settings, read from the environment and ``.env``; each is described in ``.env.example``.

A wrong setting stops the start with its name and the right form (``ImproperlyConfigured``).
"""

from __future__ import annotations

import os
import re
import sys
from email.utils import parseaddr
from importlib.util import find_spec

from django.core.exceptions import ImproperlyConfigured

from digest.config.databases import postgresql, sqlite
from digest.config.environment import (
    BASE_DIR,
    address_parts,
    contact,
    env,
    misspelt_names,
    model_endpoint,
    number,
    one_of,
    sender,
    service_address,
    wrong,
)
from digest.config.garbage import look_seldom_at_start
from digest.config.var_folder import data_folder, kept_secret, make_folder

# Here, because every process reads settings first.
look_seldom_at_start()

# --- folders and secrets ---------------------------------------------------------------------------------------------

VAR = data_folder()
OUTBOX = VAR / "outbox"

# Readers, mails and keys lie there: for the owner only. Tests start servers of other users, who read their own files.
TESTED = "PYTEST_VERSION" in os.environ
if not TESTED:
    os.umask(0o077)
make_folder(OUTBOX, within=VAR)

SECRET_KEY, replaced = kept_secret("SECRET_KEY", VAR)
if len(SECRET_KEY) < 32:
    right = f"at least 32 characters long, in the file {VAR / 'secret_key'}: restore it, or delete it to get another"
    raise wrong("SECRET_KEY", "…", right)
SECRET_KEY_FALLBACKS = [*env.list("SECRET_KEY_FALLBACKS", default=[]), *replaced]
# Suppressed addresses are hashes with this key. A wrong one stops all mail (subscriptions/suppression_key.py).
SUPPRESSION_KEY, replaced = kept_secret("SUPPRESSION_KEY", VAR)
SUPPRESSION_KEY_FALLBACKS = [*env.list("SUPPRESSION_KEY_FALLBACKS", default=[]), *replaced]

DEBUG = False

# --- database --------------------------------------------------------------------------------------------------------

# Given files (rehearsal) and the sample have databases of their own.
MODE = one_of("BROADSHEET_MODE", ("live", "rehearsal", "sample"))
DATABASE_FILES = {"live": "broadsheet", "rehearsal": "rehearsal", "sample": "sample"}
# Tests ignore the database of .env.
DATABASE_URL = env.str("TEST_DATABASE_URL" if TESTED else "DATABASE_URL", default="")
DATABASES = {
    "default": postgresql(DATABASE_URL)
    if DATABASE_URL and MODE == "live"
    else sqlite(VAR / f"{DATABASE_FILES[MODE]}.sqlite3")
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- the worker and its timetable (digest/config/celery.py) ----------------------------------------------------------

TICK_SECONDS = number("TICK_SECONDS", 60, least=1, most=60)  # shorter in tests only
# Of a message that wakes a worker; the next tick sends the same again. Celery 5.7 turns it into a time of the sender's
# clock, and a worker whose clock is further ahead drops each message without a warning (celery/worker/request.py).
MESSAGE_LASTS = 300  # seconds
LEASE_SECONDS = number("LEASE_SECONDS", 300, least=5, most=300)  # shorter in tests only

REDIS_URL = env.str("REDIS_URL", default="")
if MODE != "live" or TESTED:
    REDIS_URL = ""  # neither other modes nor tests may take live messages
if REDIS_URL and not REDIS_URL.startswith(("redis://", "rediss://")):
    raise wrong("REDIS_URL", "…", "like redis://localhost:6379/0")  # the value may have a password

# The database is the queue and a message only wakes a worker, so lost and doubled messages do no harm.
CELERY_TIMEZONE = "UTC"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
# True would restart a task that kills its worker for ever.
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_DEFAULT_QUEUE = "ticks"
# Many deliveries must not delay the tick, and neither must delay a visitor's link.
CELERY_TASK_ROUTES = {
    "subscriptions.tasks.process_pending": {"queue": "mail"},
    "digest.tasks.deliver": {"queue": "digests"},
    "digest.tasks.summarise": {"queue": "summaries"},
    "digest.tasks.write_vectors": {"queue": "summaries"},
}
CELERY_TASK_SOFT_TIME_LIMIT, CELERY_TASK_TIME_LIMIT = 240, 300
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 60
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
# KiB. Celery compares the most that was ever resident, with what is shared (the archive and libraries, 50 MiB): to plan
# from a week of 6,000 papers takes 300 MiB for a moment, and must not replace the child each time.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 450_000
# True would kill a delivery in the middle of a mail.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # wait for the broker without a limit
CELERY_BEAT_SCHEDULER = "digest.config.celery:Timetable"
CELERY_WORKER_CONSUMER = "digest.config.consumer:Consumer"

QUEUE = VAR / ("queue" if MODE == "live" else f"queue-{MODE}")
JOURNALS = VAR / ("journals" if MODE == "live" else f"journals-{MODE}")  # digest/delivery/journal.py
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object]
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
    CELERY_WORKER_DISABLE_PREFETCH = True
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 900,  # longer than any task, or it would run again
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "queue_order_strategy": "priority",  # in the order of digest/config/celery.py
    }
else:
    CELERY_BROKER_URL = "wholefiles://localhost"  # digest/config/broker.py
    # its messages to ended workers would never be deleted
    CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(QUEUE / "waiting"),
        "data_folder_out": str(QUEUE / "waiting"),
        "control_folder": str(QUEUE / "control"),
        "polling_interval": 0.05,
    }
    for folder in ("waiting", "control", "taken"):
        (QUEUE / folder).mkdir(parents=True, exist_ok=True)

# allauth keeps spent codes and the counts of forms here. In the database, so that the staff can sign in while Redis is
# down, and without a bound, so that many visitors never push out what others did; tidy deletes what is over.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": sys.maxsize},
    }
}

# --- site and senders ------------------------------------------------------------------------------------------------

SITE_URL = env.str("SITE_URL", default="http://localhost:8000").strip().rstrip("/")
site = address_parts(SITE_URL)
beyond = site.path or site.query or site.fragment or re.search(r"\s", SITE_URL)
if site.scheme not in ("http", "https") or not site.hostname or beyond:
    right = "the public address of the service, without a path, such as https://digest.example.org"
    raise wrong("SITE_URL", SITE_URL, right)
ALLOWED_HOSTS = [site.hostname, "localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [SITE_URL]
SECURE = site.scheme == "https"


DEFAULT_FROM_EMAIL = sender("DEFAULT_FROM_EMAIL", "Broadsheet <digest@broadsheet.invalid>")
TRANSACTIONAL_FROM_EMAIL = sender("TRANSACTIONAL_FROM_EMAIL", "")  # of mails with a link; empty means the same
POSTAL_ADDRESS = env.str("POSTAL_ADDRESS", default="")
CONTACT = contact("CONTACT")
DKIM_SELECTORS = env.str("DKIM_SELECTOR", default="").replace(",", " ").split()  # one, or those of several keys
for selector in DKIM_SELECTORS:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*", selector):
        raise wrong("DKIM_SELECTOR", selector, "the s= of your mails' DKIM-Signature, such as s1")
FETCH_LOOPBACK = env.bool("FETCH_LOOPBACK", default=False)  # for tests: sources on this machine may be fetched
# Where readers' public libraries are read; tests name a server of their own
ZOTERO_URL = service_address("ZOTERO_URL", "https://api.zotero.org")
ORCID_URL = service_address("ORCID_URL", "https://pub.orcid.org/v3.0")

# --- mail ------------------------------------------------------------------------------------------------------------

# Provider (Anymail's backend) -> its required settings
PROVIDERS: dict[str, tuple[str, ...]] = {
    "outbox": (),
    "smtp": ("SMTP_URL",),
    "amazon_ses": ("AWS_REGION",),
    "brevo": ("BREVO_API_KEY",),
    "mailgun": ("MAILGUN_API_KEY", "MAILGUN_SENDER_DOMAIN"),
    "mailjet": ("MAILJET_API_KEY", "MAILJET_SECRET_KEY"),
    "postmark": ("POSTMARK_SERVER_TOKEN",),
    "resend": ("RESEND_API_KEY",),
    "sparkpost": ("SPARKPOST_API_KEY",),
}
MAIL_PROVIDER = one_of("MAIL_PROVIDER", tuple(PROVIDERS))
if MODE != "live":
    MAIL_PROVIDER = "outbox"  # only live mode sends real mail
# Documented limits of new accounts in mails per second; other providers state none.
RATES = {"amazon_ses": 10.0, "resend": 2.0}
rate = env.str("MAIL_RATE", default=str(RATES.get(MAIL_PROVIDER, "")))
try:
    MAIL_RATE = float(rate) if rate else None
except ValueError:
    MAIL_RATE = 0.0
if MAIL_RATE is not None and not 0.01 <= MAIL_RATE <= 10_000:
    raise wrong("MAIL_RATE", rate, "the most mails per second, such as 14")
MAILS_AT_ONCE = number("MAILS_AT_ONCE", 20, least=1, most=100)
# The name in EHLO; empty: this machine's full name, or the sender's domain (subscriptions/mail/backends/smtp.py).
EHLO_NAME = env.str("EHLO_NAME", default="")
if not re.fullmatch(r"|(?=.{1,253}$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+|\[[0-9A-Fa-f.:]{2,60}\]", EHLO_NAME):
    raise wrong("EHLO_NAME", EHLO_NAME, "this machine's full name in the DNS, such as mail.example.org")
EMAIL_TIMEOUT = 10  # seconds to connect; an answer may take longer (subscriptions/mail/backends/smtp.py)
POSTMARK_DIGEST_STREAM = env.str("POSTMARK_DIGEST_STREAM", default="")
ANYMAIL: dict[str, object] = {"REQUESTS_TIMEOUT": (10, 30)}
# boto3 retries after a lost connection by default, and a reader would get two mails.
SES: dict[str, object] = {"config": {"retries": {"total_max_attempts": 1}, "connect_timeout": 10, "read_timeout": 30}}
if MAIL_PROVIDER == "amazon_ses" and not find_spec("boto3"):
    raise ImproperlyConfigured(
        "MAIL_PROVIDER=amazon_ses needs the packages of requirements-ses.txt. ./run installs them; elsewhere use pip."
    )
if missing := [name for name in PROVIDERS[MAIL_PROVIDER] if not env.str(name, default="")]:
    raise ImproperlyConfigured(f"MAIL_PROVIDER={MAIL_PROVIDER} needs {' and '.join(missing)}: see .env.example.")
if MAIL_PROVIDER == "outbox":
    EMAIL_BACKEND = "subscriptions.mail.backends.outbox.EmailBackend"
elif MAIL_PROVIDER == "smtp":
    EMAIL_BACKEND = "subscriptions.mail.backends.smtp.EmailBackend"
    scheme = env.str("SMTP_URL").partition("://")[0].lower()
    try:
        smtp = env.email_url("SMTP_URL") if scheme.startswith("smtp") else {}
    except (ValueError, ImproperlyConfigured):
        smtp = {}
    if scheme == "smtps":  # TLS from the first octet (RFC 8314); environ reads it as STARTTLS
        smtp |= {"EMAIL_USE_TLS": False, "EMAIL_USE_SSL": True}
    default_port = 465 if smtp.get("EMAIL_USE_SSL") else 587 if smtp.get("EMAIL_USE_TLS") else 25
    smtp["EMAIL_PORT"] = smtp.get("EMAIL_PORT") or default_port
    # the error does not repeat the value, which may have a password
    if not smtp.get("EMAIL_HOST"):
        right = (
            "like smtp+tls://user:password@mail.example.org:587, or smtp://, smtps:// (write / in a password as %2F)"
        )
        raise wrong("SMTP_URL", "…", right) from None
    globals().update({name: value for name, value in smtp.items() if name.isupper() and name != "EMAIL_BACKEND"})
else:
    ours = "subscriptions.mail.backends" if MAIL_PROVIDER in ("postmark", "resend") else "anymail.backends"
    EMAIL_BACKEND = f"{ours}.{MAIL_PROVIDER}.EmailBackend"
    ANYMAIL |= {name: env.str(name) for name in PROVIDERS[MAIL_PROVIDER] if not name.startswith("AWS_")}
    if MAIL_PROVIDER == "amazon_ses":
        ANYMAIL["AMAZON_SES_CLIENT_PARAMS"] = SES | {"region_name": env.str("AWS_REGION")}
    elif MAIL_PROVIDER == "mailgun":
        ANYMAIL["MAILGUN_API_URL"] = env.str("MAILGUN_API_URL", default="https://api.mailgun.net/v3")
    # a test server, or a gateway to the provider
    if api := env.str("MAIL_API_URL", default=""):
        asked = address_parts(api)
        is_here = asked.scheme == "http" and asked.hostname in ("localhost", "127.0.0.1", "::1")
        if not asked.hostname or not (is_here or asked.scheme == "https") or asked.username or asked.query:
            raise wrong("MAIL_API_URL", "…", "an https address, or one on this machine")  # it may have a password
        if MAIL_PROVIDER == "amazon_ses":
            SES["endpoint_url"] = api
            ANYMAIL["AMAZON_SES_CLIENT_PARAMS"] = SES | {"region_name": env.str("AWS_REGION")}
        else:
            ANYMAIL[f"{MAIL_PROVIDER.upper()}_API_URL"] = api
if MAIL_PROVIDER != "outbox":
    if not POSTAL_ADDRESS:
        raise ImproperlyConfigured(
            "The setting POSTAL_ADDRESS is empty. Set it: real mail must state the sender's postal address."
        )
    for name, given in (
        ("DEFAULT_FROM_EMAIL", DEFAULT_FROM_EMAIL),
        ("TRANSACTIONAL_FROM_EMAIL", TRANSACTIONAL_FROM_EMAIL),
    ):
        if parseaddr(given)[1].endswith((".invalid", ".example")):
            raise wrong(name, given, "an address of a domain you send from")
    if site.hostname in ("localhost", "127.0.0.1", "::1"):
        raise wrong("SITE_URL", SITE_URL, "an address that readers can reach, since the service sends real mail")

# --- webhooks of the mail provider (digest/delivery/webhooks.py) -----------------------------------------------------

# Provider -> the setting that authenticates its events
WEBHOOK_PROOFS = {
    "amazon_ses": "WEBHOOK_SECRET",
    "brevo": "WEBHOOK_SECRET",
    "mailgun": "MAILGUN_WEBHOOK_SIGNING_KEY",
    "mailjet": "WEBHOOK_SECRET",
    "postmark": "WEBHOOK_SECRET",
    "resend": "RESEND_SIGNING_SECRET",
    "sparkpost": "WEBHOOK_SECRET",
}
WEBHOOK_SECRET = [secret.strip() for secret in env.list("WEBHOOK_SECRET", default=[]) if secret.strip()]
if not all(re.fullmatch(r"[A-Za-z0-9_-]+:[A-Za-z0-9_-]{16,}", secret) for secret in WEBHOOK_SECRET):
    right = "a name, a colon and at least 16 characters, all of A-Z a-z 0-9 _ - (separate several by commas)"
    raise wrong("WEBHOOK_SECRET", "…", right)
MAILGUN_WEBHOOK_SIGNING_KEY = env.str("MAILGUN_WEBHOOK_SIGNING_KEY", default="").strip()
RESEND_SIGNING_SECRET = env.str("RESEND_SIGNING_SECRET", default="").strip()
if RESEND_SIGNING_SECRET and not re.fullmatch(
    r"whsec_(?:[A-Za-z0-9+/]{4}){4,}[A-Za-z0-9+/]{0,3}={0,2}", RESEND_SIGNING_SECRET
):
    raise wrong("RESEND_SIGNING_SECRET", "…", "the signing secret of the webhook's page at Resend: whsec_ and base64")
webhook_proofs = {
    "WEBHOOK_SECRET": WEBHOOK_SECRET,
    "MAILGUN_WEBHOOK_SIGNING_KEY": MAILGUN_WEBHOOK_SIGNING_KEY,
    "RESEND_SIGNING_SECRET": RESEND_SIGNING_SECRET,
}
WEBHOOK_PROVIDER = ""  # the only accepted one
if MAIL_PROVIDER in WEBHOOK_PROOFS and any(webhook_proofs.values()):
    if not webhook_proofs[WEBHOOK_PROOFS[MAIL_PROVIDER]]:
        raise ImproperlyConfigured(
            f"Webhooks of {MAIL_PROVIDER} need {WEBHOOK_PROOFS[MAIL_PROVIDER]}: see .env.example. "
            "To use no webhooks, clear the settings of all webhooks."
        )
    WEBHOOK_PROVIDER = MAIL_PROVIDER
    ANYMAIL |= {"WEBHOOK_SECRET": WEBHOOK_SECRET, "MAILGUN_WEBHOOK_SIGNING_KEY": MAILGUN_WEBHOOK_SIGNING_KEY}

# --- one-line summaries by an operator's model (digest/summaries) -----------------------------------------------------

SUMMARY_URL, SUMMARY_MODEL, SUMMARY_KEY = model_endpoint("SUMMARY")
SUMMARY_CALLS_A_DAY = number("SUMMARY_CALLS_A_DAY", 500, least=1, most=100_000)

# --- vectors of titles by an operator's model (digest/semantic) -------------------------------------------------------

SEMANTIC_MODEL = env.str("SEMANTIC_MODEL", default="").strip()
EMBEDDING_URL, EMBEDDING_MODEL, EMBEDDING_KEY = model_endpoint("EMBEDDING")
if SEMANTIC_MODEL and EMBEDDING_URL:
    raise ImproperlyConfigured(
        "Set SEMANTIC_MODEL, a folder, or EMBEDDING_URL, an endpoint, not both: see .env.example."
    )

# --- Django ----------------------------------------------------------------------------------------------------------

ROOT_URLCONF = "digest.config.urls"
WSGI_APPLICATION = "digest.config.wsgi.application"
INSTALLED_APPS = [
    "digest",
    "subscriptions",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "digest.config.headers.add_security_headers",
    "subscriptions.web.request_size.RefuseLargeRequests",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "digest.dashboard.auth.middleware.code_first",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
CSRF_FAILURE_VIEW = "digest.config.errors.forbidden_form"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates" / "web"],
        "OPTIONS": {"environment": "digest.config.web.environment"},
    },
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates" / "staff"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "digest.dashboard.pages.navigation",
            ]
        },
    },
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

# The staff sign in with their address; readers have no password (digest/dashboard/auth/views.py).
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL, LOGIN_REDIRECT_URL, ACCOUNT_LOGOUT_REDIRECT_URL = "account_login", "dashboard_today", "account_login"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]  # only means that sign-in needs a password
ACCOUNT_ADAPTER, MFA_ADAPTER = "digest.dashboard.auth.adapters.Accounts", "digest.dashboard.auth.adapters.Codes"
ACCOUNT_EMAIL_VERIFICATION = "none"  # ./run manage staff verifies addresses
ACCOUNT_REAUTHENTICATION_METHODS = ["password", "mfa"]
ACCOUNT_SESSION_REMEMBER = False  # staff sessions end with the browser, or after SESSION_COOKIE_AGE
SESSION_COOKIE_AGE = 12 * 3600  # readers' sessions have their own (subscriptions/web/sessions.py)
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",  # forms, by network or known device
    "login_failed": "",  # counted by digest/dashboard/auth/attempts.py
    "reauthenticate": "10/m/user",
    "change_password": "5/m/user",
}
MFA_FORMS = {
    "activate_totp": "digest.dashboard.auth.views.FirstCode",
    "authenticate": "digest.dashboard.auth.views.Code",
    "reauthenticate": "digest.dashboard.auth.views.CodeAgain",
}
MFA_TOTP_ISSUER, MFA_TOTP_TOLERANCE = "Broadsheet", 1  # a clock may be half a minute off

LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
FILE_UPLOAD_PERMISSIONS = 0o600  # of static files, which Django would open to all

right = "the number of reverse proxies before the web process, 0 to 9"
PROXIES = number("PROXIES", 0, least=0, most=9, right=right)
if PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY, SESSION_COOKIE_SAMESITE = True, "Lax"  # Lax: links in mails open signed-in pages
# Browsers accept a __Host- cookie only from this host and over https, not from another host of the domain.
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = ("__Host-visit", "__Host-csrf") if SECURE else ("visit", "csrf")
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# --- logs: without tokens and addresses ------------------------------------------------------------------------------

LOGS = one_of("LOGS", ("text", "json"))
LOG_LEVEL = one_of("LOG_LEVEL", ("warning", "info", "error")).upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "digest.config.logs.Masked", "format": "%(asctime)s %(levelname)s %(message)s"},
        "json": {"()": "digest.config.logs.MaskedJson"},
    },
    "filters": {"mistakes": {"()": "digest.config.logs.Mistakes"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOGS}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": [], "level": "WARNING", "propagate": True},
        "digest": {"level": LOG_LEVEL},
        "subscriptions": {"level": LOG_LEVEL},
        "django.request": {"level": "ERROR", "filters": ["mistakes"]},  # without pages not found
        "django.server": {"handlers": [], "level": "ERROR", "propagate": True},
    },
}

SILENCED_SYSTEM_CHECKS = [
    "security.W005",
    "security.W008",
    "security.W021",
]  # HSTS over sub-domains is the operator's choice

MISSPELT_SETTINGS = misspelt_names()  # at the end, since it takes what was read for all settings; doctor names them
