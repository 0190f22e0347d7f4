/* dihedrals.c -- enf_dihedrals: torsions of four atoms each, of any configurations. */
#include "space/geometry.h"
#include <enf/molecule.h>

static enf_status check(enf_ctx *ctx, size_t n, size_t N, const double *x, size_t count,
                        const int32_t (*atom)[4], const double *out) {
  if (n > 0 && count > 0 && (!x || !atom || !out))
    return enf__fail(ctx, ENF_ERR_ARG, "enf_dihedrals: %s is NULL",
                     !x      ? "x"
                     : !atom ? "atom"
                             : "out");
  for (size_t k = 0; k < count && atom; k++)
    for (int i = 0; i < 4; i++) {
      if (atom[k][i] < 0 || (size_t)atom[k][i] >= N)
        return enf__fail(ctx, ENF_ERR_RANGE,
                         "dihedral %zu is of atom %d: there are %zu, numbered from 0", k,
                         atom[k][i], N);
      for (int j = 0; j < i; j++)
        if (atom[k][i] == atom[k][j])
          return enf__fail(ctx, ENF_ERR_RANGE, "dihedral %zu has atom %d twice", k, atom[k][i]);
    }
  return ENF_OK;
}

static double dihedral(const double *x, const int32_t atom[4]) {
  const enf__bend bend = enf__measure_bend(x, atom[0], atom[1], atom[2]);
  const enf__turn turn = enf__measure_turn(x, &bend, atom[2], atom[3]);
  return enf__is_bend(&bend) && enf__is_turn(&bend, &turn) ? enf__dihedral(&turn) : NAN;
}

enf_status enf_dihedrals(enf_ctx *ctx, size_t n, size_t N, const double *x, size_t count,
                         const int32_t (*atom)[4], double *out) {
  ENF__ENTRY;
  enf_status status;
  TRY(enf__enter(ctx));
  TRY(check(ctx, n, N, x, count, atom, out));
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < count; k++)
      *out++ = dihedral(x + 3 * N * i, atom[k]);
out:
  return status;
}
