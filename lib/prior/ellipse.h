/* ellipse.h -- how wide a prior is: one width for all directions, or a covariance of particles.

   Lengths are in units of std. With model.prior_covariance data S is the tensor prior.covariance
   (N,N): symmetric, S 1 = 0, the same for like particles; lam are its N-1 other eigenvalues.

     isotropic   q = |z|^2                 log volume = 0
     data        q = sum_d z_d^T S^+ z_d   log volume = D/2 sum log lam                        */
#ifndef ENF__ELLIPSE_H
#define ENF__ELLIPSE_H

#include "core/params.h"
#include "space/space.h"

/* S and what is made from it; with c = trace(S)/(N-1), L L^T = S + c 1 1^T/N. */
typedef struct {
  bool on;       /* false: isotropic, and all else is empty */
  size_t offset; /* of prior.covariance */
  double log_volume;
  double *matrix, *pseudo, *root; /* (N,N) S, S^+, L */
} enf__ellipse;

/* Appends prior.covariance, of an isotropic prior at first. OPTION where there are no particles. */
enf_status enf__ellipse_plan(enf_ctx *ctx, enf__ellipse *ellipse, const enf__space *space,
                             enf__params *params);
enf_status enf__ellipse_allocate(enf_ctx *ctx, enf__ellipse *ellipse, const enf__space *space);
void enf__ellipse_free(const enf_alloc *alloc, enf__ellipse *ellipse);
/* Take over S; false, with the old one gone, if it is not positive definite. */
bool enf__ellipse_set(enf__ellipse *ellipse, const enf__space *space, const double *S);
/* RANGE, with the sentence, for an S that is none. */
enf_status enf__ellipse_admit(enf_ctx *ctx, const enf__space *space, const double *S);
/* The mean of S over exchanges of like particles; work of enf__ellipse_mean_doubles. */
size_t enf__ellipse_mean_doubles(const enf__space *space);
void enf__ellipse_mean(const enf__space *space, double *S, double *work);

double enf__ellipse_square(const enf__ellipse *ellipse, const enf__space *space, double std,
                           const double *z);
/* grad = factor/2 dq/dz */
void enf__ellipse_gradient(const enf__ellipse *ellipse, const enf__space *space, double std,
                           double factor, const double *z, double *grad);
/* Draw number `index` of (seed, stream) of the Gaussian with log-density -q/2 + const. */
void enf__ellipse_normal(const enf__ellipse *ellipse, const enf__space *space, double std,
                         uint64_t seed, uint32_t stream, uint64_t index, double *z);

#endif
