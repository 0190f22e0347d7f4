#!/bin/bash
# compare.sh OLD NEW [RUNS [ARGS...]] -- two builds of enf-bench in turn, OLD NEW OLD NEW ..., in
# processor time on one thread: for every work the median of the paired ratios of rates, new over
# old, and its standard error, 1.253 s / sqrt(RUNS). Below 1 the new build is slower.
#   git worktree add ../old COMMIT && make -C ../old build/enf-bench
#   bash bench/compare.sh ../old/build/enf-bench build/enf-bench 10 --systems dw4,lj13
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,6s/^# *//p' "$0" >&2; exit 2; }
old=$1 new=$2 runs=${3:-10}
shift $(($# < 3 ? $# : 3))
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# system, work and rate of every row, from the JSON of one run; growth's rows are its seconds
rates() {
  "$1" --runs 1 --threads 1 --cpu-clock --json "$scratch/json" "${@:2}" >/dev/null
  local number='\([0-9.e+-]*\)'
  tr '{' '\n' <"$scratch/json" | sed -n \
    -e 's/^"system": "\([^"]*\)".*/system \1/p' \
    -e "s/^\"work\": \"\([^\"]*\)\".*\"rate\": $number.*/\1 \2/p" \
    -e "s/^\"layers\": $number, \"hidden\": $number, \"particles\": $number, \"velocity_seconds\": $number, \"divergence_seconds\": $number}.*/growth \1x\2 \3 \4 \5/p" |
    awk '$1 == "system" {of = $2; next}
         $1 == "growth" {print $2 ":" $3, "velocity", 1 / $4; print $2 ":" $3, "divergence", 1 / $5; next}
         {print of, $1, $2}'
}

for run in $(seq "$runs"); do
  rates "$old" "$@" >"$scratch/old"
  rates "$new" "$@" >"$scratch/new"
  join -j 1 <(awk '{print $1 "/" $2, $3}' "$scratch/old" | sort) \
    <(awk '{print $1 "/" $2, $3}' "$scratch/new" | sort) >>"$scratch/pairs"
  printf '\rrun %d of %d' "$run" "$runs" >&2
done
printf '\n' >&2

awk '{print $1, $3 / $2}' "$scratch/pairs" | sort -k1,1 -k2,2g | awk '
  function tell() {
    if (!n) return
    middle = n % 2 ? ratio[(n + 1) / 2] : (ratio[n / 2] + ratio[n / 2 + 1]) / 2
    mean = sum / n; error = n > 1 ? 1.253 * sqrt((squares - n * mean * mean) / (n - 1) / n) : 0
    printf "%-28s %7.3f +- %.3f  (%d pairs)\n", name, middle, error, n
  }
  $1 != name {tell(); name = $1; n = sum = squares = 0}
  {ratio[++n] = $2; sum += $2; squares += $2 * $2}
  END {tell()}'
