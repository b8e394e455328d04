"""How gunicorn serves the pages: ``gunicorn -c python:digest.config.gunicorn``."""

from __future__ import annotations

from typing import Any

wsgi_app = "digest.config.wsgi"
worker_class = "gthread"
threads = 4
control_socket_disable = True  # it would lie in the user's home
loglevel = "warning"


def when_ready(server: Any) -> None:
    print("ready", flush=True)  # noqa: T201 (for whoever started it)
