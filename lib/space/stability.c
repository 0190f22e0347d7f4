/* stability.c -- bonds of small organic molecules by their lengths, and what follows from them:
   which atoms have the valence of their element, whether the molecule is one piece, a hash of its
   graph.

   Bond orders (Hoogeboom et al. 2022, arXiv:2203.17003; the lengths are those of the E-NF's own
   rule, Satorras et al. 2021, arXiv:2105.09016): with d in pm and b1, b2, b3 the lengths of the
   table, order 1 if d < b1 + 10, then 2 if d < b2 + 5, then 3 if d < b3 + 3; an order that the
   table lacks is none. Hydrogen, carbon, nitrogen, oxygen and fluorine only. */
#include "core/core.h"
#include <enf/molecule.h>
#include <math.h>

enum { ELEMENTS = 5 };
static const int32_t number[ELEMENTS] = {1, 6, 7, 8, 9};
static const int valence[ELEMENTS] = {1, 4, 3, 2, 1};

/* By order - 1 and elements as above; 0: none. */
static const double length[3][ELEMENTS][ELEMENTS] = {
    {{74, 109, 101, 96, 92},
     {109, 154, 147, 143, 135},
     {101, 147, 145, 140, 136},
     {96, 143, 140, 148, 142},
     {92, 135, 136, 142, 142}},
    {{0}, {0, 134, 129, 120, 0}, {0, 129, 125, 121, 0}, {0, 120, 121, 121, 0}, {0}},
    {{0}, {0, 120, 116, 113, 0}, {0, 116, 110, 0, 0}, {0, 113, 0, 0, 0}, {0}}};
static const double margin[3] = {10, 5, 3};

static int place_of(int32_t element) {
  for (int k = 0; k < ELEMENTS; k++)
    if (number[k] == element)
      return k;
  return -1;
}

static int valence_of(int32_t element) {
  const int k = place_of(element);
  return k < 0 ? 0 : valence[k];
}

static int32_t order_of(int a, int b, double pm) {
  int32_t order = 0;
  while (order < 3 && length[order][a][b] > 0 && pm < length[order][a][b] + margin[order])
    order++;
  return order;
}

static int32_t bond(const int32_t *element, const double *x, double angstrom, size_t i, size_t j) {
  double square = 0;
  for (size_t d = 0; d < 3; d++)
    square += (x[3 * i + d] - x[3 * j + d]) * (x[3 * i + d] - x[3 * j + d]);
  return order_of(place_of(element[i]), place_of(element[j]), 100 * angstrom * sqrt(square));
}

/* ---- the graph ------------------------------------------------------------------------------- */

/* A bijection of 64 bits (splitmix64). */
static uint64_t mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* Weisfeiler and Lehman's colours: an atom's is made of its own and its neighbours' by order, N
   times; sums do not know the order of atoms. */
static uint64_t hash_graph(size_t N, const int32_t *element, const int32_t *order, uint64_t *colour,
                           uint64_t *next) {
  uint64_t sum = 0;
  for (size_t i = 0; i < N; i++)
    colour[i] = mix((uint64_t)element[i]);
  for (size_t round = 0; round < N; round++) {
    for (size_t i = 0; i < N; i++) {
      next[i] = mix(colour[i]);
      for (size_t j = 0; j < N; j++)
        if (order[i * N + j] > 0)
          next[i] += mix(colour[j] ^ (uint64_t)order[i * N + j] << 56);
    }
    for (size_t i = 0; i < N; i++)
      colour[i] = next[i];
  }
  for (size_t i = 0; i < N; i++)
    sum += mix(colour[i]);
  return mix(sum ^ (uint64_t)N);
}

/* Pieces of the graph; label (N) is for work. */
static size_t count_pieces(size_t N, const int32_t *order, uint64_t *label) {
  size_t pieces = 0;
  bool changed = true;
  for (size_t i = 0; i < N; i++)
    label[i] = i;
  while (changed) {
    changed = false;
    for (size_t i = 0; i < N; i++)
      for (size_t j = 0; j < N; j++)
        if (order[i * N + j] > 0 && label[j] < label[i]) {
          label[i] = label[j];
          changed = true;
        }
  }
  for (size_t i = 0; i < N; i++)
    pieces += label[i] == i;
  return pieces;
}

/* ---- the call -------------------------------------------------------------------------------- */

static enf_status check(enf_ctx *ctx, size_t N, const int32_t *element, const double *x,
                        double angstrom) {
  if (N == 0 || N > UINT16_MAX)
    return enf__fail(ctx, ENF_ERR_SHAPE, "N is %zu: a molecule has 1 to %d atoms", N, UINT16_MAX);
  if (!(angstrom > 0 && isfinite(angstrom)))
    return enf__fail(ctx, ENF_ERR_RANGE, "angstrom is %.6g, no unit of length", angstrom);
  for (size_t i = 0; i < N; i++) {
    if (place_of(element[i]) < 0)
      return enf__fail(ctx, ENF_ERR_RANGE,
                       "atom %zu is of element %d: bond orders are known of H, C, N, O and F", i,
                       element[i]);
    for (size_t d = 0; d < 3; d++)
      if (!isfinite(x[3 * i + d]))
        return enf__fail(ctx, ENF_ERR_NONFINITE, "the position of atom %zu is not finite", i);
  }
  return ENF_OK;
}

static void count_atoms(size_t N, const int32_t *element, const int32_t *order,
                        enf_molecule_facts *facts) {
  for (size_t i = 0; i < N; i++) {
    int32_t sum = 0;
    for (size_t j = 0; j < N; j++) {
      sum += order[i * N + j];
      facts->bonds += j > i && order[i * N + j] > 0;
    }
    facts->stable_atoms += sum == valence_of(element[i]);
    facts->crowded_atoms += sum > valence_of(element[i]);
  }
}

enf_status enf_molecule_check(enf_ctx *ctx, size_t N, const int32_t *element, const double *x,
                              double angstrom, int32_t *order, enf_molecule_facts *out) {
  ENF__ENTRY;
  enf_status status;
  enf_molecule_facts facts = ENF_MOLECULE_FACTS_INIT;
  TRY(enf__enter(ctx));
  if (!element || !x || !out)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", !element ? "element" : !x ? "x" : "out"));
  TRY(enf__struct_check(ctx, "out", out, sizeof facts, "ENF_MOLECULE_FACTS_INIT"));
  TRY(check(ctx, N, element, x, angstrom));
  TRY(enf__reserve(ctx, N * N * sizeof *order + 2 * N * sizeof(uint64_t) + 3 * ENF__ALIGN, 0));
  int32_t *orders = ENF__TAKE(&ctx->arena, int32_t, N * N);
  uint64_t *colour = ENF__TAKE(&ctx->arena, uint64_t, N),
           *next = ENF__TAKE(&ctx->arena, uint64_t, N);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j <= i; j++)
      orders[i * N + j] = orders[j * N + i] = j < i ? bond(element, x, angstrom, i, j) : 0;
  count_atoms(N, element, orders, &facts);
  facts.pieces = count_pieces(N, orders, colour);
  facts.hash = hash_graph(N, element, orders, colour, next);
  for (size_t k = 0; order && k < N * N; k++)
    order[k] = orders[k];
  enf__struct_give(out, &facts, sizeof facts);
  ctx->arena.used = 0;
out:
  return status;
}
