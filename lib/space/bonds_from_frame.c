/* bonds_from_frame.c -- which atoms of one frame are bonded: those nearer than 1.3 times the sum of
   their covalent radii (Cordero et al. 2008, Dalton Trans. 2832; angstrom; carbon sp3, metals of
   low spin). Good for organic molecules near their equilibrium; a strained or excited frame may
   gain or lack a bond. */
#include "space/bonds.h"
#include <math.h>

#define TOLERANCE 1.3

/* By atomic number, in units of 0.01 angstrom. */
static const uint16_t radius[] = {
    0,   31,  28,  128, 96,  84,  76,  71,  66,  57,  58,  166, 141, 121, 111, 107, 105,
    102, 106, 203, 176, 170, 160, 153, 139, 139, 132, 126, 124, 132, 122, 122, 120, 119,
    120, 120, 116, 220, 195, 190, 175, 164, 154, 147, 146, 142, 139, 145, 144, 142, 139,
    139, 138, 139, 140, 244, 215, 207, 204, 203, 201, 199, 198, 198, 196, 194, 192, 192,
    189, 190, 187, 187, 175, 170, 162, 151, 144, 141, 136, 136, 132, 145, 146, 148, 140,
    150, 150, 260, 221, 215, 206, 200, 196, 190, 187, 180, 169};
enum { RADII = sizeof radius / sizeof *radius };

static enf_status check(enf_ctx *ctx, size_t atoms, const int32_t *element, const double *x,
                        double angstrom) {
  if (!(angstrom > 0 && isfinite(angstrom)))
    return enf__fail(ctx, ENF_ERR_RANGE, "a unit of %.6g angstrom is none", angstrom);
  for (size_t i = 0; i < atoms; i++) {
    if (element[i] < 1 || element[i] >= RADII)
      return enf__fail(ctx, ENF_ERR_RANGE,
                       "atom %zu is of element %d: covalent radii are known for 1 to %d", i,
                       element[i], RADII - 1);
    for (size_t d = 0; d < 3; d++)
      if (!isfinite(x[3 * i + d]))
        return enf__fail(ctx, ENF_ERR_NONFINITE, "the position of atom %zu is not finite", i);
  }
  return ENF_OK;
}

static bool are_bonded(const int32_t *element, const double *x, double angstrom, size_t i,
                       size_t j) {
  const double a = x[3 * i] - x[3 * j], b = x[3 * i + 1] - x[3 * j + 1];
  const double c = x[3 * i + 2] - x[3 * j + 2];
  const double most = TOLERANCE * 0.01 * (radius[element[i]] + radius[element[j]]);
  return sqrt(a * a + b * b + c * c) * angstrom < most;
}

/* The bonds, into pair unless it is NULL; their number. */
static size_t find(size_t atoms, const int32_t *element, const double *x, double angstrom,
                   int32_t (*pair)[2]) {
  size_t count = 0;
  for (size_t i = 0; i < atoms; i++)
    for (size_t j = i + 1; j < atoms; j++) {
      if (!are_bonded(element, x, angstrom, i, j))
        continue;
      if (pair)
        pair[count][0] = (int32_t)i, pair[count][1] = (int32_t)j;
      count++;
    }
  return count;
}

enf_status enf__bonds_from_frame(enf_ctx *ctx, const enf_alloc *alloc, size_t atoms,
                                 const int32_t *element, const double *x, double angstrom,
                                 enf__bonds *bonds) {
  enf_status status = ENF_OK;
  int32_t(*pair)[2] = NULL;
  *bonds = (enf__bonds){0};
  TRY(check(ctx, atoms, element, x, angstrom));
  const size_t count = find(atoms, element, x, angstrom, NULL);
  pair = enf__alloc_array(alloc, count, sizeof *pair);
  if (!pair)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu bonds", count));
  find(atoms, element, x, angstrom, pair);
  TRY(enf__bonds_create(ctx, alloc, "bonds by covalent radii", atoms, count,
                        (const int32_t(*)[2])pair, bonds));
out:
  enf__free(alloc, pair);
  return status;
}
