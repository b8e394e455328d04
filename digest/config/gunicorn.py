"""How gunicorn serves the pages: ``gunicorn -c python:digest.config.gunicorn``."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

wsgi_app = "digest.config.wsgi"
worker_class = "gthread"
threads = 4
keepalive = 10  # seconds; after the usual 2 a browser that reuses a connection meets a closed one
limit_request_line = 8190  # a made-up taste stands in the address of its preview
control_socket_disable = True  # it would lie in the user's home
loglevel = "warning"
logger_class = "digest.config.logs.GunicornLogger"  # there is no access log: it would hold the tokens of all links


def when_ready(server: Any) -> None:
    print("ready", flush=True)  # noqa: T201 (for whoever started it)


def post_worker_init(worker: Any) -> None:
    threading.Thread(target=keep_previews_warm, daemon=True).start()


def keep_previews_warm() -> None:
    """Lay the papers of previews ready before a visitor asks, and within a minute those of a new edition."""
    from django.db import connections
    from django.utils import timezone

    from digest.preview.visitor import warm  # Django is not set up when this file is read

    while True:
        try:
            warm(timezone.now())
        except Exception as error:  # the database may be away, or not made yet
            logging.getLogger(__name__).warning("Previews could not be laid ready (%s).", type(error).__name__)
        finally:
            connections.close_all()
        time.sleep(60)
