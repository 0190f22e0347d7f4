/* count.c -- floating-point operations of the algorithm: two for every multiply-add of the matrix
   products that velocity and exact divergence really need; bench/README.md, "Operations", has the
   formulas. Activations, geometry, sums and products with vectors are left out: what they cost
   shows as a share below 1. The divergence is that of lib/field/egnn/divergence.c. */
#include "bench.h"

typedef struct {
  double N, E, T, D, L, classes;
  double edge, node; /* linear layers of their networks */
  double square;     /* 2 H^2: one row through one H x H matrix */
} shape;

static shape shape_of(const bench_system *s) {
  const double N = (double)s->N, D = (double)s->D, H = (double)s->H;
  return (shape){.N = N,
                 .E = N * (N - 1),
                 .T = N * D,
                 .D = D,
                 .L = (double)s->L,
                 .edge = (double)s->edge_depth,
                 .node = (double)s->node_depth,
                 .classes = s->species > 1 ? (double)s->species : 1,
                 .square = 2 * H * H};
}

double bench_velocity_flops(const bench_system *s) {
  const shape q = shape_of(s);
  double rows = q.edge * q.E * q.L; /* W2 and further, W3 */
  for (double l = 0; l < q.L; l++) {
    const bool last = l + 1 == q.L;
    rows += (l > 0 ? q.N : q.classes) * (last ? 2 : 3); /* [P | Q | U] */
    rows += last ? 0 : q.node * q.N;                    /* W5, W6 and further */
  }
  return rows * q.square;
}

/* Forward takes a velocity per evaluation; a stage on the way back one with its tangent (2), a
   product for the rows of both (2) and one for the weights of both (2), or half of it all where its
   weight in the step is 0 (`plain` of them). */
double bench_pullback_flops(const bench_system *s, double forward, double stages, double plain) {
  return (forward + 6 * (stages - plain) + 3 * plain) * bench_velocity_flops(s);
}

double bench_divergence_flops(const bench_system *s) {
  const shape q = shape_of(s);
  const double pairs = q.E + q.T, dense = q.N * q.T;
  double rows = q.edge * q.E * q.L; /* p = ds/dz1: back through W3 and the edge network */
  if (q.L > 1) /* first: edge and node networks; last: Q of pairs, P of nodes */
    rows += (q.edge - 1) * q.E + q.node * pairs + q.E + q.T;
  for (double l = 1; l + 1 < q.L; l++) {
    const bool contract = l + 2 == q.L, split = l == 1 && !contract && q.edge < 3;
    rows += 3 * (l > 1 ? dense : pairs); /* [P | Q | U] */
    if (split)                           /* W2: rows of Q; the sum of W2 for P, and P itself */
      rows += q.E * (q.N + q.D) + 3 * q.E + pairs;
    else /* W2 and further */
      rows += (q.edge - 1) * q.E * (contract ? q.N - 1 + q.D : q.T);
    rows += q.node * (contract ? pairs : dense); /* W5, W6 and further */
  }
  return bench_velocity_flops(s) + rows * q.square;
}
