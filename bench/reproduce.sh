#!/bin/bash
# The rows of docs/results.md for one system, from nothing: simulate, train with each coupling, score
# test configurations, sample, reweight. ENF is the tool, OUT takes the files.
#
#   ENF=build/enf bash bench/reproduce.sh dw4|lj13|lj55 OUT [RUN...]      RUN: some rows of the plan
#
# Interrupted, it goes on where it was: a training from its last saved state, and what is finished
# is not done again. OUT/RUN.log has what was run, what it printed, the machine and the times.
# TRAIN=FILE and TEST=FILE take other configurations than simulated ones, e.g. the published rows;
# STEPS, SAMPLES and ROWS (of tests) in the environment make everything shorter: in another OUT.
set -euo pipefail
enf=${ENF:-enf}
system=$1 out=$2
shift 2
mkdir -p "$out"

# Columns: run, coupling, layers x width, data scale, seed, steps, samples to draw, noise of the
# paths. Length unit 1 and a prior of width 1 are those of the publication, which its path lengths
# need; "auto" is the default of libenf.
plan() { # NETWORK SEED STEPS SAMPLES [SAMPLES of the other couplings]
  echo "equivariant-ot-$2 equivariant-ot $1 1 $2 $3 $4 $sigma"
  echo "ot-$2 ot $1 1 $2 $3 ${5:-$4} $sigma"
  echo "independent-$2 independent $1 1 $2 $3 ${5:-$4} $sigma"
}
# Log-densities at these tolerances are off by 0.005 nat, in less than half the time of the defaults;
# only the standard errors of DW4 would notice.
loose="--set ode.rtol=1e-4 --set ode.atol=1e-4 --set logdet.tol=1e-2"
case $system in
dw4)
  options="--dimensions 2 --set train.batch=256" block=8 sigma=0.15
  rows=10000 paths=20000 accuracy=
  plan=$(
    plan 3x32 0 25000 500000 100000
    for seed in 1 2; do plan 3x32 $seed 25000 500000 | grep ^equivariant; done
    echo "scaled-0 equivariant-ot 3x32 auto 0 25000 100000 0.1"
  )
  ;;
lj13)
  options="" block=16 sigma=0.1 rows=10000 paths=10000 accuracy=$loose
  plan=$(
    echo "deep-0 equivariant-ot 4x32 1 0 80000 100000 $sigma"
    plan 3x32 0 40000 20000
    echo "scaled-0 equivariant-ot 3x32 auto 0 40000 20000 $sigma"
  )
  ;;
lj55)
  options="" block=16 sigma=0.1 rows=200 paths=500 accuracy=$loose
  plan=$(plan 4x32 0 18000 500 | grep -v ^independent)
  ;;
*)
  echo "there is no recipe for '$system': dw4, lj13 or lj55" >&2
  exit 2
  ;;
esac
rows=${ROWS:-$rows}

now() { date '+%Y-%m-%d %H:%M:%S'; }

# Run a command with its output in the log of the run as well.
log=$out/data.log
said() { echo "[$(now)] $*" | sed "s|$enf|enf|" | tee -a "$log"; }
logged() {
  said "$@"
  "$@" | tee -a "$log"
}

simulate() { # FILE ROWS SEED
  [ -f "$1" ] || logged "$enf" simulate "$system" -n "$2" --seed "$3" -o "$1"
}

machine() {
  sed -n 's/^model name[^:]*: */processor: /p' /proc/cpuinfo | head -1
  echo "threads: $(getconf _NPROCESSORS_ONLN)"
}

# Plain assignments cost next to nothing, so they may be larger.
blocks() { # COUPLING
  if [ "$1" = ot ]; then echo "--set train.ot_block=64"; else echo "--set train.ot_block=$block"; fi
}

train() { # as in the plan
  flow=$out/$1.safetensors steps=${STEPS:-$6}
  if [ -f "$out/$1.trainer" ]; then
    logged "$enf" train "$data" -o "$flow" --resume --steps "$steps"
  else
    # shellcheck disable=SC2046,SC2086 # options are words
    logged "$enf" train "$data" -o "$flow" $options $(blocks "$2") --seed "$5" --steps "$steps" \
      --set "train.coupling=$2" --set "model.layers=${3%x*}" --set "model.hidden=${3#*x}" \
      --set "model.data_scale=$4" --set "train.sigma=$8"
  fi
}

# A folder has the rows of one plan.
keep_plan() { # RUN COLUMNS
  [ -f "$out/$1.plan" ] || echo "$2" >"$out/$1.plan"
  [ "$(cat "$out/$1.plan")" = "$2" ] || { echo "$out has $1 by another plan: use another folder" >&2; exit 1; }
}

# What the last report of the training in the log says of NAME.
trained() { # NAME
  sed -n "s/^$1   *//p" "$log" | tail -1
}

judge() { # as in the plan
  # shellcheck disable=SC2086 # options are words
  set -- "$1" -n "${SAMPLES:-$7}" --paths "$paths" --rows "$rows" --data "$test" --seed 7 \
    --energy "$system" $accuracy --plot "$out/$1.energy.svg" --plot-distances "$out/$1.distances.svg" --json
  run=$1
  shift
  said "$enf" reweight "$out/$run.safetensors" "$@"
  "$enf" reweight "$out/$run.safetensors" "$@" >"$out/$run.part"
  mv "$out/$run.part" "$out/$run.json"
  sed 's/, "[a-z_]*": \[[^]]*\]//g' "$out/$run.json" >>"$log" # without the histograms
}

number() { # JSON NAME [FORMAT]
  value=$(sed -n "s/.*\"$2\": \\([-0-9.e+]*\\).*/\\1/p" "$1")
  [ -z "$value" ] || LC_ALL=C printf "${3:-%.3f}" "$value"
}

pair() { # JSON NAME FORMAT: value +- error
  value=$(number "$1" "$2" "$3")
  [ -z "$value" ] || echo "$value +- $(number "$1" "$2_err" "$3")"
}

row() { # as in the plan
  json=$out/$1.json log=$out/$1.log
  echo "| $2 | $3 | $4 | $5 | $(trained steps) | $(pair "$json" nll %.3f) | $(pair "$json" excess_nll %.4f) |" \
    "$(pair "$json" ess %.3f), $(pair "$json" ess_clipped %.3f) of $(number "$json" samples %.0f) |" \
    "$(pair "$json" log_z %.4f) |" \
    "$(pair "$json" path_length %.3f) | $(number "$json" straightness) |" \
    "$(number "$json" velocities %.1f) | $(number "$json" effective_rate %.4g) |" \
    "$(LC_ALL=C printf %.0f "$(trained 'seconds of training')") |"
}

data=${TRAIN:-$out/train.npy}
[ -n "${TRAIN:-}" ] || simulate "$data" 100000 1
test=${TEST:-$out/test.npy}
[ -n "${TEST:-}" ] || simulate "$test" 10000 2

chosen=${*:-$(echo "$plan" | cut -d' ' -f1)}
for run in $chosen; do
  log=$out/$run.log
  columns=$(echo "$plan" | grep "^$run ") || { echo "there is no run '$run' of $system" >&2; exit 2; }
  keep_plan "$run" "$columns"
  # shellcheck disable=SC2086 # they are words
  set -- $columns
  [ -f "$out/$run.json" ] && continue
  machine >>"$log"
  train "$@"
  [ "$(trained training)" = finished ] || { echo "$run is not finished: run it again" >&2; exit 1; }
  judge "$@"
done

{
  echo "| coupling | layers x width | data scale | seed | steps | NLL | excess NLL | ESS, clipped | log Z | path length | straightness | velocities a sample | effective samples per second | seconds of training |"
  echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
  echo "$plan" | while read -r run columns; do
    # shellcheck disable=SC2086 # they are words
    [ ! -f "$out/$run.json" ] || row "$run" $columns
  done
} | tee "$out/table.md"
