/* clang-format off */
/* pentane.c -- a small molecule as an energy for the `enf` tool: pentane of five united atoms, in
   angstrom and units of kT at 300 K.

     u = sum over bonds   (r - 1.53)^2 / (2 0.04^2)
       + sum over angles  (cos T - cos 112 deg)^2 / (2 0.08^2)
       + sum over torsions  c1 (1 + cos P) + c2 (1 - cos 2P) + c3 (1 + cos 3P)
       + 4 exp(-(d_15 - 3)/0.3)

   The torsions are those of Jorgensen, Madura and Swenson 1984 (J. Am. Chem. Soc. 106, 6638); the
   last term keeps the ends apart, so that the torsions know of each other (the pentane effect).

     cc -O2 -fPIC -shared -o pentane.so pentane.c $(pkg-config --cflags enf) -lm

   examples/molecule.sh goes from here to a surface of the two torsions. */
/* clang-format on */
#include <enf/plugin.h>
#include <math.h>
#include <string.h>

enum { N = 5, D = 3 };

const int enf_energy_particles = N, enf_energy_dimensions = D;

static const double C1 = 355.03 / 300, C2 = -68.19 / 300, C3 = 791.32 / 300;

static double dot(const double *a, const double *b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void difference(const double *a, const double *b, double *out) {
  for (int k = 0; k < D; k++)
    out[k] = a[k] - b[k];
}

static void cross(const double *a, const double *b, double *out) {
  for (int k = 0; k < D; k++)
    out[k] = a[(k + 1) % 3] * b[(k + 2) % 3] - a[(k + 2) % 3] * b[(k + 1) % 3];
}

static void add(double *grad, double factor, const double *v) {
  for (int k = 0; k < D; k++)
    grad[k] += factor * v[k];
}

static double bond(const double *x, int i, double *grad) {
  double b[3];
  difference(x + 3 * (i + 1), x + 3 * i, b);
  const double r = sqrt(dot(b, b)), away = (r - 1.53) / 0.04;
  add(grad + 3 * (i + 1), away / 0.04 / r, b);
  add(grad + 3 * i, -away / 0.04 / r, b);
  return 0.5 * away * away;
}

static double angle(const double *x, int i, double *grad) {
  double a[3], b[3];
  difference(x + 3 * i, x + 3 * (i + 1), a);
  difference(x + 3 * (i + 2), x + 3 * (i + 1), b);
  const double A = sqrt(dot(a, a)), B = sqrt(dot(b, b)), cosine = dot(a, b) / (A * B);
  const double away = (cosine + 0.374606593) / 0.08, slope = away / 0.08;
  double ga[3] = {0}, gb[3] = {0};
  add(ga, slope / (A * B), b), add(ga, -slope * cosine / (A * A), a);
  add(gb, slope / (A * B), a), add(gb, -slope * cosine / (B * B), b);
  add(grad + 3 * i, 1, ga), add(grad + 3 * (i + 2), 1, gb);
  add(grad + 3 * (i + 1), -1, ga), add(grad + 3 * (i + 1), -1, gb);
  return 0.5 * away * away;
}

/* Gradient by Blondel and Karplus 1996, J. Comput. Chem. 17, 1132. */
static double torsion(const double *x, int i, double *grad) {
  double f[3], g[3], h[3], a[3], b[3];
  difference(x + 3 * i, x + 3 * (i + 1), f);
  difference(x + 3 * (i + 1), x + 3 * (i + 2), g);
  difference(x + 3 * (i + 3), x + 3 * (i + 2), h);
  cross(f, g, a), cross(h, g, b);
  const double G = sqrt(dot(g, g)), aa = dot(a, a), bb = dot(b, b);
  double ba[3];
  cross(b, a, ba);
  const double P = atan2(dot(ba, g) / G, dot(a, b));
  const double slope = -C1 * sin(P) + 2 * C2 * sin(2 * P) - 3 * C3 * sin(3 * P);
  const double fg = dot(f, g) / G, hg = dot(h, g) / G;
  add(grad + 3 * i, -slope * G / aa, a);
  add(grad + 3 * (i + 1), slope * (G + fg) / aa, a), add(grad + 3 * (i + 1), -slope * hg / bb, b);
  add(grad + 3 * (i + 2), -slope * fg / aa, a), add(grad + 3 * (i + 2), slope * (hg - G) / bb, b);
  add(grad + 3 * (i + 3), slope * G / bb, b);
  return C1 * (1 + cos(P)) + C2 * (1 - cos(2 * P)) + C3 * (1 + cos(3 * P));
}

static double ends(const double *x, double *grad) {
  double b[3];
  difference(x + 3 * 4, x, b);
  const double d = sqrt(dot(b, b)), u = 4 * exp((3 - d) / 0.3);
  add(grad + 3 * 4, -u / 0.3 / d, b), add(grad, u / 0.3 / d, b);
  return u;
}

static double molecule(const double *x, double *grad) {
  double u = ends(x, grad);
  for (int i = 0; i < N - 1; i++)
    u += bond(x, i, grad);
  for (int i = 0; i < N - 2; i++)
    u += angle(x, i, grad);
  for (int i = 0; i < N - 3; i++)
    u += torsion(x, i, grad);
  return u;
}

/* x (n,N,D), mean-free -> u (n), grad (n,N,D) unless NULL. Anything but 0 stops the tool. */
int enf_plugin_energy(void *user, size_t n, const double *x, double *u, double *grad) {
  double unwanted[N * D];
  (void)user;
  for (size_t s = 0; s < n; s++) {
    double *g = grad != NULL ? grad + s * N * D : unwanted;
    memset(g, 0, N * D * sizeof *g);
    u[s] = molecule(x + s * N * D, g);
  }
  return 0;
}
