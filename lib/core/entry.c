/* entry.c -- what every call does with its context: enter it, fail with a sentence, call the host,
   reserve memory, and leave.

   Every public function that takes a context begins with enf__enter, which checks it and clears
   what the last call left. The outermost call on a context keeps the host's floating-point state,
   which callbacks get back (fpstate.h). */
#include "core/core.h"
#include <time.h>

/* ---- entering and failing ------------------------------------------------------------------- */

enf_status enf__fail(enf_ctx *ctx, enf_status status, const char *format, ...) {
  if (!ctx)
    return status;
  va_list args;
  va_start(args, format);
  enf__vformat(ctx->errmsg, sizeof ctx->errmsg, format, args);
  va_end(args);
  return status;
}

static enf_status refuse_busy(enf_ctx *ctx) {
  return enf__fail(ctx, ENF_ERR_STATE, "a callback may not use the context that called it");
}

enf_status enf__enter_by(enf__entry *entry, enf_ctx *ctx) {
  if (!enf__is_ctx(ctx))
    return ENF_ERR_ARG;
  if (ctx->busy)
    return refuse_busy(ctx);
  if (!ctx->entry) {
    ctx->entry = entry;
    entry->ctx = ctx;
  }
  ctx->errmsg[0] = 0;
  ctx->stats = (enf__stats){0};
  ctx->samples = 0;
  return ENF_OK;
}

void enf__leave(enf__entry *entry) {
  if (entry->ctx)
    entry->ctx->entry = NULL;
  enf__fp_give(ENF__FP_TRAPS, entry->fp);
}

bool enf__host_begin(enf_ctx *ctx) {
  ctx->busy = true;
  if (ctx->entry)
    enf__fp_give(ENF__FP_TRAPS, ctx->entry->fp);
  return !ctx->errmsg[0];
}

void enf__host_end(enf_ctx *ctx, bool was_silent) {
  if (ctx->entry)
    ctx->entry->fp = enf__fp_give(ENF__FP_TRAPS, ENF__FP_QUIET);
  ctx->busy = false;
  if (was_silent)
    ctx->errmsg[0] = 0;
}

enf_status enf__host_energy(enf_ctx *ctx, enf_energy_fn fn, void *user, size_t n, const double *x,
                            double *u, double *grad) {
  const bool silent = enf__host_begin(ctx);
  const int returned = fn(user, n, x, u, grad);
  enf__host_end(ctx, silent);
  if (!returned)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_CALLBACK, "the energy function returned %d for %zu samples",
                   returned, n);
}

enf_status enf__report(enf_ctx *ctx, uint64_t done, uint64_t total) {
  if (!ctx->progress)
    return ENF_OK;
  const bool silent = enf__host_begin(ctx);
  const int cancel = ctx->progress(ctx->progress_user, done, total);
  enf__host_end(ctx, silent);
  if (!cancel)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_CANCELLED, "cancelled by the progress callback after %llu of %llu",
                   (unsigned long long)done, (unsigned long long)total);
}

const char *enf_ctx_errmsg(const enf_ctx *ctx) {
  ENF__ENTRY;
  return enf__is_ctx(ctx) ? ctx->errmsg : "the context is NULL or not a context";
}

/* ---- memory and time ------------------------------------------------------------------------ */

static enf_status reserve_one(enf_ctx *ctx, enf__arena *arena, size_t bytes) {
  arena->used = 0;
  if (enf__arena_reserve(&ctx->alloc, arena, bytes))
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a workspace of %zu bytes", bytes);
}

enf_status *enf__ended_take(enf_ctx *ctx, size_t n) {
  ctx->ended.used = 0;
  if (n > SIZE_MAX / sizeof(enf_status) - ENF__ALIGN ||
      reserve_one(ctx, &ctx->ended, n * sizeof(enf_status) + ENF__ALIGN) != ENF_OK)
    return NULL;
  enf_status *ended = ENF__TAKE(&ctx->ended, enf_status, n);
  for (size_t i = 0; i < n; i++)
    ended[i] = ENF_OK;
  ctx->samples = n;
  return ended;
}

enf_status enf__reserve(enf_ctx *ctx, size_t call_bytes, size_t worker_bytes) {
  enf_status status = reserve_one(ctx, &ctx->arena, call_bytes);
  for (size_t i = 0; i < ctx->run.threads && status == ENF_OK; i++)
    status = reserve_one(ctx, &ctx->workers[i], worker_bytes);
  return status;
}

double enf__seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
