/* gauge.c -- the energies of gauge fields on a periodic lattice of two dimensions (Wilson 1974,
   Phys. Rev. D 10, 2445), and of one matrix of SU(n):

     wilson   u = -beta/n sum_x Re tr P(x),  P(x) = U_0(x) U_1(x+0) U_0(x+1)^+ U_1(x)^+;
              U(1): -beta sum cos P, P = the sum of the angles
     class    u = -beta/n Re tr sum_m c_m U^m,  m = 1, 2, 3

   Links (2,L0,L1), each 2 n^2 doubles, of U(1) one angle. The derivative along exp(s T) U of Re tr M,
   M a loop that begins with U, is Re tr(T M), so gradients are A U with A = beta/n TA(M) summed over
   the loops, TA(M) = (M - M^+)/2 less its trace part. With G(x) = TA(P(x)) the links of a plaquette
   get

     U_0(x): G    U_1(x): -G    U_0(x+1): -U_1(x)^+ G U_1(x)    U_1(x+0): U_0(x)^+ G U_0(x). */
#include "energy/energy.h"
#include "math/sun.h"
#include <math.h>
#include <string.h>

typedef struct {
  size_t n, L0, L1, D; /* SU(n), n = 1: U(1); doubles of a link */
  double beta;
} lattice;

static lattice lattice_of(const enf_energy *e) {
  const size_t n = (size_t)e->value[ENF__ENERGY_GAUGE];
  return (lattice){.n = n,
                   .L0 = (size_t)e->value[ENF__ENERGY_L0],
                   .L1 = (size_t)e->value[ENF__ENERGY_L1],
                   .D = n > 1 ? 2 * n * n : 1,
                   .beta = e->value[ENF__ENERGY_BETA]};
}

enf__links enf__energy_links(const enf_energy *e) {
  const double *value = e->value;
  if (e->potential == ENF__CLASS)
    return (enf__links){.n = (size_t)value[ENF__ENERGY_GROUP]};
  if (e->potential == ENF__WILSON)
    return (enf__links){.n = (size_t)value[ENF__ENERGY_GAUGE],
                        .side = {(size_t)value[ENF__ENERGY_L0], (size_t)value[ENF__ENERGY_L1]}};
  return (enf__links){0};
}

void enf__gauge_take_shape(enf_energy *energy) {
  const enf__links links = enf__energy_links(energy);
  if (!links.n)
    return;
  energy->particles = enf__links_count(&links);
  energy->dimensions = enf__links_width(&links);
}

/* The four links around a plaquette, as places in the array: U_0(x), U_1(x+0), U_0(x+1), U_1(x). */
static void around(const lattice *l, size_t x0, size_t x1, size_t link[4]) {
  const size_t V = l->L0 * l->L1, east = (x0 + 1) % l->L0, north = (x1 + 1) % l->L1;
  link[0] = l->D * (x0 * l->L1 + x1);
  link[1] = l->D * (V + east * l->L1 + x1);
  link[2] = l->D * (x0 * l->L1 + north);
  link[3] = l->D * (V + x0 * l->L1 + x1);
}

static void add(size_t D, double scale, const double *a, double *sum) {
  for (size_t k = 0; k < D; k++)
    sum[k] += scale * a[k];
}

static double angle_plaquette(const double *x, const size_t link[4], double beta, double *grad) {
  const double p = x[link[0]] + x[link[1]] - x[link[2]] - x[link[3]];
  if (grad) {
    const double slope = beta * sin(p);
    grad[link[0]] += slope;
    grad[link[1]] += slope;
    grad[link[2]] -= slope;
    grad[link[3]] -= slope;
  }
  return -beta * cos(p);
}

/* sum += scale u^+ g u */
static void add_carried(size_t n, double scale, const double *u, const double *g, double *sum) {
  double half[ENF__SUN_DOUBLES], whole[ENF__SUN_DOUBLES];
  enf__sun_adjoint_product(n, u, g, half);
  enf__sun_product(n, half, u, whole);
  add(2 * n * n, scale, whole, sum);
}

/* Adds the algebra's part of the gradient of the four links, if that is wanted. */
static double matrix_plaquette(const lattice *l, const double *x, const size_t link[4],
                               double *grad) {
  const size_t n = l->n, D = l->D;
  const double scale = l->beta / (double)n;
  double one[ENF__SUN_DOUBLES], two[ENF__SUN_DOUBLES], trace[2];
  enf__sun_product(n, x + link[0], x + link[1], one);
  enf__sun_product_adjoint(n, one, x + link[2], two);
  enf__sun_product_adjoint(n, two, x + link[3], one);
  enf__sun_trace(n, one, trace);
  if (grad) {
    enf__sun_tangent(n, one, one);
    add(D, scale, one, grad + link[0]);
    add(D, -scale, one, grad + link[3]);
    add_carried(n, -scale, x + link[3], one, grad + link[2]);
    add_carried(n, scale, x + link[0], one, grad + link[1]);
  }
  return -scale * trace[0];
}

static double wilson(const lattice *l, const double *x, double *grad) {
  const size_t count = 2 * l->L0 * l->L1;
  double u = 0, moved[ENF__SUN_DOUBLES];
  if (grad)
    memset(grad, 0, count * l->D * sizeof *grad);
  for (size_t x0 = 0; x0 < l->L0; x0++)
    for (size_t x1 = 0; x1 < l->L1; x1++) {
      size_t link[4];
      around(l, x0, x1, link);
      u += l->n > 1 ? matrix_plaquette(l, x, link, grad)
                    : angle_plaquette(x, link, l->beta, grad);
    }
  for (size_t k = 0; grad && l->n > 1 && k < count; k++) {
    enf__sun_product(l->n, grad + k * l->D, x + k * l->D, moved);
    memcpy(grad + k * l->D, moved, l->D * sizeof *grad);
  }
  return u;
}

void enf__wilson_eval(const enf_energy *e, size_t n, const double *x, double *u, double *grad) {
  const lattice l = lattice_of(e);
  const size_t size = e->particles * e->dimensions;
  for (size_t i = 0; i < n; i++)
    u[i] = wilson(&l, x + i * size, grad ? grad + i * size : NULL);
}

static double class_function(const enf_energy *e, const double *x, double *grad) {
  const size_t n = (size_t)e->value[ENF__ENERGY_GROUP], D = e->dimensions;
  const double scale = e->value[ENF__ENERGY_BETA] / (double)n, *c = e->value + ENF__ENERGY_C1;
  double power[ENF__SUN_DOUBLES], next[ENF__SUN_DOUBLES], slope[ENF__SUN_DOUBLES] = {0}, u = 0;
  memcpy(power, x, D * sizeof *x);
  for (size_t m = 1; m <= 3; m++) {
    double trace[2];
    enf__sun_trace(n, power, trace);
    u -= scale * c[m - 1] * trace[0];
    add(D, scale * (double)m * c[m - 1], power, slope);
    enf__sun_product(n, power, x, next);
    memcpy(power, next, D * sizeof *x);
  }
  if (grad) {
    enf__sun_tangent(n, slope, slope);
    enf__sun_product(n, slope, x, grad);
  }
  return u;
}

void enf__class_eval(const enf_energy *e, size_t n, const double *x, double *u, double *grad) {
  for (size_t i = 0; i < n; i++)
    u[i] = class_function(e, x + i * e->dimensions, grad ? grad + i * e->dimensions : NULL);
}
