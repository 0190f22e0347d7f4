#!/bin/bash
# The ABI promise, on the shared library just built: headers = map = exported symbols; every global
# name begins with enf_; no mutable global anywhere; each header compiles alone as C99 and C++11; and
# the headers declare what is recorded in tests/abi/declarations. Run by `make check`; needs BUILD.
# Status codes, sizes and offsets are pinned in test_pins.c. The Fortran module has every function,
# with as many arguments, and where there is a compiler, the pinned numbers, and works.
BUILD=${BUILD:-build} CC=${CC:-cc} CXX=${CXX:-c++} FC=${FC-$(command -v gfortran)}
failures=0
fail() {
  echo "$1"
  [ -z "${2-}" ] || sed 's/^/    /' <<<"$2"
  failures=$((failures + 1))
}

declarations=$(CC=$CC sh tests/abi/declarations.sh)
declared=$(grep -oE '\benf_[a-z0-9_]+\(' <<<"$declarations" | tr -d '(' | sort -u)
mapped=$(sed -n 's/^ *\(enf_[a-z0-9_]*\);$/\1/p' lib/libenf.map | sort)
exported=$(nm -D --defined-only "$BUILD/libenf.so" | awk '$2 != "A" {sub(/@.*/, "", $3); print $3}' |
  sort)
compare() {
  local differences
  differences=$(diff <(echo "$2") <(echo "$3") | grep '^[<>]')
  [ -z "$differences" ] || fail "$1:" "$differences"
}
compare 'declared in the headers (<), in lib/libenf.map (>)' "$declared" "$mapped"
compare 'in lib/libenf.map (<), exported by libenf.so (>)' "$mapped" "$exported"
compare 'recorded in tests/abi/declarations (<), declared in the headers (>)' \
  "$(cat tests/abi/declarations)" "$declarations"
[ -n "$exported" ] || fail 'libenf.so exports nothing'

readelf -d "$BUILD/libenf.so" | grep -q 'SONAME.*\[libenf\.so\.0\]' || fail 'SONAME is not libenf.so.0'

foreign=$(nm -A -g --defined-only "$BUILD/libenf.a" | awk '$3 !~ /^enf_/')
[ -z "$foreign" ] || fail 'global names outside enf_:' "$foreign"

# Constant tables of pointers live in .data.rel.ro; anything in these sections can be written to.
mutable=$(objdump -t "$BUILD/libenf.a" | sed 's/ \.hidden / /' | awk '
  / file format / {object = $1}
  NF >= 5 && $(NF - 2) ~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)/ &&
    $(NF - 2) !~ /^\.data\.rel\.ro/ && $(NF - 1) !~ /^0+$/ {print object, $NF}') ||
  fail 'the symbols could not be read'
[ -z "$mutable" ] || fail 'mutable globals:' "$mutable"

for header in include/enf/*.h; do
  name=enf/$(basename "$header")
  for language in c:c99 c++:c++11; do
    compiler=$CC
    [ "${language%:*}" = c ] || compiler=$CXX
    errors=$(echo "#include <$name>" | $compiler -x "${language%:*}" -std="${language#*:}" -Wall \
      -Wextra -pedantic -Werror -Iinclude -fsyntax-only - 2>&1) ||
      fail "$name as ${language#*:}:" "$errors"
  done
done

# "enf_bar 7" from lines "function;its bind name, if it has another;arguments".
arity() {
  awk -F';' '{print $2 ? $2 : $1, $3 == "void" ? 0 : split($3, arguments, ",")}' | sort
}
compare 'functions and numbers of arguments in the headers (<), bound in include/enf/enf.f90 (>)' \
  "$(sed -nE 's/^[a-z].*\b(enf_[a-z0-9_]+)\((.*)\);$/\1;;\2/p' <<<"$declarations" | arity)" \
  "$(sed -e ':a' -e '/& *$/{N;s/& *\n *//;ba' -e '}' include/enf/enf.f90 |
    sed -nE "s/^.*(function|subroutine) (\w+)\((.*)\) bind\(c(, *name='(\w+)')?\)$/\2;\5;\3/p" |
    arity | grep '^enf_' | grep -v '_fn ')"

# A Fortran program that holds the numbers of test_pins.c against the module's.
fortran_pins() {
  local pins
  pins=$(sed -nE 's/^(CODE|SIZE|AT)\((.*)\);$/\1 \2/p' tests/abi/test_pins.c | tr -d , |
    grep -v 'SIZE enf_status')
  echo 'program pins'
  echo '  use enf'
  echo '  implicit none'
  awk '$1 == "SIZE" {print "  type(" $2 "), target :: a_" $2}' <<<"$pins"
  awk -v expect="  call expect('%s', int(%s), %s)\n" '
    $1 == "CODE" {printf expect, $2, $2, $3}
    $1 == "SIZE" {printf expect, "size of " $2, "c_sizeof(a_" $2 ")", $3; size = $3}
    $1 == "AT" {printf expect, $2 "." $3, "at(c_loc(a_" $2 "%" $3 "), &\n    c_loc(a_" $2 "))", $4}
    $3 == "struct_size" {printf expect, "struct_size of " $2, "a_" $2 "%struct_size", size}' <<<"$pins"
  cat <<'END'
contains
  integer(c_intptr_t) function at(member, start)
    type(c_ptr), intent(in) :: member, start
    at = transfer(member, at) - transfer(start, at)
  end function at
  subroutine expect(what, is, pinned)
    character(*), intent(in) :: what
    integer, intent(in) :: is, pinned
    if (is /= pinned) print '(2a, i0, a, i0)', what, ': ', is, ', pinned ', pinned
  end subroutine expect
end program pins
END
}
if [ -z "$FC" ]; then
  echo 'skipped: include/enf/enf.f90 as a program (gfortran is not installed)'
else
  module=$PWD/include/enf/enf.f90 library=$(cd "$BUILD" && pwd)
  mkdir -p "$BUILD/tests/abi/fortran"
  fortran_pins >"$BUILD/tests/abi/fortran/pins.f90"
  cp tests/abi/fortran_host.f90 "$BUILD/tests/abi/fortran"
  for program in pins fortran_host; do
    said=$(cd "$BUILD/tests/abi/fortran" && $FC -std=f2008 -Wall -Wextra -Werror -o $program "$module" \
      $program.f90 -L"$library" -lenf -Wl,-rpath,"$library" 2>&1 && ./$program 2>&1) && [ -z "$said" ] ||
      fail "the Fortran module, $program:" "$said"
  done
fi

[ $failures = 0 ] && echo "$(wc -l <<<"$exported") functions; headers, map and library agree"
exit $((failures > 0))
