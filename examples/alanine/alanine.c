/* clang-format off */
/* alanine.c -- alanine dipeptide in implicit solvent as an energy for the `enf` tool: AMBER
   ff99SB-ILDN with OBC2 (alanine.h), in nm and units of kT at 300 K. It gives the energies of OpenMM's
   Reference platform.

     cc -O3 -fno-math-errno -fPIC -shared -o alanine.so alanine.c $(pkg-config --cflags enf) -lm

   Pairs are taken row by row from tables, so that the compiler makes vectors of them; what costs is a
   logarithm for each ordered pair and an exponential for each pair: about 13 microseconds. */
/* clang-format on */
#include "alanine.h"
#include <enf/plugin.h>
#include <math.h>
#include <string.h>

enum { N = ATOMS, D = 3 };

const int enf_energy_particles = N, enf_energy_dimensions = D;

static const double PI = 3.14159265358979323846;
static const double KT = 0.00831446261815324 * 300;         /* kJ/mol */
static const double COULOMB = 138.93545764438198;           /* kJ nm/mol */
static const double NEAR_COULOMB = 0.833333, NEAR_LJ = 0.5; /* of atoms three bonds apart */
static const double SOLVENT = 78.3, TENSION = 2.25936;      /* dielectric constant; kJ/mol/nm^2 */
static const double ALPHA = 1, BETA = 0.8, GAMMA = 4.85;    /* OBC2 */
static const double OFFSET = 0.009, PROBE = 0.14;           /* of radii, nm */

typedef double matrix[N][N];
typedef double vectors[N][D];

/* ---- tables ---------------------------------------------------------------------------------- */

/* 4 epsilon sigma^12, 4 epsilon sigma^6, charges: 0 for atoms one or two bonds apart. */
typedef struct {
  matrix repulsion, attraction, charges;
} pair_table;

/* Bonds on the way from i to j, 4 for more than three. */
static int bonds_between(int i, int j) {
  int way[N], end = 4;
  for (int a = 0; a < N; a++)
    way[a] = a == i ? 0 : end;
  for (int step = 1; step < end; step++)
    for (int b = 0; b < BONDS; b++) {
      if (way[bond[b].i] == step - 1 && way[bond[b].j] > step)
        way[bond[b].j] = step;
      if (way[bond[b].j] == step - 1 && way[bond[b].i] > step)
        way[bond[b].i] = step;
    }
  return way[j];
}

static void fill(pair_table *t) {
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      const int apart = bonds_between(i, j);
      const double lj = apart < 3 ? 0 : apart == 3 ? NEAR_LJ : 1;
      const double coulomb = apart < 3 ? 0 : apart == 3 ? NEAR_COULOMB : 1;
      const double sigma = (type[atom[i].type].sigma + type[atom[j].type].sigma) / 2;
      const double epsilon = sqrt(type[atom[i].type].epsilon * type[atom[j].type].epsilon);
      t->attraction[i][j] = 4 * lj * epsilon * pow(sigma, 6);
      t->repulsion[i][j] = t->attraction[i][j] * pow(sigma, 6);
      t->charges[i][j] = COULOMB * coulomb * atom[i].charge * atom[j].charge;
    }
}

/* ---- bonds, angles, torsions ----------------------------------------------------------------- */

static double dot(const double *a, const double *b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void difference(const double *a, const double *b, double *out) {
  for (int k = 0; k < D; k++)
    out[k] = a[k] - b[k];
}

static void cross(const double *a, const double *b, double *out) {
  out[0] = a[1] * b[2] - a[2] * b[1];
  out[1] = a[2] * b[0] - a[0] * b[2];
  out[2] = a[0] * b[1] - a[1] * b[0];
}

static void add(double *grad, double factor, const double *v) {
  for (int k = 0; k < D; k++)
    grad[k] += factor * v[k];
}

static double bonds(vectors x, vectors grad) {
  double u = 0;
  for (int b = 0; b < BONDS; b++) {
    double r[D];
    difference(x[bond[b].i], x[bond[b].j], r);
    const double length = sqrt(dot(r, r)), away = length - bond[b].length;
    u += bond[b].k * away * away / 2;
    add(grad[bond[b].i], bond[b].k * away / length, r);
    add(grad[bond[b].j], -bond[b].k * away / length, r);
  }
  return u;
}

static double angles(vectors x, vectors grad) {
  double u = 0;
  for (int a = 0; a < ANGLES; a++) {
    double p[D], q[D], normal[D];
    difference(x[angle[a].i], x[angle[a].j], p);
    difference(x[angle[a].l], x[angle[a].j], q);
    cross(p, q, normal);
    const double sine = sqrt(dot(normal, normal)), cosine = dot(p, q); /* times |p| |q| */
    const double away = atan2(sine, cosine) - angle[a].value;
    const double slope = angle[a].k * away / fmax(sine, 1e-12);
    u += angle[a].k * away * away / 2;
    double by_p[D], by_q[D];
    for (int k = 0; k < D; k++) {
      by_p[k] = cosine / dot(p, p) * p[k] - q[k];
      by_q[k] = cosine / dot(q, q) * q[k] - p[k];
    }
    add(grad[angle[a].i], slope, by_p), add(grad[angle[a].l], slope, by_q);
    add(grad[angle[a].j], -slope, by_p), add(grad[angle[a].j], -slope, by_q);
  }
  return u;
}

/* The dihedral of the torsions from t on, and its gradient in one go for all of the same atoms,
   whose energy is added to *u. Blondel and Karplus 1996, J. Comput. Chem. 17, 1132. Returns the first
   of other atoms. */
static int dihedral(vectors x, int t, double *u, vectors grad) {
  const int i = torsion[t].i, j = torsion[t].j, l = torsion[t].l, m = torsion[t].m;
  double f[D], g[D], h[D], a[D], b[D], sine[D], slope = 0;
  difference(x[i], x[j], f), difference(x[j], x[l], g), difference(x[m], x[l], h);
  cross(f, g, a), cross(h, g, b), cross(b, a, sine);
  const double length = sqrt(dot(g, g)), aa = dot(a, a), bb = dot(b, b);
  const double value = atan2(dot(sine, g) / length, dot(a, b));
  for (; t < TORSIONS && torsion[t].i == i && torsion[t].j == j && torsion[t].l == l &&
         torsion[t].m == m;
       t++) {
    const double at = torsion[t].fold * value - torsion[t].phase;
    *u += torsion[t].k * (1 + cos(at));
    slope -= torsion[t].k * torsion[t].fold * sin(at);
  }
  const double fg = dot(f, g) / length, hg = dot(h, g) / length;
  add(grad[i], -slope * length / aa, a), add(grad[m], slope * length / bb, b);
  add(grad[j], slope * (length + fg) / aa, a), add(grad[j], -slope * hg / bb, b);
  add(grad[l], -slope * fg / aa, a), add(grad[l], slope * (hg - length) / bb, b);
  return t;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

/* Distances and their inverses; du/dr / r of every pair goes to `by`. */
typedef struct {
  matrix r, inverse, by;
} pairs;

static void measure(vectors x, pairs *p) {
  double at[D][N];
  for (int i = 0; i < N; i++)
    for (int k = 0; k < D; k++)
      at[k][i] = x[i][k];
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      const double a = at[0][j] - at[0][i], b = at[1][j] - at[1][i], c = at[2][j] - at[2][i];
      p->r[i][j] = sqrt(a * a + b * b + c * c);
    }
    p->r[i][i] = 1; /* so that all of a row can be divided by; nothing else reads it */
    for (int j = 0; j < N; j++)
      p->inverse[i][j] = 1 / p->r[i][j];
  }
}

static double vacuum(const pair_table *t, pairs *p) {
  double sum[N] = {0};
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      const double s = p->inverse[i][j], s2 = s * s, s6 = s2 * s2 * s2;
      const double up = t->repulsion[i][j] * s6 * s6, down = t->attraction[i][j] * s6;
      const double charge = t->charges[i][j] * s;
      sum[j] += up - down + charge;
      p->by[i][j] = -(12 * up - 6 * down + charge) * s2;
    }
  double u = 0;
  for (int j = 0; j < N; j++)
    u += sum[j] / 2; /* every pair stands twice */
  return u;
}

/* ---- the solvent ----------------------------------------------------------------------------- */

/* What atom j screens of the field of i, from distance r, and its derivative by r, over r. */
static double screen(int i, int j, double r, double inverse, double *slope) {
  const double own = type[atom[i].type].radius - OFFSET;
  const double s = (type[atom[j].type].radius - OFFSET) * type[atom[j].type].scale;
  *slope = 0;
  if (own >= r + s)
    return 0;
  const double low = 1 / fmax(own, fabs(r - s)), up = 1 / (r + s);
  const double squares = low * low - up * up, ratio = log(up / low);
  *slope = (0.125 * (1 + s * s * inverse * inverse) * squares + 0.25 * ratio * inverse * inverse) *
           inverse;
  double h =
      low - up - 0.25 * r * squares + 0.5 * inverse * ratio + 0.25 * s * s * inverse * squares;
  if (own < s - r)
    h += 2 * (1 / own - low);
  return h;
}

/* Born radii, their derivatives by the sums of what screens, and by the distances. */
typedef struct {
  double radius[N], by_sum[N];
  matrix slope;
} born;

static void find_radii(const pairs *p, born *b) {
  for (int i = 0; i < N; i++) {
    const double full = type[atom[i].type].radius, own = full - OFFSET;
    double sum = 0;
    b->slope[i][i] = 0;
    for (int j = 0; j < N; j++)
      if (j != i)
        sum += screen(i, j, p->r[i][j], p->inverse[i][j], &b->slope[i][j]);
    sum *= own / 2;
    const double bent = tanh(sum * (ALPHA + sum * (-BETA + GAMMA * sum)));
    const double slope = ALPHA + sum * (-2 * BETA + 3 * GAMMA * sum);
    b->radius[i] = 1 / (1 / own - bent / full);
    b->by_sum[i] = b->radius[i] * b->radius[i] * (1 - bent * bent) * own * slope / full;
  }
}

static double solvent(pairs *p) {
  static const double before = -COULOMB * (1 - 1 / SOLVENT);
  born b;
  double u = 0, by_radius[N];
  find_radii(p, &b);
  for (int i = 0; i < N; i++) {
    const double full = type[atom[i].type].radius, ratio = full / b.radius[i];
    const double area = 4 * PI * TENSION * (full + PROBE) * (full + PROBE) * pow(ratio, 6);
    const double self = before * atom[i].charge * atom[i].charge / b.radius[i];
    u += area + self / 2;
    by_radius[i] = -(6 * area + self / 2) / b.radius[i];
  }
  for (int i = 0; i < N; i++)
    for (int j = i + 1; j < N; j++) {
      const double bb = b.radius[i] * b.radius[j], rr = p->r[i][j] * p->r[i][j];
      const double near = exp(-rr / (4 * bb)), inverse = 1 / (rr + bb * near);
      const double pair = before * atom[i].charge * atom[j].charge * sqrt(inverse);
      const double by_product = -pair * near * (1 + rr / (4 * bb)) * inverse / 2;
      u += pair;
      p->by[i][j] -= pair * (1 - near / 4) * inverse;
      by_radius[i] += by_product * b.radius[j];
      by_radius[j] += by_product * b.radius[i];
    }
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++)
      p->by[i < j ? i : j][i < j ? j : i] -= by_radius[i] * b.by_sum[i] * b.slope[i][j];
  return u;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static double molecule(const pair_table *table, vectors x, vectors grad) {
  pairs p;
  measure(x, &p);
  double u = bonds(x, grad) + angles(x, grad) + vacuum(table, &p) + solvent(&p);
  for (int t = 0; t < TORSIONS;)
    t = dihedral(x, t, &u, grad);
  for (int i = 0; i < N; i++)
    for (int j = i + 1; j < N; j++) {
      double r[D];
      difference(x[i], x[j], r);
      add(grad[i], p.by[i][j], r), add(grad[j], -p.by[i][j], r);
    }
  return u;
}

/* x (n,N,D), mean-free -> u (n), grad (n,N,D) unless NULL. Anything but 0 stops the tool. */
int enf_plugin_energy(void *user, size_t n, const double *x, double *u, double *grad) {
  static pair_table table; /* one thread at a time comes here */
  static int filled;
  (void)user;
  if (!filled)
    fill(&table);
  filled = 1;
  for (size_t s = 0; s < n; s++) {
    vectors at, g;
    memcpy(at, x + s * N * D, sizeof at);
    memset(g, 0, sizeof g);
    u[s] = molecule(&table, at, g) / KT;
    for (int k = 0; grad != NULL && k < N * D; k++)
      grad[s * N * D + (size_t)k] = g[k / D][k % D] / KT;
  }
  return 0;
}
