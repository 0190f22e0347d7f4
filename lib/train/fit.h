/* fit.h -- inside of enf_fit: fit_begin.c makes it ready, fit.c runs it and ends it, fit_tell.c
   asks the host. fit_looks.c compares looks, fit_guard.c knows the last good flow, fit_curve.c
   keeps the curve and its file. */
#ifndef ENF__TRAIN_FIT_H
#define ENF__TRAIN_FIT_H

#include "train/fit_curve.h"
#include "train/fit_guard.h"
#include "train/train.h"
#include <enf/fit.h>

/* More than any training has; also until the rate of one that goes on with a time is known. */
enum { ENF__MOST_STEPS = 1000000000 };

typedef struct {
  enf_ctx *ctx;
  enf_trainer *tr;
  enf_fit_plan plan;
  enf_fit_fn fn;
  void *user;
  enf_progress_fn progress; /* the host's, during a look */
  void *progress_user;
  size_t n, batch, part; /* part: what this rank has of a batch */
  size_t *rows;
  const double *x;
  double *rows_x;    /* (batch,N,D); NULL: the objective takes none */
  double *rows_logw; /* (batch); NULL: all alike */
  double *rows_temperature; /* (batch); NULL: all at the flow's */
  bool timed;        /* the schedule is to end with the budget */
  double budget;     /* seconds; infinite: none */
  double spent;      /* seconds of training in this call */
  double before;     /* and in earlier ones */
  double planned_at; /* `spent` at the last planning */
  double saved_at;
  uint64_t first, goal;
  enf_step_info info;
  enf__curve curve;
  enf__looks looks;
  enf__guard guard;
  double *kept; /* (P) weights of the kept flow */
  bool no_gain, asked, save_now, bad_answer;
  bool saved; /* a flow was fit to be saved */
  int32_t fault;
  enf__arena memory;
} enf__fit;

static inline enf_flow *enf__fit_flow(const enf__fit *f) { return f->tr->flow; }

/* Of ranks (enf_trainer_set_reduce) all read the files and the first alone writes them. */
static inline bool enf__fit_writes(const enf__fit *f) {
  return !f->tr->reduce.fn || f->tr->reduce.rank == 0;
}

/* Checks, memory, and what an earlier call has left. */
enf_status enf__fit_begin(enf__fit *f, const enf_fit_plan *plan);
/* Tell the host, and note its answer. */
enf_status enf__fit_tell(enf__fit *f, enf_fit_event event);
/* A look, or with `kept` only the rows of that flow; with f->asked it was not taken. */
enf_status enf__fit_look(enf__fit *f, const enf_flow *kept, enf__look *look);

#endif
