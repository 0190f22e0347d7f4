/* fit_tell.c -- how a training asks its host: at the beginning, after steps, looks and savings, and
   during a look, through the context's progress callback. */
#include "train/fit.h"
#include <math.h>

static double time_left(const enf__fit *f) {
  const double rate = (double)(f->info.step - f->first) / f->spent;
  return fmin((double)(f->goal - f->info.step) / rate, f->budget - f->spent);
}

/* In the host's floating-point state. */
static void ask(enf__fit *f, enf_fit_event event) {
  event.struct_size = sizeof event;
  event.step = &f->info;
  event.goal = f->goal;
  event.loss = f->curve.smoothed;
  event.seconds = f->spent;
  event.left = f->info.step > f->first && f->spent > 0 ? time_left(f) : (double)NAN;
  const int answer = f->fn(f->user, &event);
  f->asked = f->asked || answer == ENF_FIT_STOP;
  f->save_now = f->save_now || answer == ENF_FIT_SAVE_NOW;
  f->bad_answer = answer != ENF_FIT_GO_ON && answer != ENF_FIT_SAVE_NOW && answer != ENF_FIT_STOP;
}

static enf_status judge_answer(const enf__fit *f) {
  return f->bad_answer ? enf__fail(f->ctx, ENF_ERR_CALLBACK,
                                   "the callback of the training answered what is no answer, "
                                   "at step %llu",
                                   (unsigned long long)f->info.step)
                       : ENF_OK;
}

enf_status enf__fit_tell(enf__fit *f, enf_fit_event event) {
  if (!f->fn)
    return ENF_OK;
  const bool silent = enf__host_begin(f->ctx);
  f->tr->busy = true;
  ask(f, event);
  f->tr->busy = false;
  enf__host_end(f->ctx, silent);
  return judge_answer(f);
}

/* The progress callback during a look: the host's own, then that of the training. */
static int wait(void *user, uint64_t done, uint64_t total) {
  enf__fit *f = user;
  if (f->progress && f->progress(f->progress_user, done, total))
    return 1;
  ask(f, (enf_fit_event){.what = ENF_FIT_WAIT});
  return f->asked || f->bad_answer;
}

enf_status enf__fit_look(enf__fit *f, const enf_flow *kept, enf__look *look) {
  enf_ctx *ctx = f->ctx;
  enf_status status = enf__fit_tell(f, (enf_fit_event){.what = ENF_FIT_WAIT});
  if (status != ENF_OK || f->asked)
    return status;
  f->progress = ctx->progress;
  f->progress_user = ctx->progress_user;
  if (f->fn)
    enf_ctx_set_progress(ctx, wait, f);
  f->tr->busy = true;
  status = kept ? enf__look_recall(ctx, &f->looks, kept)
                : enf__look_take(ctx, &f->looks, enf__fit_flow(f), look);
  f->tr->busy = false;
  enf_ctx_set_progress(ctx, f->progress, f->progress_user);
  if (status != ENF_ERR_CANCELLED)
    return status;
  return f->asked ? ENF_OK : f->bad_answer ? judge_answer(f) : status;
}
