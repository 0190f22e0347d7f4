#!/bin/bash
# splines.sh PEER [ROUNDS] -- 12 spline layers of a molecule in internal coordinates beside a program
# in JAX, in turn, in processor time on one thread: medians of the paired ratios of rates, ours over
# the peer's, with their standard errors, 1.253 s / sqrt(ROUNDS).
#
#   make build/enf-bench && taskset -c 0 bash bench/splines.sh internal_jax.py 5
#
# PEER: a program that, called as `python PEER time layers=12 hidden=H`, prints "densities N, samples
# with density N, training rows N a second". Environment: PYTHON=python3, BENCH=build/enf-bench,
# WIDTHS="64 128".
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
peer=$1 rounds=${2:-5} python=${PYTHON:-python3} bench=${BENCH:-build/enf-bench}
read -ra widths <<<"${WIDTHS:-64 128}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Lines "width work rate".
ours() {
  "$bench" --works splines --threads 1 --cpu-clock --json "$scratch/json" >/dev/null
  tr '{' '\n' <"$scratch/json" | tr -d '",:}]' | awk '$1 == "width" {for (i = 3; i < NF; i += 2) print $2, $i, $(i + 1)}'
}
theirs() {
  local width
  for width in "${widths[@]}"; do
    "$python" "$peer" time layers=12 "hidden=$width" | tr -d , | awk -v width="$width" '
      {for (i = 1; i <= NF; i++) if ($i ~ /^[0-9.]+$/)
         print width, $(i - 1) == "density" ? "samples" : $(i - 1) == "rows" ? "training" : $(i - 1), $i}'
  done
}

for round in $(seq "$rounds"); do
  ours | awk '{print $1 "/" $2, $3}' | sort >"$scratch/ours"
  theirs | awk '{print $1 "/" $2, $3}' | sort >"$scratch/theirs"
  join "$scratch/ours" "$scratch/theirs" >>"$scratch/pairs"
  printf '\rround %d of %d' "$round" "$rounds" >&2
done
printf '\n' >&2

sort -k1,1 "$scratch/pairs" | awk '{print $1, $2 / $3, $2, $3}' | sort -k1,1 -k2,2g | awk '
  function tell() {
    if (!n) return
    middle = n % 2 ? ratio[(n + 1) / 2] : (ratio[n / 2] + ratio[n / 2 + 1]) / 2
    mean = sum / n; error = n > 1 ? 1.253 * sqrt((squares - n * mean * mean) / (n - 1) / n) : 0
    printf "%-14s %8.0f and %7.0f a second on average, %5.2f +- %.2f  (%d pairs)\n", name, a / n, b / n, middle, error, n
  }
  $1 != name {tell(); name = $1; n = sum = squares = a = b = 0}
  {ratio[++n] = $2; sum += $2; squares += $2 * $2; a += $3; b += $4}
  END {tell()}'
