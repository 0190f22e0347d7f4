/* flow.h -- inside of enf_flow: space + prior + chain of maps + parameters. */
#ifndef ENF__FLOW_H
#define ENF__FLOW_H

#include "map/chain.h"
#include "prior/prior.h"
#include <enf/flow.h>

/* Free text by a key (meta.c). */
typedef struct {
  char *key, *text;
} enf__meta;

struct enf_flow {
  uint32_t magic;
  enf_alloc alloc;
  enf_opts *options; /* the model.* options it was made with */
  int *kind;         /* (N) kinds of model.species, or NULL; the space's */
  bool by_number;    /* its weights are for all numbers of model.species up to the largest */
  enf__space space;
  enf__prior prior;
  enf__params params;
  enf__chain chain;
  int dequantiser;     /* model.dequantiser */
  enf__field *network; /* of the variational one, or NULL */
  size_t parts;       /* of a mixture (mixture.h), which has no prior and no chain; else 0 */
  enf_flow **part;    /* (parts) */
  double *log_weight; /* (parts) */
  size_t metas;
  enf__meta *meta;  /* (metas) */
  bool fitted;      /* the prior's numbers in its options are enf_prior_fit's, not the host's */
  bool scale_fixed; /* false: the data scale is `auto`, not resolved yet, and 1 so far */
};

/* ARG unless flow is one (NULL, magic), with the sentence on ctx. */
enf_status enf__flow_check(enf_ctx *ctx, const enf_flow *flow);

/* What enf_load begins with: a flow with its table of parameters, of at most
   most_tensors views (0: any number), but nothing yet of the size of its weights; then the weights,
   zero and not packed. Kinds are the different numbers of model.species, or with by_number all
   numbers up to the largest. */
enf_status enf__flow_plan(enf_ctx *ctx, enf_flow **flow, const enf_opts *opts, bool by_number,
                          size_t most_tensors);
enf_status enf__flow_allocate(enf_ctx *ctx, enf_flow *flow);
/* Both in one; *flow is NULL on failure. */
enf_status enf__flow_make(enf_ctx *ctx, enf_flow **flow, const enf_opts *opts, bool by_number);

/* Its place, or metas. */
size_t enf__meta_find(const enf_flow *flow, const char *key);
/* Set, replace or, for a text of NULL, take away. NOMEM. */
enf_status enf__meta_put(enf_ctx *ctx, enf_flow *flow, const char *key, const char *text);
void enf__meta_free(enf_flow *flow);

/* What calls that give a text do: into text (size), its end included; needed, unless NULL, is how
   much that takes. RANGE where it does not fit. */
enf_status enf__text_give(const char *value, char *text, size_t size, size_t *needed);

/* The text of one of its model.* options; of the data scale, the number in use. */
const char *enf__flow_option(const enf_flow *flow, enf__opt id, char buffer[32]);

/* prior_fit.c, scale.c: the flow's scale and its prior's covariance, or its space's tensors, from x
   (n > 0, host), in work (enf__flow_fit_doubles). NONFINITE, RANGE with the sentence; then they are
   as they were. */
size_t enf__flow_fit_doubles(const enf_flow *flow, size_t n);
enf_status enf__flow_fit(enf_ctx *ctx, enf_flow *flow, size_t n, const double *x, double *work);
/* Its data scale, as enf__scale_find; for a Student-t prior without a variance that of its width.
 */
double enf__flow_scale(const enf_flow *flow, size_t n, const double *x, double *work,
                       size_t *left_out, double *most);

/* The data scale that `auto` stands for, of x (n > 0, host), in work (enf__scale_doubles).
   0 for data without extent, not finite where squares are not. Rows whose square is above `most`
   are left out. */
size_t enf__scale_doubles(const enf__space *space, size_t n);
double enf__scale_find(const enf__space *space, size_t n, const double *x, double *work,
                       size_t *left_out, double *most);
/* The number with two significant digits that is nearest to value > 0, as its text reads. */
double enf__two_digits(double value);
/* Rows of a public call: some, none NULL, as many as memory can hold, finite. */
enf_status enf__scale_check(enf_ctx *ctx, const char *call, const enf_flow *flow, size_t n,
                            const double *x);

/* RANGE, with the sentence, for values that the tensor at `offset` cannot have. */
enf_status enf__flow_admit(enf_ctx *ctx, const enf_flow *flow, size_t offset, const double *data);

/* Renew what is made from the parameters, after they have changed. */
void enf__flow_pack(enf_flow *flow);

/* Its one velocity field; UNSUPPORTED, with the call that wants it, if it is made of anything else.
 */
enf_status enf__flow_field(enf_ctx *ctx, const enf_flow *flow, const char *call,
                           const enf__field **field);

#endif
