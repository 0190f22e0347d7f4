# Gauge fields in the tool: the order of links in files, and what `enf info` measures. Part of tests/cli/run.sh.

lattices='links_are_in_the_order_of_others angles_may_be_complex every_command_takes_a_layout orders_are_checked matrices_have_layouts
  info_measures_what_it_can'

u1='wilson:group=u1,l0=3,l1=2,beta=1.5'
order='x1 x0 mu'

gauge_train() { # gauge_train ENERGY FLOW
  "$enf" train -e "$1" --objective least-squares -q --steps 1 --set train.batch=500 --set model.degree=3 --set model.times=3 -o "$2" >/dev/null
}

nll() { "$enf" logprob "$@" -q --json >text && number nll text; }

same() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a - b < 1e-4 && b - a < 1e-4) }' || { echo "$1 is not $2"; return 1; }; }

# 3 x 2: in another order the density is another one, or the axes do not fit.
links_are_in_the_order_of_others() {
  gauge_train $u1 u.safetensors && "$enf" sample u.safetensors -n 30 -q -o u.npy --logp ul.npy >/dev/null &&
    "$enf" sample u.safetensors -n 30 -q -o ub.npy --logp ul.npy --layout "$order" >/dev/null &&
    "$enf" sample u.safetensors -n 30 -q -o uc.npy --logp ul.npy --layout 'x0 x1 mu' >/dev/null || return 1
  wanted=$(nll u.safetensors u.npy)
  [ "$(nll u.safetensors ub.npy --layout "$order")" = "$wanted" ] && [ "$(nll u.safetensors uc.npy --layout 'x0 x1 mu')" = "$wanted" ] || return 1
  ! same "$(nll u.safetensors ub.npy)" "$wanted" >/dev/null &&
    refuses 1 'uc.npy: axis 1 (from 0) has length 3, but mu of the lattice has 2 (--layout' logprob u.safetensors uc.npy &&
    "$enf" simulate wilson:group=u1,l0=2,l1=2,beta=1 -n 4 -q -o small.npy >/dev/null &&
    refuses 1 'small.npy has 8 numbers in a configuration, not 12: 2 x 3 x 2 links of 1' logprob u.safetensors small.npy
}

angles_may_be_complex() {
  "$enf" sample u.safetensors -n 30 -q -o uz.npy --logp ul.npy --layout "$order complex" >/dev/null || return 1
  same "$(nll u.safetensors uz.npy --layout "$order")" "$(nll u.safetensors u.npy)" &&
    refuses 2 '--resume compares angles to the last bit' sample u.safetensors -n 40 -q -o uz.npy --resume --layout "$order complex" || return 1
  # modulus 2 of the first link of a row of ones: 24 numbers
  header='{"descr": "<f8", "fortran_order": False, "shape": (1, 24)}'
  { printf '\223NUMPY\001\000'; printf "$(printf '\\%03o\\000' ${#header})"; printf %s "$header"; i=0
    while [ $i -lt 12 ]; do printf '\000\000\000\000\000\000\000\100\000\000\000\000\000\000\000\000'; i=$((i + 1)); done; } >two.npy
  refuses 1 'two.npy: link 0 of configuration 0 (from 0) has modulus 2, not 1' logprob u.safetensors two.npy
}

# Whatever is drawn, moved or trained in one order is what it is in the other.
every_command_takes_a_layout() {
  for with in '' "$order"; do
    set -- -q --json
    [ -z "$with" ] || set -- "$@" --layout "$with"
    x=u${with:+b}.npy
    { "$enf" reweight --x $x --logp ul.npy -e $u1 -o chain.npy "$@" | sed 's/"plot".*//' && nll u.safetensors chain.npy "$@" &&
        "$enf" jump u.safetensors $x -e $u1 -o jump.npy --rounds 3 "$@" >/dev/null && nll u.safetensors jump.npy "$@" &&
        "$enf" anneal u.safetensors -n 20 -e $u1 -o anneal.npy "$@" >/dev/null && nll u.safetensors anneal.npy "$@" &&
        "$enf" simulate $u1 -n 20 -o sim.npy --type f8 "$@" >/dev/null && nll u.safetensors sim.npy "$@" &&
        "$enf" info u.safetensors $x --json ${with:+--layout "$with"} | sed 's/.*"lines/lines/' &&
        "$enf" train $x --validation $x --objective likelihood -e $u1 --steps 2 --set train.batch=20 -o ut.safetensors "$@" >/dev/null &&
        nll ut.safetensors $x "$@"; } >"told${with:+b}" || return 1
  done
  cmp told toldb
}

orders_are_checked() {
  draw='sample u.safetensors -n 2 -q -o n.npy --layout'
  refuses 2 '--layout "x1 x1 mu": x1 stands twice' $draw 'x1 x1 mu' && refuses 2 '--layout "x1 mu": x0 is missing' $draw 'x1 mu' &&
    refuses 2 "--layout \"x1 x0 t\": 't' is no axis: those are x0, x1 and mu" $draw 'x1 x0 t' &&
    refuses 2 '--layout "complex x0 x1 mu": complex stands once and behind the axes' $draw 'complex x0 x1 mu' &&
    refuses 2 '--layout orders the links of a lattice, and this is none' sample lj.safetensors -n 2 -q -o n.npy --layout "$order" &&
    refuses 2 '--layout orders the links of a lattice, and this is none' train lj.npy -q -o n.safetensors --layout "$order" &&
    refuses 2 '--layout orders the links of a lattice, and this is none' simulate lj:n=4 -n 2 -q -o n.npy --layout "$order"
}

matrices_have_layouts() {
  "$enf" train -e wilson:group=su2,l0=3,l1=2,beta=2 --lift -q --set train.batch=500 --set model.times=3 -o m.safetensors >/dev/null &&
    "$enf" sample m.safetensors -n 20 -q -o m.npy --logp ml.npy >/dev/null &&
    "$enf" sample m.safetensors -n 20 -q -o mb.npy --logp ml.npy --layout "$order" >/dev/null || return 1
  [ "$(nll m.safetensors m.npy)" = "$(nll m.safetensors mb.npy --layout "$order")" ] && ! cmp -s m.npy mb.npy &&
    refuses 2 '--layout: complex is for angles of u1, matrices of su2 are complex anyway' sample m.safetensors -n 2 -q -o n.npy --layout "$order complex"
}

info_measures_what_it_can() {
  "$enf" info u.safetensors -e $u1 >text && grep -q '^plaquette .* exact' text && grep -q '^charge^2 .* exact' text &&
    refuses 2 '--energy of info is wilson:... or class:..., not lj:n=4' info u.safetensors -e lj:n=4 &&
    refuses 1 '.*has 8 particles in 1 dimension' info u.safetensors -e wilson:group=u1,l0=2,l1=2,beta=1 &&
    refuses 1 '.*' info lj.safetensors -e $u1
}
