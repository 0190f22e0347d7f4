# What configurations in files mean: kinds and order of atoms, cells, forms of numbers. Part of tests/cli/run.sh, after the round
# trip.

brief='--steps 2 -q --set model.hidden=4 --set model.layers=1 --set train.batch=4'

molecules() { # molecules "A B C" [COMMENT]: 20 frames of these atoms, the first far from the others' line
  for k in 0 1 2 3 4 5 6 7 8 9; do
    for z in 1 2; do
      echo 3
      echo "${2-}"
      i=0
      for label in $1; do
        echo "$label $i.0$k 0.$k$z 0.$z"
        i=$((i + 1))
      done
    done
  done
}

# Another order of the atoms, or other atoms, wherever a file meets a flow or another file; X says nothing.
other_atoms_are_refused() {
  rm -f n.safetensors
  molecules 'O H H' >ohh.xyz
  molecules 'H O H' >hoh.xyz
  molecules 'O H D' >ohd.xyz
  molecules 'X X X' >xxx.xyz
  "$enf" train ohh.xyz $brief --validation ohh.xyz -o ohh.safetensors >/dev/null 2>note && [ ! -s note ] &&
    "$enf" sample ohh.safetensors -n 20 -q -o drawn.xyz --logp drawn.npy >/dev/null || return 1
  kind='atom 1 is H, which is O for ohh.safetensors; are the atoms in another order?'
  refuses 1 "hoh.xyz: $kind" logprob ohh.safetensors hoh.xyz -q &&
    refuses 1 "hoh.xyz: $kind" train hoh.xyz -q --steps 2 --init ohh.safetensors -o n.safetensors &&
    refuses 1 "hoh.xyz: $kind" train hoh.xyz -q -o ohh.safetensors --resume --steps 4 &&
    refuses 1 "hoh.xyz: $kind" reweight ohh.safetensors -n 5 -q -e lj:n=3 --data hoh.xyz &&
    refuses 1 "hoh.xyz: $kind" reweight ohh.safetensors -n 5 -q -e lj:n=3 --reference hoh.xyz &&
    refuses 1 'ohd.xyz: atom 3 is D, which is H for' logprob ohh.safetensors ohd.xyz -q &&
    refuses 1 'hoh.xyz: atom 1 is H, which is O in ohh.xyz; are' train ohh.xyz $brief --validation hoh.xyz -o n.safetensors &&
    refuses 1 'hoh.xyz: atom 1 is H, which is O in ohh.xyz; are' train ohh.xyz $brief --validation hoh.xyz --validate-every 0 -o n.safetensors &&
    refuses 1 'hoh.xyz: atom 1 is H, which is O in ohh.xyz; are' reweight --x ohh.xyz --logp drawn.npy -q -e lj:n=3 --reference hoh.xyz ||
    return 1
  for file in ohh xxx drawn; do
    "$enf" logprob ohh.safetensors $file.xyz -q >/dev/null 2>note && [ ! -s note ] || return 1
  done
  [ ! -e n.safetensors ]
}

# Kinds may be finer than labels, not coarser; those that are elements are compared, and samples have them. Labels that are no
# elements only say which atoms are alike.
kinds_are_elements_or_finer() {
  molecules 'CA H1 H1' >words.xyz
  molecules 'H1 CA H1' >swords.xyz
  "$enf" train words.xyz $brief -o words.safetensors >/dev/null && "$enf" info words.safetensors | grep -q '^species *2$' &&
    "$enf" logprob words.safetensors ohh.xyz -q >/dev/null &&
    refuses 1 'swords.xyz: atom 3 is H1 and atom 2 is CA, which are of one kind for words' logprob words.safetensors swords.xyz -q || return 1
  "$enf" train ohh.xyz $brief --set "model.species=0 1 2" -o finer.safetensors >/dev/null &&
    "$enf" logprob finer.safetensors ohh.xyz -q >/dev/null || return 1
  "$enf" train ohh.xyz $brief --set "model.species= O  H H" -o named.safetensors >/dev/null &&
    "$enf" sample named.safetensors -n 2 -q -o named.xyz >/dev/null || return 1
  [ "$(cut -d ' ' -f 1 named.xyz | tr '\n' ' ')" = '3 Properties=species:S:1:pos:R:3 O H H 3 Properties=species:S:1:pos:R:3 O H H ' ] || return 1
  molecules '8 1 1' >numbers.xyz
  molecules 'S H H' >shh.xyz
  "$enf" logprob named.safetensors numbers.xyz -q >/dev/null &&
    refuses 1 'shh.xyz: atom 1 is S, which is O for named.safetensors; are' logprob named.safetensors shh.xyz -q &&
    refuses 1 'ohh.xyz: atom 2 is H and atom 1 is O, which are of one kind for model.species' train ohh.xyz $brief --set "model.species=0 0 0" -o n.safetensors &&
    refuses 1 'ohh.xyz: atom 1 is O, which is H for model.species' train ohh.xyz $brief --set "model.species=H O H" -o n.safetensors &&
    "$enf" train xxx.xyz $brief -o alike.safetensors >/dev/null &&
    refuses 1 'ohh.xyz: atom 2 is H and atom 1 is O, which are of one kind for alike' logprob alike.safetensors ohh.xyz -q
}

# The same configurations in another order have the same density once their atoms are mapped.
atoms_are_mapped_if_asked() {
  awk 'FNR % 5 == 3 { first = $0; next } FNR % 5 == 4 { print; print first; next } { print }' ohh.xyz >mixed.xyz
  "$enf" logprob ohh.safetensors ohh.xyz -q --json >wanted && "$enf" logprob ohh.safetensors mixed.xyz -q --map-atoms --json >text &&
    [ "$(sed -n 3p mixed.xyz | cut -c 1)" = H ] && [ "$(number nll text)" = "$(number nll wanted)" ] || return 1
  for file in ohh mixed; do
    "$enf" reweight ohh.safetensors -n 9 -q -e lj:n=3 --reference $file.xyz --map-atoms --json 2>/dev/null >$file.text || return 1
  done
  [ "$(number w1_distance_samples ohh.text)" = "$(number w1_distance_samples mixed.text)" ] &&
    refuses 1 'shh.xyz: there is no O for place 1 of ohh.safetensors' logprob ohh.safetensors shh.xyz -q --map-atoms &&
    refuses 1 'xxx.xyz has no labels for --map-atoms' logprob ohh.safetensors xxx.xyz -q --map-atoms &&
    refuses 1 '--map-atoms needs elements as the kinds of a flow, not those of finer' logprob finer.safetensors hoh.xyz -q --map-atoms &&
    refuses 2 '--map-atoms needs FLOW and --data or --reference' reweight ohh.safetensors -n 9 -q -e lj:n=3 --map-atoms
}

like_atoms_are_told_of() {
  loud=$(echo "$brief" | sed 's/ -q//')
  molecules 'C C C' >ccc.xyz
  "$enf" train ohh.xyz $loud -o n.safetensors >/dev/null 2>note && [ "$(grep -c 'never change places' note)" = 1 ] &&
    "$enf" logprob n.safetensors ohh.xyz 2>note >/dev/null && ! grep -q places note &&
    "$enf" train ccc.xyz $loud -o n.safetensors >/dev/null 2>note && grep -q '^enf: all labels of ccc.xyz are alike: like atoms are' note &&
    "$enf" train xxx.xyz $loud -o n.safetensors >/dev/null 2>note && ! grep -q places note &&
    "$enf" train ohh.xyz $loud --set "model.species=0 1 2" -o n.safetensors >/dev/null 2>note && ! grep -q places note
}

# A cell that is repeated is refused, unless molecules are said to be whole; those that its walls cut are named.
periodic_cells_are_refused() {
  cell='Properties=species:S:1:pos:R:3 Lattice="10 0 0 0 10 0 0 0 10"'
  told='configuration 0 (from 0) is of a periodic cell, of which a flow knows nothing; make molecules whole and give --unwrapped'
  molecules 'O H H' "$cell pbc=\"F F F\"" >free.xyz
  "$enf" train free.xyz $brief -o free.safetensors >/dev/null 2>note && [ ! -s note ] || return 1
  for comment in "$cell" "$cell pbc=\"F T F\"" 'Properties=species:S:1:pos:R:3 pbc="T T T"' '# CELL(abcABC): 9 9 9 90 90 90'; do
    molecules 'O H H' "$comment" >cell.xyz
    refuses 1 "cell.xyz: $told" train cell.xyz $brief -o n.safetensors && refuses 1 "cell.xyz: $told" logprob free.safetensors cell.xyz -q &&
      refuses 1 "cell.xyz: $told" train free.xyz $brief --validation cell.xyz -o n.safetensors &&
      "$enf" train cell.xyz $brief --unwrapped -o n.safetensors >/dev/null 2>note && [ ! -s note ] || return 1
    rm n.safetensors
  done
  # 0, 1 and 2 on a line become 9, 0 and 1 in the second of two cells that are skewed
  skewed='Lattice="10 0 0 4 10 0 0 0 10" Properties=species:S:1:pos:R:3'
  { printf '3\n%s\nO 0 0 0\nH 1 0 0\nH 2 0 0\n' "$skewed" && printf '3\n%s\nO 9 0 0\nH 0 0 0\nH 1 .2 0\n' "$skewed"; } >cut.xyz
  walls='walls cut 1 of 2 configurations, the first is 1 (from 0)'
  refuses 1 "cut.xyz: configuration 0 (from 0) is of a periodic cell.*; its $walls; make" logprob free.safetensors cut.xyz -q &&
    sed "s/ 0$/ 1/" cut.xyz >high.xyz && "$enf" train high.xyz $brief --unwrapped -o cut.safetensors >/dev/null 2>&1 &&
    "$enf" logprob cut.safetensors cut.xyz -q --unwrapped >/dev/null 2>note && grep -q "^enf: cut.xyz: the cell's $walls; molecules must be whole$" note
}

# Rows in several files, of each of which the beginning is left out, are those rows in one file.
trajectories_are_chosen_from() {
  data=$here/../fuzz/corpus
  molecules 'O H H' | head -50 >ten.xyz # 10 frames of 5 lines
  { sed -n 16,50p ten.xyz && sed -n 16,50p ten.xyz; } >chosen.xyz
  "$enf" train ten.xyz ten.xyz --skip 3 $brief -o a.safetensors >/dev/null && "$enf" train chosen.xyz $brief -o b.safetensors >/dev/null &&
    cmp a.safetensors b.safetensors || return 1
  "$enf" logprob a.safetensors ten.xyz --last 7 --stride 3 -q --json | sed 's/,.*nll/nll/; s/"seconds.*//' >found && sed -n '16,20p;31,35p;46,50p' ten.xyz >third.xyz &&
    "$enf" logprob a.safetensors third.xyz -q --json | sed 's/,.*nll/nll/; s/"seconds.*//' | cmp - found || return 1
  refuses 1 'ten.xyz: --skip 10 leaves none of its 10 configurations' train ten.xyz --skip 10 $brief -o n.safetensors &&
    refuses 2 '--stride needs a whole number of at least 1' train ten.xyz --stride 0 $brief -o n.safetensors &&
    refuses 1 'hoh.xyz: atom 1 is H, which is O in ten.xyz' train ten.xyz hoh.xyz $brief -o n.safetensors &&
    refuses 1 '.*mdtraj.dcd has 5 particles in 3 dimensions, not 3' train ten.xyz "$data/dcd/mdtraj.dcd" $brief -o n.safetensors || return 1
  "$enf" train "$data/dcd/mdtraj.dcd" "$data/npz/several.npz:R" "$data/netcdf/mdtraj.nc" $brief -o five.safetensors >/dev/null &&
    refuses 1 '.*is of a periodic cell' train "$data/netcdf/mdtraj_cell.nc" $brief -o n.safetensors &&
    "$enf" logprob five.safetensors "$data/netcdf/mdtraj_cell.nc" --unwrapped -q >/dev/null 2>&1
}

# Numbers as Fortran writes them, atomic numbers, forces before positions: all the same configurations.
forms_of_a_file_are_one() {
  molecules 'O H H' 'Properties=species:S:1:pos:R:3' >plain.xyz
  sed 's/\(0\.[0-9]*\)\([0-9]\)$/\1\2D+00/' plain.xyz >fortran.xyz
  sed 's/^O /8 /; s/^H /1 /; s/species:S/Z:I/' plain.xyz >z.xyz
  sed 's/^\([OH]\) \(.*\)/9 9 9 \1 \2/; s/Properties=/note="a b" properties=forces:R:3:/' plain.xyz >forces.xyz
  "$enf" logprob free.safetensors plain.xyz -q --json >wanted || return 1
  for form in fortran z forces; do
    ! cmp -s plain.xyz $form.xyz && "$enf" logprob free.safetensors $form.xyz -q --json >text &&
      [ "$(number nll text)" = "$(number nll wanted)" ] || return 1
  done
  sed 's/note="a b"/note="a b/' forces.xyz >broken.xyz
  refuses 1 'broken.xyz: line 2: what begins with " in the comment has no end' logprob free.safetensors broken.xyz -q
}

# What a training and a chain write through symbolic links replaces the files that they lead to.
links_are_followed() {
  rm -rf kept linked && mkdir kept linked || return 1
  for kind in safetensors trainer train.csv; do
    echo old >kept/f.$kind && ln -s ../kept/f.$kind linked/f.$kind || return 1
  done
  ln -s ../kept/new.xyz linked/new.xyz
  "$enf" train ohh.xyz $brief -o linked/f.safetensors >/dev/null &&
    "$enf" sample linked/f.safetensors -n 2 -q -o linked/new.xyz >/dev/null && "$enf" info kept/f.safetensors >/dev/null || return 1
  for kind in safetensors trainer train.csv; do
    [ -L linked/f.$kind ] && [ "$(cat kept/f.$kind | tr -d '\0')" != old ] || return 1
  done
  [ -L linked/new.xyz ] && [ -s kept/new.xyz ] && [ "$(ls -A kept | grep -c tmp)" = 0 ]
}
