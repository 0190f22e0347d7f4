/* residual.h -- kinds of residual maps, y = x + F(x) with F bounded so that y has one x: what the
   map "residual" (residual.c) is made of.

   A new kind is one file and one row of the table in residual.c. */
#ifndef ENF__RESIDUAL_H
#define ENF__RESIDUAL_H

#include "map/formula.h"
#include "math/pairwise.h"

typedef struct enf__residual enf__residual;

/* The way back through a layer. */
typedef struct {
  bool inverse;               /* it was gone by its inverse */
  const enf__stretch *probed; /* its log-determinants were estimated by this way's probes; or NULL */
  size_t S;
  const double *x; /* (S,state) where the layer is a formula, `stride` numbers apart */
  size_t stride;
  const double *dlogdet; /* (S) of the way that was gone */
  double *a;             /* (S,state) cotangents of what came out become those of what went in */
  double *dparams;       /* (P) += or NULL */
} enf__residual_back;

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
  void (*pull)(const enf__residual *kind, size_t layer, const enf__run *run, enf__arena *arena,
               const enf__residual_back *back);
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
  bool series;  /* trained by the series (residual_series.h), where there are probes */
};

extern const enf__residual_kind enf__residual_pairwise, enf__residual_mlp, enf__residual_egnn;

#endif
