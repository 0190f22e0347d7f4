#!/bin/bash
# The ABI promise, on the shared library just built: headers = map = exported symbols; every global
# name begins with enf_; no mutable global anywhere; each header compiles alone as C99 and C++11; and
# the headers declare what is recorded in tests/abi/declarations. Run by `make check`; needs BUILD.
# Status codes, sizes and offsets are pinned in test_pins.c.
BUILD=${BUILD:-build} CC=${CC:-cc} CXX=${CXX:-c++}
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

[ $failures = 0 ] && echo "$(wc -l <<<"$exported") functions; headers, map and library agree"
exit $((failures > 0))
