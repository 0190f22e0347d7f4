/* bounded_graph.h -- an equivariant network of particles whose Lipschitz constant is at most c,
   whatever its weights: F of the residual map "egnn", with tangents and their way back.

     d_ij = sqrt(|r_ij|^2 + 1e-4),  r_ij = x_i - x_j
     m_ij = silu(a d_ij + b1)                        h_i = sum_j m_ij / sqrt(N-1)
     s_ij = w . silu(Wn (h_i + h_j) + we d_ij + b2) + g
     F_i  = kappa sum_j tanh(s_ij) r_ij / sqrt(1 + |r_ij|^2)
     kappa = c / (N (1 + l)),  l = 1.1 |w| (2 sqrt(N-1) |Wn|_2 1.1 |a| + |we|)

   b1 and b2 are of a pair of species. Everything is double, one sample at a time. */
#ifndef ENF__BOUNDED_GRAPH_H
#define ENF__BOUNDED_GRAPH_H

#include "core/params.h"
#include "space/space.h"

typedef struct {
  const enf__shape *shape;
  size_t rows, hidden; /* pairs of species, H */
  double bound;
  size_t a, b1, node, edge, b2, w, g; /* offsets */
  const double *params;               /* where they are */
  double norm, l, kappa;              /* |Wn|_2, l, kappa */
  double *u, *v, *work;               /* Wn v = norm u; scratch */
} enf__bounded_graph;

void enf__bounded_graph_add(enf__bounded_graph *net, enf__params *params, size_t layer);
/* Numbers of u, v and scratch, and where they are to be. */
size_t enf__bounded_graph_numbers(const enf__bounded_graph *net);
void enf__bounded_graph_place(enf__bounded_graph *net, double *block);
void enf__bounded_graph_pack(enf__bounded_graph *net, const double *params);

/* A sample at work. */
typedef struct {
  double *h, *u, *dh, *du; /* (2,N,H) values, then tangents; cotangents */
} enf__bounded_graph_work;

enf__bounded_graph_work enf__bounded_graph_take(const enf__bounded_graph *net, enf__arena *arena);
/* F (N,D) at x; its derivative along x_dot. */
void enf__bounded_graph_value(const enf__bounded_graph *net, const enf__bounded_graph_work *work,
                              const double *x, double *F);
void enf__bounded_graph_tangent(const enf__bounded_graph *net, const enf__bounded_graph_work *work,
                                const double *x, const double *x_dot, double *F_dot);
/* dx (N,D) += the gradient of dF . F + dF_dot . F_dot by x; with dparams (P) it is accumulated, too,
   but for kappa's part, which is left in *dkappa. */
void enf__bounded_graph_reverse(const enf__bounded_graph *net, const enf__bounded_graph_work *work,
                                const double *x, const double *x_dot, const double *dF,
                                const double *dF_dot, double *dx, double *dparams, double *dkappa);
/* dparams (P) += what kappa's derivative comes to. */
void enf__bounded_graph_pull_bound(const enf__bounded_graph *net, double dkappa, double *dparams);

#endif
