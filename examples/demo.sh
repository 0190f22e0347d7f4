#!/bin/sh
# The whole path on the four-particle double well (DW4), where everything is known exactly: simulate,
# train, evaluate, sample, reweight, compare. `make demo` runs it; under three minutes on two cores.
#   usage: ENF=path/to/enf examples/demo.sh DIRECTORY
set -eu
enf=${ENF:-enf} out=${1:-demo} seconds=${DEMO_SECONDS:-60}
mkdir -p "$out"

say() { printf '\n== %s\n' "$1"; }

say 'Equilibrium configurations of the double well, by Monte Carlo'
"$enf" simulate dw4 --count 100000 --seed 1 --output "$out/train.npy"
"$enf" simulate dw4 --count 5000 --seed 2 --output "$out/test.npy" --quiet >"$out/test.log"

say "A flow learns their density by flow matching, $seconds seconds"
rm -f "$out/dw4.safetensors" "$out/dw4.trainer"
"$enf" train "$out/train.npy" --dimensions 2 --seconds "$seconds" --output "$out/dw4.safetensors"

say 'Its exact log-density on configurations it has not seen'
"$enf" logprob "$out/dw4.safetensors" "$out/test.npy" --energy dw4

say 'Its samples, reweighted to the Boltzmann density'
"$enf" reweight "$out/dw4.safetensors" --energy dw4 --count 20000 --seed 3 \
  --reference "$out/test.npy" --plot "$out/energies.svg"

printf '\nThe flow is %s/dw4.safetensors, the picture %s/energies.svg.\n' "$out" "$out"
