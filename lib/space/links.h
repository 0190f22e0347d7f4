/* links.h -- samples made of matrices of SU(n) or angles of U(1): one matrix, or the links of a
   periodic lattice in two dimensions. */
#ifndef ENF__LINKS_H
#define ENF__LINKS_H

#include <stdbool.h>
#include <stddef.h>

/* Distance from the group that a matrix given may have (enf__sun_distance). */
#define ENF__LINKS_FARTHEST 1e-6

/* Links U_mu(x) from site x = (x0,x1) to its neighbour along axis mu, mu slowest, then x0. */
typedef struct {
  size_t n;       /* of SU(n); 1: U(1), angles; 0: the samples are none of these */
  size_t side[2]; /* L0, L1; 0: one matrix */
} enf__links;

static inline size_t enf__links_sites(const enf__links *l) { return l->side[0] * l->side[1]; }
/* Matrices of a sample. */
static inline size_t enf__links_count(const enf__links *l) {
  return l->side[0] ? 2 * enf__links_sites(l) : 1;
}
/* Doubles of one. */
static inline size_t enf__links_width(const enf__links *l) { return l->n > 1 ? 2 * l->n * l->n : 1; }
/* Dimension of the group. */
static inline size_t enf__links_freedom(const enf__links *l) {
  return l->n > 1 ? l->n * l->n - 1 : 1;
}

static inline bool enf__links_equal(const enf__links *a, const enf__links *b) {
  return a->n == b->n && a->side[0] == b->side[0] && a->side[1] == b->side[1];
}

#endif
