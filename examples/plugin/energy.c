/* clang-format off */
/* energy.c -- an energy of your own for the `enf` tool, as a shared object: a soft cluster.

     u(x) = sum_{i<j} [ 4 exp(-d_ij^2) + d_ij^2 / 4 ],   d_ij = |r_i - r_j|

   in reduced units (U/kT): five particles in three dimensions that repel at short distance and are
   held together at large ones.

     cc -O2 -fPIC -shared -o soft.so energy.c $(pkg-config --cflags enf) -lm
     enf train --objective energy --energy soft.so --set model.field=pair-kernel --steps 1500 \
       -o soft.safetensors
     enf reweight soft.safetensors --energy soft.so -n 10000

   The tool looks for the names that <enf/plugin.h> declares; a plugin without the two sizes takes
   them from DATA or from --set model.particles=N. A gradient that is not that of u spoils a training:
   the tool compares it with finite differences at one configuration, and tells. */
/* clang-format on */
#include <enf/plugin.h>
#include <math.h>

enum { N = 5, D = 3 };

const int enf_energy_particles = N, enf_energy_dimensions = D;

/* The pair's energy; its gradient is added to grad, if that is wanted. */
static double pair(const double *a, const double *b, double *grad_a, double *grad_b) {
  double square = 0;
  for (int k = 0; k < D; k++)
    square += (a[k] - b[k]) * (a[k] - b[k]);
  const double bump = 4 * exp(-square), slope = 2 * (0.25 - bump); /* du/d(square), times 2 */
  for (int k = 0; k < D && grad_a != NULL; k++) {
    grad_a[k] += slope * (a[k] - b[k]);
    grad_b[k] -= slope * (a[k] - b[k]);
  }
  return bump + 0.25 * square;
}

/* x (n,N,D), mean-free -> u (n), grad (n,N,D) unless NULL. Anything but 0 stops the tool. */
int enf_plugin_energy(void *user, size_t n, const double *x, double *u, double *grad) {
  (void)user;
  for (size_t s = 0; s < n; s++, x += N * D) {
    double *g = grad != NULL ? grad + s * N * D : NULL;
    u[s] = 0;
    for (int k = 0; k < N * D && g != NULL; k++)
      g[k] = 0;
    for (int i = 0; i < N; i++)
      for (int j = i + 1; j < N; j++)
        u[s] += pair(x + i * D, x + j * D, g ? g + i * D : NULL, g ? g + j * D : NULL);
  }
  return 0;
}
