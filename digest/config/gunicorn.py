"""Configuration of gunicorn: ``gunicorn -c python:digest.config.gunicorn``."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

wsgi_app = "digest.config.wsgi"
worker_class = "gthread"
threads = 4
# Seconds; with the default of 2, browsers reuse connections that are closed.
keepalive = 10
# The address of a preview has all choices.
limit_request_line = 8190
# It would be in the user's home.
control_socket_disable = True
loglevel = "warning"
# Without an access log, which would have the tokens of all links
logger_class = "digest.config.logs.GunicornLogger"


def when_ready(server: Any) -> None:
    print("ready", flush=True)  # noqa: T201 (for the starting process)


def post_worker_init(worker: Any) -> None:
    threading.Thread(target=keep_previews_warm, daemon=True).start()


def keep_previews_warm() -> None:
    """Load the papers of previews before the first visitor, and those of a new edition within a minute."""
    # Django is not set up when gunicorn reads this file
    from django.db import connections
    from django.utils import timezone

    from digest.preview.visitor import warm

    while True:
        try:
            warm(timezone.now())
        except Exception as error:  # the database may be down or not created yet
            logging.getLogger(__name__).warning("Previews could not be loaded (%s).", type(error).__name__)
        finally:
            connections.close_all()
        time.sleep(60)
