/* kinds.c -- which atoms of a molecule are alike: leaves of one element on one atom.

   Exchanging two such atoms maps the graph of bonds onto itself without moving any other. Other
   symmetries of the graph (the two halves of benzene) move many atoms at once: kinds cannot say
   that, and molecular dynamics does not do it. */
#include "core/core.h"
#include <enf/molecule.h>

enum { NO_LEAF = -1 };

static enf_status check(enf_ctx *ctx, size_t N, const int32_t *element, size_t bonds,
                        const size_t (*bond)[2], const int32_t *kind) {
  if (N == 0 || !element || !kind || (bonds && !bond))
    return enf__fail(ctx, ENF_ERR_ARG, "enf_kinds_from_bonds: %s",
                     N == 0     ? "there are no atoms"
                     : !element ? "element is NULL"
                     : !kind    ? "kind is NULL"
                                : "bond is NULL");
  if (N > INT32_MAX)
    return enf__fail(ctx, ENF_ERR_RANGE, "%zu atoms are more than kinds can number", N);
  for (size_t i = 0; i < N; i++)
    if (element[i] < 1)
      return enf__fail(ctx, ENF_ERR_RANGE, "atom %zu is of element %d", i, element[i]);
  for (size_t k = 0; k < bonds; k++) {
    const size_t a = bond[k][0], b = bond[k][1];
    if (a >= N || b >= N)
      return enf__fail(ctx, ENF_ERR_RANGE, "bond %zu-%zu: atoms are numbered 0 to %zu", a, b,
                       N - 1);
    if (a == b)
      return enf__fail(ctx, ENF_ERR_RANGE, "bond %zu-%zu: an atom is bonded to itself", a, b);
  }
  return ENF_OK;
}

/* The atom that atom i hangs on, if it has bonds to no other. */
static int32_t stem(size_t i, size_t bonds, const size_t (*bond)[2]) {
  int32_t found = NO_LEAF;
  for (size_t k = 0; k < bonds; k++) {
    if (bond[k][0] != i && bond[k][1] != i)
      continue;
    const int32_t other = (int32_t)(bond[k][0] == i ? bond[k][1] : bond[k][0]);
    if (found != NO_LEAF && found != other)
      return NO_LEAF;
    found = other;
  }
  return found;
}

/* The first atom that atom i is like; those before it have their stems in `kind` still. */
static size_t first_alike(size_t i, const int32_t *element, const int32_t *kind) {
  for (size_t j = 0; j < i && kind[i] != NO_LEAF; j++)
    if (kind[j] == kind[i] && element[j] == element[i])
      return j;
  return i;
}

enf_status enf_kinds_from_bonds(enf_ctx *ctx, size_t N, const int32_t *element, size_t bonds,
                                const size_t (*bond)[2], int32_t *kind) {
  ENF__ENTRY;
  enf_status status;
  int32_t kinds = 0;
  TRY(enf__enter(ctx));
  TRY(check(ctx, N, element, bonds, bond, kind));
  for (size_t i = 0; i < N; i++)
    kind[i] = stem(i, bonds, bond);
  for (size_t i = N; i-- > 0;)
    kind[i] = (int32_t)first_alike(i, element, kind);
  for (size_t i = 0; i < N; i++)
    kind[i] = (size_t)kind[i] == i ? kinds++ : kind[kind[i]];
out:
  return status;
}
