#!/bin/bash
# The wheel in a fresh virtual environment, where no compiler is found: python.sh FOLDER. NumPy comes from
# the package index; HOSTS="openmm ase ..." are installed too, so that their adapters are tested.
set -u
wheel=$(echo "$1"/enf-*.whl)
here=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
skip() { echo "  skipped: check-python ($1)"; exit 0; }

"${PYTHON:-python3}" -m venv "$folder/venv" 2>"$folder/log" || skip 'python3-venv is not installed'
python=$folder/venv/bin/python
# shellcheck disable=SC2086  # a list
"$python" -m pip install -q numpy ${HOSTS:-} >"$folder/log" 2>&1 || skip "pip cannot install numpy ${HOSTS:-}"
"$python" -m pip install -q --no-index "$wheel" || exit 1
cd "$folder" || exit 1
if PATH=$folder/venv/bin command -v cc gcc clang >/dev/null; then echo 'a compiler is in the way'; exit 1; fi
env -i PATH="$folder/venv/bin" HOME="$folder" OPENBLAS_NUM_THREADS=1 "$python" -m unittest discover -s "$here/python/tests"
