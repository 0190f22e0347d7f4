#!/bin/sh
# A molecule from its energy to a free-energy surface, in two minutes of one processor: alanine dipeptide
# in implicit solvent (examples/alanine). A nanosecond at 600, 775 and 1000 K, which crosses all barriers,
# gives bond lengths, angles and a first flow of splines in internal coordinates, one for all temperatures
# between 300 and 1000 K; its own samples and their energies, at all of these, bring it to 300 K. Its
# samples, weighted, give the free energy of left-handed phi with its error, at 300 K and over temperature,
# and a picture of phi and psi; no simulation crosses at 300 K in that time. ENF is the tool, the argument
# the directory for the files; CC, CFLAGS and LIBS find <enf/enf.h> and libenf.
#
#   ENF=build/enf CFLAGS=-Iinclude LIBS="build/libenf.a -pthread" sh examples/molecule.sh build/molecule
set -eu
enf=${ENF:-enf}
here=$(dirname "$0")
out=${1:-molecule}
frames=${DEMO_FRAMES:-5000} steps=${DEMO_STEPS:-1000} samples=${DEMO_SAMPLES:-100000}
mkdir -p "$out"
started=$(date +%s)

say() { printf '\n== %s\n\n' "$*"; }
compile() { ${CC:-cc} -O3 -fno-math-errno ${CFLAGS:-} "$@"; }

say "the energy, as a plugin, and Langevin dynamics with it: $frames frames of 600, 775 and 1000 K"
compile -fPIC -shared -o "$out/alanine.so" "$here/alanine/alanine.c" -lm
compile -o "$out/dynamics" "$here/plugin/dynamics.c" ${LIBS:--lenf} -lm -ldl
"$out/dynamics" "$out/alanine.so" "$here/alanine/alanine.pdb" nm "$out/hot-*.npy" "$frames" 102 3 600 1000

say "a flow of 300 to 1000 K in internal coordinates: the bonds say which, the frames how wide"
"$enf" train "$out"/hot-?.npy --temperatures 2,2.582,3.3333 -o "$out/hot.safetensors" \
  --topology "$here/alanine/alanine.pdb" --unit nm --steps 500 --seed 2
"$enf" info "$out/hot.safetensors" --plot "$out/zmatrix.svg" | sed -n '/^ atom/,/^$/p'

say "to 300 K by energies of its own samples"
"$enf" train --init "$out/hot.safetensors" -o "$out/alanine.safetensors" --objective refine --energy "$out/alanine.so" \
  --steps "$steps" --seed 2 --set train.rungs=4 --set train.weight_cut=0.01

say "$samples samples, weighted: free energy of 0 < phi < 115 degrees less that of the rest"
"$enf" reweight "$out/alanine.safetensors" --energy "$out/alanine.so" -n "$samples" \
  --cv 'phi=torsion:4,6,8,14 psi=torsion:6,8,14,16' --states phi:0:115 --plot-2d "$out/ramachandran.svg"

say "the same over temperature, up to 600 K"
"$enf" ladder "$out/alanine.safetensors" --energy "$out/alanine.so" -n "$samples" --temperatures 1,1.25,1.5,1.75,2 \
  --cv 'phi=torsion:4,6,8,14' --states phi:0:115 --plot "$out/ladder.svg"

say "done in $(($(date +%s) - started)) s"
for file in alanine.safetensors alanine.train.svg zmatrix.svg ramachandran.svg ladder.svg; do
  [ ! -f "$out/$file" ] || echo "$(cd "$out" && pwd)/$file"
done
