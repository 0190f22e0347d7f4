# molecule.sh -- tests of the tool with one molecule in internal coordinates, read by run.sh. ala2.xyz is a frame of alanine
# dipeptide in nm, ala2.pdb the same with names; frames are samples of a flow that is not trained, about that one.
molecule='molecules_come_from_a_frame topologies_fit_their_rows bonds_come_from_the_first_row
  frames_of_another_kind_are_told info_shows_the_zmatrix torsions_have_states variables_have_surfaces topology_flags_are_checked pdb_files_are_checked an_example_is_a_molecule rings_are_told temperatures_are_chosen'

small_molecule='--set model.hidden=8 --set train.batch=16 -q'
rows="--objective likelihood --steps 3 $small_molecule"

# From one frame and an energy: a flow that knows its labels, its unit and its elements.
molecules_come_from_a_frame() {
  energy="--objective energy -e lj:n=22 --steps 1 $small_molecule"
  refuses 2 'a molecule that is trained from its energy alone needs --start FILE' train --topology ala2.pdb $energy -o n.safetensors &&
    "$enf" train --topology ala2.pdb --start ala2.xyz $energy -o ala2.safetensors >/dev/null &&
    "$enf" sample ala2.safetensors -n 200 -q -o frames.xyz --logp frames_logp.npy >/dev/null || return 1
  [ "$(sed -n '3,24s/ .*//p' frames.xyz | tr '\n' ' ')" = 'H C H H C O N H C H C H H H C O N H C H H H ' ] &&
    grep -q '"meta.labels":"ACE1:HH31 ACE1:CH3 .* NME3:HH33"' ala2.safetensors && grep -q '"meta.unit":"nm"' ala2.safetensors || return 1
  "$enf" reweight ala2.safetensors -e lj:n=22 -n 20 -q >text && grep -q '^samples  *20$' text && ! grep -q '^path length' text &&
    refuses 1 'enf_path_lengths needs a flow of one velocity field' reweight ala2.safetensors -e lj:n=22 -n 20 -q --paths 5
}

# Bonds and labels from the topology, the unit from the bonds' lengths; frames tell which torsions are stiff.
topologies_fit_their_rows() {
  "$enf" train frames.xyz --topology ala2.pdb $(echo "$rows" | sed 's/ -q//') -o named.safetensors >/dev/null 2>note &&
    grep -q '^enf: 22 atoms, 21 bonds, 0 rings cut; of 19 dihedrals 7 turn freely and 12 are stiff$' note &&
    grep -q '"meta.unit":"nm"' named.safetensors &&
    refuses 1 'frames.xyz: bonds are 0.1.* times as long as in ala2.pdb: lengths are in nm, not angstrom$' \
      train frames.xyz --topology ala2.pdb --unit angstrom $rows -o n.safetensors || return 1
  awk '/^ATOM/ { line[++n] = $0 } END { print line[9]; for (i = 1; i <= n; i++) if (i != 9) print line[i] }' ala2.pdb >mixed.pdb
  refuses 1 'frames.xyz: .*is it another molecule, or are the atoms in another order?$' \
    train frames.xyz --topology mixed.pdb $rows -o n.safetensors || return 1
  head -21 ala2.pdb >less.pdb
  refuses 1 'less.pdb has 21 atoms, the flow is to have 22' train frames.xyz --topology less.pdb $rows -o n.safetensors
}

bonds_come_from_the_first_row() {
  "$enf" train frames.xyz --set model.space=molecule --unit nm $rows -o rows.safetensors >/dev/null 2>note && [ ! -s note ] &&
    "$enf" logprob rows.safetensors frames.xyz -q >/dev/null || return 1
  refuses 1 'frames.xyz: 22 atoms have 231 bonds if lengths are in angstrom; is --unit right?' \
    train frames.xyz --set model.space=molecule $rows -o n.safetensors &&
    refuses 1 'frames.npy does not name the elements of its atoms: --topology FILE does' \
      train "$(cd .; "$enf" sample ala2.safetensors -n 20 -q -o frames.npy >/dev/null; echo frames.npy)" \
      --set model.space=molecule $rows -o n.safetensors || return 1
  sed 's/^O /CA /' frames.xyz >words.xyz
  refuses 1 "words.xyz: the label 'CA' of atom 5" train words.xyz --set model.space=molecule --unit nm $rows -o n.safetensors ||
    refuses 1 'words.xyz: .*bonds' train words.xyz --set model.space=molecule --unit nm $rows -o n.safetensors
}

# All of them by the flow that meets them, some of them left out of a training.
frames_of_another_kind_are_told() {
  mirror='NF == 4 && $1 ~ /^[A-Z]$/ { $2 = -$2 } { print }'
  longer='NF == 4 && $1 ~ /^[A-Z]$/ { for (k = 2; k < 5; k++) $k *= 10 } { print }'
  awk "$mirror" frames.xyz >mirror.xyz
  awk "$longer" frames.xyz >angstrom.xyz
  { cat frames.xyz; head -72 mirror.xyz; } >both.xyz
  again="--init ala2.safetensors --objective likelihood --steps 3 --set train.batch=16 -q -o n.safetensors"
  hand='mirror.xyz: 200 of 200 configurations are mirror images, in whole or in part, of the molecule of ala2.safetensors'
  unit='angstrom.xyz: distances are 10 times as long as in ala2.safetensors; are lengths in another unit'
  refuses 1 "$hand" logprob ala2.safetensors mirror.xyz -q && refuses 1 "$unit" logprob ala2.safetensors angstrom.xyz -q &&
    refuses 1 "$hand" train mirror.xyz $again && refuses 1 "$unit" train angstrom.xyz $again &&
    refuses 1 "$unit" train frames.xyz --validation angstrom.xyz $again || return 1
  "$enf" train both.xyz --topology ala2.pdb $rows --json -o n.safetensors >text 2>note &&
    grep -q 'both.xyz: of 203 configurations 3 are mirror images, in whole or in part, 0 have a broken bond and 0 no internal coord' note &&
    [ "$(number configurations text)" = 200 ] || return 1
  "$enf" logprob ala2.safetensors both.xyz -q >/dev/null 2>note && grep -q ' 3 are mirror images.*next to no density' note
}

# phi by its name, exactly; its hydrogens' torsion is none of the side chain but about the same bond.
info_shows_the_zmatrix() {
  "$enf" info named.safetensors --plot zmatrix.svg >text || return 1
  grep -q '^ *4 ACE1:C  *6 *0.1[0-9]* +- 0.00[0-9]* *8 *1[12][0-9].[0-9]* +- [3-5].[0-9]* *14 *turns freely *phi$' text &&
    grep -q "turns freely *chi1'\$" text && grep -q '^ *10 ALA2:CB .*14 *-12[0-9].[0-9]* +- 5.[0-9]* *$' text &&
    [ "$(grep -c '<circle' zmatrix.svg)" = 22 ] && grep -q 'ACE1:HH31' zmatrix.svg && tail -1 zmatrix.svg | grep -q '^</svg>$' || return 1
  "$enf" info named.safetensors --json >text && grep -q '"zmatrix": \[{"atom": 6, "label": "ALA2:N", "references": \[\]' text || return 1
  refuses 2 "the picture of a Z-matrix is .svg, not 'zmatrix.png'" info named.safetensors --plot zmatrix.png &&
    refuses 2 '--plot draws the Z-matrix of a molecule, and plain.safetensors has none' \
      info "$("$enf" train frames.xyz -q --steps 1 --set model.hidden=4 --set train.batch=2 -o plain.safetensors >/dev/null 2>&1; echo plain.safetensors)" \
      --plot zmatrix.svg
}

# A torsion that is uniform, by weights that are all alike: a state of a third of the circle, against two thirds, is log 2 up.
torsions_have_states() {
  awk '{ line[NR] = $0 } END { for (k = 0; k < 3000; k++) for (i = 1; i <= NR; i++) print line[i] }' ala2.xyz >alike.xyz
  "$enf" sample ala2.safetensors -n 3000 -q -o uniform.npy >/dev/null &&
    "$enf" logprob ala2.safetensors alike.xyz -q -o alike.npy >/dev/null || return 1
  flat="reweight --x frames.xyz --logp frames_logp.npy -e lj:n=22 -q"
  refuses 2 '--states, --plot-2d, --colvar and --fes are of variables: they need --cv' $flat --states phi:0:115 &&
    refuses 2 "--cv has no variable 'psi'" $flat --cv phi=torsion:4,6,8,14 --states psi:0:115 &&
    refuses 2 '--states takes NAME:LOWEST:HIGHEST in degrees or lengths' $flat --cv phi=torsion:4,6,8,14 --states phi:115:0 &&
    refuses 2 "--cv takes NAME=torsion:I,J,K,L, angle:I,J,K, distance:I,J (atoms from 0) or rg, not 'phi=4,6,8,14'" $flat --cv phi=4,6,8,14 &&
    refuses 2 '--plot-2d draws two variables, and --cv has 1' $flat --cv phi=torsion:4,6,8,14 --plot-2d n.svg &&
    refuses 1 '--cv phi: dihedral 0 is of atom 22: there are 22, numbered from 0' $flat --cv phi=torsion:4,6,8,22 || return 1
  "$enf" reweight --x uniform.npy --logp alike.npy --u alike.npy -q --cv 'phi=torsion:4,6,8,14 psi=torsion:6,8,14,15' \
    --states phi:-60:60 --colvar COLVAR --json >text 2>note || return 1
  [ "$(head -3 COLVAR | tr '\n' '|')" = '#! FIELDS time phi psi logweight weight|#! SET min_phi -pi|#! SET max_phi pi|' ] &&
    awk '!/^#/ { n++; sum += exp($4); mean += $5 / 3000; inside += $2 > -atan2(0, -1) / 3 && $2 < atan2(0, -1) / 3 ? $5 : 0 }
      END { exit !(n == 3000 && (sum - 1) ^ 2 < 1e-10 && (mean - 1) ^ 2 < 1e-10 && inside > 900 && inside < 1100) }' COLVAR || return 1
  awk -v f="$(number free_energy text)" -v e="$(number free_energy_err text)" 'BEGIN { d = f - log(2); exit !(d * d < 16 * e * e && e < 0.06) }'
}

# Values by hand; of two variables that are 1 or 2 and 60 or 90 degrees at random, four cells with the errors of so many samples.
variables_have_surfaces() {
  awk 'BEGIN { for (k = 0; k < 2000; k++) { s = (s * 16807 + 77) % 2147483647; d = 1 + int(s / 1073741824); s = (s * 16807 + 77) % 2147483647
    if (k == 0) print "3\n\nX 0 0 0\nX 1 0 0\nX 0 2 0"
    else printf "3\n\nX 0 0 0\nX %d 0 0\nX %s 0\n", d, s < 1073741824 ? "0 2" : "1 1.7320508" } }' >three.xyz
  zeros 2000 >none.npy
  flat="reweight --x three.xyz --logp none.npy --u none.npy -q"
  variables='d=distance:0,1 a=angle:1,0,2 g=rg'
  "$enf" $flat --cv "$variables" --colvar C --states a:80:100 --fes a,d --plot-2d d.svg --json >text 2>note || { cat note; return 1; }
  [ "$(sed -n '1p;/^0 /p' C | cut -d ' ' -f 1-6 | tr '\n' '|')" = '#! FIELDS time d a g|0 1 1.57079633 1.05409255 -7.60090246 1|' ] || { head C; return 1; }
  awk -v f="$(number free_energy text)" -v e="$(number free_energy_err text)" 'BEGIN { exit !(f * f < 16 * e * e && e > 0.03 && e < 0.06) }' || return 1
  awk '/^[0-9]/ { n++; if ($3 != "inf") { full++; sum += $4; if ($3 < 0 || $3 > 0.25 || $4 < 0.02 || $4 > 0.065) bad = 1 } }
    END { exit !(n == 3600 && full == 4 && !bad && sum / 4 > 0.028 && sum / 4 < 0.05) }' fes.txt && grep -qx '#! FIELDS a d ff.free err_ff.free' fes.txt || return 1
  refuses 2 "--fes takes two of the variables of --cv, phi,psi, not 'a,b'" $flat --cv "$variables" --fes a,b &&
    refuses 2 '--plot-2d draws two variables, and --cv has 3: --fes names two' $flat --cv "$variables" --plot-2d n.svg &&
    refuses 2 '--fes-file is for the surface of --fes' $flat --cv "$variables" --fes-file n.txt &&
    refuses 1 '--cv d is of atom 3: there are 3, numbered from 0' $flat --cv d=distance:0,3 &&
    refuses 2 "--cv takes .* not 'r=distance:1'" $flat --cv r=distance:1
}

topology_flags_are_checked() {
  refuses 2 'the flow has its molecule: --topology' train frames.xyz --init ala2.safetensors --topology ala2.pdb -q -o n.safetensors &&
    refuses 2 '--topology, --keep and --start are for model.space molecule, not for vector' \
      train frames.xyz --set model.space=vector --topology ala2.pdb $rows -o n.safetensors &&
    refuses 2 '--keep and --start need --topology FILE or' train frames.xyz --keep 4-6 $rows -o n.safetensors &&
    refuses 2 "--unit is angstrom, nm or bohr, not 'm'" train frames.xyz --topology ala2.pdb --unit m $rows -o n.safetensors &&
    refuses 2 "--keep takes bonds as atoms' numbers from 0, 5-7,7-9, not '4=6'" \
      train frames.xyz --topology ala2.pdb --keep 4=6 $rows -o n.safetensors &&
    refuses 2 'no torsion is about the bond 6-15' train frames.xyz --topology ala2.pdb --keep 6-15 $rows -o n.safetensors
}

# The example's gradient is that of its energy (its virial is (N-1)D = 12 too), and its bonds are a molecule.
an_example_is_a_molecule() {
  command -v ${CC:-cc} >/dev/null || { echo 'skipped: the example of a molecule (there is no compiler)'; return 0; }
  compile pentane.so <"$here/../../examples/plugin/pentane.c" || return 1
  "$enf" simulate ./pentane.so -n 1000 --set sim.burn_in=300 --set sim.stride=2 -o pentane.npy -q --json >text || return 1
  echo "$(number virial text) $(number virial_err text)" |
    awk '{ d = $1 - 12; exit !(d < 5 * $2 && -d < 5 * $2 && $2 < 3) }' || return 1
  "$enf" train pentane.npy --objective mixed -e ./pentane.so --set model.space=molecule --set 'model.bonds=0-1 1-2 2-3 3-4' \
    --steps 2 $(echo "$small_molecule" | sed 's/ -q//') -o pentane.safetensors >/dev/null 2>note && ! grep -q 'gradient' note &&
    grep -q '^enf: 5 atoms, 4 bonds, 0 rings cut; of 2 dihedrals 2 turn freely and 0 are stiff$' note &&
    refuses 2 "model.bonds takes bonds as atoms' numbers from 0, 5-7,7-9, not '0-1 1=2'" \
      train pentane.npy --objective likelihood --set model.space=molecule --set 'model.bonds=0-1 1=2' $small_molecule -o n.safetensors
}

# Pentane with a bond too many has a ring.
rings_are_told() {
  [ -f pentane.npy ] || { echo 'skipped: rings (there is no compiler)'; return 0; }
  ring="train pentane.npy --objective likelihood --set model.space=molecule --steps 2 $small_molecule"
  "$enf" $ring --set 'model.bonds=0-1 1-2 2-3 0-3 3-4' -o ring.safetensors >/dev/null && "$enf" info ring.safetensors >text || return 1
  "$enf" info ring.safetensors --json | grep -q '"rings": \[{"atoms": \[[0-4], [0-4]\], "rows": [0-9.]*, "rows_width": [0-9.]*, "samples": ' &&
    grep -q '^a ring is cut at bond [0-4]-[0-4], which is no coordinate: [0-9.]* +- [0-9.]* in the rows, [0-9.]* +- [0-9.]* in 1000 samples$' text &&
    "$enf" info pentane.safetensors >text && ! grep -q '^a ring' text
}

pdb_files_are_checked() {
  refuses 1 'cannot read none.pdb' train frames.xyz --topology none.pdb $rows -o n.safetensors || return 1
  sed '3s/-2/no/; 3s/0\.103/nnnnn/' ala2.pdb >bad.pdb
  refuses 1 "bad.pdb, line 3: an atom's position is three numbers in columns 31 to 54" \
    train frames.xyz --topology bad.pdb $rows -o n.safetensors || return 1
  { cat ala2.pdb; echo 'CONECT    1   99'; } >bad.pdb
  refuses 1 'bad.pdb, line 25: CONECT names an atom that is not there' train frames.xyz --topology bad.pdb $rows -o n.safetensors || return 1
  echo hello >bad.pdb
  refuses 1 'bad.pdb: there are no ATOM or HETATM records' train frames.xyz --topology bad.pdb $rows -o n.safetensors || return 1
  sed '2s/^\(.\{30\}\).\{8\}/\1  90.000/' ala2.pdb >apart.pdb
  refuses 2 '.*no way of bonds leads from' train --topology apart.pdb --start ala2.xyz --objective energy -e lj:n=22 --steps 1 $small_molecule -o n.safetensors
}

# A flow of two files of two temperatures; energies are over the one that is chosen.
temperatures_are_chosen() {
  two="frames.xyz frames.xyz --topology ala2.pdb $rows -o ladder.safetensors"
  refuses 2 '--temperatures has 1 numbers for 2 files of DATA' train $two --temperatures 2 &&
    refuses 2 '--temperatures takes numbers above 0 between commas, 1,1.25,1.6, not 1,x' train $two --temperatures 1,x &&
    refuses 2 '--temperatures: .* with 1, the temperature of the energies, among them' train $two --temperatures 1,1 &&
    refuses 1 'ala2.safetensors: the flow is of one temperature: it has no model.temperatures' sample ala2.safetensors -n 2 -q --temperature 2 -o n.npy || return 1
  "$enf" train $two --temperatures 1,2 >/dev/null 2>&1 && grep -q '"model.temperatures":"1 2"' ladder.safetensors &&
    "$enf" info ladder.safetensors | grep -q '^temperatures  *1 to 2, this is 1$' &&
    refuses 2 'the training began with --temperatures 1,2' train frames.xyz frames.xyz --resume --steps 5 -q -o ladder.safetensors &&
    refuses 1 'ladder.safetensors: temperature is 3, the flow is for 1 to 2' sample ladder.safetensors -n 2 -q --temperature 3 -o n.npy || return 1
  for T in 1 2; do
    "$enf" reweight --x frames.xyz --logp frames_logp.npy -e lj:n=22 -q --temperature $T --json >text 2>/dev/null || return 1
    number mean_u_samples text
    "$enf" reweight ladder.safetensors -n 30 -e lj:n=22 -q --temperature $T --paths 0 --json >text 2>/dev/null || return 1
    number mean_u_samples text >>own
  done >means
  awk 'NR == 1 { cold = $1 } END { d = cold / $1 - 2; exit !(NR == 2 && d * d < 1e-20) }' means && [ "$(sort -u own | wc -l)" = 2 ] &&
    refuses 2 'rung 9 is outside the temperatures of the flow, 1 to 2' ladder ladder.safetensors -n 30 -e lj:n=22 --temperatures 1,1.5,9 -q &&
    "$enf" ladder ladder.safetensors -n 30 -e lj:n=22 --temperatures 1,1.5 --cv phi=torsion:4,6,8,14 --states phi:0:115 -q --json >text &&
    grep -q '"temperature": \[1, 1.5\], "ess": \[.*"free_energy_err": \[' text
}
