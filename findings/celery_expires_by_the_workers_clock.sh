#!/bin/sh
# A Celery 5.7 worker whose clock is ahead drops messages with a number of seconds to live, and warns of nothing.
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
if ! timeout 300 "$python" -m pip install -q --disable-pip-version-check celery==5.7.0 kombu==5.7.0 packaging \
    time-machine==3.6.0 >"$work/log" 2>&1; then
    echo "missing: the packages could not be installed: $(tail -n 1 "$work/log")"
    exit 3
fi

cat >"$work/app.py" <<'PY'
from pathlib import Path

from celery import Celery

WORK = Path(__file__).parent
for name in ("queue", "control"):
    (WORK / name).mkdir(exist_ok=True)
app = Celery("app", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": str(WORK / "queue"),
        "data_folder_out": str(WORK / "queue"),
        "control_folder": str(WORK / "control"),
    },
    task_ignore_result=True,
    worker_enable_remote_control=False,
)


@app.task(name="note")
def note(name):
    (WORK / name).touch()
PY

cat >"$work/worker.py" <<'PY'
import sys
import time

import time_machine

import app

with time_machine.travel(time.time() + float(sys.argv[1]), tick=True):
    app.app.worker_main(["worker", "-P", "solo", "-l", sys.argv[2], "--without-gossip", "--without-mingle"])
PY

cat >"$work/program.py" <<'PY'
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import app

WORK = Path(sys.argv[1])


def serve(ahead, level):
    """What a worker with that clock does with three messages that were just sent, and what its log says of them."""
    for name in ("short", "long", "plain"):
        (WORK / name).unlink(missing_ok=True)
    app.note.apply_async(["short"], expires=60)
    app.note.apply_async(["long"], expires=300)
    app.note.apply_async(["plain"])
    with open(WORK / "worker.log", "w") as log:
        worker = subprocess.Popen([sys.executable, "worker.py", str(ahead), level], cwd=WORK, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end and not (WORK / "plain").exists():
            time.sleep(0.1)
        time.sleep(1)
    finally:
        worker.terminate()
        worker.wait(30)
    ran = [name for name in ("short", "long", "plain") if (WORK / name).exists()]
    said = [line for line in (WORK / "worker.log").read_text().splitlines() if "note[" in line and "iscard" in line]
    return ran, said


def main():
    print(f"package   celery {version('celery')}, kombu {version('kombu')}")
    print("expected  a message that was sent a moment ago with 60 seconds to live is run, and one that is not is told")
    right = serve(0, "warning")
    print(f"seen      clocks agree: {', '.join(right[0])} ran")
    ahead = serve(90, "warning")
    print(f"seen      the worker's clock is 90 s ahead: {', '.join(ahead[0])} ran; lines at level warning: {len(ahead[1])}")
    told = serve(90, "info")
    print(f"          at level info: {told[1][0].partition('] ')[2] if told[1] else 'nothing'}")
    print("matters   beat and workers on two machines: messages that expire before the next tick are all dropped by a")
    print("          worker whose clock is a minute ahead; it looks healthy and nothing is ever done")
    print("source    celery 5.7.0, celery/app/amqp.py as_task_v2: seconds become a time of the sender's clock;")
    print("          celery/worker/request.py maybe_expire compares it with the worker's, and revoked() tells at info;")
    print("          the user guide, 'Calling tasks', calls the number 'seconds after publish'")
    as_stated = (
        right == (["short", "long", "plain"], [])
        and ahead == (["long", "plain"], [])
        and told[0] == ["long", "plain"]
        and len(told[1]) == 1
    )
    print("" if as_stated else f"CHANGED: {right}, {ahead}, {told}")
    return 0 if as_stated else 1


sys.exit(main())
PY

cd "$work"
"$python" program.py "$work"
