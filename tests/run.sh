#!/bin/sh
# Run one item of `make check`: RESULT NAME COMMAND ARGUMENTS...
# Its output goes to RESULT.log, `pass` or `fail` to RESULT, one line to the terminal; of a failed
# item the last lines of the log too. WRAPPER is put before the command (valgrind); RUN_IN is the
# directory to run it in. The exit is always 0: the caller counts the results, so that one failure
# does not hide the others.
result=$1 name=$2
shift 2
mkdir -p "$(dirname "$result")"

# Check's own limit (4 s a test) would make slow machines fail; this one only ends what hangs.
CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-300}
CK_VERBOSITY=${CK_VERBOSITY:-normal}
export CK_DEFAULT_TIMEOUT CK_VERBOSITY

started=$(date +%s)
log=$(cd "$(dirname "$result")" && pwd)/$(basename "$result").log
if (cd "${RUN_IN:-.}" && $WRAPPER "$@") >"$log" 2>&1 </dev/null; then verdict=pass; else verdict=fail; fi
echo $verdict >"$result"
printf '  %-4s  %-40s %3d s\n' $verdict "$name" $(($(date +%s) - started))
sed -n 's/^skipped: /        skipped: /p' "$log"
[ $verdict = pass ] || tail -n 25 "$log" | sed 's/^/        /'
exit 0
