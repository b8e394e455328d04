"""The settings of the contender django-post-office: the product's, with that package installed."""

from __future__ import annotations

from digest.config.settings import *  # noqa: F403 (settings are made of settings)
from digest.config.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "post_office"]
# one connection and one thread, as the others; every mail is logged once
POST_OFFICE = {
    "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
    "THREADS_PER_PROCESS": 1,
    "BATCH_SIZE": 500,
    "CELERY_ENABLED": False,
}
