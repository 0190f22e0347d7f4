/* assignment.h -- exact linear assignment of n rows to n columns at least total cost. */
#ifndef ENF__ASSIGNMENT_H
#define ENF__ASSIGNMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of workspace for n rows (n below 2^31). */
size_t enf__assignment_workspace(size_t n);

/* cost (n,n), row-major, any sign -> column (n), a permutation: row i gets column[i].
   work: enf__assignment_workspace(n) bytes, aligned as malloc does; what it holds does not matter.
   False, and the identity, if a cost is not a number or not between -1e30 and 1e30. */
bool enf__assignment_solve(size_t n, const float *cost, void *work, uint32_t *column);

#endif
