/* train.h -- inside of enf_trainer, and the interface of an objective.

   A step: the trainer brings the batch into the network's units; the objective forms its loss and
   a fixed set of gradient buffers, chunk by chunk on the worker threads; the optimiser sums the
   buffers in order and updates the weights. Everything random in it is a function of train.seed
   and the number of a sample in the training's stream (samples are counted over all steps), so it
   does not depend on threads, and a resumed training goes on as an uninterrupted one. */
#ifndef ENF__TRAIN_H
#define ENF__TRAIN_H

#include "core/options.h"
#include "flow/flow.h"
#include "train/optimiser.h"
#include <enf/train.h>

/* One step's input. */
typedef struct {
  const enf_opts *options; /* train.* */
  const enf_flow *flow;    /* with the working weights */
  size_t n;
  const double *x; /* (n,state) in the flow's space, NaN where a row cannot be; NULL for sizing or
                      no data */
  const double *volume; /* (n) its log-volumes */
  const double *draws;  /* (n,state) of flow matching that are paired with x, or NULL: it pairs */
  const int32_t *kind;  /* (n,N) of molecules whose features are those of kinds, or NULL; with a
                           dequantiser the likelihood makes them anew */
  const double *weight; /* (n) of its rows in the mean, or NULL: 1 each */
  uint64_t first;       /* number of the batch's first sample in the training's stream */
  double progress;      /* share of the planned steps done, in [0,1] */
  size_t passes;        /* of the objective */
  bool exact;           /* log-determinants, whatever train.trace says */
  /* of mixtures and boosting: */
  const double *host;      /* (n,host) the rows as the host gave them, or NULL */
  const enf_flow *mixture; /* that the flow is to be the next part of, or NULL */
  double share;            /* of the flow among them so far; 0: none yet */
  uint64_t step;
  size_t rungs; /* temperatures of the samples that are drawn, with a ladder; 0: the flow's alone */
  size_t place, whole; /* of its first sample in the batch on all ranks, and how many that has */
  enf_energy_fn energy; /* the host's, or NULL */
  void *energy_user;
} enf__batch;

/* One step's loss and gradient, in the call's arena. */
typedef struct {
  double loss;
  uint64_t evaluations, steps, capped, forces_clipped; /* steps: accepted, forward */
  size_t failed, passes; /* samples whose integration failed; passes of the batch so far */
  double counted; /* samples in the mean; of two means, in that of fewer */
  double share;          /* of the flow in the mixture, with boosting */
  size_t buffers;
  double *gradients; /* (buffers,P): their sum is the gradient */
  double *found;     /* (P) parameters in its place, or NULL */
} enf__slope;

/* A row of the table of objectives, in the order of train.objective. */
typedef struct {
  size_t (*call_bytes)(const enf__batch *batch);
  size_t (*worker_bytes)(const enf__batch *batch, const enf__run *run);
  /* One of the two: loss and gradient; or loss and parameters (P) themselves, which have the working
     weights before, and are averaged over the steps. */
  enf_status (*evaluate)(enf_ctx *ctx, const enf__batch *batch, enf__slope *slope);
  enf_status (*find)(enf_ctx *ctx, const enf__batch *batch, enf__slope *slope, double *params);
  /* Prior draws (n,state) that go with the rows, where the loss is of pairs; or NULL. */
  enf_status (*pair)(enf_ctx *ctx, const enf__batch *batch, double *draws);
  size_t passes; /* times that a batch goes along the flow, there or back */
  bool needs_data, needs_energy;
  bool has_pool; /* its rows are from the trainer's */
  bool splits; /* its mean is that of the parts of a batch, so ranks can share it */
  bool weighs; /* has a mean with weights; else rows with weights are resampled */
} enf__objective;

extern const enf__objective enf__flow_matching, enf__energy_matching, enf__likelihood, enf__energy_objective, enf__mixed,
    enf__path_gradient, enf__refine, enf__least_squares, enf__mixture_likelihood,
    enf__mixture_energy, enf__boost_likelihood, enf__boost_energy;

/* Counters of a training, in the order of its file. */
enum {
  ENF__STEP,    /* steps done */
  ENF__SKIPPED, /* of them, without an update */
  ENF__CLIPPED, /* of them, with a clipped gradient */
  ENF__SAMPLES, /* samples drawn so far */
  ENF__COUNTERS
};

/* Samples of energy matching (pool.c); in the file. */
typedef struct {
  size_t filled;           /* rows */
  double *x, *logw, *sum;  /* (generations pool, host), and twice (generations pool); NULL: none yet */
  double *u, *logq;        /* (pool) of one generation */
  double temper, ess;      /* of the newest: power of its weights, and what of them counts */
  uint64_t capped;
} enf__pool;

/* The host's sum over ranks; not in the file. */
typedef struct {
  enf_reduce_fn fn; /* or NULL: there is one rank, and no tree */
  void *user;
  size_t rank, ranks;
} enf__reduce;

struct enf_trainer {
  uint32_t magic;
  enf_alloc alloc;
  enf_flow *flow;
  enf_opts *options; /* train.* */
  enf_flow *work;    /* with the working weights */
  enf__optimiser optimiser;
  uint64_t counters[ENF__COUNTERS];
  enf_energy_fn energy; /* the host's, or NULL; not in the file */
  void *energy_user;
  const enf_flow *mixture; /* the host's, or NULL; not in the file */
  enf__reduce reduce;
  enf__pool pool;
  double share;            /* of the flow in it so far, 0: none yet */
  uint64_t data;           /* fingerprint of the data set; 0: not told */
  bool busy;               /* inside a step: its energy may not use the trainer */
};

/* ARG unless tr is one, STATE inside one of its steps, with the sentence on ctx. */
enf_status enf__trainer_check(enf_ctx *ctx, const enf_trainer *tr);
const enf__objective *enf__trainer_objective(const enf_trainer *tr);
/* enf_trainer_create after its checks. */
enf_status enf__trainer_make(enf_ctx *ctx, enf_trainer **tr, enf_flow *flow, const enf_opts *opts);
bool enf__trainer_uses_soap(const enf_opts *opts, const enf__params *params);
/* Give the flow the weights to use. */
void enf__trainer_publish(enf_trainer *tr);

#endif
