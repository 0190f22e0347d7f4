# `enf jump` and `enf anneal`: runs that are cut go on to the same bits, files of other runs are refused. Part of
# tests/cli/run.sh, after the round trip; lj.npy and lj.safetensors are from there.

walkers='jumps_go_on annealing_goes_on'

# Rounds in two runs are those of one, and a jump from --first where it ended goes on, too.
jumps_go_on() {
  "$enf" simulate lj:n=4 -n 40 -q -o forty.npy >/dev/null || return 1
  jump="jump lj.safetensors forty.npy -e lj:n=4 --seed 5 -q --set logdet.checks=0"
  "$enf" $jump --rounds 3 -o jumped.npy --json >text && "$enf" $jump --rounds 1 -o parts.npy >/dev/null &&
    "$enf" $jump --rounds 3 -o parts.npy --resume --json >again || return 1
  cmp jumped.npy parts.npy && cmp jumped.npy.state.npy parts.npy.state.npy || return 1
  for key in acceptance mean_u next; do [ "$(number $key text)" = "$(number $key again)" ] || return 1; done
  "$enf" $jump --rounds 1 -o first.npy >/dev/null &&
    "$enf" jump lj.safetensors first.npy -e lj:n=4 --seed 5 -q --set logdet.checks=0 --first 40 --rounds 2 -o rest.npy >/dev/null &&
    [ "$(rows rest.npy)" = 40 ] || return 1
  refuses 2 'parts.npy has had 3 rounds, more than the 2 of --rounds' $jump --rounds 2 -o parts.npy --resume &&
    refuses 2 'parts.npy was begun with other flags' $jump --seed 6 --rounds 4 -o parts.npy --resume &&
    refuses 1 'parts.npy was begun with another energy' $jump -e lj:n=4,eps=3 --rounds 4 -o parts.npy --resume &&
    refuses 2 'jump needs -e SPEC' jump lj.safetensors forty.npy -o j.npy
}

annealing_goes_on() {
  anneal="anneal lj.safetensors -n 30 -e lj:n=4 --seed 5 -q --ess-step 0.8 --moves 1 --set logdet.checks=0"
  "$enf" $anneal -o whole_x.npy --logw whole_w.npy --json >whole.text || return 1
  "$enf" $anneal -o cut_x.npy --logw cut_w.npy --guided >/dev/null || return 1
  ! cmp -s whole_x.npy cut_x.npy || return 1
  refuses 2 'cut_x.npy was begun with other flags' $anneal -o cut_x.npy --resume &&
    refuses 1 'ess_step is 1.5, not between 0 and 1' $anneal --ess-step 1.5 -o n.npy &&
    refuses 2 "'whole_x.npy' is given for two files" $anneal -o whole_x.npy --logw whole_x.npy || return 1
  rm -f cut_x.npy* cut_w.npy
  for k in 1 2; do "$enf" $anneal -o cut_x.npy --logw cut_w.npy --bridges 1 --resume >text 2>note && grep -q "at beta .* after $k bridges" note || return 1; done
  [ ! -e cut_x.npy ] && "$enf" $anneal -o cut_x.npy --logw cut_w.npy --resume --json >again || return 1
  cmp whole_x.npy cut_x.npy && cmp whole_w.npy cut_w.npy && [ "$(number log_z whole.text)" = "$(number log_z again)" ]
}
