# traps.sh -- what a user is told who is about to get wrong physics: elements as kinds, another unit of length, a wrapped cell (in
# atoms.sh), mirror images, another order of the atoms, energies that are not in kT. Read by run.sh. Rows are alanine dipeptide.
traps='elements_are_no_kinds kinds_come_from_a_topology nanometres_are_no_angstrom mirror_images_are_turned a_flow_with_a_hand_is_believed hands_are_told
  other_orders_are_refused energies_in_other_units_are_told another_kT_is_told choices_need_rows'

ala2="--steps 3 --set model.hidden=8 --set model.layers=1 --set train.batch=8"

ala2_rows() { # ala2_rows N: the frame of ala2.xyz, its atoms moved by some 0.005 nm
  awk -v n="$1" 'NR > 2 { line[++atoms] = $0 } END { for (k = 0; k < n; k++) { print atoms; print "nm"
    for (i = 1; i <= atoms; i++) { split(line[i], a, " "); for (d = 2; d < 5; d++) { s = (s * 1103515 + 12345) % 1000003
      a[d] += (s / 1000003 - 0.5) * 0.02 }; printf "%s %.5f %.5f %.5f\n", a[1], a[2], a[3], a[4] } } }' ala2.xyz
}

mirrored() { awk 'NF == 4 && $1 ~ /^[A-Z]$/ { $2 = -$2 } { print }' "$@"; }

# Which atoms are alike is printed, and density says so: a hydrogen of the methyl and H-alpha are not.
elements_are_no_kinds() {
  ala2_rows 40 >rows.xyz
  alike='22 atoms, 16 kinds: 3 hydrogens of C2 alike, 3 hydrogens of C11 alike, 3 hydrogens of C19 alike'
  "$enf" train rows.xyz $ala2 -o kinds.safetensors >/dev/null 2>note &&
    grep -qx "enf: $alike (by their bonds; --kinds elements goes by labels)" note &&
    "$enf" info kinds.safetensors | grep -q '^species *16$' &&
    "$enf" train rows.xyz $ala2 --kinds auto --unit nm -o n.safetensors >/dev/null 2>note && grep -qx "enf: $alike" note || return 1
  told='H1 on C2 and H8 on N7 are of one kind, so the flow lets them change places: no dynamics does that'
  "$enf" train rows.xyz $ala2 --kinds elements -o elements.safetensors >/dev/null 2>note && grep -q "^enf: $told" note &&
    "$enf" train rows.xyz $ala2 -q --set 'model.species=H C H H C O N H C H C H H H C O N H C H H H' -o n.safetensors >/dev/null 2>note &&
    grep -q "^enf: $told" note || return 1
  # atoms 1 and 3 (hydrogens of one methyl) change places, and 1 with 10 (H-alpha)
  swap='{ k = NR - 2; line[NR] = $0 } NR == 24 { t = line[2 + i]; line[2 + i] = line[2 + j]; line[2 + j] = t; for (l = 1; l <= 24; l++) print line[l] }'
  head -24 rows.xyz >one.xyz && awk -v i=1 -v j=3 "$swap" one.xyz >methyl.xyz && awk -v i=1 -v j=10 "$swap" one.xyz >alpha.xyz || return 1
  for flow in kinds elements; do
    for file in one methyl; do "$enf" logprob $flow.safetensors $file.xyz -q --json --precision float64 >$flow.$file || return 1; done
    echo "$(number nll $flow.one) $(number nll $flow.methyl)" | awk '{ d = $1 - $2; exit !(d < 1e-6 && -d < 1e-6) }' || return 1
  done
  "$enf" logprob elements.safetensors alpha.xyz -q --json --precision float64 >swapped 2>note
  refuses 1 'alpha.xyz: atoms 1 and 2 are bonded in kinds.safetensors, and in none of 1 configurations here; is it another molecule, or' \
    logprob kinds.safetensors alpha.xyz -q
}

# Names and bonds from a PDB file, the unit from the bonds' lengths; a flow of particles all the same.
kinds_come_from_a_topology() {
  "$enf" sample kinds.safetensors -n 2 -q -o s.npy >/dev/null
  "$enf" train rows.xyz $ala2 --kinds auto --topology ala2.pdb -o named.safetensors >/dev/null 2>note &&
    grep -qx 'enf: 22 atoms, 16 kinds: 3 hydrogens of ACE1:CH3 alike, 3 hydrogens of ALA2:CB alike, 3 hydrogens of NME3:CH3 alike' note &&
    grep -q '"meta.unit":"nm"' named.safetensors && grep -q '"meta.elements":"H C H H C O' named.safetensors || return 1
  "$enf" sample named.safetensors -n 2 -q -o s.xyz >/dev/null && [ "$(sed -n '3,6s/ .*//p' s.xyz | tr '\n' ' ')" = 'H C H H ' ] &&
    refuses 2 "--kinds is auto or elements, not 'bonds'" train rows.xyz $ala2 --kinds bonds -o n.safetensors &&
    refuses 2 '--kinds auto goes by bonds: it needs DATA with elements, or --topology' \
      train -e lj13 --objective energy $ala2 --kinds auto -o n.safetensors &&
    refuses 2 '--kinds finds model.species, which is set' train rows.xyz $ala2 --kinds auto --set 'model.species=0' -o n.safetensors &&
    refuses 2 '--kinds is for flows of particles, not for model.space molecule' \
      train rows.xyz $ala2 --kinds auto --set model.space=molecule -o n.safetensors
}

nanometres_are_no_angstrom() {
  longer='NF == 4 && $1 ~ /^[A-Z]$/ { for (k = 2; k < 5; k++) $k *= f } { print }'
  awk -v f=10 "$longer" rows.xyz >long.xyz && awk -v f=1.8897 "$longer" rows.xyz >bohr.xyz || return 1
  told='long.xyz: coordinates are 10 times as large as those that kinds.safetensors was trained on; are lengths in another unit (nm, angstrom, bohr)?'
  refuses 1 "$told" logprob kinds.safetensors long.xyz -q && refuses 1 "$told" train long.xyz -q --steps 3 --init kinds.safetensors -o n.safetensors &&
    refuses 1 "$told" reweight kinds.safetensors -n 5 -e lj:n=22 -q --data long.xyz &&
    refuses 1 'rows.xyz: coordinates are 0.1 times as large' \
      logprob "$("$enf" train long.xyz $ala2 -q -o long.safetensors >/dev/null; echo long.safetensors)" rows.xyz -q || return 1
  "$enf" logprob kinds.safetensors bohr.xyz -q >/dev/null 2>note &&
    grep -q '^enf: bohr.xyz: coordinates are 1.9 times as large as .*; is it the same system, in the same unit of length?' note
}

# C-alpha is found, its hand is that of the first row, all samples have it, and their density is twice the flow's.
mirror_images_are_turned() {
  { cat rows.xyz && mirrored rows.xyz; } >both.xyz && mirrored rows.xyz >mirror.xyz || return 1
  "$enf" train both.xyz $ala2 -q -o hand.safetensors >/dev/null 2>note &&
    grep -qx 'enf: both.xyz: of 80 configurations 40 are mirror images and were turned, 0 have both hands or neither and are left out' note &&
    grep -q '"meta.centres":"8,6,10,14:[+-]"' hand.safetensors || return 1
  "$enf" sample hand.safetensors -n 40 -q -o hand.xyz --logp one.npy >/dev/null 2>note && [ ! -s note ] &&
    "$enf" sample hand.safetensors -n 40 -q --chiral none -o any.xyz --logp any.npy >/dev/null || return 1
  # of an untrained flow half are turned, whole
  [ "$(awk 'NR == FNR { a[NR] = $2; next } FNR % 24 == 3 { n++; turned += ($2 * a[FNR] < 0) } END { print n, (turned > 8 && turned < 32) }' any.xyz hand.xyz)" = '40 1' ] || return 1
  od -A n -t f8 -v -w8 -j 128 one.npy >one.txt && od -A n -t f8 -v -w8 -j 128 any.npy | paste one.txt - |
    awk '{ d = $1 - $2 - log(2); if (d > 1e-9 || -d > 1e-9) bad = 1 } END { exit bad }' || return 1
  "$enf" logprob hand.safetensors hand.xyz -q --json >a.json && "$enf" logprob hand.safetensors hand.xyz -q --json --chiral none >b.json || return 1
  echo "$(number nll a.json) $(number nll b.json)" | awk '{ d = $2 - $1 - log(2); exit !(d < 1e-9 && -d < 1e-9) }'
}

# A flow that tells left from right is left alone: rows as they are, no centres, no log 2, no --chiral.
a_flow_with_a_hand_is_believed() {
  "$enf" train both.xyz $ala2 --set model.reflections=off -q -o seeing.safetensors >/dev/null 2>note && ! grep -q 'mirror images' note &&
    ! grep -q 'meta.centres' seeing.safetensors || return 1
  "$enf" sample seeing.safetensors -n 4 -q -o seeing.xyz --logp seen.npy >/dev/null && "$enf" logprob seeing.safetensors mirror.xyz -q --json >a.json 2>note &&
    [ ! -s note ] && "$enf" logprob seeing.safetensors mirror.xyz -q --json --chiral none >b.json && [ "$(number nll a.json)" = "$(number nll b.json)" ] || return 1
  told='--chiral is for flows that do not know left from right: this one does (model.reflections off)'
  refuses 2 "$told" sample seeing.safetensors -n 2 -q --chiral 8,6,10,14:+ -o n.npy &&
    refuses 2 "$told" train both.xyz $ala2 --set model.reflections=off -q --chiral auto -o n.safetensors
}

hands_are_told() {
  # walkers do not jump to the other hand, whatever the energy says
  "$enf" jump hand.safetensors rows.xyz -e lj:n=22,eps=0,spring=0 --rounds 6 -q -o jumped.xyz --json >text 2>note || { cat note; return 1; }
  number acceptance text | awk '{ exit !($1 > 0.02) }' && "$enf" logprob hand.safetensors jumped.xyz -q >/dev/null 2>note && [ ! -s note ] &&
    "$enf" jump hand.safetensors rows.xyz -e lj:n=22,eps=0,spring=0 --rounds 6 -q --chiral none -o jumped.xyz >/dev/null &&
    "$enf" logprob hand.safetensors jumped.xyz -q >/dev/null 2>note; grep -q 'mirror images' note || return 1
  told='mirror.xyz: 40 of 40 configurations are mirror images, in whole or in part, of the molecule of hand.safetensors; reflect them'
  refuses 1 "$told" logprob hand.safetensors mirror.xyz -q && refuses 1 "$told" reweight hand.safetensors -n 5 -e lj:n=22 -q --data mirror.xyz &&
    "$enf" logprob hand.safetensors mirror.xyz -q --chiral none >/dev/null || return 1
  { cat rows.xyz && head -48 mirror.xyz; } >some.xyz
  "$enf" logprob hand.safetensors some.xyz -q >/dev/null 2>note &&
    grep -q '^enf: some.xyz: 2 of 42 configurations are mirror images, in whole or in part: the flow, kept to one hand, gives them no density' note || return 1
  refuses 2 "--chiral takes centres as C,A,B,D:+ or C,A,B,D:- (atoms from 0), not '8,6'" sample hand.safetensors -n 2 -q --chiral 8,6 -o n.npy &&
    refuses 1 '.*atom 22' sample hand.safetensors -n 2 -q --chiral 8,6,10,22:+ -o n.npy &&
    refuses 2 '--chiral is for flows of particles' sample ala2.safetensors -n 2 -q --chiral 8,6,10,14:+ -o n.npy &&
    refuses 2 '--chiral needs FLOW' reweight --x s.npy --logp one.npy -e lj:n=22 --chiral 8,6,10,14:+ || return 1
  # rows without labels, centres that are named: one of the two hands has all of them
  "$enf" sample hand.safetensors -n 40 -q -o hand.npy >/dev/null && for hand in + -; do
    "$enf" train hand.npy -q $ala2 --chiral 8,6,10,14:$hand -o n.safetensors >/dev/null 2>note && grep -q "\"meta.centres\":\"8,6,10,14:$hand\"" n.safetensors || return 1
    grep -c 'of 40 configurations 40 are mirror images and were turned' note
  done | sort | tr '\n' ' ' | grep -qx '0 1 ' || return 1
  refuses 2 '--chiral auto needs the bonds of a molecule' train s.npy -q $ala2 --chiral auto -o n.safetensors &&
    refuses 2 '--chiral is for flows of particles' train rows.xyz -q --objective likelihood --steps 1 --unit nm --set model.space=molecule --chiral none -o n.safetensors || return 1
  # and without any rows
  nothing="train -e lj:n=22 --objective energy -q $ala2"
  "$enf" $nothing --chiral 8,6,10,14:- -o n.safetensors >/dev/null && grep -q '"meta.centres":"8,6,10,14:-"' n.safetensors &&
    refuses 2 '--chiral auto needs the bonds of a molecule' $nothing --chiral auto -o n.safetensors &&
    refuses 2 '--chiral is for molecules in 3 dimensions, not 2' train -e dw4 --objective energy -q $ala2 --chiral 0,1,2,3:+ -o n.safetensors
}

# Elements in another order are told by labels, like ones by bonds, which are those of the flow.
other_orders_are_refused() {
  swapped='{ k = (NR - 1) % 24 - 1 } k == i { held = $0; next } k == j { print; print held; next } { print }'
  awk -v i=5 -v j=6 "$swapped" rows.xyz >order.xyz
  refuses 1 'order.xyz: atom 5 is O, which is C for kinds.safetensors; are the atoms in another order?' logprob kinds.safetensors order.xyz -q &&
    refuses 1 'order.xyz: atom 5 is O, which is C for kinds.safetensors' train order.xyz -q --steps 3 --init kinds.safetensors -o n.safetensors || return 1
  awk '{ k = (NR - 1) % 24 - 1 } k == 8 { held = $0; next } k == 9 { carbon = $0; next } k == 10 { print; print carbon; print held; next } { print }' rows.xyz >like.xyz
  cmp -s rows.xyz like.xyz && return 1
  refuses 1 'like.xyz: atoms 7 and 8 are bonded in kinds.safetensors, and in none of 10 configurations here' \
    logprob kinds.safetensors like.xyz -q
}

# The same energies in kJ/mol: told, and divided by --kT they are the same.
energies_in_other_units_are_told() {
  from="reweight learnt.safetensors -n 600 --paths 0 -q --json"
  "$enf" train --objective energy -e pair-dw:dim=3 --set model.field=pair-kernel --set train.batch=64 --steps 300 --set train.lr=0.01 -q \
    -o learnt.safetensors >/dev/null && "$enf" $from -e pair-dw:dim=3 >kT.json 2>note && [ ! -s note ] &&
    "$enf" $from -e pair-dw:dim=3 --kT 0.401 >kJ.json 2>note || return 1
  grep -q '^enf: energies rise 2.[0-9]* times as fast as -log q, which they follow: are they in kT, .* --kT divides them: 2.494 those in kJ/mol at 300 K' note || return 1
  "$enf" reweight lj.safetensors -n 50 -q --paths 0 --json -e lj:n=4,eps=1,spring=0.5 >a.json &&
    "$enf" reweight lj.safetensors -n 50 -q --paths 0 --json -e lj:n=4,eps=2,spring=1 --kT 2 >b.json || return 1
  echo "$(number log_z a.json) $(number log_z b.json)" | awk '{ d = $1 - $2; exit !(d < 1e-9 && -d < 1e-9) }' || return 1
  zeros 100 >u.npy
  "$enf" train -e lj:n=4 --kT 2 --objective energy -q --steps 1 --set train.batch=4 --set model.hidden=4 -o n.safetensors >/dev/null &&
    grep -q '"meta.kT":"2"' n.safetensors &&
    refuses 2 "--kT needs a number above 0, not '0'" reweight --x x.npy --logp logp.npy --u u.npy --kT 0 &&
    refuses 2 '--log-z and --kT are of no use without an energy' logprob lj.safetensors lj.npy --kT 2
}

# What energies are over travels with the flow, whichever kind it is; another number, or none, is told wherever the two meet.
another_kT_is_told() {
  few="-q --steps 1 --set train.batch=4 --objective energy"
  told='was trained with energies over --kT 2, here they are over'
  "$enf" train -e lj:n=4 --kT 2 $few --set model.hidden=4 -o two.safetensors >/dev/null 2>note && [ ! -s note ] || return 1
  says() { n=$1; shift; "$enf" "$@" >/dev/null 2>note; grep -q "^enf: two.safetensors $told $n: are they of the same unit and temperature?" note; }
  from='two.safetensors -q -e lj:n=4'
  says 1 reweight $from -n 20 --paths 0 && says 3 reweight $from -n 20 --paths 0 --kT 3 && says 1 logprob two.safetensors lj.npy -q -e lj:n=4 --rows 20 &&
    says 1 jump two.safetensors lj.npy -q -e lj:n=4 -o n.npy && says 1 anneal $from -n 20 --bridges 2 -o n.npy &&
    says 3 train --init two.safetensors -e lj:n=4 --kT 3 $few -o three.safetensors && grep -q '"meta.kT":"3"' three.safetensors || return 1
  "$enf" reweight $from -n 20 --paths 0 --kT 2 >/dev/null 2>note && ! grep -q "$told" note &&
    "$enf" logprob two.safetensors lj.npy -q --rows 20 >/dev/null 2>note && ! grep -q "$told" note &&
    "$enf" train rows.xyz -q --objective likelihood --steps 1 --unit nm --set model.space=molecule -o n.safetensors >/dev/null &&
    "$enf" train --init n.safetensors -e lj:n=22,eps=0 --kT 2 --objective energy --steps 1 -q --set train.batch=4 -o kT.safetensors >/dev/null &&
    grep -q '"meta.kT":"2"' kT.safetensors
}

choices_need_rows() {
  for flag in '--skip 5' '--last 5' '--stride 5'; do
    refuses 2 '--skip, --last and --stride choose configurations of DATA: it is needed' \
      train -e lj13 --objective energy $ala2 $flag -o n.safetensors &&
      refuses 2 '--skip, --last and --stride need --data or --reference' reweight lj.safetensors -n 5 -e lj:n=4 $flag || return 1
  done
}
