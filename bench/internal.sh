#!/bin/bash
# The table of docs/results.md, "Alanine dipeptide in internal coordinates", from nothing: simulate,
# train on rows, refine with energies, train from energies alone, weigh 100,000 samples of each.
#
#   ENF=build/enf CFLAGS=-Iinclude LIBS="build/libenf.a -lm -pthread" bash bench/internal.sh OUT [RUN...]
#
# RUN: rows-S, refined-S (from rows-S), alone-S for a seed S; without any all three of SEEDS (0 1 2).
# Interrupted, it goes on where it was: a training from its last saved state, and what is finished is
# not done again. OUT/RUN.log has what was run, what it printed, the machine and the processor time
# of it. TRAIN=FILE and TEST=FILE take rows that are there (nm); FRAMES, STEPS and SAMPLES in the
# environment make everything shorter: in another OUT.
set -euo pipefail
enf=${ENF:-enf}
out=$1
shift
here=$(cd "$(dirname "$0")/.." && pwd)/examples/alanine
mkdir -p "$out"
frames=${FRAMES:-25000} samples=${SAMPLES:-100000} threads=${THREADS:-1}
plugin=$out/alanine.so
log=$out/data.log

# Run a command with its output in the log as well, and the processor time that it took.
logged() {
  local TIMEFORMAT='processor seconds: %U'
  echo "[$(date '+%Y-%m-%d %H:%M:%S')] $*" | sed "s|$enf|enf|" | tee -a "$log"
  { time "$@" 2>&3; } 3>&2 2>>"$log" | tee -a "$log"
}

compile() {
  [ -f "$plugin" ] ||
    ${CC:-cc} -O3 -fno-math-errno -fPIC -shared ${CFLAGS:-} -o "$plugin" "$here/alanine.c" -lm
  [ -f "$out/dynamics" ] ||
    ${CC:-cc} -O3 -fno-math-errno ${CFLAGS:-} -o "$out/dynamics" "$here/../plugin/dynamics.c" ${LIBS:--lenf -lm} -ldl
}

# Frames of dynamics: FILE COUNT SEED [RUNGS [COLDEST [HOTTEST]]]
frames_of() {
  [ -f "$1" ] || logged "$out/dynamics" "$plugin" "$here/alanine.pdb" nm "$@"
}

# A training as `enf train` has it: FLOW and what else, or the rest of one that was stopped.
train() {
  local name=$1
  shift
  [ ! -f "$out/$name.done" ] || return 0
  set -- "$@" -o "$out/$name.safetensors" --threads "$threads"
  [ ! -f "$out/$name.trainer" ] || set -- "$@" --resume
  logged "$enf" train "$@"
  tail -40 "$log" | grep -q '^training *finished' ||
    { echo "$name is not finished: run it again" >&2; exit 1; }
  touch "$out/$name.done"
}

molecule=(--topology "$here/alanine.pdb" --unit nm)
# KL(p|q) with an energy; SEED and STEPS follow.
refine=(--objective refine --energy "$plugin")

rows() { # SEED
  train "rows-$1" "$data" "${molecule[@]}" --seed "$1" --steps "${STEPS:-2000}"
}

refined() {
  [ -f "$out/rows-$1.done" ] || rows "$1"
  train "refined-$1" --init "$out/rows-$1.safetensors" "${refine[@]}" --seed "$1" --steps "${STEPS:-5000}"
}

# A nanosecond at 600 K, whose replicas at 775 and 1000 K cross what 600 K does not, gives centres, widths
# and a first flow; then the weight of KL(p|q) rises.
alone() {
  frames_of "$out/hot-$1.npy" 5000 "$((100 + $1))" 3 600 1000
  train "hot-$1" "$out/hot-$1.npy" "${molecule[@]}" --seed "$1" --steps 250
  train "warm-$1" --init "$out/hot-$1.safetensors" "${refine[@]}" --seed "$1" --steps "${STEPS:-1300}" \
    --set train.lambda=0.1 --set train.lambda_end=1 --set train.weight_cut=0.01 --set train.lr=2e-3
  train "alone-$1" --init "$out/warm-$1.safetensors" "${refine[@]}" --seed "$((50 + $1))" \
    --steps "${STEPS:-3000}" --set train.lr=1.5e-3
}

judge() { # RUN
  set -- "$1" -n "$samples" --data "$test" --seed 7 --energy "$plugin" --paths 0 --threads "$threads" \
    --cv 'phi=torsion:4,6,8,14 psi=torsion:6,8,14,16' --states phi:0:114.6 \
    --plot "$out/$1.energy.svg" --plot-2d "$out/$1.torsions.svg" --json
  local run=$1
  shift
  logged "$enf" reweight "$out/$run.safetensors" "$@" >"$out/$run.part"
  grep '^{' "$out/$run.part" | sed 's/, "[a-z_0-9]*": \[[^]]*\]//g' >"$out/$run.json"
  rm "$out/$run.part"
}

number() { # JSON NAME FORMAT
  LC_ALL=C printf "$3" "$(sed -n "s/.*\"$2\": \\([-0-9.e+]*\\).*/\\1/p" "$1")"
}

pair() { # JSON NAME FORMAT: value +- error
  echo "$(number "$1" "$2" "$3") +- $(number "$1" "$2_err" "$3")"
}

# Processor seconds of all that a flow needed, but those of making TRAIN.
spent() { # RUN...
  for run; do cat "$out/$run.log"; done | LC_ALL=C awk '
    /^\[/ {judging = / reweight /}
    /^processor seconds:/ && !judging {sum += $3}
    END {printf "%.0f", sum}'
}

table() {
  echo "| flow, seed | processor seconds | test NLL | ESS | largest weight | k-hat | forward ESS | log Z | phi states |"
  echo "|---|---|---|---|---|---|---|---|---|"
  for run in "$@"; do
    [ -f "$out/$run.json" ] || continue
    local json=$out/$run.json of=$run
    case $run in refined-*) of="rows-${run#*-} $run" ;; esac
    # shellcheck disable=SC2086 # names are words
    echo "| ${run%-*}, ${run#*-} | $(spent $of) | $(pair "$json" nll %.3f) | $(pair "$json" ess %.3f) |" \
      "$(LC_ALL=C awk "BEGIN {printf \"%.3f %%\", 100 * $(number "$json" max_weight %g)}") |" \
      "$(number "$json" khat %.2f) | $(number "$json" forward_ess %.2f) | $(pair "$json" log_z %.4f) |" \
      "$(pair "$json" free_energy %.3f) |"
  done
}

compile
data=${TRAIN:-$out/train.npy}
[ -n "${TRAIN:-}" ] || frames_of "$data" "$frames" 1 6
test=${TEST:-$out/test.npy}
[ -n "${TEST:-}" ] || frames_of "$test" "$((frames * 2 / 5))" 2 6

runs=("$@")
[ $# -gt 0 ] || for kind in rows refined alone; do
  for seed in ${SEEDS:-0 1 2}; do runs+=("$kind-$seed"); done
done
for run in "${runs[@]}"; do
  log=$out/$run.log
  [ ! -f "$out/$run.json" ] || continue
  sed -n 's/^model name[^:]*: */processor: /p' /proc/cpuinfo | head -1 >>"$log"
  "${run%-*}" "${run#*-}"
  judge "$run"
done
table "${runs[@]}" | tee "$out/table.md"
