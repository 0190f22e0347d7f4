#!/bin/bash
# The PyTorch peer beside libenf: the same trained networks and samples on both sides, runs of the
# two alternating, best of each; prints rates, evaluations per sample and ratios.
#
#   bench/peer.sh PEER [SYSTEM...]      PEER: torch_peer.py, or a program with the same options
#
# The networks are SYSTEM.safetensors beside PEER (lj13 and ala2 unless named), read by both.
# Environment: ROUNDS=7 (quick works), SLOW_ROUNDS=2 (log_prob, likelihood), THREADS=1 (ours),
# PEER_THREADS="1" (a list: the better one counts), LAYOUTS="edges dense" (likewise),
# WORKS="vel fm sample div logp ml", PYTHON=python3, BENCH=build/enf-bench.
set -u
[ $# -ge 1 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2; }
peer=$1
shift
systems=${*:-lj13 ala2}
ROUNDS=${ROUNDS:-7} SLOW_ROUNDS=${SLOW_ROUNDS:-2} THREADS=${THREADS:-1} PEER_THREADS=${PEER_THREADS:-1}
LAYOUTS=${LAYOUTS:-edges dense} WORKS=${WORKS:-vel fm sample div logp ml}
PYTHON=${PYTHON:-python3} BENCH=${BENCH:-build/enf-bench}
[ -x "$BENCH" ] || { echo "$BENCH is not there: make bench BENCH_ARGS=--help builds it" >&2; exit 1; }
results=$(mktemp) || exit 1
trap 'rm -f "$results"' EXIT

# Our name of a work of the peer's.
name_of() {
  case $1 in
  vel) echo velocity ;; fm) echo flow-matching ;; div) echo divergence ;;
  sample) echo sample ;; logp) echo log_prob ;; ml) echo likelihood ;;
  esac
}

# Lines "work ours rate velocities divergences" and "work peer rate evaluations layout/threads".
ours() { # weights works
  local list=
  for work in $2; do list=$list,$(name_of "$work"); done
  "$BENCH" --weights "$1" --works "${list#,}" --threads "$THREADS" --runs 1 | awk -v threads="$THREADS" '
    BEGIN {split("velocity vel flow-matching fm divergence div sample sample log_prob logp likelihood ml", w)
           for (i = 1; i in w; i += 2) short[w[i]] = w[i + 1]}
    $1 in short && $2 == threads {print short[$1], "ours", $3, $8, $9}'
}
theirs() { # weights works layout threads
  "$PYTHON" "$peer" --weights "$1" --layout "$3" --threads "$4" --work "${2// /,}" | awk -v how="$3/$4" '
    {split($0, half, "   evaluations: ")
     n = split(half[2], e, " "); for (i = 1; i <= n; i++) {split(e[i], p, "="); evaluations[p[1]] = p[2]}
     n = split(half[1], f, " ")
     for (i = 1; i < n; i++) if (f[i + 1] ~ /^[0-9.e+]+\/s$/) {
       sub(/\/s$/, "", f[i + 1])
       print f[i], "peer", f[i + 1], (f[i] in evaluations ? evaluations[f[i]] : 1), how}}'
}

# The layout/threads that was best so far for a slow work: the first round tries all of them.
best_of() { awk -v work="$1" '$1 == work && $2 == "peer" && $3 > best {best = $3; how = $5} END {print how}' "$results"; }

chosen() { # works to keep
  local out=
  for work in $1; do [[ " $WORKS " == *" $work "* ]] && out="$out $work"; done
  echo $out
}

for system in $systems; do
  weights=$(dirname "$peer")/$system.safetensors
  quick=$(chosen "vel fm sample div") slow=$(chosen "logp ml")
  : >"$results"
  for ((round = 1; round <= ROUNDS; round++)); do
    [ -n "$quick" ] || break
    ours "$weights" "$quick" >>"$results"
    for threads in $PEER_THREADS; do for layout in $LAYOUTS; do
      theirs "$weights" "$quick" "$layout" "$threads" >>"$results"
    done; done
  done
  for work in $slow; do
    for ((round = 1; round <= SLOW_ROUNDS; round++)); do
      ours "$weights" "$work" >>"$results"
      best=$(best_of "$work")
      for threads in $PEER_THREADS; do for layout in $LAYOUTS; do
        [ -z "$best" ] || [ "$best" = "$layout/$threads" ] || continue
        theirs "$weights" "$work" "$layout" "$threads" >>"$results"
      done; done
    done
  done
  echo
  echo "$system: samples per second, best of runs that took turns; ours on $THREADS thread(s)"
  awk -v works="$WORKS" '
    $2 == "ours" {n[$1]++; if ($3 + 0 > ours[$1] + 0) {ours[$1] = $3; v[$1] = $4; d[$1] = $5}}
    $2 == "peer" {m[$1]++; if ($3 + 0 > peer[$1] + 0) {peer[$1] = $3; e[$1] = $4; how[$1] = $5}}
    END {
      printf "  %-7s %12s %12s %8s   %s\n", "work", "libenf", "peer", "ratio", "evaluations per sample; the peer'\''s layout/threads; runs"
      count = split(works, w, " ")
      for (i = 1; i <= count; i++) {
        k = w[i]
        if (!(k in peer) && !(k in ours)) continue
        ratio = peer[k] > 0 && ours[k] > 0 ? sprintf("%.1f", ours[k] / peer[k]) : "-"
        printf "  %-7s %12s %12s %8s   %s v + %s div, peer %s; %s; %d and %d\n", k, k in ours ? ours[k] : "-",
          k in peer ? peer[k] : "-", ratio, v[k], d[k], e[k], how[k], n[k], m[k]
      }
    }' "$results"
done
