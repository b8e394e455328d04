#!/bin/sh
# OpenSMTPD says "550 Invalid recipient" where it does not relay for us, as if the address did not exist.
set -eu
unset PYTHONPATH PYTHONHOME

smtpd=$(PATH=$PATH:/usr/sbin command -v smtpd || true)
if [ -z "$smtpd" ] || ! "$smtpd" -h 2>&1 | grep -q OpenSMTPD; then
    echo "missing: OpenSMTPD (Debian: apt-get install opensmtpd)"
    exit 3
fi
if [ "$(id -u)" != 0 ]; then
    echo "missing: root, who alone can start OpenSMTPD"
    exit 3
fi

work=$(mktemp -d)
pid=
trap 'if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; fi; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/smtpd.conf" <<CONF
table everyone { "@" = "nobody" }
listen on 127.0.0.1 port $port hostname mx.example.net
action "keep" maildir "$work/Maildir" virtual <everyone>
match from any for domain "example.net" action "keep"
CONF
"$smtpd" -d -f "$work/smtpd.conf" >"$work/log" 2>&1 &
pid=$!

timeout 60 python3 - "$port" "$("$smtpd" -h 2>&1 | grep version)" <<'PY'
import smtplib
import sys
import time

for _ in range(50):
    try:
        server = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=10)
        break
    except OSError:
        time.sleep(0.1)
else:
    print("missing: OpenSMTPD did not start (another one runs, or its spool is not there)")
    sys.exit(3)
server.ehlo("client.example.org")
server.docmd("MAIL FROM:<sender@example.org>")
ours, elsewhere = server.docmd("RCPT TO:<ada@example.net>"), server.docmd("RCPT TO:<ada@example.org>")
offered = server.has_extn("enhancedstatuscodes")
server.quit()
print(f"package   OpenSMTPD, {sys.argv[2]}")
print("expected  a client that may not relay is told so, by 550 5.7.1 or in words (Postfix: 'Relay access denied')")
print(f"seen      RCPT for its own domain:     {ours[0]} {ours[1].decode()}")
print(f"{'':10}RCPT for any other domain:   {elsewhere[0]} {elsewhere[1].decode()}")
print(f"{'':10}ENHANCEDSTATUSCODES offered: {offered}")
print("matters   one missing line of smtpd.conf looks like the death of every address: who reads 550 with 'invalid")
print("          recipient' as a hard bounce suppresses the whole list in one run, and the words have no status to check")
print("source    measured; RFC 3463 section 3.8 has x.7.1 for a sender that may not send there. Rules for bounces")
print("          commonly take 'invalid recipient' for an unknown user, as phpmailer-bmh's rule 0233 does")
if elsewhere != (550, b"Invalid recipient: <ada@example.org>") or ours[0] != 250 or not offered:
    sys.exit("CHANGED: the answers differ from what is stated")
PY
