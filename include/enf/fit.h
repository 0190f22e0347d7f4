/* enf/fit.h -- a whole training in one call. */
#ifndef ENF_FIT_H
#define ENF_FIT_H

#include <enf/train.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* How to train. Begin with ENF_FIT_PLAN_INIT. Grows at the end only. */
typedef struct {
  size_t struct_size;
  uint64_t steps;  /* to reach, those of earlier calls included; 0: train.steps of the trainer */
  double seconds;  /* of training in this call; 0: any. Without `steps` the schedule is planned
                      again from the measured rate, some 200 times, so that it ends with the time */
  size_t batch;    /* rows of a step; 0: train.batch of the trainer */
  size_t held_out; /* rows of `validation`; 0: none */
  const double *validation; /* (held_out,N,D), which no step sees */
  uint64_t look_every;      /* steps between looks at them; 0: none */
  uint64_t patience;        /* looks since the best that end the training; 0: never */
  int32_t look_first;       /* also look at the flow as it is before the first step */
  int32_t resume; /* the files are those of an earlier call, and the trainer was loaded from its */
  const char *flow_path, *trainer_path, *curve_path; /* NULL: no such file */
  double save_seconds;                               /* between savings */
  const double *logw; /* (n) of the rows (enf_train_step_weighted); NULL: all alike */
  const double *temperature; /* (n) of the rows (enf_train_step_tempered); NULL: all at the flow's */
  const double *validation_temperature; /* (held_out); NULL: all at the flow's */
} enf_fit_plan;

#define ENF_FIT_PLAN_INIT {sizeof(enf_fit_plan), 0, 0, 0, 0, 0, 4000, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0}

/* What the callback is told of, and what it answers. */
enum {
  ENF_FIT_BEGIN = 1, /* before the first step */
  ENF_FIT_STEP = 2,  /* a step was made */
  ENF_FIT_WAIT = 3,  /* a look is to be taken, or on its way: some stretches of it have passed */
  ENF_FIT_LOOK = 4,  /* a look was taken */
  ENF_FIT_SAVE = 5   /* files were to be written, as time or the callback wanted; see `saved` */
};
enum { ENF_FIT_GO_ON = 0, ENF_FIT_SAVE_NOW = 1, ENF_FIT_STOP = 2 };

/* Lives until the callback returns; grows at the end only. */
typedef struct {
  size_t struct_size;
  int32_t what;
  int32_t kept;              /* LOOK: this flow is kept */
  int32_t saved;             /* SAVE: 0 where the flow was too bad to be saved (enf_fit) */
  const enf_step_info *step; /* of the last step; of its counters only, before the first */
  uint64_t goal;             /* steps to reach, as planned now */
  double loss;               /* mean over about the last 50 steps; 0 before the first */
  double seconds, left;      /* of training in this call so far, and to come as it seems; NaN */
  double nll, nll_err;       /* LOOK: mean over the validation, nats; NaN: no density was found */
  double gain, gain_err;     /* LOOK: over the best look before; NaN at the first */
} enf_fit_event;

/* Runs on the thread that called enf_fit; may not use its context and trainer, nor change its flow,
   which other contexts may read meanwhile. Any other answer ends the training with CALLBACK. */
typedef int (*enf_fit_fn)(void *user, const enf_fit_event *event);

/* Why a training ended. */
enum {
  ENF_FIT_FINISHED = 1,  /* its steps are done, or its schedule has ended with the time */
  ENF_FIT_NO_GAIN = 2,   /* patience */
  ENF_FIT_TIME_UP = 3,   /* before its steps were done */
  ENF_FIT_ASKED = 4,     /* by the callback */
  ENF_FIT_SKIPPING = 5,  /* failed: most steps were skipped */
  ENF_FIT_NO_DENSITY = 6 /* failed: its flow can score no configuration */
};

/* Grows at the end only. */
typedef struct {
  size_t struct_size;
  int32_t ended;                  /* 0: a call within it failed */
  int32_t saved;                  /* there are files of this training */
  int32_t kept;                   /* 0: there was no flow worth keeping */
  uint64_t first, step, goal;     /* steps before this call, done, planned */
  uint64_t kept_step;             /* step of the flow as it is now */
  uint64_t looks;                 /* those of earlier calls included */
  uint64_t skipped;               /* steps of this call that were */
  double loss;                    /* mean over about the last 50 steps; 0: none was made */
  double seconds, seconds_before; /* of training in this call; in earlier ones, by the curve */
} enf_fit_report;

#define ENF_FIT_REPORT_INIT                                                                        \
  { sizeof(enf_fit_report), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * enf_fit: train until the steps, the time, the validation or the callback say that it is enough.
 *
 * The steps are those of enf_train_step (with logw or temperature of enf_train_step_tempered) on batches of
 * enf_trainer_rows, to the bit; looks, savings and the callback change nothing about them. A look
 * is the mean NLL of the validation rows at tolerances of 1e-4 and, where the flow has no exact
 * density of its own, with Hutchinson's estimate, whose probes are the same at every look. A flow
 * is kept if it is not worse than the best look by more than the error of the difference, which is
 * better told by some hundred rows than the NLL itself. At the end the flow is the last that was
 * kept, and without looks that of the last step.
 *
 * Files: the flow; the trainer, for enf_trainer_load; the curve, a CSV of mean loss, rate and
 * gradient norm over some thousand stretches, and of the looks. They are written every
 * save_seconds, when a flow is kept, when the callback asks, and at the end; whatever moment the
 * process dies at, loading flow and trainer and calling again with `resume` goes on bit for bit.
 * Looks are remembered by the curve: a training with a trainer's file and looks needs its path.
 *
 * A training fails (NONFINITE) where 30 steps more are skipped than made of late, or where the
 * flow can score none of four rows, which is looked at before saving and at steps 64, 128, 256, ...
 * Such a flow is never saved; the last good one is kept.
 *
 * With a reduce function (enf_trainer_set_reduce) every rank calls with the same arguments: it takes
 * its part of every batch, all read the files and rank 0 alone writes them, when the callback asks
 * for it or a flow is kept, not by the clock. The callbacks of all ranks must answer alike, and
 * `seconds` is to be 0. Before the first step they meet at nothing: let fn wait for all at BEGIN.
 *
 * In:   n, x    all configurations (n,N,D), n >= 1; 0 and NULL where the objective takes none
 *       plan    NULL for the defaults: train.steps steps, no looks, no files
 *       fn      NULL: none
 * Out:  report  begins with its struct_size (ENF_FIT_REPORT_INIT); may be NULL; filled also where
 *               the call fails on the way
 * Statuses: ARG, RANGE, UNSUPPORTED (with a reduce function: seconds, a batch that ranks do not
 * divide), STATE (x is another data set than the trainer's before, enf_trainer_data; a
 * resumed training had looks and has no validation now; no energy), NONFINITE, IO, FORMAT (the
 * curve's or flow's file), CALLBACK, CANCELLED (by enf_ctx_set_progress, or by STOP before the
 * first step of a resumed training has been made ready), NOMEM. Since 0.1.
 */
enf_status enf_fit(enf_ctx *ctx, enf_trainer *tr, size_t n, const double *x,
                   const enf_fit_plan *plan, enf_fit_fn fn, void *user, enf_fit_report *report);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
