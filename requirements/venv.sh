#!/bin/sh
# venv.sh DIRECTORY [PYTHON]: a virtual environment with the pinned build tools, unless one that works is there already.
# Takes the Python named, else the first of the usual names that is 3.11 or newer. What is missing is named in one sentence,
# with its Debian and Ubuntu package.
set -eu

directory=$1
python=${2:-}

stop() {
    printf 'almoner: %s\n' "$1" >&2
    exit 1
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
is() { "$python" -c "import os, sys, sysconfig; sys.exit(not ($1))"; }

check() {
    if [ -n "$python" ]; then
        new_enough "$python" || stop "PYTHON=$python does not run, or is older than Python 3.11."
    else
        for candidate in python3.12 python3.11 python3; do
            if new_enough "$candidate"; then
                python=$candidate
                break
            fi
        done
        [ -n "$python" ] || stop 'Python 3.11 or 3.12 is missing: apt-get install python3.11 python3.11-venv python3.11-dev (or python3.12…; macOS: brew install python@3.12), or name one: make PYTHON=/path/to/python3.12'
    fi
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        stop "Python $version cannot make virtual environments: apt-get install python$version-venv"

    # durable-rules comes as C source, and does not run on Python 3.13 or newer: there it is neither built nor needed.
    if is 'sys.version_info < (3, 13)'; then
        command -v "${CC:-cc}" >/dev/null 2>&1 ||
            stop 'a C compiler is missing (the durable-rules library is built from source): apt-get install build-essential (macOS: xcode-select --install)'
        is 'os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h"))' ||
            stop "the C headers of Python $version are missing (the durable-rules library is built from source): apt-get install python$version-dev"
    fi
}

if ! "$directory/bin/python" -c 'import pip' >/dev/null 2>&1; then
    check
    echo "almoner: setting up $directory with Python $version (once; takes about a minute)"
    "$python" -m venv --clear "$directory"
    echo '*' >"$directory/.gitignore"
fi
"$directory/bin/python" -m pip install --quiet --no-input --disable-pip-version-check --require-hashes -r requirements/build.lock
