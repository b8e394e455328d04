"""What a web server runs."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "digest.config.settings")
from digest.config import celery  # noqa: F401 (a page that took a request down wakes a worker)

application = get_wsgi_application()
