/* enf/context.h -- contexts (one thread's workspace) and options. */
#ifndef ENF_CONTEXT_H
#define ENF_CONTEXT_H

#include <enf/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* One thread's workspace: allocator, memory, run options, workers, error text.
   Used by one thread at a time; any number of contexts may work on one flow. */
typedef struct enf_ctx enf_ctx;

/* A bag of options, set by name; copied by the calls that take it. */
typedef struct enf_opts enf_opts;

/* The host's allocator, copied into every object. Called on the caller's thread only.
   alloc returns NULL on failure; memory need not be aligned beyond malloc's promise. */
typedef struct {
  void *(*alloc)(void *user, size_t bytes);
  void (*free)(void *user, void *p);
  void *user;
} enf_alloc;

/* done and total count the units of the running call (samples); non-zero cancels the call. */
typedef int (*enf_progress_fn)(void *user, uint64_t done, uint64_t total);

/**
 * enf_ctx_create: make a context with the default options.
 *
 * In:   alloc  allocator, copied; NULL for malloc and free.
 * Out:  ctx    the new context, NULL on failure; the caller destroys it.
 * Threads: any; the new context belongs to one thread at a time.
 * Statuses: ARG (ctx NULL, or an allocator without both functions), NOMEM. Since 0.1.
 */
enf_status enf_ctx_create(enf_ctx **ctx, const enf_alloc *alloc);

/**
 * enf_ctx_configure: take the run.*, ode.* and logdet.* options of a bag.
 *
 * Options that are not set in the bag keep their present value. run.threads starts and ends
 * worker threads here, nowhere else. On failure the context is as it was.
 * Threads: the context's own.
 * Statuses: ARG, OPTION (values that do not go together, e.g. ode.rtol below 1e-6 with
 * run.precision float32), UNSUPPORTED (run.kernel this processor does not have), THREAD, NOMEM.
 * Since 0.1.
 */
enf_status enf_ctx_configure(enf_ctx *ctx, const enf_opts *opts);

/**
 * enf_ctx_errmsg: the sentence about the last failure on this context, with its numbers.
 *
 * Valid until the next call on the context; never NULL; ctx may be NULL. Empty after success.
 * Threads: the context's own. Since 0.1.
 */
const char *enf_ctx_errmsg(const enf_ctx *ctx);

/**
 * enf_ctx_stat: a number about the last call on this context.
 *
 * In:   name   "failed" samples that failed; "steps" accepted steps; "velocities" and
 *              "divergences" evaluations, summed over samples; "logdet_error" RMS error of log q
 *              (enf_transport: of logdet); "logdet_unmet" log-determinants whose quadrature
 *              gave up above logdet.tol; "seconds" wall time.
 *
 * logdet_error is measured: some samples have log q computed again in float64 with a tenth of
 * ode.rtol, ode.atol and logdet.tol (enf_sample: back from the x that came out), and differ from
 * that by it. So it has in it the path, its end in the prior, the quadrature, rounding of float32
 * and the noise of random probes. Of a flow in one kind of call the first logdet.checks samples
 * (32) since enf_ctx_configure are checked, then one in 200; where a call checks fewer than
 * logdet.checks, the latest of before fill up. A few samples that are much worse than the others
 * can escape. 0 if no log q was asked for, NaN if none is known. Evaluations of the checks are not
 * counted, their seconds are; results never depend on them.
 * The context stays as it is, the sentence of enf_ctx_errmsg included.
 * Statuses: ARG (not a context, NULL, another name); STATE (in a callback of this context).
 * Since 0.1.
 */
enf_status enf_ctx_stat(const enf_ctx *ctx, const char *name, double *value);

/**
 * enf_sample_status: how sample number `sample` (from 0) of the last call on many samples ended.
 *
 * Those calls are enf_log_prob, enf_log_prob_grad, enf_log_prob_estimate, enf_sample,
 * enf_transport, enf_velocity, enf_path_lengths and enf_prior_log_prob; a sample that ended with another status than OK
 * has NaN for its outputs. The status of the call itself is that of the first of them.
 * Returns the sample's status; RANGE for a sample that the last call did not have, ARG for no
 * context, STATE in a callback of this context. Since 0.1.
 */
enf_status enf_sample_status(const enf_ctx *ctx, size_t sample);

/**
 * enf_ctx_trim: give the workspace back that calls on this context have grown, of all its threads.
 *
 * The next call takes what it needs again; results stay the same. Objects, options and workers
 * stay; enf_sample_status has no samples any more. Where memory is short between two phases of a
 * host, or after one large call.
 * Threads: the context's own.
 * Statuses: ARG, STATE (in a callback of this context). Since 0.1.
 */
enf_status enf_ctx_trim(enf_ctx *ctx);

/**
 * enf_ctx_destroy: end the workers and free everything; NULL is fine.
 *
 * Objects made with this context live on. Since 0.1.
 */
void enf_ctx_destroy(enf_ctx *ctx);

/**
 * enf_ctx_set_progress: have fn called from time to time during long calls; NULL for none.
 *
 * fn runs on the thread that called libenf; a non-zero return ends the call with CANCELLED and
 * leaves every object valid. fn may not use the context. Since 0.1.
 */
void enf_ctx_set_progress(enf_ctx *ctx, enf_progress_fn fn, void *user);

/* One row of the option table. Texts are static. */
typedef struct {
  size_t struct_size;
  const char *name;     /* "model.hidden" */
  const char *type;     /* "int" "real" "bool" "choice" "text" "seed" */
  const char *fallback; /* default value, as text */
  const char *choices;  /* "a | b | c" for a choice, "" otherwise */
  const char *help;     /* one sentence */
  double lowest, highest; /* bounds of an int or real */
} enf_opt_info;

#define ENF_OPT_INFO_INIT {sizeof(enf_opt_info), 0, 0, 0, 0, 0, 0, 0}

/**
 * enf_opts_create: an empty bag; every option has its default.
 *
 * Out:  opts  NULL on failure; the caller destroys it. It may outlive ctx.
 * Statuses: ARG, NOMEM. Since 0.1.
 */
enf_status enf_opts_create(enf_ctx *ctx, enf_opts **opts);

/**
 * enf_opts_set: set an option from text, whatever its type: "32", "1e-5", "on", "equivariant-ot".
 *
 * enf_opts_set_int and enf_opts_set_real are for numbers; an int is accepted for a real. Booleans:
 * 0/1, off/on, false/true. Text does not follow the locale.
 * Statuses: ARG (NULL), OPTION (unknown name, with the nearest known one in the text; wrong type),
 * RANGE (out of bounds, with the bounds in the text), NOMEM. A refused value changes nothing.
 * Since 0.1.
 */
enf_status enf_opts_set(enf_opts *opts, const char *name, const char *value);
enf_status enf_opts_set_int(enf_opts *opts, const char *name, int64_t value);
enf_status enf_opts_set_real(enf_opts *opts, const char *name, double value);

/**
 * enf_opts_errmsg: the sentence about the last refusal of this bag; never NULL. Since 0.1.
 */
const char *enf_opts_errmsg(const enf_opts *opts);

/**
 * enf_opts_info: row `index` of the option table, from 0; walk it until RANGE.
 *
 * In/out: info  begins with its struct_size (ENF_OPT_INFO_INIT).
 * Statuses: ARG, RANGE (index past the table). Since 0.1.
 */
enf_status enf_opts_info(size_t index, enf_opt_info *info);

/** enf_opts_destroy: free the bag; NULL is fine. Since 0.1. */
void enf_opts_destroy(enf_opts *opts);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
