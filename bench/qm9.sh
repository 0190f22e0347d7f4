#!/bin/bash
# The rows of docs/results.md, "QM9", from the set's files: a flow of atoms and positions with its samples
# checked, the bound of a dequantised one on test molecules, and the positions of 19 atoms alone.
#
#   ENF=build/enf CFLAGS=-Iinclude LIBS="build/libenf.a -lm -pthread" QM9=FOLDER bash bench/qm9.sh OUT [RUN...]
#
# FOLDER has train_n_atoms.npy, train_numbers.npy, train_positions.npy and the same of val and test. RUN:
# flow bound positions; without any all of them. Interrupted, it goes on where it was. OUT/RUN.log has what
# was run, what it printed, the machine and the processor time. STEPS, SAMPLES and ROWS in the environment
# make everything shorter: in another OUT.
set -euo pipefail
enf=${ENF:-enf}
qm9=${QM9:?the folder of the QM9 set is missing}
out=${1:?the folder of the results is missing}
shift
mkdir -p "$out"
threads=${THREADS:-1}
here=$(dirname "$0")
# shellcheck source=bench/trainings.sh
. "$here/trainings.sh"

# Pairs within each molecule, by places and kinds; no noise on the paths.
recipe=(--set train.batch=64 --set train.sigma=0 --set train.ot_block=1 --set train.feature_cost=1 --set train.lr=3e-3 --seed 1)
rough=(--set ode.rtol=1e-3 --set ode.atol=1e-3)

draw() { # FLOW SAMPLES OUTPUT
  logged "$enf" sample "$out/$1.safetensors" -n "$2" --seed 7 -o "$out/$3" --threads "$threads" -q "${rough[@]}"
}

run_flow() {
  train flow "$qm9/train" --features --steps "${STEPS:-44000}" "${recipe[@]}" --set model.hidden=96 --set model.layers=6 \
    --set model.kind_scale=4
  draw flow "${SAMPLES:-10000}" flow.xyz
  logged "$enf" check "$out/flow.xyz" --train "$qm9/train" --plot "$out/flow.svg"
}

run_bound() {
  train bound "$qm9/train" --features --steps "${STEPS:-30000}" "${recipe[@]}" --set model.hidden=64 --set model.layers=4 \
    --set model.dequantiser=uniform --set model.actnorm=on --validation "$qm9/val" --validate-every 5000 --rows 48
  logged "$enf" logprob "$out/bound.safetensors" "$qm9/test" --rows "${ROWS:-1000}" --threads "$threads" -q
  draw bound "$((${SAMPLES:-10000} / 10))" bound.xyz
  logged "$enf" check "$out/bound.xyz" --train "$qm9/train"
}

run_positions() {
  [ -x "$out/positions" ] || logged ${CC:-cc} -O2 -std=gnu11 ${CFLAGS:-} -o "$out/positions" "$here/qm9/positions.c" ${LIBS:--lenf -lm}
  for set in train val test; do
    [ -f "$out/19-$set.xyz" ] || "$out/positions" "$qm9/$set" 19 >"$out/19-$set.xyz"
  done
  train positions "$out/19-train.xyz" --steps "${STEPS:-16000}" --seed 1 --set model.hidden=64 --set model.layers=4 \
    --set train.batch=64 --chiral none --validation "$out/19-val.xyz"
  logged "$enf" logprob "$out/positions.safetensors" "$out/19-test.xyz" --threads "$threads" -q
  draw positions "${SAMPLES:-10000}" 19-made.xyz
  logged "$enf" check "$out/19-made.xyz" --train "$out/19-test.xyz"
}

[ $# -gt 0 ] || set -- flow bound positions
for run; do
  log=$out/$run.log
  machine
  "run_$run"
done
