#!/bin/sh
# What the public headers declare, a declaration or member a line, without comments and spacing:
# tests/abi/declarations is this text as it was recorded (make abi-baseline).
set -e
${CC:-cc} -E -Iinclude include/enf/enf.h |
  awk '/^# [0-9]/ {ours = $3 ~ /^"include\/enf\//; next} ours && !/^#pragma/' |
  tr -s ' \n' ' ' | sed -E 's/^ //; s/ ?([(){};,*=]) ?/\1/g; s/[;{}]/&\n/g'
