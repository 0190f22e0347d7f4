#!/bin/bash
# The tables of docs/results.md, "Gauge fields and matrices of SU(n)": train, weigh samples, compare with
# exact values; one thread, processor time in the log.
#
#   ENF=build/enf TOPOLOGY=build/examples/topology/topology bash bench/gauge.sh OUT [ROW...]
#
# ROW: matrix-G-BETA-C (G su2 su3 su4, C 0 1 2, SEEDS for several seeds), lifted-G-L-BETA,
# trained-su3-8-6, u1-L-BETA, topology-L-BETA; without any all of docs/results.md. A row that is there
# is not made again. OUT/ROW.log has what was run and what it printed. SAMPLES in the environment makes
# everything shorter.
set -euo pipefail
enf=${ENF:-enf} topology=${TOPOLOGY:-topology}
out=$1
shift
mkdir -p "$out"

# Run a command with its output in the log as well, and the processor time that it took.
logged() {
  local TIMEFORMAT='processor seconds: %U'
  echo "[$(date '+%Y-%m-%d %H:%M:%S')] $*" | sed "s|$enf|enf|" | tee -a "$log"
  { time "$@" 2>&3; } 3>&2 2>>"$log" | tee -a "$log"
}

train() { # FLOW ENERGY, and what else
  local flow=$1 energy=$2
  shift 2
  logged "$enf" train --energy "$energy" "$@" -o "$out/$flow.safetensors" -q -j1
}

judge() { # FLOW ENERGY SAMPLES
  logged "$enf" reweight "$out/$1.safetensors" -e "$2" -n "${SAMPLES:-$3}" --seed 77 --paths 0 -q -j1
}

class_energy() { # GROUP BETA C
  local c
  case $3 in 0) c="c1=0.98,c2=-0.63,c3=-0.21" ;; 1) c="c1=0.17,c2=-0.65,c3=1.22" ;; *) c="c1=1" ;; esac
  echo "class:group=$1,beta=$2,$c"
}

wilson() { # GROUP L BETA
  echo "wilson:group=$1,l0=$2,l1=$2,beta=$3"
}

matrix() { # GROUP BETA C
  local degree draws ridge=1e-6
  case $1 in su2) degree=10 draws=8000 ;; su3) degree=6 draws=10000 ;; *) degree=5 draws=10000 ;; esac
  [ "$1-$3" != su2-1 ] || ridge=1e-5
  for seed in ${SEEDS:-1}; do
    train "$row-$seed" "$(class_energy "$@")" --objective least-squares --steps 1 --seed "$seed" \
      --set model.degree=$degree --set model.times=13 --set train.batch=$draws --set train.ridge=$ridge
    judge "$row-$seed" "$(class_energy "$@")" 20000
  done
}

lifted() { # GROUP L BETA
  local draws=10000
  [ "$1" != su2 ] || draws=8000
  train "$row" "$(wilson "$@")" --lift --seed 1 --set model.degree=6 --set train.batch=$draws
  judge "$row" "$(wilson "$@")" $((64000 / $2 / $2 * 4))
}

# Least squares on the lattice itself, then path gradients.
trained() { # GROUP L BETA
  train "$row-squares" "$(wilson "$@")" --objective least-squares --steps 1 --seed 1 \
    --set model.degree=6 --set train.batch=3000
  judge "$row-squares" "$(wilson "$@")" 8000
  train "$row" "$(wilson "$@")" --objective path-gradient --init "$out/$row-squares.safetensors" \
    --steps "${STEPS:-97}" --seed 1 --set train.batch=64 --set train.lr=1e-3 --set train.ema=0.97
  judge "$row" "$(wilson "$@")" 8000
}

# Degree, pairs and draws of U(1) at a beta.
words() { # L BETA
  case $1-$2 in
  8-1) echo 6 2 2000 ;; 8-2 | 8-3) echo 6 3 3000 ;; 8-4) echo 8 3 3000 ;; 8-5) echo 8 4 3000 ;;
  8-6) echo 10 4 4000 ;; *) echo 6 3 2000 ;;
  esac
}

u1() { # L BETA
  local degree pairs draws
  read -r degree pairs draws <<<"$(words "$@")"
  train "$row" "$(wilson u1 "$@")" --objective least-squares --steps 1 --seed 1 \
    --set model.degree="$degree" --set model.pairs="$pairs" --set train.batch="$draws"
  judge "$row" "$(wilson u1 "$@")" $((64000 / $1 / $1 * 4))
}

topology() { # L BETA
  local samples=10000 sweeps=4000
  [ "$1" = 8 ] || samples=4000 sweeps=2000
  # shellcheck disable=SC2046 # three words
  logged "$topology" "$@" $(words "$@") "${SAMPLES:-$samples}" "$sweeps"
}

rows=("$@")
if [ $# = 0 ]; then
  for c in 0 1 2; do for group in su2 su3 su4; do rows+=("matrix-$group-9-$c"); done; done
  for l in 8 16; do
    rows+=("lifted-su2-$l-1.8" "lifted-su2-$l-2.2" "lifted-su2-$l-2.7")
    rows+=("lifted-su3-$l-4" "lifted-su3-$l-5" "lifted-su3-$l-6")
  done
  rows+=(u1-8-2 u1-8-4 u1-8-6 u1-16-2)
  for beta in 1 2 3 4 5 6; do rows+=("topology-8-$beta"); done
  rows+=(topology-16-2 trained-su3-8-6)
fi
for row in "${rows[@]}"; do
  [ ! -f "$out/$row.done" ] || continue
  log=$out/$row.log
  sed -n 's/^model name[^:]*: */processor: /p' /proc/cpuinfo | head -1 >"$log"
  IFS=- read -r kind rest <<<"$row"
  # shellcheck disable=SC2086 # words
  "$kind" ${rest//-/ }
  touch "$out/$row.done"
done
