#!/bin/sh
# Makes a virtual environment and installs the project into it: provide_venv.sh PYTHON FOLDER WHAT
set -eu
python=$1 folder=$2 what=$3

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "v2g-csms needs Python 3.11 or newer; '$python' is $("$python" -V 2>&1). Name another: make PYTHON=python3.12" >&2
    exit 2
}
if [ ! -x "$folder/bin/python" ]; then
    rm -rf "$folder"
    # Debian keeps ensurepip in a package of its own.
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            apt-get update -qq
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
        else
            echo "'$python' cannot make virtual environments; install it first: apt-get install python3-venv" >&2
            exit 2
        fi
    fi
    "$python" -m venv "$folder"
fi
echo "Installing $what (a minute or two the first time) ..."
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable "$what"
