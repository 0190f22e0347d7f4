/* batch.h -- what the calls that work on many samples share: cutting the samples into tasks, the
   rules for samples that fail, statistics and error sentences; and carrying samples along the flow.

   A task is `group` consecutive samples, a number that depends on shapes only. It writes its own
   samples' outputs and its own report. When all are done the reports are added up in order. */
#ifndef ENF__BATCH_H
#define ENF__BATCH_H

#include "core/parallel.h"
#include "flow/flow.h"
#include "ode/ode.h"

/* A sample failed: to be called in the order of rows. */
void enf__tally_failure(enf__tally *report, size_t row, enf__failure why);

/* NULL outputs and inputs, sizes that overflow: `arrays` names and pointers, checked if n > 0. */
typedef struct {
  const char *name;
  const void *data;
} enf__argument;
enf_status enf__batch_check(enf_ctx *ctx, const enf_flow *flow, size_t n, size_t arrays,
                            const enf__argument *array);

/* Statistics of a call, and its status and sentence if samples failed. */
enf_status enf__batch_end(enf_ctx *ctx, size_t n, const enf__tally *all, double seconds);

/* Run fn over the tasks of n samples with `worker_bytes` of arena each, report to progress, and
   turn the tasks' reports, which fn finds in (*reports)[task], into statistics and the status. */
enf_status enf__batch_run(enf_ctx *ctx, size_t n, size_t group, size_t worker_bytes,
                          enf__task_fn fn, void *user, enf__tally **reports);

/* ---- samples along the flow (transit.c) ---------------------------------------------------- */

typedef struct enf__transit enf__transit;
struct enf__transit {
  const enf_flow *flow;
  const enf__run *run; /* filled by enf__transit_run, as is what follows without comment */
  size_t n, group;
  enf__tally *reports;
  double t0, t1;
  bool logdet;   /* wanted */
  size_t probes; /* 0: exact, unless logdet.method is hutchinson; else by so many, keyed by seed and
                    the sample's starting point */

  /* The sample's starting state x; *note is kept for finish. */
  enf__failure (*begin)(const enf__transit *c, size_t row, double *x, double *note);
  /* Write the sample's outputs, given the state where it went (it may be written to) and log
     |dy/dx|; both are NaN if the sample failed. It may fail here, too. */
  enf__failure (*finish)(const enf__transit *c, size_t row, double *x, double logdet, double note);

  const double *temperature; /* (n) of rows of c->x, with a ladder; NULL: the flow's */
  const double *x; /* inputs and outputs of the call, for begin and finish; some are NULL */
  double *y, *logp;
  double *var; /* (n) of an estimated log-determinant, or NULL */
  uint64_t seed, first;
  const uint64_t *number; /* (n) of samples, or NULL: first, first + 1 ... */
  const double *context;  /* (n,G) of samples, or NULL */
};

enf_status enf__transit_run(enf_ctx *ctx, enf__transit *c);

/* enf_log_prob of rows at temperatures (n), their accuracy not told; or NULL: at the flow's. */
enf_status enf__log_prob_tempered(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                                  const double *temperature, double *logp);

/* begin for rows of c->x; the note is their log-volume. */
enf__failure enf__transit_from_x(const enf__transit *c, size_t row, double *x, double *note);

#endif
