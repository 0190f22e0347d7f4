/* tetrahedron.c -- an energy with a hand: four unlike particles, a scalene tetrahedron whose mirror
   image is 16 kT higher, for flows with model.reflections off.

     cc -O2 -shared -fPIC -o tetrahedron.so tetrahedron.c $(pkg-config --cflags enf) -lm
     enf simulate ./tetrahedron.so -n 22000 --seed 1 -o rows.npy -s model.particles=4 \
         -s 'model.species=0 1 2 3'

   u = sum over pairs of 25 (d - a)^2 + 8 (1 - V/sqrt(V^2 + 0.04)), V the triple product of the
   three edges at particle 0. */
#include <enf/plugin.h>
#include <math.h>
#include <string.h>

static const double edge[4][4] = {
    {0, 1.0, 1.2, 1.4}, {1.0, 0, 1.3, 1.1}, {1.2, 1.3, 0, 1.5}, {1.4, 1.1, 1.5, 0}};

static double springs(const double *x, double *grad) {
  double u = 0;
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < i; j++) {
      double r[3], q = 0;
      for (int a = 0; a < 3; a++) {
        r[a] = x[3 * i + a] - x[3 * j + a];
        q += r[a] * r[a];
      }
      const double d = sqrt(q), stretch = d - edge[i][j];
      u += 25 * stretch * stretch;
      for (int a = 0; a < 3; a++) {
        grad[3 * i + a] += 50 * stretch * r[a] / d;
        grad[3 * j + a] -= 50 * stretch * r[a] / d;
      }
    }
  return u;
}

static double hand(const double *x, double *grad) {
  double r[3][3], cross[3][3];
  for (int i = 0; i < 3; i++)
    for (int a = 0; a < 3; a++)
      r[i][a] = x[3 * (i + 1) + a] - x[a];
  for (int i = 0; i < 3; i++) {
    const double *p = r[(i + 1) % 3], *q = r[(i + 2) % 3];
    for (int a = 0, b = 1, c = 2; a < 3; b = c, c = a, a++)
      cross[i][a] = p[b] * q[c] - p[c] * q[b];
  }
  const double V = r[0][0] * cross[0][0] + r[0][1] * cross[0][1] + r[0][2] * cross[0][2];
  const double w = sqrt(V * V + 0.04), slope = -8 * 0.04 / (w * w * w);
  for (int i = 0; i < 3; i++)
    for (int a = 0; a < 3; a++) {
      grad[3 * (i + 1) + a] += slope * cross[i][a];
      grad[a] -= slope * cross[i][a];
    }
  return 8 * (1 - V / w);
}

int enf_plugin_energy(void *user, size_t n, const double *x, double *u, double *grad) {
  (void)user;
  for (size_t s = 0; s < n; s++) {
    double slope[12] = {0};
    u[s] = springs(x + 12 * s, slope) + hand(x + 12 * s, slope);
    if (grad)
      memcpy(grad + 12 * s, slope, sizeof slope);
  }
  return 0;
}
