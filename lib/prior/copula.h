/* copula.h -- what a copula prior is made of: a law for every coordinate, and how they depend on each
   other. Its numbers are tensors: prior.loc, prior.log_scale, prior.log_df (D,1; the last where a
   margin has degrees of freedom), and prior.correlation (D,D) of a copula that is not independent. */
#ifndef ENF__COPULA_H
#define ENF__COPULA_H

#include "core/options.h"
#include "core/params.h"
#include "math/laws.h"
#include "space/space.h"

/* How many coordinates a copula can have; states of such size lie on the stack. */
enum { ENF__COPULA_MOST = 256 };

typedef struct {
  enf__law law;
  double loc, scale;
} enf__copula_margin;

typedef struct {
  bool on; /* false: another prior, and all else is empty */
  int kind;
  double df;        /* of the student-t copula */
  size_t D;
  const char *text; /* model.margins */
  bool has_df, trains_df;
  size_t loc, log_scale, log_df, correlation; /* offsets */
  enf__copula_margin *margin;                 /* (D) */
  double log_det;                             /* of R */
  double *matrix, *inverse, *root;            /* (D,D) R, R^-1, L with L L^T = R; or NULL */
} enf__copula;

/* Appends its tensors. OPTION. */
enf_status enf__copula_plan(enf_ctx *ctx, enf__copula *copula, const enf_opts *options,
                            const enf__space *space, bool trained, enf__params *params);
enf_status enf__copula_allocate(enf_ctx *ctx, enf__copula *copula);
void enf__copula_free(const enf_alloc *alloc, enf__copula *copula); /* fine on a zeroed one */
/* The numbers of model.margins into its tensors. */
void enf__copula_start(const enf__copula *copula, double *params);
/* Take over its tensors; false, with the old correlation gone, if that is not positive definite. */
bool enf__copula_pack(enf__copula *copula, const double *params);
/* RANGE, with the sentence, for a correlation that is none. */
enf_status enf__copula_admit(enf_ctx *ctx, const enf__copula *copula, const double *R);

/* Of t (D), the coordinates in their margins' units: log density of z, without the margins' scales,
   and its gradient by t (or NULL). */
double enf__copula_density(const enf__copula *copula, const double *t, double *grad);

#endif
