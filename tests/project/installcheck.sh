#!/bin/bash
# Is an installed libenf complete, and can hosts build against it? Into a folder whose name has a
# space: by pkg-config and by CMake, shared and static; and nothing is left after `make uninstall`.
# Run by `make installcheck` and .ci/run.
set -euo pipefail
CC=${CC:-cc} MAKE=${MAKE:-make}
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
stage="$top/a prefix"
host=tests/project/installed.c

$MAKE --no-print-directory install prefix="$stage"
export PKG_CONFIG_PATH="$stage/lib/pkgconfig"

# pkg-config quotes the space: its words are for a shell to read once more.
eval "$CC -std=c99 -o '$top/shared' $host $(pkg-config --cflags --libs enf)"
LD_LIBRARY_PATH="$stage/lib" "$top/shared"
mkdir "$top/away"
mv "$stage"/lib/libenf.so* "$top/away"
eval "$CC -std=c99 -o '$top/static' $host $(pkg-config --static --cflags --libs enf)"
"$top/static"
mv "$top"/away/libenf.so* "$stage/lib"
[ "$(pkg-config --modversion enf)" = "$("$stage/bin/enf" --version | sed 's/.* //')" ]

if command -v cmake >/dev/null; then
  cmake -S tests/project/cmake -B "$top/cmake" -DCMAKE_PREFIX_PATH="$stage" -DCMAKE_C_COMPILER="${CC##* }" >"$top/log" 2>&1 &&
    cmake --build "$top/cmake" >>"$top/log" 2>&1 || { cat "$top/log"; exit 1; }
  "$top/cmake/enf"
  "$top/cmake/static"
else
  echo 'skipped: find_package(enf) (cmake is not installed)'
fi

for page in man3/enf_log_prob.3 man1/enf.1; do
  [ -s "$stage/share/man/$page" ] || { echo "$page is missing"; exit 1; }
done
[ -f "$stage/share/doc/enf/docs/hosts.md" ] && [ -f "$stage/share/doc/enf/examples/hosts/lammps_jump.c" ] || { echo 'documents and examples are not installed'; exit 1; }
$MAKE --no-print-directory uninstall prefix="$stage"
left=$(find "$stage" -type f -o -type l)
[ -z "$left" ] || { echo "left behind: $left"; exit 1; }
