#!/bin/sh
# Tests of the `enf` tool: sh tests/cli/run.sh [TOOL]  (or ENF in the environment).
#
# NAME.args is one command line; NAME.out what it prints, standard error marked "! "; NAME.status
# its exit code where that is not 0. They run in the order of their names in one scratch directory,
# so that later ones find the files of earlier ones. Numbers with a decimal point, and times and
# rates, are masked on both sides; pictures are left out, they need gnuplot. UPDATE=1 writes NAME.out anew. What needs more than one command
# follows as functions.
set -u
# Started by nohup, signals are ignored, and the tool would respect it.
if [ "${SIGNALS-}" != default ] && env --default-signal=HUP true 2>/dev/null; then
  SIGNALS=default exec env --default-signal=HUP bash "$0" "$@"
fi
here=$(cd "$(dirname "$0")" && pwd)
tool=${1:-${ENF:-build/enf}}
enf=$(cd "$(dirname "$tool")" && pwd)/$(basename "$tool")
[ -x "$enf" ] || { echo "there is no tool $enf"; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
cp "$here"/data/* .
LC_ALL=C
export LC_ALL
failed=0

report() { # report NAME VERDICT
  [ "$2" = 0 ] && return
  echo "FAILED $1"
  failed=$((failed + 1))
}

mask() {
  sed -E -e 's/"(seconds|rate|effective_rate|velocities|divergences|capped)": [^,}]*/"\1": #/g' \
    -e 's/"(u|distance)_(range|density_[a-z]*)": \[[^]]*\]/"\1_\2": #/g' -e 's/-?[0-9]+\.[0-9]+(e[+-]?[0-9]+)?/#/g' \
    -e 's/[0-9]+e[+-][0-9]+/#/g' \
    -e 's/^([^{]*(seconds|per second|per sample|energy, samples|capped|(TV|W1), (samples|reweighted|data halves))[^ ]*) +[-0-9#].*$/\1 #/' -e 's/  +/  /g' \
    -e '/^picture /d' -e '/^! enf: no picture/d' -e 's/, "plot": [^}]*//' "$1"
}

run_case() { # run_case NAME
  expected=0
  [ ! -f "$here/$1.status" ] || expected=$(cat "$here/$1.status")
  eval "\"\$enf\" $(cat "$here/$1.args")" >stdout 2>stderr
  status=$?
  { cat stdout; sed 's/^/! /' stderr; } >both
  mask both >found
  [ -z "${UPDATE:-}" ] || cp found "$here/$1.out"
  mask "$here/$1.out" >wanted
  [ $status = "$expected" ] || echo "$1: exit code $status, not $expected"
  diff -u wanted found && [ $status = "$expected" ]
  report "$1" $?
}

number() { # number KEY FILE: from a JSON object
  sed -E "s/.*\"$1\": ([-0-9.e+]+).*/\1/" "$2"
}

train="train lj.npy --quiet --seed 3 --set model.hidden=8 --set model.layers=2 --set train.batch=32 --set train.lr=0.002"

# A training that was stopped and resumed ends with the files of one that was not.
resumed_training_is_the_same() {
  "$enf" $train --steps 60 -o whole.safetensors >/dev/null || return 1
  "$enf" $train --steps 60 --seconds 0.001 -o cut.safetensors >/dev/null 2>note || return 1
  grep -q 'time budget used up at step .* of 60; all is saved, --resume goes on' note || return 1
  "$enf" train lj.npy -q -o cut.safetensors --resume --threads 1 >/dev/null || return 1
  cmp whole.safetensors cut.safetensors && cmp whole.trainer cut.trainer
}

# A time budget alone ends the schedule with the budget: all planned steps are done.
time_budget_ends_the_schedule() {
  "$enf" train lj.npy -q --seconds 0.5 -o timed.safetensors --set model.hidden=8 --json >text || return 1
  sed -E 's/.*"ended": "finished", "step": ([0-9]+), "steps": ([0-9]+),.*"seconds": ([0-9.]+).*/\1 \2 \3/' \
    text | awk '{ exit !(NF == 3 && $3 >= 0.4 && $1 <= $2 && $2 - $1 <= 2 + 0.1 * $2) }'
}

# Ctrl-C (and a polite kill) saves, says so, exits with 0; --resume then reaches the same end.
signal_saves() { # signal_saves SIGNAL
  "$enf" $train --steps 40000 -o kept.safetensors >kept.txt 2>note &
  pid=$!
  sleep 0.4
  kill -"$1" $pid
  wait $pid || return 1
  grep -q 'interrupted at step [1-9][0-9]* of 40000; all is saved, --resume goes on' note || return 1
  "$enf" info kept.safetensors >/dev/null && grep -q '^training *interrupted' kept.txt &&
    [ -s kept.trainer ] && [ -s kept.train.csv ]
}

# However short steps are beside the budget, the schedule is planned for the budget.
long_budgets_are_planned() {
  "$enf" train lj.npy -q --set model.field=pair-kernel --set train.batch=2 -j 1 --minutes 10000 -o long.safetensors \
    >/dev/null 2>note &
  pid=$!
  sleep 0.6
  kill -INT $pid
  wait $pid || return 1
  sed -n 's/.*at step [0-9]* of \([0-9]*\);.*/\1/p' note | awk '{ exit !($1 > 400000) }'
}

# A stream of samples is the same however it is cut, and whatever the number of threads.
stream_can_be_cut() {
  "$enf" sample whole.safetensors -n 20 --seed 5 -j 1 -o all.xyz >/dev/null || return 1
  "$enf" sample whole.safetensors -n 8 --seed 5 --first 12 -j 2 -o tail.xyz >/dev/null || return 1
  tail -n $((8 * 6)) all.xyz | cmp - tail.xyz
}

# The density at samples that were read back is the one they were written with.
density_of_samples_is_theirs() {
  "$enf" sample whole.safetensors -n 64 -q -o s.npy --logp s_logp.npy --json >a.json || return 1
  "$enf" logprob whole.safetensors s.npy -q --json >b.json || return 1
  a=$(sed -E 's/.*"mean_logp": ([-0-9.e]+).*/\1/' a.json)
  b=$(sed -E 's/.*"nll": ([-0-9.e]+).*/\1/' b.json)
  awk -v a="$a" -v b="$b" 'BEGIN { d = a + b; exit !(d < 0.01 && d > -0.01) }'
}

# A chain is made of the samples; its seed decides which, the same one alike.
chain_is_made_of_samples() {
  "$enf" sample whole.safetensors -n 300 -q -o c.xyz --logp c_logp.npy >/dev/null || return 1
  for seed in 1 1 2; do
    "$enf" reweight --x c.xyz --logp c_logp.npy -e lj:n=4 --seed $seed -q -o chain$seed.xyz >text || return 1
    [ ! -e first.xyz ] || [ $seed = 2 ] || cmp first.xyz chain$seed.xyz || return 1
    [ -e first.xyz ] || cp chain$seed.xyz first.xyz
    grep -q '^acceptance of the chain  *0\.[0-9]' text || return 1
  done
  ! cmp -s chain1.xyz chain2.xyz && [ "$(wc -l <chain1.xyz)" = "$(wc -l <c.xyz)" ] || return 1
  sort -u c.xyz >c.lines && sort -u chain1.xyz | comm -13 c.lines - | grep -q . && return 1
  return 0
}

# Without gnuplot all else is done and one line says what is missing.
picture_is_not_needed() {
  mkdir -p nothing
  (PATH=$PWD/nothing; "$enf" reweight --x s.npy --logp s_logp.npy -e lj:n=4 --plot h.svg) \
    >text 2>note || return 1
  [ ! -e h.svg ] && [ "$(wc -l <note)" = 2 ] && grep -q 'of all weight' note && grep -q 'gnuplot is not installed' note &&
    grep -q '^effective sample size' text
}

pictures_are_drawn() {
  command -v gnuplot >/dev/null || { echo 'skipped: pictures (gnuplot is not installed)'; return 0; }
  for picture in h.svg h.png; do
    "$enf" reweight --x s.npy --logp s_logp.npy -e lj:n=4 --reference lj.npy --plot $picture \
      >/dev/null || return 1
    [ -s $picture ] || return 1
  done
  "$enf" reweight --x s.npy --logp s_logp.npy -e lj:n=4 --plot-distances d.svg >/dev/null &&
    grep -q 'interatomic distance' d.svg || return 1
  grep -q 'reweighted' h.svg && grep -q '</svg>' whole.train.svg && grep -q '</svg>' n.train.svg # its losses are all negative
}

# Looks at a validation do not change the training; cut and resumed, they are the same looks.
watched_training_resumes() {
  watched="$train --steps 60 --set train.ema=0.8 --set train.lr=0.03 --validation lj.npy --rows 40 --validate-every 8"
  "$enf" $watched -o seen.safetensors --json >text || return 1
  "$enf" $watched --seconds 0.001 -o cut_s.safetensors >/dev/null 2>note || return 1
  grep -q 'time budget used up at step .* of 60' note || return 1
  "$enf" train lj.npy -q -o cut_s.safetensors --resume --validation lj.npy --rows 40 --validate-every 8 -j 1 \
    >/dev/null || return 1
  "$enf" $train --steps 60 --set train.ema=0.8 --set train.lr=0.03 -o blind.safetensors >/dev/null || return 1
  cmp seen.trainer blind.trainer && cmp seen.trainer cut_s.trainer && cmp seen.safetensors cut_s.safetensors || return 1
  [ "$(head -n 1 seen.train.csv)" = step,seconds,samples,loss,lr,grad_norm,nll,nll_err,gain,gain_err ] || return 1
  for name in seen cut_s; do cut -d , -f 1,7-10 $name.train.csv | grep -v ',,' >$name.looks; done
  cmp seen.looks cut_s.looks && [ "$(cut -d , -f 1 seen.looks | tr '\n' ' ')" = 'step 8 16 24 32 40 48 56 60 ' ] &&
    awk -F , -v kept="$(number kept_step text)" '$1 == kept { nll = $2 } NR == 2 { first = $2 }
      NR == 2 || (NR > 2 && $4 >= -$5) { right = $1 }
      END { exit !(kept == right && nll < first - 0.3) }' seen.looks
}

# A session that died with the trainer saved and the flow of the look not: the trainer has that flow.
a_flow_lost_is_the_trainers() {
  watched="$train --steps 24 --set train.ema=0.8 --set train.lr=0.03 --validation lj.npy --rows 40 --validate-every 8"
  "$enf" $watched -o saved.safetensors --json >text && [ "$(number kept_step text)" = 24 ] || return 1
  for kind in trainer train.csv; do cp saved.$kind lost.$kind; done
  cp whole.safetensors lost.safetensors
  for name in saved lost; do
    "$enf" train lj.npy -q -o $name.safetensors --resume --steps 40 --validation lj.npy --rows 40 --validate-every 8 --json >$name.text &&
      cut -d , -f 1,7-10 $name.train.csv | grep -v ',,' >$name.looks || return 1
  done
  cmp saved.safetensors lost.safetensors && cmp saved.trainer lost.trainer && cmp saved.looks lost.looks &&
    [ "$(number kept_step saved.text)" = "$(number kept_step lost.text)" ]
}

# A flow that only gets worse: patience ends the training, and the flow it began with is kept.
patience_keeps_the_best() {
  harm="train lj.npy -q --rows 20 --init whole.safetensors --set train.lr=0.3 --set train.schedule=constant --set train.ema=0 --set train.clip=0 --set train.batch=16"
  "$enf" $harm --steps 500 --validation lj.npy --validate-every 5 --patience 3 -o harmed.safetensors --json >text || return 1
  grep -q '"ended": "stopped: no gain on the validation", "step": 15, "steps": 500,' text &&
    [ "$(number kept_step text)" = 0 ] && cmp whole.safetensors harmed.safetensors || return 1
  "$enf" train lj.npy -q -o harmed.safetensors --resume --rows 20 --validation lj.npy --validate-every 5 --patience 3 --json >text &&
    grep -q '"step": 15,' text && cmp whole.safetensors harmed.safetensors || return 1
  "$enf" train lj.npy -q -o harmed.safetensors --resume --rows 20 --validation lj.npy --validate-every 5 --patience 4 --json >text &&
    grep -q '"step": 20,' text && cmp whole.safetensors harmed.safetensors
}

looks_are_told() {
  "$enf" $(echo "$train" | sed 's/ --quiet//') --steps 20 --validation lj.npy --rows 20 --validate-every 10 -o n.safetensors \
    >/dev/null 2>note || return 1
  sed -E 's/-?[0-9]+\.[0-9]+/#/g' note >found
  grep -q '^step 10: validation NLL # +- #$' found && grep -q '^step 20: validation NLL # +- #, gain # +- #' found
}

watching_is_checked() {
  needs='--patience and --validate-every need --validation FILE'
  refuses 2 "$needs" $train --steps 9 --patience 3 -o n.safetensors &&
    refuses 2 "$needs" $train --steps 9 --validate-every 3 -o n.safetensors &&
    refuses 2 "--patience needs looks at the validation, --validate-every is 0" \
      $train --steps 9 --validation lj.npy --validate-every 0 --patience 3 -o n.safetensors &&
    refuses 2 "the training looked at a validation so far: --validation is needed again" \
      train lj.npy -q -o seen.safetensors --resume --steps 70
}

# From the energy alone: the flow of trip-a-1 is close to the Boltzmann density.
energy_training_learns() {
  "$enf" reweight pair.safetensors -e pair-dw:dim=3 -n 2000 -q --json >text || return 1
  number ess text | awk '{ exit !($1 > 0.8) }'
}

# The energy is not in the trainer's file; with it again the end is the same.
energy_training_resumes() {
  energy="train --objective energy --energy pair-dw --set model.field=pair-kernel --set train.batch=32 --set train.lr=0.01 -q"
  "$enf" $energy --steps 100 -o whole_e.safetensors >/dev/null || return 1
  "$enf" $energy --steps 100 --seconds 0.001 -o cut_e.safetensors >/dev/null 2>note || return 1
  grep -q 'all is saved, --resume goes on' note || return 1
  "$enf" train -q -o cut_e.safetensors --resume -e pair-dw -j 1 >/dev/null || return 1
  cmp whole_e.safetensors cut_e.safetensors && cmp whole_e.trainer cut_e.trainer
}

# Likelihood improves a flow-matched flow, path gradients one that was trained by its energy.
fine_tuning_improves() {
  tune="train -q --set train.ema=0.9 --set train.lr=0.01"
  "$enf" logprob whole.safetensors lj.npy --rows 300 -q --json >before || return 1
  "$enf" $tune lj.npy --init whole.safetensors --objective likelihood --set train.batch=32 --steps 30 \
    -o likely.safetensors >/dev/null || return 1
  "$enf" logprob likely.safetensors lj.npy --rows 300 -q --json >after || return 1
  echo "$(number nll before) $(number nll after)" | awk '{ exit !($2 < $1 - 0.2) }' || return 1
  "$enf" train --objective energy -e pair-dw:dim=3 --set model.field=pair-kernel --set train.batch=64 --steps 100 \
    -o half.safetensors -q >/dev/null || return 1
  "$enf" reweight half.safetensors -e pair-dw:dim=3 -n 2000 -q --json >before || return 1
  "$enf" $tune --init half.safetensors --objective path-gradient -e pair-dw:dim=3 --set train.batch=64 --steps 60 \
    -o path.safetensors >/dev/null || return 1
  "$enf" reweight path.safetensors -e pair-dw:dim=3 -n 2000 -q --json >after || return 1
  echo "$(number ess before) $(number ess after)" | awk '{ exit !($2 > $1 + 0.05) }'
}

# Exact weights bring the samples of an imperfect flow nearer to the data; its density scores the
# data as `enf logprob` does; more paths change nothing but the error.
metrics_tell_how_far_the_flow_is() {
  "$enf" simulate pair-dw:dim=3 -n 3000 -o pair.npy -q >/dev/null || return 1
  "$enf" reweight half.safetensors -e pair-dw:dim=3 -n 4000 -q --data pair.npy --rows 2000 --paths 300 --json >text &&
    "$enf" logprob half.safetensors pair.npy -e pair-dw:dim=3 --rows 2000 -q --json >score || return 1
  for key in nll nll_err excess_nll; do
    [ "$(number $key text)" = "$(number $key score)" ] || return 1
  done
  for key in tv_u w1_u tv_distance w1_distance; do
    echo "$(number ${key}_samples text) $(number ${key}_reweighted text) $(number ${key}_halves text)" |
      awk '{ exit !($1 > 1.5 * $2 && $2 < 2.5 * $3 && $3 > 0) }' || return 1
  done
  # two particles move on one line: a path is straight unless it turns back
  [ "$(number path_samples text)" = 300 ] && echo "$(number path_length text) $(number straightness text)" |
    awk '{ exit !($1 > 0.1 && $2 > 0.5 && $2 <= 1.0001) }' || return 1
  "$enf" reweight half.safetensors -e pair-dw:dim=3 -n 300 -q --paths 0 --json >text || return 1
  ! grep -qE 'path|nll|tv_|density' text
}

zeros() { # zeros N: a .npy file of them, to standard output
  printf '\223NUMPY\001\000v\000%-117s\n' "{'descr': '<f8', 'fortran_order': False, 'shape': ($1,), }"
  head -c $((8 * $1)) /dev/zero
}

# Energies of a file weigh as those of an energy that is the same; log-weights are written normalised.
energies_come_from_a_file() {
  zeros 100 >u.npy
  from="reweight --x x.npy --logp logp.npy -q --json"
  "$enf" $from --u u.npy --reference lj.npy --logw logw.npy >a.json &&
    "$enf" $from -e lj:n=4,eps=0,spring=0 >b.json || return 1
  for key in ess log_z max_weight; do
    [ "$(number $key a.json)" = "$(number $key b.json)" ] || return 1
  done
  od -A n -t f8 -v -j 128 logw.npy | awk '{ for (i = 1; i <= NF; i++) { n++; sum += exp($i) } }
    END { exit !(n == 100 && sum > 1 - 1e-9 && sum < 1 + 1e-9) }' || return 1
  ! grep -q '"mean_u_reference"\|"tv_u' a.json && grep -q '"tv_distance_samples"' a.json || return 1
  "$enf" logprob whole.safetensors x.npy --u u.npy --log-z 2 -q --json >text || return 1
  echo "$(number nll text) $(number excess_nll text)" | awk '{ d = $1 - $2 - 2; exit !(d < 1e-9 && -d < 1e-9) }' || return 1
  refuses 2 '--u is in the place of --energy: give one of them' $from --u u.npy -e lj:n=4 &&
    refuses 2 '--u has the energies of --x and --logp: they are needed' reweight whole.safetensors -n 9 --u u.npy &&
    refuses 2 '--u has an energy for every configuration' logprob whole.safetensors x.npy --u u.npy --rows 5 &&
    refuses 1 'u.npy holds 100 energies for 2000 configurations' logprob whole.safetensors lj.npy --u u.npy --log-z 2
}

# Labels of an XYZ file become species; particles that differ are not exchanged.
labels_become_species() {
  for k in 1 2 3 4 5 6; do printf '3\n\nO 0 0 0.0%s\nH 1 0.%s 0\nH 0 1 0.1\n' $k $k; done >water.xyz
  "$enf" train water.xyz --steps 1 -o water.safetensors >/dev/null 2>note &&
    grep -q '^enf: 3 atoms, 2 kinds: 2 hydrogens of O1 alike (by their bonds; ' note &&
    "$enf" info water.safetensors | grep -q '^species *2$' || return 1
  "$enf" train water.xyz --steps 1 -q --set "model.species=0 1 2" -o water.safetensors >/dev/null &&
    "$enf" info water.safetensors | grep -q '^species *3$' || return 1
  "$enf" train lj.npy --steps 1 -q -o n.safetensors >/dev/null && "$enf" info n.safetensors | grep -q '^species *1$'
}

# What cannot end well is refused before it begins.
mistakes_are_told_at_once() {
  printf '2\n\nX 0 0 0\nX 1 1 0\n' >flat.xyz
  refuses 2 'every z of flat.xyz is 0: train in the plane with -d 2' train flat.xyz -o n.safetensors &&
    refuses 1 'cannot write nowhere/f.safetensors: No such file' train lj.npy -o nowhere/f.safetensors &&
    refuses 1 'cannot write nowhere/x.npy: No such file' sample whole.safetensors -n 1000000 -o nowhere/x.npy &&
    refuses 1 'cannot write nowhere/p.svg: No such file' reweight whole.safetensors -n 1000000 -e lj:n=4 --plot nowhere/p.svg &&
    refuses 2 '--rows is of the validation' train lj.npy --rows 5 -o n.safetensors &&
    refuses 2 '-n and --first draw from FLOW' reweight --x x.npy --logp logp.npy -e lj:n=4 -n 5 &&
    refuses 2 "train has no flag '-z'" train lj.npy -zq &&
    refuses 2 "--count needs a whole number of at least 1, not '1e0.5'" sample whole.safetensors -n 1e0.5 -o n.npy &&
    "$enf" sample whole.safetensors -n 2e1 -q -o n.npy | grep -q '^samples *20$' &&
    [ "$("$enf" options train.lr | wc -l)" = 1 ]
}

# One frame of a simulation that blew up does not set the unit of length, and is told of.
a_frame_far_outside_does_not_set_the_scale() {
  far='train far.xyz --steps 1 -q --set model.hidden=4 --set train.batch=4 -o n.safetensors --json'
  awk 'BEGIN { for (i = 0; i < 40; i++) printf "3\n\nX 0 0 0\nX 1.%d 0 0\nX 0 1.5 0.%d\n", i, 90 - i }' >far.xyz
  "$enf" $far >text 2>note && [ ! -s note ] && whole=$(number data_scale text) || return 1
  printf '3\n\nX 0 0 0\nX 9000 0 0\nX 0 9000 0\n' >>far.xyz
  "$enf" $far >text 2>note && [ "$(number data_scale text)" = "$whole" ] || return 1
  grep -q '^enf: far.xyz: 1 of 41 configurations are more than 8 times as large as their median; the data scale is that of the others$' note &&
    "$enf" $far --set model.data_scale=2 >text 2>note && [ ! -s note ] && [ "$(number data_scale text)" = 2 ]
}

# A time budget goes on with a training that has reached its end.
a_budget_goes_on_with_a_finished_training() {
  "$enf" $train --steps 20 -o more.safetensors >/dev/null &&
    "$enf" train lj.npy -q -o more.safetensors --resume --seconds 0.3 --json >text || return 1
  [ "$(sed -E 's/.*"step": ([0-9]+),.*/\1/' text)" -gt 20 ]
}

# Ctrl-C while the NLL at the end is computed: the training is reported, and that it has no NLL.
interrupted_scores_keep_the_report() {
  "$enf" simulate lj:n=4 -n 20000 -o many.npy -q >/dev/null
  "$enf" $train --steps 1 -o s.safetensors --validation many.npy --rows 20000 --validate-every 0 \
    --set ode.rtol=1e-6 --set ode.atol=1e-6 --set logdet.tol=1e-9 >text 2>note &
  pid=$!
  sleep 1
  kill -INT $pid
  wait $pid && grep -q '^training *finished' text && ! grep -q '^NLL' text &&
    grep -q 'interrupted; the NLL at the end was not computed' note
}

compile() { # compile NAME.so, a plugin, from standard input
  ${CC:-cc} -x c -I "$here/../../include" -fPIC -shared -o "$1" - -lm
}

# The example's energy and gradient belong together: its virial is (N-1)D = 12.
plugin_is_an_energy() {
  command -v ${CC:-cc} >/dev/null || { echo 'skipped: plugins (there is no compiler)'; return 0; }
  compile soft.so <"$here/../../examples/plugin/energy.c" || return 1
  "$enf" simulate soft.so -n 2000 -o soft.npy -q --json >text || return 1
  echo "$(number virial text) $(number virial_err text)" |
    awk '{ d = $1 - 12; exit !(d < 5 * $2 && -d < 5 * $2 && $2 < 0.5) }' || return 1
  "$enf" train --objective energy -e soft.so --set model.field=pair-kernel --set train.batch=32 --steps 100 \
    -o soft.safetensors -q --json >text || return 1
  grep -q '"energy": "soft.so", "particles": 5, "dimensions": 3' text || return 1
  "$enf" reweight soft.safetensors -e "$PWD/soft.so" -n 500 --reference soft.npy -q --json >text || return 1
  number ess text | awk '{ exit !($1 > 0.3) }' || return 1
  "$enf" logprob soft.safetensors soft.npy -e soft.so --log-z 0.4 --rows 50 -q | grep -q '^excess NLL'
}

refuses() { # refuses STATUS SENTENCE COMMAND...
  wanted=$1 sentence=$2
  shift 2
  "$enf" "$@" >/dev/null 2>note
  [ $? = "$wanted" ] && grep -q "^enf: $sentence" note || { cat note; return 1; }
}

# 2000 rows of 12 columns, which may be 4 particles in space or 6 in the plane.
a_guess_is_told() {
  LC_ALL=C sed '1s/(2000, 4, 3)/(2000, 12)  /' lj.npy >flat.npy
  guess='flat.npy: its 12 columns are taken for 4 particles in space; -d 2 takes them for 6 in the plane'
  flat='train flat.npy -q --steps 1 --set train.batch=4 --set model.hidden=4 -o n.safetensors'
  "$enf" $flat >text 2>note && grep -q "$guess" note && "$enf" info n.safetensors | grep -q '^particles  *4$' &&
    "$enf" $flat -d 2 >text 2>note && ! grep -q taken note && "$enf" info n.safetensors | grep -q '^particles  *6$'
}

dimensions_are_two_or_three() {
  LC_ALL=C sed '1s/(2000, 4, 3)/(2000, 3, 4)/' lj.npy >four.npy
  refuses 2 'model.dimensions is 4: particles have 2 or 3' train four.npy -q --steps 1 -o n.safetensors
}

names_are_checked() {
  rm -f a.npy
  refuses 2 "'a.npy' is given for two files" sample whole.safetensors -n 5 -q -o a.npy --logp a.npy &&
    refuses 2 "'lj.npy' is to be read and to be written" logprob lj.safetensors lj.npy -q -o lj.npy &&
    refuses 2 "'a.npy' is given for two files" reweight lj.safetensors -n 5 -q -e lj:n=4 --logw a.npy -o a.npy && [ ! -e a.npy ]
}

# Also where it is read at the end only.
a_missing_validation_is_told_at_once() {
  rm -f n.safetensors
  refuses 1 'cannot open missing.npy' $train --steps 3 --validation missing.npy --validate-every 0 -o n.safetensors && [ ! -e n.safetensors ]
}

one_particle_has_no_distances() {
  awk 'BEGIN { for (i = 0; i < 2000; i++) printf "1\n\nX 0 0 %d\n", i }' >one.xyz
  "$enf" logprob lj.safetensors lj.npy -q -o one_logp.npy --set ode.method=rk4 --set ode.steps=1 >/dev/null || return 1
  refuses 1 'there are no distances in configurations of 1 particles' \
    reweight --x one.xyz --logp one_logp.npy --u one_logp.npy --plot-distances n.svg
}

# A gradient that is not that of the energy is told of; the example's is right.
gradients_are_checked() {
  command -v ${CC:-cc} >/dev/null || return 0
  quick='train --objective energy --set model.field=pair-kernel --set train.batch=4 --steps 1 -q -o n.safetensors'
  sed 's/slope = 2 /slope = 2.1 /' "$here/../../examples/plugin/energy.c" >wrong.c
  ! cmp -s wrong.c "$here/../../examples/plugin/energy.c" && compile ./wrong.so <wrong.c || return 1
  "$enf" $quick -e soft.so >/dev/null 2>note && [ ! -s note ] || return 1
  "$enf" $quick -e wrong.so >/dev/null 2>note && grep -q '^enf: the gradient of wrong.so is off by' note
}

# A plugin that does not say its shape takes it from elsewhere; a useless one is refused.
plugins_are_checked() {
  command -v ${CC:-cc} >/dev/null || return 0
  alone='train --objective energy --set model.field=pair-kernel --set train.batch=8 --steps 3 -q -o n.safetensors -e'
  head='int enf_plugin_energy(void *o, unsigned long n, const double *x, double *u, double *g)'
  echo "$head { for (int k = 0; g && k < 6 * n; k++) g[k] = 0; while (n--) u[n] = -100; return 0; }" |
    compile ./open.so &&
    echo "$head { return 3; }" | compile ./broken.so &&
    echo 'int other;' | compile ./other.so &&
    echo "int enf_energy_particles = 1; $head { return 0; }" |
    compile ./one.so || return 1
  refuses 2 'neither DATA nor the energy says how many particles' $alone open.so &&
    "$enf" $alone open.so --set model.particles=3 -d 2 >/dev/null &&
    "$enf" info n.safetensors | grep -q '^particles *3$' &&
    refuses 1 'the energy function returned 3 for 8 samples' $alone broken.so --set model.particles=3 &&
    refuses 1 'the energy broken.so returned 3 for 10 configurations' reweight n.safetensors -e broken.so -n 10 -q &&
    refuses 1 'other.so exports no function enf_plugin_energy' $alone other.so &&
    refuses 1 'one.so: enf_energy_particles is 1, not between 2 and 4096' $alone one.so &&
    refuses 1 'the plugin cannot be loaded' $alone none.so
}

# Whatever the file holds, a plugin is shown configurations without their mean, and finite ones.
plugins_see_no_mean() {
  command -v ${CC:-cc} >/dev/null || return 0
  compile ./mean.so <<'END' || return 1
int enf_energy(void *o, unsigned long n, const double *x, double *u, double *g) {
  (void)o, (void)g;
  for (unsigned long s = 0; s < n; s++, x += 4) {
    u[s] = x[0] * x[0] + x[1] * x[1];
    if (!(x[0] + x[2] > -1e-9 && x[0] + x[2] < 1e-9)) return 7;
  }
  return 0;
}
END
  printf '2\n\nA 0.25 1 0\nA 9 2 0\n2\n\nA nan nan 0\nA nan nan 0\n' >far.xyz
  "$enf" train --objective energy -e pair-dw:dim=2 --set model.field=pair-kernel --steps 1 -o two.safetensors -q >/dev/null &&
    "$enf" reweight two.safetensors -e mean.so -n 5 --reference far.xyz -q --json >text &&
    [ "$(number mean_u_reference text)" = 19.390625 ]
}

# A full disk or a closed pipe is a failure, not silence.
lost_output_is_told() {
  [ -c /dev/full ] || return 0
  for command in --version options; do
    "$enf" $command >/dev/full 2>note
    [ $? = 1 ] && [ "$(cat note)" = 'enf: standard output could not be written' ] || return 1
  done
}

# A flow that has hardly learnt: its own weights say that they lie, and rows of the target tell log Z.
rows_tell_log_z_of_a_poor_flow() {
  "$enf" simulate dw4 -n 2000 --seed 5 -q -o target.npy >/dev/null &&
    "$enf" train target.npy -d 2 -q --steps 20 --set model.hidden=8 --set model.layers=2 -o poor.safetensors >/dev/null &&
    "$enf" reweight poor.safetensors -e dw4 -n 2000 --rows target.npy --paths 0 --json >text 2>note || return 1
  grep -q 'k-hat is [0-9.]*, above 0.7: .* error bars are not to be trusted' note || return 1
  echo "$(number log_z_bar text) $(number log_z_bar_err text) $(number khat text) $(number forward_ess text)" |
    awk '{ off = ($1 - 29.66723) / $2; exit !(off < 3 && off > -3 && $2 < 0.3 && $3 > 0.7 && $4 < 0.1 && $4 > 0) }' || return 1
  "$enf" reweight poor.safetensors -e dw4 -n 50 --data target.npy --rows 20 -q | grep -q '^configurations scored *20$' || return 1
  "$enf" reweight poor.safetensors -e dw4 -n 50 --data target.npy --rows target.npy 2>note
  [ $? = 2 ] && grep -q 'rows FILE is --data FILE: give one of them' note
}

# The density of a molecule is its own, whatever else is in the file; more draws bring the bound up.
molecules_have_densities() {
  "$enf" train molecules.xyz $options -s model.dequantiser=uniform --steps 6 -o d.safetensors >/dev/null &&
    "$enf" logprob d.safetensors molecules.xyz -q --json -o bounds.npy >one.json || return 1
  head -n $(($(head -1 molecules.xyz) + 2)) molecules.xyz >lone.xyz
  "$enf" logprob d.safetensors lone.xyz -q --json >lone.json && "$enf" logprob d.safetensors molecules.xyz -q --rows 1 --json >rows.json &&
    [ "$(number nll lone.json)" = "$(number nll rows.json)" ] && [ "$(number rows rows.json)" = 1 ] || return 1
  "$enf" logprob d.safetensors molecules.xyz -q --json -s dequant.samples=30 >many.json &&
    echo "$(number nll one.json) $(number nll many.json) $(number draw_error many.json)" | awk '{exit !($2 < $1 && $3 > 0)}' || return 1
  for flag in '--energy dw4' '--stride 2' '--map-atoms'; do
    refuses 2 "${flag% *} does not go with molecules of any size" logprob d.safetensors molecules.xyz $flag || return 1
  done
  sed 's/^H /S /' molecules.xyz >other.xyz
  refuses 1 'other.xyz: line 12: the flow has no element S' logprob d.safetensors other.xyz -q
}

# Charges are features beside the kinds, with a dequantiser and without: training, samples, their elements.
charges_go_with_kinds() {
  options="--features -q -j 1 --seed 3 -s model.hidden=8 -s model.layers=1 -s train.batch=4 -s model.charges=on"
  "$enf" train molecules.xyz $options --steps 6 -s model.kind_scale=4 -s model.charge_scale=10 -o c.safetensors >/dev/null &&
    "$enf" train molecules.xyz $options --steps 2 -s model.dequantiser=variational -s model.dequantiser_layers=1 -s train.objective=likelihood -o v.safetensors >/dev/null || return 1
  for flow in c v; do
    "$enf" sample $flow.safetensors -n 4 --seed 2 -q -j 1 -o c.xyz >/dev/null && "$enf" check c.xyz --json >c.json &&
      [ "$(number molecules c.json)" = 4 ] && ! grep -q other c.json && grep -q '^[HCNO] ' c.xyz || return 1
    "$enf" info $flow.safetensors >note && grep -q '^elements  *1 6 7 8$' note && grep -q '^charges  *1$' note && grep -q '^sizes.* 3:1' note || return 1
  done
  grep -q '^dequantiser  *variational' note && "$enf" logprob v.safetensors molecules.xyz -q --json >v.json &&
    [ "$(number rows v.json)" = 9 ] && [ "$(number failed v.json)" = 0 ] &&
    refuses 1 'model.dequantiser' logprob c.safetensors molecules.xyz -q
}

# A file far longer than the memory there may be is checked piece by piece: what a short one takes, and
# 8 MB, for one of 100 MB. (Where the sanitizers reserve all addresses, there is no limit to set.)
a_long_file_takes_little_memory() {
  most=8192
  until (ulimit -v $most && "$enf" check molecules.xyz) >/dev/null 2>&1; do
    most=$((most + 8192))
    [ $most -lt 1048576 ] || return 0
  done
  awk 'BEGIN { note = sprintf("%900s", ""); gsub(" ", "x", note)
    for (i = 0; i < 1000; i++) printf "3\nnote=%s\nO 0 0 0.117\nH 0 0.757 -0.47%d\nH 0 -0.757 -0.47%d\n", note, i, i }' >part.xyz
  for i in 1 2 3 4 5 6 7 8 9 10; do cat part.xyz part.xyz part.xyz part.xyz part.xyz part.xyz part.xyz part.xyz part.xyz part.xyz; done >long.xyz
  (ulimit -v $((most + 8192)) && "$enf" check long.xyz --json) >long.json
  status=$?
  rm -f part.xyz long.xyz
  [ $status = 0 ] && [ "$(number molecules long.json)" = 100000 ] && [ "$(number stable_molecules long.json)" = 100000 ]
}

# Molecules of any size: a training that goes on is the one that was not stopped; samples have
# elements and the sizes of the data.
molecules_have_any_size() {
  options="--features -q -j 1 --seed 3 -s model.hidden=8 -s model.layers=1 -s train.batch=4"
  "$enf" train molecules.xyz $options --steps 6 -o m.safetensors >/dev/null || return 1
  "$enf" sample m.safetensors -n 5 -q -j 1 -o m.xyz --logp m.npy >/dev/null || return 1
  "$enf" check m.xyz --train molecules.xyz --json >m.json || return 1
  [ "$(number molecules m.json)" = 5 ] && grep -q '^[HCNO] ' m.xyz || return 1
  "$enf" sample m.safetensors -n 1 --particles 3 -q -o m.xyz >/dev/null && [ "$(head -1 m.xyz)" = 3 ] || return 1
  "$enf" sample m.safetensors -n 1 --particles 4 -q -o m.xyz 2>note
  [ $? = 1 ] && grep -q 'model.sizes has no configuration of that size' note || return 1
  "$enf" train molecules.xyz $options --steps 6 --seconds 1e-9 -o n.safetensors >/dev/null || return 1
  "$enf" train molecules.xyz --features -q -j 1 --steps 6 --resume -o n.safetensors >/dev/null || return 1
  cmp m.safetensors n.safetensors || return 1
  "$enf" train molecules.xyz --features -q -j 1 --steps 6 -s train.lr=0 -s train.ema=0 --init m.safetensors -o n.safetensors | grep -q '^training *finished' &&
    cmp m.safetensors n.safetensors || return 1
  refuses 2 '--init keeps the model of its flow, so model.hidden cannot be set' train molecules.xyz $options --steps 6 --init m.safetensors -o n.safetensors &&
    refuses 2 '--resume keeps the options of the first run, so train.batch' train molecules.xyz --features -q --steps 6 -s train.batch=4 --resume -o n.safetensors &&
    refuses 2 'lj.safetensors is no flow of molecules of any size' train molecules.xyz --features -q --steps 6 --init lj.safetensors -o n.safetensors || return 1
  for flag in '--chiral none' '--kinds auto' '--kT 2' '--skip 1'; do
    refuses 2 "${flag% *} does not go with --features" train molecules.xyz $options --steps 6 $flag -o n.safetensors || return 1
  done
  refuses 2 '--chiral does not go with molecules of any size' sample m.safetensors -n 1 --chiral none -o m.xyz &&
    molecules_have_densities &&
    refuses 2 '--rows is of looks: it needs --validate-every N or --validation FILE' train molecules.xyz $options --steps 6 --rows 4 -o n.safetensors
}

. "$here/edges.sh"
. "$here/atoms.sh"
. "$here/molecule.sh"
. "$here/traps.sh"
. "$here/walkers.sh"
. "$here/lattice.sh"

for args in "$here"/*.args; do
  run_case "$(basename "$args" .args)"
done
for check in molecules_have_any_size charges_go_with_kinds a_long_file_takes_little_memory resumed_training_is_the_same time_budget_ends_the_schedule 'signal_saves INT' 'signal_saves TERM' 'signal_saves HUP' \
  stream_can_be_cut density_of_samples_is_theirs rows_tell_log_z_of_a_poor_flow \
  chain_is_made_of_samples picture_is_not_needed energy_training_learns energy_training_resumes a_budget_goes_on_with_a_finished_training \
  interrupted_scores_keep_the_report energies_come_from_a_file labels_become_species mistakes_are_told_at_once a_frame_far_outside_does_not_set_the_scale fine_tuning_improves metrics_tell_how_far_the_flow_is \
  a_guess_is_told dimensions_are_two_or_three names_are_checked a_missing_validation_is_told_at_once \
  long_budgets_are_planned one_particle_has_no_distances \
  watched_training_resumes a_flow_lost_is_the_trainers patience_keeps_the_best looks_are_told watching_is_checked \
  plugin_is_an_energy gradients_are_checked plugins_are_checked plugins_see_no_mean pictures_are_drawn lost_output_is_told \
  $edges $molecule $traps $walkers $lattices \
  other_atoms_are_refused kinds_are_elements_or_finer atoms_are_mapped_if_asked like_atoms_are_told_of periodic_cells_are_refused trajectories_are_chosen_from forms_of_a_file_are_one links_are_followed; do
  $check
  report "$check" $?
done
[ $failed = 0 ]
