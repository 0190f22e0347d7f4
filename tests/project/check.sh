#!/bin/bash
# What must hold of the source as a whole: every public function is documented, every option is in
# docs/options.md, the library calls nothing that prints, ends the process or follows the locale or
# the environment, layers use only layers below, no files call each other in a circle, functions and
# files stay short. Run by `make check`.
BUILD=${BUILD:-build} CC=${CC:-cc}
failures=0
fail() {
  echo "$1"
  [ -z "${2-}" ] || sed 's/^/    /' <<<"$2"
  failures=$((failures + 1))
}
expect_none() { [ -z "$2" ] || fail "$1:" "$2"; }
mapfile -t sources < <(find lib src $(ls -d bench 2>/dev/null) examples tests docs -name '*.[ch]' | sort)
mapfile -t library < <(find lib -name '*.[ch]' | sort)

# ---- documents -----------------------------------------------------------------------------------

functions=$($CC -E -P -Iinclude include/enf/enf.h | tr '\n' ' ' | grep -oE '\benf_[a-z0-9_]+ *\(' |
  tr -d ' (' | sort -u)
expect_none 'functions without a man page, so without a header block' \
  "$(for name in $functions; do [ -s "$BUILD/man/man3/$name.3" ] || echo "$name"; done)"
undated=$(awk '/^\/\*\*/ {text = ""; inside = 1; line = FNR}
  inside {text = text $0}
  inside && /\*\/ *$/ {inside = 0; if (text !~ /Since [0-9]+\.[0-9]+/) print FILENAME ":" line}' \
  include/enf/*.h)
expect_none 'header blocks that do not say since when' "$undated"

options=$(sed -n 's/^ENF__OPTION([A-Z_0-9]*, "\([a-z_.0-9]*\)".*/\1/p' lib/core/options.def)
[ -n "$options" ] || fail 'no options found in lib/core/options.def'
expect_none 'options that are not in docs/options.md (make docs)' \
  "$(for name in $options; do grep -qF "| \`$name\` |" docs/options.md || echo "$name"; done)"
expect_none 'docs/options.md is not what the option table says (make docs)' \
  "$("$BUILD/gen_options" | diff - docs/options.md | grep '^[<>]')"

expect_none 'README.md does not show examples/host.c and examples/hosts/lammps_jump.c as they are' \
  "$(sed -n '/^```c$/,/^```$/{/^```/d;p}' README.md | diff - <(cat examples/host.c examples/hosts/lammps_jump.c))"
expect_none 'README.md does not show examples/hosts/openmm_ala2.py as it is' \
  "$(sed -n '/^```python$/,/^```$/{/^```/d;p}' README.md | diff - examples/hosts/openmm_ala2.py)"
expect_none 'the two hosts of README.md have more than 40 lines' \
  "$(wc -l examples/hosts/lammps_jump.c examples/hosts/openmm_ala2.py | awk '$2 != "total" && $1 > 40')"
expect_none 'documents name files that do not exist' "$(
  grep -noE '\b(lib|src|include|tests|examples|docs|bench)/[A-Za-z0-9_./-]+\.[a-z0-9]+\b' README.md \
    CHANGELOG.md docs/*.md | while IFS=: read -r document line path; do
    [ -e "$path" ] || echo "$document:$line: $path"
  done)"

codes=$(sed -n 's/^#define \(ENF_OK\|ENF_ERR_[A-Z_]*\) .*/\1/p' include/enf/status.h)
expect_none 'codes that are not pinned in tests/abi/test_pins.c' \
  "$(for name in $codes; do grep -q "^CODE($name, " tests/abi/test_pins.c || echo "$name"; done)"

# ---- what the library calls ----------------------------------------------------------------------

# Looked for in the objects, also in the fortified and ISO forms that compilers make of them.
# (parallel.c may call fesetenv: it gives the caller's rounding mode to its own worker threads.)
banned='printf fprintf vprintf vfprintf puts fputs putchar fputc putc perror sprintf vsprintf strcpy
  strcat strtok gets exit _exit abort __assert_fail setlocale uselocale getenv secure_getenv setenv
  putenv signal sigaction system popen fork rand srand random srandom feenableexcept fesetenv fesetround
  openblas_set_num_threads atof scanf sscanf calloc realloc localtime gmtime strerror'
calls=$(nm -A -u "$BUILD/libenf.a" | awk '{symbol = $NF; sub(/@.*/, "", symbol); print $1, symbol}')
[ -n "$calls" ] || fail "nothing to look at in $BUILD/libenf.a"
expect_none 'the library may not call' "$(awk -v banned="$banned" '
  BEGIN {n = split(banned, words); for (i = 1; i <= n; i++) {
    bad[words[i]] = bad["__" words[i] "_chk"] = bad["__isoc99_" words[i]] = 1}}
  $2 in bad && $0 !~ /:parallel\.o: fesetenv$/' <<<"$calls")"
doors=$(grep -E ' (malloc|free|aligned_alloc|posix_memalign)$' <<<"$calls" | cut -d' ' -f1 | sort -u)
[ "$(wc -w <<<"$doors")" -le 1 ] || fail 'more than one door for memory:' "$doors"

expect_none 'cblas.h outside lib/math/blas/gemm.c and the yardstick of the bench' \
  "$(grep -l 'include.*cblas\.h' "${sources[@]}" include/enf/*.h | grep -vx 'lib/math/blas/gemm\.c\|bench/sgemm\.c')"

# What begins otherwise would let the host's floating-point traps spring.
entered=$(awk '
  /^[a-z].*[ *]enf_[a-z_0-9]+\(/ {name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)}
  name != "" && /;$/ {name = ""}
  name != "" && /\{$/ {opened = name; name = ""; next}
  opened != "" {if ($0 == "  ENF__ENTRY;") print opened; opened = ""}' "${library[@]}" | sort -u)
expect_none 'public functions that do not begin with ENF__ENTRY' \
  "$(sed -n 's/^ *\(enf_[a-z_0-9]*\);$/\1/p' lib/libenf.map | sort -u | comm -23 - <(echo "$entered"))"

# ---- layers --------------------------------------------------------------------------------------

# A file may include its own layer and those on lower floors.
layers=$(awk '
  BEGIN {
    floor["core"] = 0; floor["math"] = floor["io"] = 1
    floor["space"] = 2
    floor["field"] = floor["prior"] = floor["ode"] = floor["energy"] = 3
    floor["map"] = 4; floor["flow"] = 5; floor["train"] = floor["infer"] = 6
  }
  /^#include "/ {
    split(FILENAME, path, "/"); mine = path[2]
    split($2, quoted, "\""); target = quoted[2]
    if (target ~ /^\.\.\// && path[4] != "") { sub(/^\.\.\//, mine "/", target) }
    if (target !~ /\//) target = mine "/" target
    split(target, other, "/"); theirs = other[1]
    if (!(mine in floor) || !(theirs in floor) || (mine != theirs && floor[theirs] >= floor[mine]))
      print FILENAME ":" FNR ": " quoted[2]
  }' "${library[@]}")
expect_none 'includes that do not go down' "$layers"
expect_none 'the tool and the examples see the public headers only' \
  "$(grep -nE '#include "(core|math|io|space|field|prior|ode|energy|flow|train|infer)/|\.\./lib|enf__' \
    src/*.[ch] examples/*.c 2>/dev/null)"

# Of lib and src alike: who calls whom, from the objects' symbols.
objects=$(for f in "${sources[@]}"; do
  case $f in lib/*.c | src/*.c) # a file of one object, or of one for every precision
    for o in "$BUILD/${f%.c}".o "$BUILD/${f%.c}"_f32.o; do [ ! -e "$o" ] || { echo "$o"; break; }; done ;;
  esac
done)
# shellcheck disable=SC2086  # names of our own, without blanks
edges=$(nm -A $objects | awk -v skip=$((${#BUILD} + 2)) '
  {split($1, at, ":"); file = substr(at[1], skip); sub(/(_f32)?\.o$/, ".c", file)}
  $(NF - 1) == "U" {called[file " " $NF]}
  $(NF - 1) ~ /^[TDBRVW]$/ {home[$NF] = file}
  END {
    for (pair in called) {
      split(pair, part, " "); other = home[part[2]]
      if (other != "" && other != part[1]) print part[1], other
    }
  }' | sort -u)
[ -n "$edges" ] || fail "no calls found in the objects of $BUILD"
expect_none 'files that call each other in a circle' \
  "$(tsort <<<"$edges" 2>&1 >/dev/null | sed 's/^tsort: //')"

# ---- size and form -------------------------------------------------------------------------------

expect_none 'functions over 80 lines (lib, src) or 100' "$(awk '
  FNR == 1 {inside = 0; start = 0; most = FILENAME ~ /^(lib|src)\// ? 80 : 100}
  !inside && /^[A-Za-z_]/ {start = FNR}
  !inside && /\{$/ && (/^[A-Za-z_]/ || /^ /) && start {inside = 1}
  /^}/ {if (inside && $0 == "}" && FNR - start + 1 > most) print FILENAME ":" start ": " FNR - start + 1
        inside = 0; start = 0}' "${sources[@]}")"
expect_none 'files over 450 lines (lib, src) or 650' "$(wc -l "${sources[@]}" | awk '
  $2 != "total" && $1 > ($2 ~ /^(lib|src)\// ? 450 : 650)')"
expect_none 'files that do not open with what they are' \
  "$(for f in "${sources[@]}" include/enf/*.h; do head -c 3 "$f" | grep -q '^/\* ' || echo "$f"; done)"
expect_none 'unfinished' "$(grep -nE '\b(TODO|FIXME|XXX)\b' "${sources[@]}" include/enf/*.h)"
expect_none 'examples over 120 lines' "$(wc -l examples/*.* | awk '$2 != "total" && $1 > 120')"

[ $failures = 0 ] && echo "$(wc -w <<<"$functions") functions, $(wc -w <<<"$options") options, ${#sources[@]} files"
exit $((failures > 0))
