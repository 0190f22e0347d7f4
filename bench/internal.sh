#!/bin/bash
# The table of docs/results.md, "Alanine dipeptide in internal coordinates", from nothing: simulate,
# train on rows, refine with energies, train from energies alone, weigh 100,000 samples of each; beside
# them a CNF in Cartesian coordinates, and replica exchange for what the free energy of phi costs.
#
#   ENF=build/enf CFLAGS=-Iinclude LIBS="build/libenf.a -lm -pthread" bash bench/internal.sh OUT [RUN...]
#
# RUN: rows-S, refined-S (from rows-S), alone-S, cartesian-S, exchange-S, ladder-S (from exchange-S) for
# a seed S; without any the first three of SEEDS (0 1 2), cartesian-0, exchange-0 and ladder-0.
# Interrupted, it goes on where it was: a training from its last saved state, and what is finished is
# not done again. OUT/RUN.log has what was run, what it printed, the machine and the processor time
# of it. TRAIN=FILE and TEST=FILE take rows that are there (nm); FRAMES, STEPS, SAMPLES and EXCHANGE in
# the environment make everything shorter: in another OUT.
set -euo pipefail
enf=${ENF:-enf}
out=$1
shift
here=$(cd "$(dirname "$0")/.." && pwd)/examples/alanine
mkdir -p "$out"
frames=${FRAMES:-25000} samples=${SAMPLES:-100000} threads=${THREADS:-1}
plugin=$out/alanine.so
log=$out/data.log

# shellcheck source=bench/trainings.sh
. "$(dirname "$0")/trainings.sh"

compile() {
  [ -f "$plugin" ] ||
    ${CC:-cc} -O3 -fno-math-errno -fPIC -shared ${CFLAGS:-} -o "$plugin" "$here/alanine.c" -lm
  [ -f "$out/dynamics" ] ||
    ${CC:-cc} -O3 -fno-math-errno ${CFLAGS:-} -o "$out/dynamics" "$here/../plugin/dynamics.c" ${LIBS:--lenf -lm} -ldl
}

# Frames of dynamics: FILE COUNT SEED [RUNGS [COLDEST [HOTTEST [TORSION]]]]; a star in FILE is all rungs.
frames_of() {
  [ -f "${1/\*/0}" ] || logged "$out/dynamics" "$plugin" "$here/alanine.pdb" nm "$@"
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

# From the energy alone: a nanosecond at 600, 775 and 1000 K gives centres, widths and a first flow of these
# temperatures, which goes on to 300 K by what it has learnt of how densities narrow; then energies of its
# own samples, a quarter of them at 300 K, the others anywhere up to 1000 K, where all basins stay full.
alone() {
  frames_of "$out/hot-$1-*.npy" 5000 "$((100 + $1))" 3 600 1000
  train "hot-$1" "$out/hot-$1"-?.npy --temperatures 2,2.582,3.3333 "${molecule[@]}" --seed "$1" --steps "${STEPS:-500}"
  train "alone-$1" --init "$out/hot-$1.safetensors" "${refine[@]}" --seed "$1" --steps "${STEPS:-5000}" \
    --set train.rungs=4 --set train.weight_cut=0.01
}

# A CNF, of all mirror images and exchanged hydrogens of a methyl group: log Z is log 16 higher.
cartesian() {
  train "cartesian-$1" "$data" --seed "$1" --steps "${STEPS:-5000}" --set model.hidden=32 --set model.layers=3 \
    --set 'model.species=0 1 0 0 2 3 4 5 6 7 8 9 9 9 10 11 12 13 14 15 15 15'
}

exchange() {
  frames_of "$out/exchange-$1-*.npy" "${EXCHANGE:-25000}" "$((200 + $1))" 6 300 600 4,6,8,14
}

# All replicas' rows in one flow of 300 to 600 K, then energies at temperatures between.
rungs=1,1.1487,1.3195,1.5157,1.7411,2
ladder() {
  exchange "$1"
  train "rungs-$1" "$out/exchange-$1"-?.npy --temperatures "$rungs" "${molecule[@]}" --seed "$1" --steps "${STEPS:-2000}"
  train "ladder-$1" --init "$out/rungs-$1.safetensors" "${refine[@]}" --seed "$1" --steps "${STEPS:-5000}"
}

# What a flow says at every temperature of the replicas.
climb() {
  logged "$enf" ladder "$out/$1.safetensors" --energy "$plugin" -n "$samples" --seed 7 --temperatures "$rungs" \
    --threads "$threads" --cv 'phi=torsion:4,6,8,14' --states phi:0:114.6 --plot "$out/$1.svg"
}

# What a flow's samples are worth: RUN and more of `enf reweight`.
weigh() {
  local run=$1
  shift
  logged "$enf" reweight "$out/$run.safetensors" --data "$test" --seed 7 --energy "$plugin" --paths 0 \
    --threads "$threads" --json "$@" >"$out/$run.part"
  grep '^{' "$out/$run.part" | sed 's/, "[a-z_0-9]*": \[[^]]*\]//g' >"$out/$run.json"
  rm "$out/$run.part"
}

judge() { # RUN
  case $1 in
  exchange-*) return 0 ;;
  ladder-*) climb "$1" >"$out/$1.json" ;;
  cartesian-*) weigh "$1" -n 400 --rows 400 --set density.tol=0.01 --set logdet.checks=0 ;;
  *)
    weigh "$1" -n "$samples" --plot "$out/$1.energy.svg" --plot-2d "$out/$1.torsions.svg" \
      --cv 'phi=torsion:4,6,8,14 psi=torsion:6,8,14,16' --states phi:0:114.6
    ;;
  esac
}

number() { # JSON NAME FORMAT
  LC_ALL=C printf "$3" "$(sed -n "s/.*\"$2\": \\([-0-9.e+]*\\).*/\\1/p" "$1")"
}

pair() { # JSON NAME FORMAT: value +- error
  echo "$(number "$1" "$2" "$3") +- $(number "$1" "$2_err" "$3")"
}

percent() { # JSON NAME
  LC_ALL=C awk "BEGIN {printf \"%.3f %%\", 100 * $(number "$1" "$2" %g)}"
}

# Processor seconds of all that a flow needed, but those of making TRAIN; of drawing and weighing.
spent() { # RUN...
  for run; do cat "$out/$run.log" 2>/dev/null; done | LC_ALL=C awk '
    /^\[/ {judging = / reweight /}
    /^processor seconds:/ && !judging {sum += $3}
    END {printf "%.0f", sum}'
}
weighing() { # RUN
  LC_ALL=C awk '/^\[/ {judging = / reweight .*--states/} /^processor seconds:/ && judging {last = $3} END {print last}' \
    "$out/$1.log"
}

table() {
  echo "| flow, seed | processor seconds | test NLL | ESS | largest weight | k-hat | forward ESS | log Z | phi states |"
  echo "|---|---|---|---|---|---|---|---|---|"
  for run in "$@"; do
    case $run in cartesian-* | exchange-* | ladder-*) continue ;; esac
    [ -f "$out/$run.json" ] || continue
    local json=$out/$run.json of=$run
    case $run in refined-*) of="rows-${run#*-} $run" ;; esac
    # shellcheck disable=SC2086 # names are words
    echo "| ${run%-*}, ${run#*-} | $(spent $of) | $(pair "$json" nll %.3f) | $(pair "$json" ess %.3f) |" \
      "$(percent "$json" max_weight) | $(number "$json" khat %.2f) | $(number "$json" forward_ess %.2f) |" \
      "$(pair "$json" log_z %.4f) | $(pair "$json" free_energy %.3f) |"
  done
}

# Cartesian flows: what weights alone say, and what they say with rows.
cartesian_table() {
  echo "| flow, seed | processor seconds | test NLL | ESS | k-hat | log Z by weights | log Z by BAR |"
  echo "|---|---|---|---|---|---|---|"
  for run in "$@"; do
    local json=$out/$run.json
    case $run in cartesian-*) ;; *) continue ;; esac
    echo "| ${run%-*}, ${run#*-} | $(spent "$run") | $(pair "$json" nll %.2f) | $(pair "$json" ess %.3f) |" \
      "$(number "$json" khat %.2f) | $(pair "$json" log_z %.2f) | $(pair "$json" log_z_bar %.2f) |"
  done
}

# Processor seconds to phi states within .05: of a flow its training, and as many samples as that needs;
# of replica exchange as long a run. Errors fall as the root of the number.
cost_table() { # EXCHANGE-S RUN...
  local exchange
  exchange=$(LC_ALL=C awk '/processor seconds$/ {s = $(NF - 2)} /^states:/ && !e {e = $4} END {print s * (e / .05) ^ 2}' "$out/$1.log")
  echo "| | processor seconds to +- .05 | replica exchange's over it |"
  echo "|---|---|---|"
  echo "| $(grep -m 1 '^states:' "$out/$1.log") by replica exchange | $(LC_ALL=C printf %.0f "$exchange") | 1 |"
  shift
  for run; do
    case $run in alone-*) ;; *) continue ;; esac
    LC_ALL=C awk -v run="${run/-/, }" -v trained="$(spent "$run")" -v weighed="$(weighing "$run")" -v exchange="$exchange" \
      -v error="$(number "$out/$run.json" free_energy_err %g)" 'BEGIN {
        all = trained + weighed * (error / .05) ^ 2
        printf "| %s | %.0f | %.0f |\n", run, all, exchange / all}'
  done
}

compile
data=${TRAIN:-$out/train.npy}
[ -n "${TRAIN:-}" ] || frames_of "$data" "$frames" 1 6
test=${TEST:-$out/test.npy}
[ -n "${TEST:-}" ] || frames_of "$test" "$((frames * 2 / 5))" 2 6

runs=("$@")
if [ $# -eq 0 ]; then
  for kind in rows refined alone; do
    for seed in ${SEEDS:-0 1 2}; do runs+=("$kind-$seed"); done
  done
  runs+=(cartesian-0 exchange-0 ladder-0)
fi
for run in "${runs[@]}"; do
  log=$out/$run.log
  [ ! -f "$out/$run.json" ] || continue
  machine
  "${run%-*}" "${run#*-}"
  judge "$run"
done
{
  table "${runs[@]}"
  case " ${runs[*]}" in *" cartesian-"*) echo && cartesian_table "${runs[@]}" ;; esac
  for run in "${runs[@]}"; do
    case $run in
    exchange-*) echo && cost_table "$run" "${runs[@]}" ;;
    ladder-*) echo && echo "$run, $(spent "exchange-${run#*-}" "$run") processor seconds" && sed -n '/^T /,$p' "$out/$run.json" ;;
    esac
  done
} | tee "$out/table.md"
