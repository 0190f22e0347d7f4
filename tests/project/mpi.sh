#!/bin/bash
# The tool under mpirun: mpi.sh TOOL LIBRARY, built with MPI=1. 1, 2 and 4 ranks write the same bytes; a rank that is killed loses nothing
# that was saved, and others go on; a rank that fails alone is heard.
set -u
enf=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
library=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
cd "$work" || exit 1
failed=0
fail() { echo "FAILED $*"; failed=1; }
ranks() { n=$1; shift; timeout 120 mpirun -n "$n" "$enf" "$@"; }
same() { for n in 2 4; do cmp "1.$1" "$n.$1" || fail "$1: 1 and $n ranks differ"; done; }

"$enf" simulate lj:n=4 -n 400 -q -o lj.npy >/dev/null || exit 1
train="train lj.npy -q --seed 3 --set model.hidden=8 --set model.layers=2 --set train.batch=64 --set train.schedule=constant"
pair="--set model.field=pair-kernel --set model.data_scale=0.7 --set train.batch=64"
looks="--validation lj.npy --rows 40 --validate-every 20"

# 50 steps of flow matching and likelihood, some from the energy, samples, densities, weights
for n in 1 2 4; do
  { ranks $n $train --steps 50 $looks -o $n.safetensors && ranks $n $train --steps 50 --objective likelihood -o $n.l.safetensors &&
    ranks $n train -q --seed 3 $pair --objective energy -e lj:n=4 --steps 20 -o $n.e.safetensors &&
    ranks $n train lj.npy -q --seed 3 $pair --objective mixed -e lj:n=4 --steps 20 -o $n.m.safetensors &&
    ranks $n sample $n.safetensors -n 301 -q -o $n.x.npy --logp $n.logp.npy && ranks $n logprob $n.safetensors lj.npy -q -o $n.p.npy &&
    ranks $n reweight $n.safetensors -n 301 -q -e lj:n=4 --paths 0 --logw $n.w.npy; } >$n.out 2>$n.err || fail "$n ranks: $(cat $n.err)"
  [ "$(grep -c '^samples per second' $n.out)" = 7 ] || fail "$n ranks: not one report of each"
done
for file in safetensors trainer l.safetensors e.safetensors m.safetensors x.npy logp.npy p.npy w.npy; do same $file; done
cut -d , -f 1,3- 1.train.csv >1.curve && for n in 2 4; do cut -d , -f 1,3- $n.train.csv >$n.curve; done && same curve
"$enf" sample 1.safetensors -n 301 -q -o alone.npy --logp alone.logp.npy >/dev/null && cmp alone.npy 4.x.npy && cmp alone.logp.npy 4.logp.npy ||
  fail 'samples of ranks are not those of one process'

# Four ranks, one of them killed once something is saved; two go on as if nothing had been.
mpirun -n 4 "$enf" $train --steps 1000000 $looks -o killed.safetensors >/dev/null 2>&1 &
run=$!
for _ in $(seq 600); do [ -s killed.trainer ] && break; sleep 0.1; done
kill -9 "$(pgrep -P $run | tail -1)" || fail 'no rank to kill'
wait $run && fail 'a run without one of its ranks ends well'
"$enf" info killed.safetensors >/dev/null || fail 'the flow is broken'
steps=$(($(tail -1 killed.train.csv | cut -d , -f 1) + 30))
ranks 2 train lj.npy -q -o killed.safetensors --resume --steps $steps $looks >/dev/null 2>err || fail "resume: $(cat err)"
ranks 1 $train --steps $steps $looks -o whole.safetensors >/dev/null 2>err || fail "$(cat err)"
cmp killed.safetensors whole.safetensors || fail 'the resumed training is not that without interruption'

# One rank's energy fails: its sentence is the only one.
printf '%s\n' '#include <stdlib.h>' 'int enf_plugin_energy(void *o, unsigned long n, const double *x, double *u, double *g) {' \
  '  (void)o, (void)x, (void)g; while (n--) u[n] = 0; return atoi(getenv("OMPI_COMM_WORLD_RANK")) == 1 ? 9 : 0; }' >one.c
if ${CC:-cc} -shared -fPIC -o one.so one.c; then
  ranks 2 reweight 1.safetensors -n 50 -q -e ./one.so >/dev/null 2>err && fail 'a failure is lost'
  [ "$(grep '^enf: ' err)" = 'enf: rank 1: the energy ./one.so returned 9 for 25 configurations' ] || fail "of one rank: $(cat err)"
fi

# Programs of one's own: a task farm whose energies are those of one process, a training whose loss is the same on any ranks.
for name in farm train; do
  # shellcheck disable=SC2046
  ${CC:-cc} -std=c99 -O2 -Wall -Wextra -I"$here/include" $(pkg-config --cflags "$MPI") -o $name "$here/examples/hosts/mpi_$name.c" \
    "$library" $(pkg-config --libs "$MPI") -lm -pthread || fail "examples/hosts/mpi_$name.c"
done
mpirun -n 3 ./farm 1.safetensors lj:n=4 100 >out 2>&1 || fail "task farm: $(cat out)"
for n in 1 2 4; do mpirun -n $n ./train lj.npy 64 5 2>&1 | sed 's/.*; //' >$n.loss; done
grep -q '^loss ' 1.loss && same loss

# The Slurm script, with a stand-in for Slurm: told ahead of its end it saves and queues itself again, and goes on where it was.
mkdir slurm && cd slurm || exit 1
ln -s "$enf" enf && cp ../lj.npy rows.npy && cp ../lj.npy check.npy
printf '%s\n' '#!/bin/bash' 'mpirun -n 2 "$@" &' 'run=$!' "trap 'pkill -TERM -P \$run' TERM" 'wait $run; wait $run' >srun # signals go to the ranks
printf '%s\n' '#!/bin/bash' 'echo "$@" >>queued' >scontrol
chmod +x srun scontrol
for part in 1 2; do
  PATH=$PWD:$PATH SLURM_JOB_ID=7 bash "$here/examples/hosts/train.slurm" >slurm.out 2>&1 &
  job=$!
  for _ in $(seq 300); do pgrep -P "$(pgrep -d , -P "$(pgrep -d , -P $job)")" -x enf >/dev/null 2>&1 && break; sleep 0.1; done
  sleep 4
  kill -USR1 $job
  wait $job || fail "train.slurm: $(cat slurm.out)"
  [ -s flow.safetensors ] && sed -n 's/^steps  *\([0-9]*\)$/\1/p' slurm.out >>steps || fail "train.slurm has not saved: $(cat slurm.out)"
done
[ "$(sort -u queued)" = 'requeue 7' ] && [ "$(wc -l <queued)" = 2 ] && [ "$(sort -nu steps | wc -l)" = 2 ] && sort -nc steps ||
  fail "train.slurm does not go on: $(cat queued steps)"
cd ..

refuse() { # refuse RANKS SENTENCE ARGUMENTS...
  n=$1 sentence=$2
  shift 2
  ranks "$n" "$@" >/dev/null 2>err && fail "not refused: $*"
  [ "$(grep -c '^enf: ' err)" = 1 ] && grep -qF "enf: $sentence" err || fail "not \"$sentence\": $(cat err)"
}
refuse 2 'ranks cannot plan a schedule by their clocks, which differ: --steps is needed' $train --seconds 5 -o n.safetensors
refuse 3 'a training takes 1, 2, 4, ... 64 ranks, not 3' $train --steps 2 -o n.safetensors
refuse 2 'train.objective is refine: a reduce function goes with' train --init 1.safetensors -e lj:n=4 --objective refine -q --steps 2 --set train.batch=4 -o n.safetensors
refuse 2 'train --features is for one process, not for 2 ranks' train "$here/tests/cli/data/molecules.xyz" --features -q --steps 2 -o n.safetensors
refuse 2 'standard input goes to one rank of 2: give a file' logprob 1.safetensors - -q
[ $failed = 0 ] && echo 'mpirun: 1, 2 and 4 ranks write the same bytes; a killed rank loses nothing'
exit $failed
