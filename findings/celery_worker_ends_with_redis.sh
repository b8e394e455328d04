#!/bin/sh
# A Celery 5.7 worker ends when Redis is lost while it holds a late-acknowledged task and has a free slot.
set -eu
unset PYTHONPATH PYTHONHOME

if ! command -v redis-server >/dev/null; then
    echo "missing: redis-server"
    exit 3
fi
work=$(mktemp -d)
program=
finish() {
    if [ -n "$program" ]; then # it ends its own children when it is told to
        kill "$program" 2>/dev/null || true
        wait "$program" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

if ! timeout 120 python3 -m venv "$work/venv" >"$work/log" 2>&1; then
    echo "missing: python3 with its venv module"
    exit 3
fi
python=$work/venv/bin/python
install() {
    if ! timeout 300 "$python" -m pip install -q --disable-pip-version-check "$@" >"$work/log" 2>&1; then
        echo "missing: the packages could not be installed: $(tail -n 1 "$work/log")"
        exit 3
    fi
}
install celery==5.7.0 kombu==5.7.0 redis==8.1.0 packaging
install --no-deps --target "$work/older" celery==5.6.3

cat >"$work/app.py" <<'PY'
import os
import time
from pathlib import Path

from celery import Celery

app = Celery("app", broker=os.environ["BROKER"])
app.conf.update(
    task_acks_late=os.environ["ACKS_LATE"] == "yes",
    task_default_queue=os.environ["NAME"],
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
)


@app.task(name="note")
def note(file, seconds):
    Path(file).touch()
    time.sleep(seconds)
PY

cat >"$work/program.py" <<'PY'
import os
import signal
import socket
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import redis

WORK = Path(sys.argv[1])
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    PORT = free.getsockname()[1]
processes = []


def start(command, log, **environment):
    with open(WORK / log, "a") as out:
        process = subprocess.Popen(command, cwd=WORK, stdout=out, stderr=out, env=os.environ | environment)
    processes.append(process)
    return process


def reached(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def answers():
    try:
        return redis.Redis(port=PORT, socket_timeout=1).ping()
    except redis.RedisError:
        return False


def start_redis():
    words = f"redis-server --bind 127.0.0.1 --port {PORT} --appendonly no --save".split()
    server = start([*words, "", "--dir", str(WORK)], "redis.log")
    if not reached(answers, 10):
        sys.exit("CHANGED: redis-server does not start")
    return server


class Worker:
    def __init__(self, name, release, acks_late):
        self.name, self.release, self.acks_late = name, release, acks_late
        self.environment = {"NAME": name, "ACKS_LATE": acks_late, "BROKER": f"redis://127.0.0.1:{PORT}/0"}
        if release == "5.6.3":
            self.environment["PYTHONPATH"] = str(WORK / "older")
        command = ["-m", "celery", "-A", "app", "worker", "-c", "2", "-n", f"{name}@localhost", "-l", "warning"]
        self.process = start([sys.executable, *command], f"{name}.log", **self.environment)

    def ask(self, file, seconds):
        code = "import sys, app; app.note.delay(sys.argv[1], float(sys.argv[2]))"
        command = [sys.executable, "-c", code, str(WORK / file), str(seconds)]
        subprocess.run(command, cwd=WORK, env=os.environ | self.environment, check=True, timeout=30)

    def has_begun(self, file):
        return reached((WORK / file).exists, 40)

    def works_again(self):
        self.ask(f"{self.name}.again", 0)
        return reached(lambda: self.process.poll() is not None or (WORK / f"{self.name}.again").exists(), 40) and (
            self.process.poll() is None
        )

    def told(self):
        kept = f"Celery {self.release}, acks_late {self.acks_late}"
        if self.works_again():
            return f"seen      {kept}: reconnects and takes the next task", False
        code = self.process.poll()
        return f"seen      {kept}: the worker process " + (
            f"has ended, exit code {code}" if code is not None else "lives and takes no task"
        ), code is not None

    def last_words(self):
        lines = (WORK / f"{self.name}.log").read_text().splitlines()
        return next((line.partition("] ")[2] for line in lines if "Unrecoverable error" in line), "")


def main():
    print(f"package   celery {version('celery')}, kombu {version('kombu')}, redis {version('redis')} (redis-py)")
    print("expected  Redis dies while a task runs and is started again: the worker reconnects and goes on, as the")
    print("          setting broker_connection_retry promises (page 'Configuration and defaults')")
    server = start_redis()
    workers = [Worker("late", "5.7.0", "yes"), Worker("early", "5.7.0", "no"), Worker("older", "5.6.3", "yes")]
    for worker in workers:
        worker.ask(f"{worker.name}.first", 4)
    if not all(worker.has_begun(f"{worker.name}.first") for worker in workers):
        return "CHANGED: a worker did not begin its first task"
    time.sleep(0.5)  # each worker now waits for a second task: a BRPOP is under way
    server.kill()
    server.wait(10)
    time.sleep(1)
    start_redis()
    reached(lambda: workers[0].process.poll() is not None, 20)
    results = [worker.told() for worker in workers]
    words = workers[0].last_words()
    print(results[0][0])
    print(f"          its log says: {words or 'no unrecoverable error'}")
    for line, _ in results[1:]:
        print(line)
    print("matters   a digest service does not go on when Redis is back, unless something starts its workers again")
    print("source    celery 5.7.0, celery/worker/consumer/consumer.py, on_connection_error_after_connected: it calls")
    print("          collect() and then, new in 5.7, close() on one connection. collect() gives up the channel at")
    print("          its pending BRPOP and sets transport.client to None; close() closes that channel again, which")
    print("          restores the unacknowledged message: kombu 5.7.0, kombu/transport/redis.py, _connparams reads")
    print("          the host name of None. The same AttributeError from another way: celery/kombu issue 582")
    as_stated = [ended for _, ended in results] == [True, False, False] and "'hostname'" in words
    return 0 if as_stated else "CHANGED: the workers did not behave as stated"


def end():
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
try:
    result = main()
finally:
    end()
if isinstance(result, str):
    print(result)
sys.exit(1 if result else 0)
PY

"$python" "$work/program.py" "$work" &
program=$!
status=0
wait "$program" || status=$?
program=
[ "$status" -eq 0 ]
