#!/bin/sh
# A molecule from rows to a free-energy surface, in under two minutes: pentane of five united atoms
# (examples/plugin/pentane.c). Its bonds become internal coordinates, a flow of splines learns them
# from a simulation, and its samples, weighted, give the free energy of gauche against trans with
# its error and a picture of both torsions. ENF is the tool, the argument the directory for the
# files; CC and CFLAGS find <enf/plugin.h>.
#
#   ENF=build/enf CFLAGS=-Iinclude sh examples/molecule.sh build/molecule
set -eu
enf=${ENF:-enf}
here=$(dirname "$0")
out=${1:-molecule}
seconds=${DEMO_SECONDS:-30} samples=${DEMO_SAMPLES:-50000}
mkdir -p "$out"

say() { printf '\n== %s\n\n' "$*"; }

say "the energy, as a plugin"
${CC:-cc} -O2 -fPIC -shared ${CFLAGS:-} -o "$out/pentane.so" "$here/plugin/pentane.c" -lm

say "rows to learn from, and others to judge by"
hot="--set sim.rungs=4 --set sim.hottest=4"
"$enf" simulate "$out/pentane.so" -n 20000 --seed 1 $hot -o "$out/rows.npy"
"$enf" simulate "$out/pentane.so" -n 5000 --seed 2 $hot -o "$out/test.npy" -q >"$out/test.txt"

say "a flow in internal coordinates: its bonds say which, the rows how wide"
"$enf" train "$out/rows.npy" -o "$out/pentane.safetensors" --objective likelihood --seconds "$seconds" \
  --set model.space=molecule --set 'model.bonds=0-1 1-2 2-3 3-4' --set model.map='spline*8' \
  --set model.hidden=32 --set train.batch=256 --set train.lr=3e-3 --set train.ema=0.99 \
  --validation "$out/test.npy" --rows 1000 --validate-every 0 --energy "$out/pentane.so"
"$enf" info "$out/pentane.safetensors" --plot "$out/zmatrix.svg" | sed -n '/^ atom/,/^$/p'

say "$samples samples, weighted: free energy of gauche (within 120 degrees of cis) less that of trans"
"$enf" reweight "$out/pentane.safetensors" --energy "$out/pentane.so" -n "$samples" --data "$out/test.npy" \
  --cv 'a=torsion:0,1,2,3 b=torsion:1,2,3,4' --states a:-120:120 --plot-2d "$out/torsions.svg"
