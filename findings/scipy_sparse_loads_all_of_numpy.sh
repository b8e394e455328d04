#!/bin/sh
# import scipy.sparse (1.17) loads every part of NumPy, the Fortran reader and the test tools among them.
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
if ! timeout 300 "$python" -m pip install -q --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 >"$work/log" 2>&1; then
    echo "missing: the packages could not be installed: $(tail -n 1 "$work/log")"
    exit 3
fi

cat >"$work/program.py" <<'PY'
import sys
import time
from importlib.metadata import version

PARTS = ("numpy.ctypeslib", "numpy.f2py", "numpy.ma", "numpy.polynomial", "numpy.random", "numpy.testing")


def loaded():
    return [part for part in PARTS if part in sys.modules]


def main():
    import numpy

    alone = loaded()
    # what NumPy says of itself: each is loaded when it is first used
    numpy.arange(3).sum()
    before = len(sys.modules)
    began = time.process_time()
    import scipy.sparse

    took = time.process_time() - began
    after = loaded()
    scipy.sparse.csr_array(numpy.eye(3)).sum()
    parts = {name.split(".")[1] for name in sys.modules if name.startswith("numpy.")} - {"_core"}
    fortran = sum(name.startswith("numpy.f2py") for name in sys.modules)
    print(f"package   numpy {version('numpy')}, scipy {version('scipy')}")
    print("expected  sparse arrays need NumPy's arrays; the parts that NumPy loads when they are used stay unloaded")
    print(f"seen      after import numpy: {', '.join(alone) or 'none'} of {len(PARTS)} such parts")
    print(f"          after import scipy.sparse: {', '.join(after)}; {fortran} modules of numpy.f2py,")
    print(f"          which reads Fortran, and unittest: {'yes' if 'unittest' in sys.modules else 'no'};")
    print(f"          {len(sys.modules) - before} modules and {took * 1000:.0f} ms of processor time, {len(parts)} parts of NumPy in all")
    print("matters   a command line or a worker's child that needs one sparse product pays at each start, in time and in")
    print("          memory, for a compiler's front end and a test runner; NumPy's own lazy loading saves nothing")
    print("source    scipy 1.17.1, scipy/_lib/array_api_compat/_internal.py, clone_module(): each name of numpy.__all__ is")
    print("          asked for, and numpy 2.4.6, numpy/__init__.py, __getattr__: asking for one loads it")
    as_stated = not {"numpy.f2py", "numpy.testing"} & set(alone) and after == list(PARTS) and "unittest" in sys.modules
    print("" if as_stated else f"CHANGED: {alone}, {after}")
    return 0 if as_stated else 1


sys.exit(main())
PY

cd "$work"
"$python" program.py
