#!/bin/sh
# Anymail says of one mail through Postmark that it was sent and that it is unknown, if the recipient's domain is not ASCII.
set -eu
unset PYTHONPATH PYTHONHOME

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

if ! timeout 120 python3 -m venv "$work/venv" >"$work/log" 2>&1; then
    echo "missing: python3 with its venv module"
    exit 3
fi
python=$work/venv/bin/python
if ! timeout 300 "$python" -m pip install -q --disable-pip-version-check django-anymail==15.2 django==5.2.19 \
    >"$work/log" 2>&1; then
    echo "missing: the packages could not be installed: $(tail -n 1 "$work/log")"
    exit 3
fi

timeout 60 "$python" - <<'PY'
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from threading import Thread

from django.conf import settings


class Postmark(BaseHTTPRequestHandler):
    """Take each mail, and answer as Postmark's reference says: with the recipient that the request has."""

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {"To": request["To"], "MessageID": "b7bc2f4a", "ErrorCode": 0, "Message": "OK"}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


server = HTTPServer(("127.0.0.1", 0), Postmark)
Thread(target=server.serve_forever, daemon=True).start()
settings.configure(
    EMAIL_BACKEND="anymail.backends.postmark.EmailBackend",
    ANYMAIL={"POSTMARK_SERVER_TOKEN": "token", "POSTMARK_API_URL": f"http://127.0.0.1:{server.server_port}/"},
)

from django.core.mail import EmailMessage


def sent_to(address):
    message = EmailMessage("A subject", "A text", "digest@example.org", [address])
    message.send()
    status = message.anymail_status
    each = {name: (one.status, one.message_id) for name, one in status.recipients.items()}
    return status.status, status.message_id, each


addresses = ("ada@example.org", "ada@buecher.example", "ada@b\u00fccher.example")
seen = {address: sent_to(address) for address in addresses}
for name in ("django-anymail", "django"):
    print(f"package   {name} {version(name)}")
print("expected  one recipient whose mail was taken has one status, 'sent', and one number")
for address, (status, number, each) in seen.items():
    print(f"seen      to {address}: status {sorted(status)}, message_id {number!r}, recipients {each}")
print("matters   the mail has left, and code that asks for status == {'sent'} takes it for a failure and sends it again,")
print("          while message_id is a set with None in it: stored as text, no webhook ever names it. The address is")
print("          written to the request with its domain as xn--, and the answer adds that name to the one that was given")
print("source    parse_recipient_status in anymail/backends/postmark.py: its first entries have addr_spec as it was given,")
print("          set_recipients sends format(idna_encode=...); Postmark's reference of the e-mail API, field To")
taken = ("sent", "b7bc2f4a")
if [seen[address] for address in addresses] != [
    ({"sent"}, "b7bc2f4a", {"ada@example.org": taken}),
    ({"sent"}, "b7bc2f4a", {"ada@buecher.example": taken}),
    (
        {"sent", "unknown"},
        {None, "b7bc2f4a"},
        {"ada@b\u00fccher.example": ("unknown", None), "ada@xn--bcher-kva.example": taken},
    ),
]:
    sys.exit("CHANGED: the statuses differ from what is stated")
PY
