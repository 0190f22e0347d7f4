#!/bin/bash
# The rows of docs/results.md for copula and heavy-tailed priors, residual, linear and autoregressive
# maps, augmented couplings and boosted mixtures, from nothing: simulate, train, score other rows.
#
#   ENF=build/enf bash bench/families.sh OUT [ROW...]      ROW: copula default loggas ala2 gaussians moons
#                                                          ten basins linear wide dw4 egnn speed coupling
#
# Without ROW all of them. RUNS (40) is the number of trainings of every base of the copula table, ALA2 the
# folder of ala2_train.npy and ala2_test.npy, (n,22,3) in nm (without it that row is left out).
# Interrupted, it goes on where it was. OUT/ROW.log has what was run, what it printed and its processor
# time.
set -euo pipefail
enf=${ENF:-enf}
out=${1:?the folder of the results is missing}
shift
mkdir -p "$out"
log=$out/data.log

# Run a command with its output in the log, and the processor time that it took.
logged() {
  local TIMEFORMAT='processor seconds: %U'
  echo "[$(date '+%Y-%m-%d %H:%M:%S')] $*" | sed "s|$enf|enf|; s|$out/||g" >>"$log"
  { time "$@" >>"$log" 2>&1; } 2>>"$log"
}

# The same, and what it printed.
shown() {
  local before
  touch "$log"
  before=$(wc -l <"$log")
  logged "$@"
  tail -n "+$((before + 2))" "$log" | grep -v '^processor seconds'
}

# Rows of a system: FILE SYSTEM COUNT SEED [OPTIONS]
rows() {
  local file=$1 system=$2 count=$3 seed=$4
  shift 4
  [ -f "$file" ] || logged "$enf" simulate "$system" -n "$count" --seed "$seed" -o "$file" -q "$@"
}

# A training that is not done yet: FLOW DATA [OPTIONS]
train() {
  local flow=$1 data=$2
  shift 2
  [ -f "$flow" ] || logged "$enf" train "$data" -o "$flow" -q "$@"
}

nll_of() { # FLOW DATA [OPTIONS]: what enf logprob says
  shown "$enf" logprob "$@" | sed -n 's/^\(NLL\|excess NLL\|mean energy + log Z\) */\1 /p'
}

compile() {
  local source=$(dirname "$0")/families
  [ -x "$out/host" ] && [ -z "$(find "$source" -newer "$out/host")" ] || logged ${CC:-cc} -O2 -std=gnu11 ${CFLAGS:--Iinclude} -o "$out/host" "$source"/*.c \
    ${LIBS:-build/libenf.a -lm -pthread}
}

vector() { # of D dimensions, in the unit of the data
  echo "-s model.space=vector -s model.dimensions=$1 -s model.data_scale=1"
}

median() { sort -g | awk '{v[NR] = $1} END {print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2}'; }

# ---- the copula paper's table ------------------------------------------------------------------------

# Gumbel copula of theta 2.5 with t_2 margins, three autoregressive maps of 4 hidden units, 2,500 steps
# of 128, over four bases; its medians are 3.88, 3.445, 3.42 and 3.39.
bases() {
  echo 'normal normal'
  echo 'heavier laplace:scale=4;student-t:df=5,scale=2'
  echo 'family student-t:df=5'
  echo 'exact student-t:df=2'
}

copula_table() { # NAME RUNS OPTIONS...
  local name=$1 runs=$2 base margins seed flow
  shift 2
  rows "$out/gumbel.npy" gumbel 200000 1
  rows "$out/gumbel-test.npy" gumbel 100000 2
  bases | while read -r base margins; do
    for ((seed = 0; seed < runs; seed++)); do
      flow=$out/$name-$base-$seed.safetensors
      train "$flow" "$out/gumbel.npy" $(vector 2) -s 'model.map=autoregressive*3' -s model.hidden=4 \
        -s model.prior=copula -s "model.margins=$margins" -s train.batch=128 --steps 2500 \
        -s "model.seed=$seed" -s "train.seed=$seed" "$@"
      [ -s "$flow.nll" ] || "$enf" logprob "$flow" "$out/gumbel-test.npy" 2>/dev/null |
        awk '$1 == "NLL" {print $2}' >"$flow.nll"
    done
    echo "$name, base $base: median NLL $(cat "$out/$name-$base-"*.nll | median) of $seed"
  done
}

# As published: Adam at a constant rate of 1e-3, nothing clipped, no average.
run_copula() {
  copula_table copula "${RUNS:-40}" -s train.optimizer=adamw -s train.lr=1e-3 -s train.schedule=constant -s train.clip=0 -s train.ema=0
}
# With the defaults of libenf.
run_default() { copula_table default 3; }

# ---- heavy tails of particles ------------------------------------------------------------------------

# The Student-t prior alone, fitted to all of the rows; like particles have no other covariance than
# one width. Log Z by reweighting it; then its excess over the entropy, row by row, and the tail.
run_loggas() {
  local prior logz largest
  rows "$out/loggas.npy" loggas 100000 1 -s sim.walkers=64
  rows "$out/loggas-test.npy" loggas 100000 2 -s sim.walkers=64
  for prior in student-t gaussian; do
    train "$out/loggas-$prior.safetensors" "$out/loggas.npy" -s model.prior=$prior -s model.prior_covariance=data \
      -s model.map=residual -s train.lr=0 --steps 1
  done
  logged "$enf" reweight "$out/loggas-student-t.safetensors" -e loggas -n 400000
  compile
  for largest in 100 300 1000; do
    shown "$out/host" tail "$out/loggas.npy" $largest
  done
  logz=$("$enf" reweight "$out/loggas-student-t.safetensors" -e loggas -n 400000 --json 2>/dev/null |
    sed 's/.*"log_z": \([-0-9.e]*\).*/\1/')
  echo "log Z $logz"
  for prior in student-t gaussian; do
    echo "$prior: $(nll_of "$out/loggas-$prior.safetensors" "$out/loggas-test.npy" -e loggas --log-z "$logz" | tr '\n' ' ')"
  done
}

# ---- covariance --------------------------------------------------------------------------------------

# Alanine dipeptide, every atom of a kind of its own: the prior with the covariance of the rows, nothing trained.
run_ala2() {
  local covariance
  if [ ! -f "${ALA2:-}/ala2_train.npy" ]; then
    echo "left out: ALA2 is no folder with ala2_train.npy and ala2_test.npy"
    return
  fi
  for covariance in isotropic data; do
    train "$out/ala2-$covariance.safetensors" "$ALA2/ala2_train.npy" -d 3 -s "model.species=$(seq -s ' ' 0 21)" \
      -s model.prior_covariance=$covariance -s model.map=residual -s train.lr=0 --steps 1
    echo "$covariance: $(nll_of "$out/ala2-$covariance.safetensors" "$ALA2/ala2_test.npy")"
  done
}

# ---- eight Gaussians ---------------------------------------------------------------------------------

run_gaussians() {
  rows "$out/gaussians.npy" gaussians 100000 0
  rows "$out/gaussians-test.npy" gaussians 100000 1
  train "$out/c8.safetensors" "$out/gaussians.npy" $(vector 2) -s 'model.map=residual*10' -s model.symmetry=c8 \
    -s model.hidden=32 -s model.layers=2 -s train.batch=256 --steps 1000 -s train.optimizer=adamw -s train.ema=0.99
  echo "C8-symmetric residual map: $(nll_of "$out/c8.safetensors" "$out/gaussians-test.npy" -e gaussians | tr '\n' ' ')"
  compile
  shown "$out/host" turns "$out/c8.safetensors" "$out/gaussians-test.npy"
}

run_ten() {
  rows "$out/gaussians.npy" gaussians 100000 0
  rows "$out/gaussians-test.npy" gaussians 100000 1
  compile
  shown "$out/host" ten "$out/gaussians.npy" "$out/gaussians-test.npy" 0 | grep -E '^(10 parts|pass|jointly)'
}

# ---- mixtures by energy -------------------------------------------------------------------------------

run_moons() {
  local seed
  compile
  for seed in 0 1 2; do
    shown "$out/host" moons $seed | sed "s/^/seed $seed, /"
  done
}

# Two walks that never cross a barrier of 13.3 kT: a flow for each, weights from energies. Exact: log Z 17.4167,
# the closed state 1.5371 kT above the open one. Beside it equal weights, and one flow of all rows.
run_basins() {
  local energy=pair-dw:dim=3,quartic=2.7,quadratic=12 seed rows flow basins
  compile
  for seed in 0 1 2; do
    basins=$out/basins-$seed
    [ -f "$basins-open.npy" ] || logged "$out/host" walks "$basins-closed.npy" "$basins-open.npy" $seed
    for rows in closed open 'closed open'; do
      flow=$basins-${rows/ /-}.safetensors
      [ -f "$flow" ] || logged "$enf" train $(printf "$basins-%s.npy " $rows) -o "$flow" -q -s 'model.map=residual*4' \
        -s train.batch=128 -s train.seed=$seed --steps 1500
    done
    logged "$enf" mix "$basins-closed.safetensors" "$basins-open.safetensors" -o "$basins-equal.safetensors"
    logged "$enf" mix "$basins-closed.safetensors" "$basins-open.safetensors" -e $energy --seed 5 -o "$basins-both.safetensors"
    for flow in closed-open equal both; do
      shown "$enf" reweight "$basins-$flow.safetensors" -e $energy -n 20000 --seed 7 --cv r=distance:0,1 --states r:0:4 |
        grep -E '^(effective sample size|log Z|F of r)' | sed "s/^/seed $seed, $flow: /"
    done
  done
}

# ---- self-normalizing --------------------------------------------------------------------------------

# A Gaussian of 64 dimensions, lambda 10. Condition 100 of its covariance (widths from 0.316 to 3.16), and
# 10,000, which is 100 of W.
run_linear() {
  local gradient spread name
  compile
  for spread in 10 100; do
    name=$out/rows64-$spread
    [ -f "$name.npy" ] || logged "$out/host" rows "$name.npy" 64 $spread 400000 1
    [ -f "$name-test.npy" ] || "$out/host" rows "$name-test.npy" 64 $spread 100000 2 >"$name-test.nll"
    echo "condition of the covariance $((spread * spread)), test rows: $(cat "$name-test.nll")"
    for gradient in self-normalizing exact; do
      train "$out/linear-$spread-$gradient.safetensors" "$name.npy" $(vector 64) -s model.map=linear \
        -s model.linear_gradient=$gradient -s train.batch=256 --steps 6000 -s train.clip=0
      echo "$gradient: $(nll_of "$out/linear-$spread-$gradient.safetensors" "$name-test.npy")"
    done
  done
}

# Processor time of a step of 128 at 1024 dimensions by either gradient, in turn.
run_wide() {
  compile
  shown "$out/host" steps 1024 128 5
}

# ---- DW4 and LJ13 --------------------------------------------------------------------------------------

run_dw4() {
  rows "$out/dw4.npy" dw4 100000 0
  rows "$out/dw4-test.npy" dw4 20000 1
  train "$out/residual.safetensors" "$out/dw4.npy" -s 'model.map=residual*8' -s train.batch=256 --steps 6500
  nll_of "$out/residual.safetensors" "$out/dw4-test.npy" -e dw4
  shown "$enf" reweight "$out/residual.safetensors" -e dw4 -n 20000 | grep -E '^(effective sample size|log Z)'
}

# Networks with a bound: not what a particle flow should be made of, by their own paper's measure.
run_egnn() {
  rows "$out/dw4.npy" dw4 100000 0
  rows "$out/dw4-test.npy" dw4 20000 1
  train "$out/egnn.safetensors" "$out/dw4.npy" -s 'model.map=residual*8' -s model.residual=egnn -s model.hidden=16 \
    -s train.batch=256 --steps 400
  nll_of "$out/egnn.safetensors" "$out/dw4-test.npy" -e dw4
}

# Densities of LJ13 a second of processor time, eight maps beside the CNF of bench/data.
run_speed() {
  train "$out/lj13.safetensors" bench/data/lj13.npy -s 'model.map=residual*8' -s train.batch=64 --steps 300
  cp bench/data/lj13.npy "$out/lj13.npy"
  shown ${BENCH:-build/enf-bench} --cpu-clock --threads 1 --runs 3 --works log_prob,sample+density --systems lj13
  shown ${BENCH:-build/enf-bench} --cpu-clock --threads 1 --runs 3 --works log_prob,sample+density --weights "$out/lj13.safetensors"
}

# ESS of the weights of samples, and effective samples a second of processor time: FLOW SYSTEM COUNT [OPTIONS]
weigh() {
  local flow=$1 system=$2 count=$3
  shift 3
  shown "$enf" reweight "$flow" -e "$system" -n "$count" --threads 1 --paths 0 -s logdet.checks=0 "$@" |
    awk '/^effective sample size/ {print; if ($4 > 0) ess = $4} /^(log Z|k-hat)/ {print} END {print "ess", ess}' >"$out/weights"
  grep -v '^ess' "$out/weights"
  awk -v n="$count" '/^ess/ {ess = $2} /^processor seconds/ {seconds = $3}
    END {printf "effective samples a second       %.3g\n", n * ess / seconds}' "$out/weights" <(tail -n 1 "$log")
}

# Joint densities of positions and copies, whose NLL is a bound, beside a CNF on the same rows.
run_coupling() {
  local system rows steps options tol
  rows "$out/dw4.npy" dw4 100000 0
  rows "$out/dw4-test.npy" dw4 20000 1
  rows "$out/lj13-rows.npy" lj13 100000 0
  rows "$out/lj13-rows-test.npy" lj13 20000 1
  while read -r system rows steps options; do
    train "$out/$system-coupling.safetensors" "$out/$rows.npy" -s 'model.map=coupling*6' --steps "$steps" --threads 1
    echo "$system, coupling*6, $steps steps: $(nll_of "$out/$system-coupling.safetensors" "$out/$rows-test.npy" -e $system $options | tr '\n' ' ')"
    weigh "$out/$system-coupling.safetensors" $system 100000
  done <<EOF
dw4 dw4 ${DW4_STEPS:-60000}
lj13 lj13-rows ${LJ13_STEPS:-30000} --log-z 59.90
EOF
  train "$out/lj13-cnf.safetensors" "$out/lj13-rows.npy" -s model.data_scale=1 --steps "${CNF_STEPS:-40000}" --threads 1
  for tol in 0 0.01; do
    echo "lj13, cnf, density.tol $tol"
    weigh "$out/lj13-cnf.safetensors" lj13 2000 -s density.tol=$tol
  done
}

all='copula default loggas ala2 gaussians moons ten basins linear wide dw4 egnn speed coupling'
for row in ${@:-$all}; do
  log=$out/$row.log
  echo "== $row"
  run_"$row"
done
