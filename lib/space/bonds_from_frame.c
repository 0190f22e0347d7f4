/* bonds_from_frame.c -- which atoms of one frame are bonded: those nearer than 1.3 times the sum of
   their covalent radii (Cordero et al. 2008, Dalton Trans. 2832; angstrom; carbon sp3, metals of
   low spin). Good for organic molecules near their equilibrium; a strained or excited frame may
   gain or lack a bond. */
#include "core/core.h"
#include <enf/molecule.h>
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

static enf_status check(enf_ctx *ctx, size_t N, const int32_t *element, const double *x,
                        double angstrom) {
  if (!(angstrom > 0 && isfinite(angstrom)))
    return enf__fail(ctx, ENF_ERR_RANGE, "angstrom is %.6g, no unit of length", angstrom);
  for (size_t i = 0; i < N; i++) {
    if (element[i] < 1 || element[i] >= RADII)
      return enf__fail(ctx, ENF_ERR_RANGE,
                       "atom %zu is of element %d: covalent radii are known of 1 to %d", i,
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

enf_status enf_bonds_from_frame(enf_ctx *ctx, size_t N, const int32_t *element, const double *x,
                                double angstrom, size_t most, size_t (*bond)[2], size_t *bonds) {
  ENF__ENTRY;
  enf_status status = ENF_OK;
  size_t count = 0;
  TRY(enf__enter(ctx));
  if (!element || !x || !bonds || (most && !bond))
    TRY(enf__fail(ctx, ENF_ERR_ARG, "enf_bonds_from_frame: %s is NULL",
                  !element ? "element"
                  : !x     ? "x"
                  : !bonds ? "bonds"
                           : "bond"));
  TRY(check(ctx, N, element, x, angstrom));
  for (size_t i = 0; i < N; i++)
    for (size_t j = i + 1; j < N; j++) {
      if (!are_bonded(element, x, angstrom, i, j))
        continue;
      if (count < most)
        bond[count][0] = i, bond[count][1] = j;
      count++;
    }
  *bonds = count;
out:
  return status;
}
