/* prior.h -- prior densities on the state of a space, whose degrees of freedom are k.

   A table's functions see what of a state x says; noise beside it (space/space.h) is standard normal
   under every prior, and added in prior.c.

   A new prior is one file and one row of the table in prior.c. With model.prior_train the width and
   what else a prior has are parameters of the flow, as logarithms; else they are numbers. */
#ifndef ENF__PRIOR_H
#define ENF__PRIOR_H

#include "prior/copula.h"
#include "prior/ellipse.h"

typedef struct enf__prior enf__prior;

typedef struct {
  /* OPTION, with the sentence, for a space that it is none of. */
  enf_status (*check)(enf_ctx *ctx, const enf__space *space);
  /* Draw number `index` of stream (seed, stream): z (state). */
  void (*sample)(const enf__prior *prior, uint64_t seed, uint32_t stream, uint64_t index,
                 double *z);
  double (*log_density)(const enf__prior *prior, const double *z);
  /* of the log-density: grad (state) by z and, if wanted, by log std and log df. */
  void (*gradient)(const enf__prior *prior, const double *z, double *grad, double by_log[2]);
  size_t logs; /* how many of the two it has */
} enf__prior_ops;

/* Lengths are in units of the data scale. */
struct enf__prior {
  const enf__prior_ops *ops;
  const enf__space *space;
  double std, df;
  enf__ellipse ellipse;
  enf__copula copula;
  bool trained;
  size_t offset; /* of its logs, if they are trained */
};

/* One of fixed width, and of 5 degrees of freedom where it has any. */
enf__prior enf__prior_make(int kind, const enf__space *space, double std);
/* From model.prior*; appends its views to the table if it is trained. */
enf_status enf__prior_create(enf_ctx *ctx, enf__prior *prior, const enf_opts *options,
                             const enf__space *space, enf__params *params);
enf_status enf__prior_allocate(enf_ctx *ctx, enf__prior *prior);
/* What is initial of its parameters and no rule of their table: a copula's margins. */
void enf__prior_start(const enf__prior *prior, double *params);
void enf__prior_free(const enf_alloc *alloc, enf__prior *prior); /* fine on a zeroed one */
/* RANGE, with the sentence, for values that its tensor at `offset` cannot have. */
enf_status enf__prior_admit(enf_ctx *ctx, const enf__prior *prior, size_t offset,
                            const double *data);
/* Take over its parameters from a block. */
void enf__prior_pack(enf__prior *prior, const double *params);
/* dparams (P) += weight times the gradient of the log-density by the prior's parameters. */
void enf__prior_pull(const enf__prior *prior, const double *z, double weight, double *dparams);

/* The same of a copula's margins. */
void enf__copula_pull(const enf__prior *prior, const double *z, double weight, double *dparams);
/* sqrt(nu/chi^2), chi^2 of nu degrees of freedom: what makes a normal draw one of Student's. */
double enf__student_factor(double nu, uint64_t seed, uint32_t stream, uint64_t index);

void enf__prior_sample(const enf__prior *prior, uint64_t seed, uint32_t stream, uint64_t index,
                       double *z);
double enf__prior_log_density(const enf__prior *prior, const double *z);
void enf__prior_gradient(const enf__prior *prior, const double *z, double *grad);

extern const enf__prior_ops enf__gaussian_ops, enf__student_ops, enf__internal_prior_ops,
    enf__haar_ops, enf__copula_ops;

#endif
