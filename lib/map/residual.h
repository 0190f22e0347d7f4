/* residual.h -- kinds of residual maps, y = x + F(x) with F bounded so that y has one x: what the
   map "residual" (residual.c) is made of.

   A new kind is one file and one row of the table in residual.c. */
#ifndef ENF__RESIDUAL_H
#define ENF__RESIDUAL_H

#include "map/map.h"
#include "math/pairwise.h"

typedef struct enf__residual enf__residual;

typedef struct {
  /* OPTION, with the sentence, for what it cannot be; NOMEM. */
  enf_status (*create)(enf_ctx *ctx, enf__residual **kind, const enf__map_spec *spec);
  void (*add)(enf__residual *kind, size_t layer, enf__params *params); /* its views */
  enf_status (*allocate)(enf_ctx *ctx, enf__residual *kind);
  void (*destroy)(enf__residual *kind);
  void (*pack)(enf__residual *kind, const double *params);

  double (*cost)(const enf__residual *kind); /* multiply-adds of a layer and a sample, roughly */
  /* Bytes of arena that the three below take. */
  size_t (*workspace)(const enf__residual *kind, const enf__run *run);
  /* x (S,state) -> x + F(x) in place; logdet (S) += log |det (1 + J)|, or NULL. */
  void (*forward)(const enf__residual *kind, size_t layer, const enf__run *run, enf__arena *arena,
                  size_t S, double *x, double *logdet);
  /* The other way; logdet -= the same. INVERSE in why (S) for what does not converge. */
  void (*invert)(const enf__residual *kind, size_t layer, const enf__run *run, enf__arena *arena,
                 size_t S, double *x, double *logdet, enf__failure *why);
  /* From points x, `stride` numbers apart, where the map is a formula: cotangents a (S,state) of
     what came out become those of what went in, dlogdet (S) being those of the log-determinant of
     that way; dparams (P) += or NULL. */
  void (*pull)(const enf__residual *kind, size_t layer, const enf__run *run, enf__arena *arena,
               bool inverse, size_t S, const double *x, size_t stride, const double *dlogdet,
               double *a, double *dparams);
  /* The functions of distances that a layer is the gradient of; false where it is not bounded on
     both sides. NULL: it is none. */
  bool (*view)(const enf__residual *kind, size_t layer, enf__pairwise *view);
} enf__residual_kind;

/* The head of a kind's struct. */
struct enf__residual {
  const enf__residual_kind *ops;
  const enf__space *space;
  enf_alloc alloc;
  size_t layers;
  double bound; /* c */
};

extern const enf__residual_kind enf__residual_pairwise, enf__residual_mlp, enf__residual_egnn;

#endif
