# The edges of the tool: files that would be lost, outputs that cannot be written, signals, streams. Part of
# tests/cli/run.sh, after the round trip; lj.npy, lj.safetensors, x.npy and logp.npy are from there.

edges='no_input_is_overwritten no_output_replaces_another unwritable_outputs_are_told_at_once interrupted_sampling_is_kept
  sampling_goes_on failed_trainings_are_told the_last_good_flow_is_kept a_training_is_saved_on_request no_file_is_left_behind
  other_data_are_not_gone_on_with energies_that_are_no_numbers_are_told names_need_not_be_text whole_numbers_may_have_exponents
  plugins_may_include_the_library plugins_take_arguments a_build_describes_itself arrays_pass_through_pipes'

small='-q --steps 2 --set model.hidden=4 --set model.layers=1 --set train.batch=4'

sums() { find . -type f -exec cksum {} + | sort; }

# Every command line of standard input is refused with the status and the sentence, and no file is changed.
all_refused() { # all_refused STATUS SENTENCE
  sums >../before
  while read -r line; do
    "$enf" $line >../text 2>../note
    [ $? = "$1" ] && grep -q "^enf: $2" ../note || { echo "not refused: $line"; cat ../note; return 1; }
    sums | cmp - ../before || { echo "changed files: $line"; return 1; }
  done
}

# No output replaces an input, by whatever name: another path, links of both kinds, a file beside the flow.
no_input_is_overwritten() {
  rm -rf files && mkdir -p files/deep && cp lj.npy x.npy logp.npy lj.safetensors files || return 1
  (
    cd files || exit 1
    cp logp.npy u.npy && cp lj.npy r.npy && cp lj.npy data.train.csv && echo >s.so && cp lj.npy p.svg || exit 1
    ln -s lj.npy link.npy && ln lj.npy hard.npy && ln -s ../../files deep/here && ln -s p.svg p.npy && ln -s s.so s.npy &&
      ln -s data.trainer data.npy && ln -s lj.safetensors f.npy || exit 1
    for name in lj.npy ./lj.npy "$PWD/lj.npy" link.npy hard.npy deep/here/lj.npy deep/../lj.npy; do
      all_refused 2 '.* is to be read and to be written' <<END || exit 1
train lj.npy $small -o $name
train x.npy $small --validation lj.npy -o $name
train $name $small -o lj.npy
logprob lj.safetensors lj.npy -q -o $name
END
    done
    all_refused 2 '.* is to be read and to be written' <<END
train data.npy $small -o data
train data.train.csv $small -o data.safetensors
train lj.npy --init lj.safetensors $small -o ./lj.safetensors
train lj.npy -e s.so $small -o s.npy
sample lj.safetensors -n 2 -q -o f.npy
sample lj.safetensors -n 2 -q -o y.npy --logp f.npy
simulate ./s.so -n 2 -q -o s.npy
reweight --x x.npy --logp logp.npy -e lj:n=4 -q --logw ./logp.npy
reweight --x x.npy --logp logp.npy -e lj:n=4 -q -o ./x.npy
reweight --x x.npy --logp logp.npy -e lj:n=4 -q --reference r.npy --logw deep/here/r.npy
reweight --x x.npy --logp logp.npy -q --u u.npy --logw ./u.npy
reweight --x x.npy --logp logp.npy -e s.so -q --logw ./s.npy
reweight --x x.npy --logp logp.npy -e lj:n=4 -q --reference p.npy --plot p.svg
reweight --x x.npy --logp logp.npy -e lj:n=4 -q --reference p.npy --plot-distances ./p.svg
reweight lj.safetensors -n 2 -e lj:n=4 --data r.npy -q -o ./r.npy
END
  )
}

no_output_replaces_another() {
  (
    cd files && ln -s y.npy to-y.npy || exit 1
    all_refused 2 '.* is given for two files' <<END
sample lj.safetensors -n 2 -q -o y.npy --logp ./y.npy
sample lj.safetensors -n 2 -q -o to-y.npy --logp y.npy
sample lj.safetensors -n 2 -q -o deep/y.npy --logp deep/here/deep/y.npy
reweight --x x.npy --logp logp.npy -e lj:n=4 -q -o y.npy --logw to-y.npy
reweight --x x.npy --logp logp.npy -e lj:n=4 -q --plot y.svg --plot-distances ./y.svg
END
  )
}

# A folder, a device, a file without permission, a folder that is not there, no room: before any work.
unwritable_outputs_are_told_at_once() {
  (
    cd files && mkdir taken.npy taken.trainer taken.svg && cp lj.npy locked.npy && chmod 444 locked.npy && ln -s /dev/full full.npy &&
      ln -s nowhere/y.npy lost.npy || exit 1
    for name in taken.npy locked.npy full.npy nowhere/y.npy lost.npy lj.npy/y.npy; do
      all_refused 1 "cannot write $name: " <<END || exit 1
sample lj.safetensors -n 100000 -q -o $name
sample lj.safetensors -n 100000 -q -o y.npy --logp $name
simulate dw4 -n 100000 -q -o $name
logprob lj.safetensors lj.npy -q -o $name
train lj.npy $small -o $name
reweight --x x.npy --logp logp.npy -e lj:n=4 -q -o $name
reweight --x x.npy --logp logp.npy -e lj:n=4 -q --logw $name
END
    done
    all_refused 1 'cannot write taken.*: Is a directory' <<END || exit 1
train lj.npy $small -o taken.safetensors
reweight --x x.npy --logp logp.npy -e lj:n=4 -q --plot taken.svg
END
    all_refused 1 'cannot write y.*: .* bytes are needed, there is room for' <<END || exit 1
sample lj.safetensors -n 10000000000000 -q -o y.npy
sample lj.safetensors -n 10000000000000 -q -o y.xyz
simulate dw4 -n 10000000000000 -q -o y.npy
END
    [ "$(id -u)" != 0 ] || { command -v setpriv >/dev/null && chmod 777 . && mkdir -m 755 closed || exit 0; }
    [ "$(id -u)" != 0 ] || { setpriv --reuid 65534 --clear-groups "$enf" simulate dw4 -n 100000 -q -o closed/y.npy 2>../note
      [ $? = 1 ] && grep -q 'cannot write closed/y.npy: Permission denied' ../note; }
  )
}

rows() { # rows FILE.npy
  sed -nE "1s/.*'shape': \(([0-9]+).*/\1/p" "$1"
}

# Asks with SIGUSR1 until there is the file; the program goes on.
saved_on_request() { # saved_on_request FILE PID
  for k in $(seq 100); do
    sleep 0.2
    [ ! -s "$1" ] || return 0
    kill -USR1 "$2" || return 1
  done
  return 1
}

# Sampling that is interrupted fails and keeps what it has; more of it is what it would have been.
interrupted_sampling_is_kept() {
  for signal in INT TERM HUP; do
    rm -f part.npy part_logp.npy
    "$enf" sample whole.safetensors -n 1000000 --seed 4 -q -o part.npy --logp part_logp.npy >text 2>note &
    pid=$!
    saved_on_request part_logp.npy $pid && kill -$signal $pid || return 1
    wait $pid
    [ $? = 1 ] && grep -q '^enf: interrupted; part.npy has [0-9]* of 1000000 samples, --resume goes on$' note || return 1
  done
  more=$(($(rows part.npy) + 30))
  [ "$more" -gt 30 ] && [ "$(rows part_logp.npy)" = $((more - 30)) ] &&
    "$enf" sample whole.safetensors -n $more --seed 4 -q -o part.npy --logp part_logp.npy --resume >text 2>note &&
    "$enf" sample whole.safetensors -n $more --seed 4 -q -o full.npy --logp full_logp.npy >/dev/null &&
    cmp part.npy full.npy && cmp part_logp.npy full_logp.npy
}

# In every format; from nothing, too. Samples of another stream or flow are not gone on with.
sampling_goes_on() {
  draw='sample whole.safetensors -q --seed 6 --first 9'
  for out in 'a.npy' 'a.npy --type f4' 'a.xyz'; do
    rm -f a.*
    for n in 12 40; do "$enf" $draw -n $n --resume -o $out --logp a_logp.npy >/dev/null || return 1; done
    "$enf" $draw -n 40 -o b$out --logp b_logp.npy >/dev/null && cmp ${out%% *} b${out%% *} && cmp a_logp.npy b_logp.npy || return 1
    mv a_logp.npy a_old.npy && rm -f a_logp.npy
    refuses 1 'cannot open a_logp.npy' $draw -n 50 --resume -o $out --logp a_logp.npy || return 1
    for other in '--seed 5' '--first 8'; do
      refuses 1 'a.* does not hold samples' $draw $other -n 50 --resume -o $out || return 1
    done
    refuses 1 'a.* does not hold samples' sample lj.safetensors -q --seed 6 --first 9 -n 50 --resume -o $out || return 1
    refuses 2 'a.* has 40 samples, more than -n asks for' $draw -n 39 --resume -o $out || return 1
  done
}

# A training that goes nowhere stops and fails; its flow is one that can be used, and there is nothing to resume.
failed_trainings_are_told() {
  echo old >fail.trainer
  refuses 1 'the training failed at step 30 of 500: most steps were skipped, .* (30 of 30); fail.safetensors is the flow of step 0$' \
    train lj.npy $small --steps 500 --objective likelihood --set ode.max_steps=1 -o fail.safetensors && [ ! -e fail.trainer ] &&
    "$enf" logprob fail.safetensors lj.npy -q --rows 5 | grep -q '^failed  *0$' || return 1
  refuses 1 'the training failed at step 3 of 3: most steps were skipped' \
    train lj.npy $small --steps 3 --objective likelihood --set ode.max_steps=1 -o fail.safetensors &&
    "$enf" train lj.npy --steps 500 --objective likelihood --set ode.max_steps=1 -o fail.safetensors >text 2>&1
  grep -q '^training  *failed$' text && grep -q '^steps skipped  *30$' text
}

# An energy that is NaN from its hundredth call on.
the_last_good_flow_is_kept() {
  command -v ${CC:-cc} >/dev/null || return 0
  compile ./fading.so <<'END' || return 1
int enf_energy(void *o, unsigned long n, const double *x, double *u, double *g) {
  static int calls;
  const double zero = 0;
  calls++;
  for (unsigned long k = 0; k < 6 * n; k++)
    u[k / 6] = calls > 100 ? zero / zero : 0, g ? g[k] = 0 * x[k] : 0;
  return (void)o, 0;
}
END
  refuses 1 'the training failed at step 1[0-9]* of 400: .* (30 of 1[0-9]*); fade.safetensors is the flow of step 64$' train $small \
    --objective energy -e fading.so --set model.particles=3 -d 2 --steps 400 -o fade.safetensors || return 1
  "$enf" train $small --objective energy -e fading.so --set model.particles=3 -d 2 --steps 400 --set train.schedule=constant -o a.safetensors \
    >/dev/null 2>&1
  "$enf" train $small --objective energy -e fading.so --set model.particles=3 -d 2 --steps 64 --set train.schedule=constant -o b.safetensors \
    >/dev/null && cmp a.safetensors b.safetensors
}

# SIGUSR1 saves a training, which goes on.
a_training_is_saved_on_request() {
  rm -f asked.*
  "$enf" $train --steps 1000000 -o asked.safetensors >/dev/null 2>&1 &
  pid=$!
  saved_on_request asked.trainer $pid && [ -s asked.safetensors ] && rm asked.trainer && kill -TERM $pid && wait $pid && [ -s asked.trainer ]
}

# A limit on the size of files is told of before, where the size is known, and leaves nothing behind where it is not.
no_file_is_left_behind() {
  mkdir -p limited && cd limited || return 1
  (ulimit -f 1 && refuses 1 'cannot write a.npy: its 4.8e+04 bytes are more than' sample ../lj.safetensors -n 500 -q -o a.npy &&
    refuses 1 'cannot write n.safetensors: its .* bytes are more than' train ../lj.npy $small -o n.safetensors --set model.hidden=32 &&
    refuses 1 'cannot write a.xyz: File too large' sample ../lj.safetensors -n 5 -q -o a.xyz)
  status=$?
  cd .. && rm -f limited/note limited/*.csv && [ $status = 0 ] && [ -z "$(ls -A limited)" ]
}

# The same values under another name and in another format are the same data; fewer rows or other values are not.
other_data_are_not_gone_on_with() {
  "$enf" $train --steps 6 -o data_a.safetensors >/dev/null && "$enf" simulate lj:n=4 -n 2000 --seed 7 -q -o other.npy >/dev/null &&
    "$enf" simulate lj:n=4 -n 1999 -q -o fewer.npy >/dev/null && "$enf" simulate lj:n=4 -n 2000 -q -o same.xyz >/dev/null || return 1
  cp data_a.trainer before.trainer
  for data in other.npy fewer.npy; do
    refuses 1 "$data: this is another data set than the training began with" train $data -q -o data_a.safetensors --resume --steps 9 &&
      cmp before.trainer data_a.trainer || return 1
  done
  cp lj.npy moved.npy && "$enf" train moved.npy -q -o data_a.safetensors --resume --steps 9 >/dev/null
}

# 20 NaN, 10 -infinity and 5 +infinity among 100 energies: the first thirty are no energies, the last five weigh nothing.
energies_that_are_no_numbers_are_told() {
  bytes() { for k in $(seq "$1"); do printf "\\000\\000\\000\\000\\000\\000$2"; done; }
  zeros 100 | head -c 128 >u_bad.npy
  { bytes 20 '\370\177' && bytes 10 '\360\377' && bytes 5 '\360\177' && head -c 520 /dev/zero; } >>u_bad.npy
  "$enf" reweight --x x.npy --logp logp.npy --u u_bad.npy -q --json >text 2>note &&
    [ "$(number nonfinite text)" = 30 ] && [ "$(number samples text)" = 100 ] &&
    grep -q '^enf: 30 of 100 samples have an energy or a log-density that is no number' note || return 1
  "$enf" logprob lj.safetensors x.npy --u u_bad.npy --log-z 1 -q --json >text 2>note && [ "$(number nonfinite text)" = 35 ] &&
    grep -q '^enf: 35 of 100 energies are not finite: these rows are left out of the excess NLL$' note &&
    grep -q '"excess_nll": [-0-9]' text
}

names_need_not_be_text() {
  name=$(printf 'a\377\303\251b\303').npy
  "$enf" sample lj.safetensors -n 2 -q -o "$name" --json >text && [ -s "$name" ] || return 1
  grep -q "$(printf '"output": "a\\\\ufffd\303\251b\\\\ufffd.npy"')" text
}

whole_numbers_may_have_exponents() {
  "$enf" sample lj.safetensors -n 2e1 --seed 1e5 --first 3e0 -q -o e.npy >/dev/null &&
    "$enf" sample lj.safetensors -n 20 --seed 100000 --first 3 -q -o f.npy >/dev/null && cmp e.npy f.npy &&
    "$enf" simulate lj:n=4 -n 3e1 --seed 1e5 -q -o e.npy >/dev/null && "$enf" simulate lj:n=4 -n 30 --seed 100000 -q -o f.npy >/dev/null &&
    cmp e.npy f.npy && "$enf" train lj.npy $small --steps 2e0 --seed 1e5 -o e.safetensors >/dev/null &&
    "$enf" train lj.npy $small --seed 100000 -o f.safetensors >/dev/null && cmp e.safetensors f.safetensors &&
    refuses 2 'sim.seed: "1.5" is not an integer' simulate lj:n=4 -n 3 --seed 1.5 -q -o e.npy &&
    refuses 2 "--seed needs a whole number of at least 0, not '1e-3'" sample lj.safetensors -n 3 --seed 1e-3 -q -o e.npy &&
    refuses 2 "--seed needs a whole number of at least 0, not '1e20'" sample lj.safetensors -n 3 --seed 1e20 -q -o e.npy
}

# The plugin's header beside the library's; a plugin with the older name of the function is still one.
plugins_may_include_the_library() {
  command -v ${CC:-cc} >/dev/null || return 0
  body='{ (void)o, (void)x; for (size_t k = 0; g && k < 6 * n; k++) g[k] = 0; while (n--) u[n] = -1; return 0; }'
  { echo '#include <enf/enf.h>' && echo '#include <enf/plugin.h>' && echo 'const int enf_energy_particles = 3, enf_energy_dimensions = 2;' &&
    echo 'static enf_energy_fn check = enf_plugin_energy;' &&
    echo "int enf_plugin_energy(void *o, size_t n, const double *x, double *u, double *g) { (void)check; $body }"; } | compile ./new.so &&
    { echo '#include <stddef.h>' && echo "int enf_energy(void *o, size_t n, const double *x, double *u, double *g) $body"; } | compile ./old.so ||
    return 1
  "$enf" simulate new.so -n 20 -q -o e.npy >/dev/null &&
  "$enf" simulate old.so --set model.particles=3 --set model.dimensions=2 -n 20 -q -o f.npy >/dev/null && cmp e.npy f.npy
}

# What follows the colon goes to the plugin, which may refuse it with a sentence of its own.
plugins_take_arguments() {
  command -v ${CC:-cc} >/dev/null || return 0
  { echo '#include <enf/plugin.h>' && echo '#include <stdio.h>' && echo '#include <stdlib.h>' && echo 'static double k;' &&
    echo 'int enf_plugin_open(const char *a, void **user, char *m, size_t n) { k = atof(a); *user = &k; snprintf(m, n, "k is %g", k); return !(k > 0); }' &&
    echo 'void enf_plugin_close(void *user) { *(double *)user = 0; fprintf(stderr, "closed%c", 10); }' &&
    echo 'int enf_plugin_energy(void *user, size_t n, const double *x, double *u, double *g) {' &&
    echo 'for (size_t i = 0; i < n; i++) { u[i] = 0; for (int j = 0; j < 6; j++) { u[i] += *(double *)user * x[6 * i + j] * x[6 * i + j] / 2;' &&
    echo 'if (g) g[6 * i + j] = *(double *)user * x[6 * i + j]; } } return 0; }'; } | compile ./spring.so || return 1
  shape='--set model.particles=3 --set model.dimensions=2'
  "$enf" simulate spring.so:4 $shape -n 20000 -q -o e.npy --json >text 2>note && grep -q '^closed$' note || return 1
  awk -v u="$(number mean_u text)" 'BEGIN {exit !(u > 1.9 && u < 2.1)}' || return 1 # 4 degrees of freedom
  refuses 1 'spring.so: k is -1' simulate spring.so:-1 $shape -n 20 -q -o e.npy && refuses 1 './spring.so: k is 0' simulate ./spring.so $shape -n 2 -q -o e.npy &&
    refuses 1 'new.so takes no arguments' simulate new.so:2 -n 20 -q -o e.npy
}

# Threads by default are those of the affinity mask.
a_build_describes_itself() {
  "$enf" info --build >text && grep -q "^version  *$("$enf" --version | sed 's/enf //')$" text && grep -q '^compiler  *[gc]' text &&
    grep -q '^kernels that run here  *baseline' text && grep -q '^BLAS  *[a-z]' text || return 1
  refuses 2 'info takes either FLOW or --build' info && refuses 2 'info takes either FLOW or --build' info lj.safetensors --build || return 1
  command -v taskset >/dev/null || return 0
  for cpu in 0 1 2 3; do
    taskset -c $cpu true 2>/dev/null || continue
    taskset -c $cpu "$enf" info --build --json | grep -q '"threads": 1}'
    return $?
  done
}

# "-" is standard input or output, for .npy and XYZ; what is said goes to standard error, and no temporary file stays.
arrays_pass_through_pipes() {
  mkdir -p temporary && draw='sample lj.safetensors -n 30 --seed 2 -q'
  (
    export TMPDIR=$PWD/temporary
    "$enf" $draw -o s.npy --logp s_logp.npy >told && "$enf" $draw -o s4.npy --type f4 >/dev/null && "$enf" $draw -o s.xyz >/dev/null &&
      "$enf" $draw -o - --logp s_logp.npy >p.npy 2>note && cmp s.npy p.npy && grep -q '^samples  *30$' note &&
      "$enf" $draw -o - --type f4 2>note | cmp - s4.npy && "$enf" $draw -o - --type xyz 2>note | cmp - s.xyz &&
      "$enf" $draw -o n.npy --logp - 2>note | cmp - s_logp.npy &&
      "$enf" $draw -o - --type xyz 2>note | "$enf" logprob lj.safetensors - -q --json >text && "$enf" logprob lj.safetensors s.xyz -q --json >whole.text ||
      exit 1
    [ "$(number nll text)" = "$(number nll whole.text)" ] && grep -q '"data": "-"' text &&
      "$enf" reweight --x - --logp s_logp.npy -e lj:n=4 -q -o - <s.npy >p.npy 2>note && "$enf" reweight --x s.npy --logp s_logp.npy -e lj:n=4 -q -o q.npy >/dev/null &&
      cmp p.npy q.npy && "$enf" simulate lj:n=4 -n 40 -q -o - 2>note | "$enf" train - $small --set train.batch=4 --validation lj.npy -o n.safetensors >/dev/null &&
      "$enf" train lj.npy $small --validation - -o n.safetensors <lj.npy >/dev/null || exit 1
    refuses 2 "'-' is given for two outputs" $draw -o - --logp - && refuses 2 "'-' is given for two inputs" reweight --x - --logp - -e lj:n=4 -q &&
      refuses 2 "'-' is for configurations and numbers, not for a flow" train lj.npy $small -o - &&
      refuses 2 "'-' is for configurations and numbers, not for a flow" sample - -n 3 -o n.npy &&
      refuses 2 '--type xyz is for standard output' $draw -o n.xyz --type xyz && refuses 2 '--resume needs the files of before' $draw -o - --resume || exit 1
    : | "$enf" logprob lj.safetensors - >/dev/null 2>note
    [ $? = 1 ] && [ -z "$(ls -A temporary)" ]
  ) || return 1
  [ ! -c /dev/full ] || { "$enf" $draw -o - >/dev/full 2>note; [ $? = 1 ] && grep -q '^enf: standard output could not be written: No space' note; }
}
