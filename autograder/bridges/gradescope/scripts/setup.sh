#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image.
# COURSE_PYTHON names an interpreter that has everything already: then nothing is installed.
set -euo pipefail

source="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

# Hidden tests and solutions lie here: submissions run as users who may not even enter.
chown -R root:root "$source"
chmod -R go= "$source"
chmod 0700 "$source/setup.sh" "$source/run_autograder"

usable() {
    command -v "$1" > /dev/null && "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2> /dev/null
}

find_python() {
    for name in python3.13 python3.12 python3.11 python3; do
        if usable "$name"; then
            echo "$name"
            return
        fi
    done
}

python="${COURSE_PYTHON:-}"
if [ -z "$python" ]; then
    base="$(find_python)"
    if [ -z "$base" ]; then
        export DEBIAN_FRONTEND=noninteractive
        apt-get update
        apt-get install -y python3.12 python3.12-venv || apt-get install -y python3.11 python3.11-venv
        base="$(find_python)"
    fi
    if [ -z "$base" ]; then
        echo "This needs Python 3.11 or newer, and none can be installed here. Choose a newer base image." >&2
        exit 1
    fi
    # Not in a folder of root's: submissions must be able to read Python.
    "$base" -m venv /opt/course
    python=/opt/course/bin/python
    torch="$(grep '^torch' "$source/requirements.txt" || true)"
    if [ -n "$torch" ]; then
        "$python" -m pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu "$torch"
    fi
    "$python" -m pip install --no-cache-dir -r "$source/requirements.txt"
fi
echo "$python" > "$source/python"
chmod 0600 "$source/python"
