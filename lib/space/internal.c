/* internal.c -- Cartesian coordinates to distances, angles and dihedrals, and back.

   The Jacobian of (q, rotation) to Cartesian coordinates is
     J = product of r^2 over all distances, times product of sin T over all angles
   with rotations by the Haar measure of volume 8 pi^2 (Go and Scheraga 1976, Macromolecules 9,
   535); a dihedral has no factor. On the mean-free subspace, by Lebesgue's measure, it is
   J N^(-3/2). Geometry of one atom: geometry.h. */
#include "space/internal.h"
#include "core/random.h"
#include "math/center.h"
#include "space/geometry.h"
#include "space/logsum.h"
#include <string.h>

/* ---- faults --------------------------------------------------------------------------------- */

void enf__fault_say(const enf__fault *fault, char *out, size_t size) {
  char atoms[64] = "";
  for (size_t k = 0, used = 0; k < fault->atoms; k++, used = strlen(atoms)) {
    const char *between = k == 0 ? "" : k + 1 < fault->atoms ? ", " : " and ";
    enf__format(atoms + used, sizeof atoms - used, "%s%d", between, fault->atom[k]);
  }
  enf__format(out, size, "%s %s %s", fault->of, atoms, fault->is);
}

static bool find_position(const double *x, size_t atoms, const int32_t atom[4], enf__fault *fault) {
  for (size_t k = 0; k < atoms; k++)
    for (int d = 0; d < 3; d++)
      if (!isfinite(x[3 * atom[k] + d])) {
        *fault =
            (enf__fault){ENF_ERR_NONFINITE, "the position of atom", "is not finite", 1, {atom[k]}};
        return true;
      }
  return false;
}

static bool find_distance(double r, int32_t a, int32_t b, enf__fault *fault) {
  if (r > 0 && r < ENF__LONGEST)
    return false;
  *fault = (enf__fault){
      ENF_ERR_RANGE, "the distance of atoms", r > 0 ? "is above 1e75" : "is 0", 2, {a, b}};
  return true;
}

/* In the bend of an atom (3), or in its bend and dihedral (4). */
static bool find_in(const double *x, size_t atoms, const int32_t atom[4], enf__fault *fault) {
  if (find_position(x, atoms, atom, fault))
    return true;
  const enf__bend bend = enf__measure_bend(x, atom[0], atom[1], atom[2]);
  if (find_distance(bend.r, atom[0], atom[1], fault) ||
      find_distance(bend.s, atom[1], atom[2], fault))
    return true;
  *fault = (enf__fault){
      ENF_ERR_RANGE, "the angle of atoms", "is 0 or pi", 3, {atom[0], atom[1], atom[2]}};
  if (atoms == 3 || !enf__is_bend(&bend))
    return !enf__is_bend(&bend);
  const enf__turn turn = enf__measure_turn(x, &bend, atom[2], atom[3]);
  *fault = (enf__fault){ENF_ERR_RANGE,
                        "the dihedral of atoms",
                        "is not defined: the last three are on a line",
                        4,
                        {atom[0], atom[1], atom[2], atom[3]}};
  return !enf__is_turn(&bend, &turn);
}

/* In the first row that has no coordinates. */
static bool find(const enf__zmatrix *z, const double *x, enf__fault *fault) {
  const int32_t root[4] = {z->root[2], z->root[1], z->root[0], 0};
  if (find_in(x, 3, root, fault))
    return true;
  for (size_t k = 0; k + 3 < z->atoms; k++) {
    const enf__zrow *row = &z->row[k];
    const int32_t atom[4] = {row->atom, row->a, row->b, row->c};
    if (find_in(x, 4, atom, fault))
      return true;
  }
  return false;
}

/* ---- measured ------------------------------------------------------------------------------- */

/* One atom's distance and angle. */
static bool measure_bend(const enf__bend *g, double *r, double *T, enf__logsum *jacobian) {
  *r = g->r;
  *T = enf__angle(g);
  enf__logsum_add(jacobian, g->r * g->area / g->s); /* r^2 sin T */
  return enf__is_bend(g);
}

bool enf__internal_measure(const enf__zmatrix *z, const double *x, double *q, double *log_jacobian,
                           enf__fault *fault) {
  double *r = q, *T = q + z->atoms - 1, *P = T + z->atoms - 2;
  enf__logsum jacobian = ENF__LOGSUM_INIT;
  const enf__bend root = enf__measure_bend(x, z->root[2], z->root[1], z->root[0]);
  r[0] = root.s;
  enf__logsum_add(&jacobian, root.s * root.s);
  bool good = measure_bend(&root, r + 1, T, &jacobian);
  for (size_t k = 0; k + 3 < z->atoms; k++) {
    const enf__zrow *row = &z->row[k];
    const enf__bend bend = enf__measure_bend(x, row->atom, row->a, row->b);
    const enf__turn turn = enf__measure_turn(x, &bend, row->b, row->c);
    good =
        measure_bend(&bend, r + k + 2, T + k + 1, &jacobian) && enf__is_turn(&bend, &turn) && good;
    P[k] = enf__dihedral(&turn);
  }
  if (log_jacobian)
    *log_jacobian = enf__logsum_get(&jacobian);
  return good || !find(z, x, fault);
}

/* ---- placed --------------------------------------------------------------------------------- */

static bool check(double q, double least, double most, const enf__fault *otherwise,
                  enf__fault *fault) {
  if (q > least && q < most)
    return true;
  *fault = *otherwise;
  if (!isfinite(q))
    fault->is = "is not finite", fault->status = ENF_ERR_NONFINITE;
  return false;
}

static bool check_distance(double r, int32_t a, int32_t b, enf__fault *fault) {
  const enf__fault otherwise = {ENF_ERR_RANGE,
                                "the distance of atoms",
                                r > 0 ? "is above 1e75" : "is not above 0",
                                2,
                                {a, b}};
  return check(r, 0, ENF__LONGEST, &otherwise, fault);
}

static bool check_angle(double T, int32_t atom, int32_t a, int32_t b, enf__fault *fault) {
  const enf__fault otherwise = {
      ENF_ERR_RANGE, "the angle of atoms", "is not between 0 and pi", 3, {atom, a, b}};
  return check(T, 0, M_PI, &otherwise, fault);
}

static bool check_dihedral(double P, const enf__zrow *row, enf__fault *fault) {
  const enf__fault otherwise = {
      .of = "the dihedral of atoms", .atoms = 4, .atom = {row->atom, row->a, row->b, row->c}};
  return check(P, -INFINITY, INFINITY, &otherwise, fault);
}

bool enf__place_root(const enf__zmatrix *z, double ab, double bc, double T, double *x,
                     enf__fault *fault) {
  const int32_t a = z->root[0], b = z->root[1], c = z->root[2];
  if (!check_distance(ab, a, b, fault) || !check_distance(bc, b, c, fault) ||
      !check_angle(T, a, b, c, fault))
    return false;
  for (int k = 0; k < 3; k++)
    x[3 * a + k] = x[3 * b + k] = x[3 * c + k] = 0;
  x[3 * b] = ab;
  x[3 * c] = ab - bc * cos(T);
  x[3 * c + 1] = bc * sin(T);
  return true;
}

bool enf__place_row(const enf__zrow *row, double r, double T, double P, double *x,
                    enf__fault *fault) {
  if (!check_distance(r, row->atom, row->a, fault) ||
      !check_angle(T, row->atom, row->a, row->b, fault) || !check_dihedral(P, row, fault))
    return false;
  if (enf__place(x, row, r, T, P))
    return true;
  *fault = (enf__fault){
      ENF_ERR_RANGE, "atoms", "are on a line: no dihedral can be set", 3, {row->a, row->b, row->c}};
  return false;
}

bool enf__internal_place(const enf__zmatrix *z, const double *q, double *x, enf__fault *fault) {
  const double *r = q, *T = q + z->atoms - 1, *P = T + z->atoms - 2;
  if (!enf__place_root(z, r[0], r[1], T[0], x, fault))
    return false;
  for (size_t k = 0; k + 3 < z->atoms; k++)
    if (!enf__place_row(&z->row[k], r[k + 2], T[k + 1], P[k], x, fault))
      return false;
  enf__center(z->atoms, 3, x, x, NULL);
  return true;
}

/* ---- pulled back ---------------------------------------------------------------------------- */

/* An atom pulls at its own coordinates, and through them at its references: those move with the
   coordinates kept, so by minus what the coordinates pull at them. */
void enf__internal_place_pullback(const enf__zmatrix *z, const double *x, double *dx, double *dq) {
  const int32_t a = z->root[0], b = z->root[1], c = z->root[2];
  double *dr = dq, *dT = dq + z->atoms - 1, *dP = dT + z->atoms - 2;
  enf__center(z->atoms, 3, dx, dx, NULL);
  for (size_t k = z->atoms - 3; k-- > 0;) {
    const enf__zrow *row = &z->row[k];
    const enf__bend bend = enf__measure_bend(x, row->atom, row->a, row->b);
    const enf__turn turn = enf__measure_turn(x, &bend, row->b, row->c);
    const enf__pull pull = enf__pull_of(dx, row->atom, &bend);
    enf__add_bend(dx, row->atom, row->a, row->b, &bend, -pull.r, -pull.T);
    enf__add_turn(dx, row, &bend, &turn, -pull.P);
    dr[k + 2] = pull.r, dT[k + 1] = pull.T, dP[k] = pull.P;
  }
  const enf__bend root = enf__measure_bend(x, c, b, a);
  const enf__pull pull = enf__pull_of(dx, c, &root);
  enf__add_bend(dx, c, b, a, &root, -pull.r, -pull.T);
  dr[1] = pull.r, dT[0] = pull.T;
  dr[0] = -enf__dot3(dx + 3 * b, root.b2) / root.s;
}

/* ---- turned --------------------------------------------------------------------------------- */

void enf__rotation_uniform(uint64_t seed, uint64_t index, double R[9]) {
  double v[4];
  enf__random_normal(seed, ENF__STREAM_ROTATION, index, 4, v);
  const double length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2] + v[3] * v[3]);
  const double w = v[0] / length, x = v[1] / length, y = v[2] / length, z = v[3] / length;
  R[0] = 1 - 2 * (y * y + z * z), R[1] = 2 * (x * y - w * z), R[2] = 2 * (x * z + w * y);
  R[3] = 2 * (x * y + w * z), R[4] = 1 - 2 * (x * x + z * z), R[5] = 2 * (y * z - w * x);
  R[6] = 2 * (x * z - w * y), R[7] = 2 * (y * z + w * x), R[8] = 1 - 2 * (x * x + y * y);
}

void enf__rotation_apply(size_t N, const double R[9], double *x) {
  for (size_t i = 0; i < N; i++) {
    const double v[3] = {x[3 * i], x[3 * i + 1], x[3 * i + 2]};
    for (size_t k = 0; k < 3; k++)
      x[3 * i + k] = enf__dot3(R + 3 * k, v);
  }
}
