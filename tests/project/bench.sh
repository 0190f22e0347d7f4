#!/bin/bash
# The verdict of the bench on an error is about the tolerance that was set: one that nothing meets is
# not met, one that everything meets is. Run by `make check`.
BUILD=${BUILD:-build}
verdict() { # verdict TOLERANCE: "within" or "ABOVE" for the row in float64
  "$BUILD/enf-bench" --quick --systems dw4 --works error --threads 1 --references 4 --set "logdet.tol=$1" |
    sed -n 's/^  float64, ode 1e-7 .* \(within\|ABOVE\) logdet\.tol$/\1/p'
}
failures=0
for case in 1e-12:ABOVE 10:within; do
  found=$(verdict "${case%:*}")
  [ "$found" = "${case#*:}" ] && continue
  echo "logdet.tol ${case%:*}: the bench says '$found', not '${case#*:}'"
  failures=$((failures + 1))
done
exit $((failures > 0))
