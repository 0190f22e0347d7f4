/* kabsch.c -- best rotation between two sets of points (Kabsch 1976, Acta Cryst. A32, 922-923).

   With M = sum_a x_a y_a^T = sum_k s_k u_k v_k^T, s1 >= s2 >= s3 >= 0:
     min_R |x - R y|^2 = |x|^2 + |y|^2 - 2 max_R <R,M>,   max_R <R,M> = s1 + s2 + s3
   at R = sum_k u_k v_k^T; without reflections the last term takes the sign of det M.
   D = 3: one-sided Jacobi (Hestenes 1958) makes the columns of M V orthogonal. Only v1, v2 and
   the directions of M v1, M v2 are taken from it; the third ones are cross products, so R is
   orthogonal whatever the rank of M (points on a plane, a line, all in one).
   D = 2: R by the angle atan2(M21 - M12, M11 + M22), or the reflection by atan2(M21 + M12,
   M11 - M22); max <R,M> is the length of that pair, so s1 + s2 = sqrt(|M|^2 + 2 |det M|).

   M is scaled by its largest entry, so nothing overflows that does not in |x|^2. Where the best R
   is not unique, it is one of them. The points' means are not removed here. */
#include "math/kabsch.h"
#include <float.h>
#include <math.h>

static double dot(const double *a, const double *b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void cross(const double *a, const double *b, double *out) {
  out[0] = a[1] * b[2] - a[2] * b[1];
  out[1] = a[2] * b[0] - a[0] * b[2];
  out[2] = a[0] * b[1] - a[1] * b[0];
}

/* M (D,D) = sum_a x_a y_a^T. */
static void moment(size_t N, size_t D, const double *x, const double *y, double *M) {
  for (size_t k = 0; k < D * D; k++)
    M[k] = 0;
  for (size_t a = 0; a < N; a++)
    for (size_t i = 0; i < D; i++)
      for (size_t j = 0; j < D; j++)
        M[D * i + j] += x[D * a + i] * y[D * a + j];
}

/* Divide by the largest entry, which is returned; 0 for a zero matrix, left as it is. */
static double normalise(size_t D, double *M) {
  double largest = 0;
  for (size_t k = 0; k < D * D; k++)
    largest = fmax(largest, fabs(M[k]));
  for (size_t k = 0; k < D * D && largest > 0; k++)
    M[k] /= largest;
  return largest;
}

/* ---- two dimensions ---------------------------------------------------------------------------
 */

/* R, or NULL; returns <R,M>. */
static double best_2(const double *M, bool reflect, double *R) {
  const double cosine = M[0] + M[3], sine = M[2] - M[1];
  const double mirror_cosine = M[0] - M[3], mirror_sine = M[2] + M[1];
  const double turned = hypot(cosine, sine), mirrored = hypot(mirror_cosine, mirror_sine);
  const bool mirror = reflect && mirrored > turned;
  const double length = mirror ? mirrored : turned;
  if (R) {
    const double c = length > 0 ? (mirror ? mirror_cosine : cosine) / length : 1;
    const double s = length > 0 ? (mirror ? mirror_sine : sine) / length : 0;
    R[0] = c, R[1] = mirror ? s : -s;
    R[2] = s, R[3] = mirror ? -c : c;
  }
  return length;
}

/* ---- three dimensions -------------------------------------------------------------------------
 */

/* Columns of A = M V, as rows here, and those of V, in the order of falling length. */
typedef struct {
  double a[3][3], v[3][3];
} columns;

static void turn(double *p, double *q, double c, double s) {
  for (size_t i = 0; i < 3; i++) {
    const double old = p[i];
    p[i] = c * old - s * q[i];
    q[i] = s * old + c * q[i];
  }
}

/* Make columns p and q orthogonal; false if they are. */
static bool make_orthogonal(columns *m, size_t p, size_t q) {
  const double pp = dot(m->a[p], m->a[p]), qq = dot(m->a[q], m->a[q]);
  const double pq = dot(m->a[p], m->a[q]);
  if (fabs(pq) <= DBL_EPSILON * sqrt(pp) * sqrt(qq))
    return false;
  const double ratio = (qq - pp) / (2 * pq);
  const double t = copysign(1, ratio) / (fabs(ratio) + hypot(1, ratio));
  const double c = 1 / hypot(1, t);
  turn(m->a[p], m->a[q], c, c * t);
  turn(m->v[p], m->v[q], c, c * t);
  return true;
}

static void put_longer_first(columns *m, size_t p, size_t q) {
  if (dot(m->a[p], m->a[p]) >= dot(m->a[q], m->a[q]))
    return;
  for (size_t i = 0; i < 3; i++) {
    const double a = m->a[p][i], v = m->v[p][i];
    m->a[p][i] = m->a[q][i], m->a[q][i] = a;
    m->v[p][i] = m->v[q][i], m->v[q][i] = v;
  }
}

/* Convergence is quadratic: five sweeps are usual. */
static columns decompose(const double *M) {
  columns m = {.v = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < 3; j++)
      m.a[j][i] = M[3 * i + j];
  bool changed = true;
  for (int sweep = 0; sweep < 30 && changed; sweep++) {
    changed = make_orthogonal(&m, 0, 1);
    changed = make_orthogonal(&m, 0, 2) || changed;
    changed = make_orthogonal(&m, 1, 2) || changed;
  }
  put_longer_first(&m, 0, 1);
  put_longer_first(&m, 1, 2);
  put_longer_first(&m, 0, 1);
  return m;
}

static void scale(double *a, double factor) {
  for (size_t i = 0; i < 3; i++)
    a[i] *= factor;
}

/* Some unit vector at right angles to the unit vector u. */
static void any_perpendicular(const double *u, double *out) {
  const size_t i = fabs(u[0]) < 0.5 ? 0 : fabs(u[1]) < 0.5 ? 1 : 2;
  double axis[3] = {0};
  axis[i] = 1;
  cross(u, axis, out);
  scale(out, 1 / sqrt(dot(out, out)));
}

/* b becomes the unit vector at right angles to the unit vector u that is nearest to it. */
static void straighten(const double *u, double *b) {
  const double length = sqrt(dot(b, b)), along = dot(u, b);
  for (size_t i = 0; i < 3; i++)
    b[i] -= along * u[i];
  const double left = sqrt(dot(b, b));
  if (left > 0.5 * length)
    scale(b, 1 / left);
  else
    any_perpendicular(u, b);
}

/* Images of v1, v2, v3 under M, completed to a frame. */
static void rotation_3(const double *M, bool reflect, double *R) {
  columns m = decompose(M);
  double(*u)[3] = m.a, (*v)[3] = m.v, image[3];
  const double first = sqrt(dot(u[0], u[0]));
  scale(v[0], 1 / sqrt(dot(v[0], v[0])));
  straighten(v[0], v[1]);
  cross(v[0], v[1], v[2]);
  if (first > 0)
    scale(u[0], 1 / first);
  else
    u[0][0] = 1;
  straighten(u[0], u[1]);
  cross(u[0], u[1], u[2]);
  for (size_t i = 0; i < 3; i++)
    image[i] = dot(M + 3 * i, v[2]);
  if (reflect && dot(image, u[2]) < 0)
    scale(u[2], -1);
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < 3; j++)
      R[3 * i + j] = u[0][i] * v[0][j] + u[1][i] * v[1][j] + u[2][i] * v[2][j];
}

static double best_3(const double *M, bool reflect) {
  const columns m = decompose(M);
  double normal[3], s[3];
  for (size_t k = 0; k < 3; k++)
    s[k] = sqrt(dot(m.a[k], m.a[k]));
  cross(M, M + 3, normal);
  return s[0] + s[1] + (reflect || dot(normal, M + 6) >= 0 ? s[2] : -s[2]);
}

/* ---- the calls --------------------------------------------------------------------------------
 */

double enf__kabsch_distance(size_t N, size_t D, const double *x, const double *y, bool reflect) {
  double M[9], square = 0;
  for (size_t k = 0; k < N * D; k++)
    square += x[k] * x[k] + y[k] * y[k];
  moment(N, D, x, y, M);
  const double factor = normalise(D, M);
  const double sum = D == 2 ? best_2(M, reflect, NULL) : best_3(M, reflect);
  return fmax(square - 2 * factor * sum, 0);
}

void enf__kabsch_rotation(size_t N, size_t D, const double *x, const double *y, bool reflect,
                          double *R) {
  double M[9];
  moment(N, D, x, y, M);
  normalise(D, M);
  if (D == 2)
    best_2(M, reflect, R);
  else
    rotation_3(M, reflect, R);
}

void enf__kabsch_apply(size_t N, size_t D, const double *R, const double *y, double *out) {
  for (size_t a = 0; a < N; a++) {
    double turned[3] = {0};
    for (size_t i = 0; i < D; i++)
      for (size_t j = 0; j < D; j++)
        turned[i] += R[D * i + j] * y[D * a + j];
    for (size_t i = 0; i < D; i++)
      out[D * a + i] = turned[i];
  }
}
