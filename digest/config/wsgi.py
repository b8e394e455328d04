"""Entry point of the web server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "digest.config.settings")
from digest.config import celery  # noqa: F401 (pages wake a worker)

application = get_wsgi_application()
