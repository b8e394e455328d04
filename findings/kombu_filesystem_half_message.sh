#!/bin/sh
# kombu's filesystem transport hands a reader a message that its writer has not written yet.
set -eu
unset PYTHONPATH PYTHONHOME

work=$(mktemp -d)
reader=
finish() {
    [ -z "$reader" ] || kill "$reader" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

if ! timeout 120 python3 -m venv "$work/venv" >"$work/log" 2>&1; then
    echo "missing: python3 with its venv module"
    exit 3
fi
python=$work/venv/bin/python
if ! timeout 300 "$python" -m pip install -q --disable-pip-version-check kombu==5.7.0 >"$work/log" 2>&1; then
    echo "missing: the packages could not be installed: $(tail -n 1 "$work/log")"
    exit 3
fi

cat >"$work/program.py" <<'PY'
import sys
import time
from importlib.metadata import version
from pathlib import Path
from queue import Empty

from kombu import Connection, Queue

MESSAGES = 20
PAPERS = [{"title": "A title of ordinary length", "abstract": "word " * 200}] * 2000


def queue(folder):
    waiting, control = folder / "waiting", folder / "control"
    options = {
        "data_folder_in": str(waiting),
        "data_folder_out": str(waiting),
        "control_folder": str(control),
        "polling_interval": 0.01,
    }
    waiting.mkdir(parents=True, exist_ok=True)
    control.mkdir(exist_ok=True)
    return Connection("filesystem://", transport_options=options).SimpleQueue(Queue("papers", routing_key="papers"))


def write(folder, papers):
    end = time.monotonic() + 20
    while not (folder / "ready").exists() and time.monotonic() < end:
        time.sleep(0.01)
    sending = queue(folder)
    for _ in range(MESSAGES):
        sending.put(papers)
    (folder / "sent").touch()


def read(folder):
    received, errors, receiving, end = 0, [], queue(folder), time.monotonic() + 60
    (folder / "ready").touch()
    while received + len(errors) < MESSAGES and time.monotonic() < end:
        all_sent = (folder / "sent").exists()
        try:
            receiving.get(timeout=1).ack()
            received += 1
        except Empty:
            if all_sent:
                break
        except ValueError as error:
            errors.append(f"{type(error).__name__}: {error}")
    left = len(list((folder / "waiting").glob("*.msg")))
    (folder / "result").write_text(f"{received}\n{left}\n" + "\n".join(errors))


def judge(small, large):
    lost = 0
    print("package   kombu", version("kombu"))
    print(f"expected  a reader in another process gets each of {MESSAGES} messages whole")
    for name, folder in (("one paper", small), ("2000 papers", large)):
        received, left, *errors = (folder / "result").read_text().splitlines()
        print(f"seen      {name} a message: {received} received, {len(errors)} broken, {left} left in the queue")
        for error in sorted(set(errors)):
            print("          the reader got", error)
        lost = len(errors)
    print("matters   the broken messages are gone: the file is deleted before it is parsed; a Celery worker ends with")
    print("          'Unrecoverable error' over it, and a digest service without Redis stands still")
    print("source    kombu 5.7.0, kombu/transport/filesystem.py: Channel._put opens the file under its final name,")
    print("          then serialises, then writes; Channel._get moves and reads it and takes no lock;")
    print("          celery/kombu issue 1551")
    if not lost:
        print("CHANGED: every large message arrived whole")
    return 0 if lost else 1


role, *folders = sys.argv[1:]
first = Path(folders[0])
if role == "write":
    write(first, PAPERS if folders[1] == "large" else PAPERS[:1])
elif role == "read":
    read(first)
else:
    sys.exit(judge(first, Path(folders[1])))
PY

for size in small large; do
    mkdir "$work/$size"
    "$python" "$work/program.py" read "$work/$size" &
    reader=$!
    timeout 60 "$python" "$work/program.py" write "$work/$size" "$size"
    wait "$reader"
    reader=
done
"$python" "$work/program.py" judge "$work/small" "$work/large"
