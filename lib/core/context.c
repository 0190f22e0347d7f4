/* context.c -- making, configuring and ending a context: one thread's allocator, run options,
   workers and error text. What calls do with it is in entry.c.

   Run options are resolved here, once: the `auto` kernel becomes the
   widest instruction set the processor has, so the layers above index their tables without asking
   again. Configuring is all or nothing. Nothing here knows what a kernel or an integrator does. */
#include "core/options.h"
#include "core/parallel.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- allocator of contexts that are given none ---------------------------------------------- */

/* Large blocks on huge pages, where the system has them: a step of training goes along a hundred
   megabytes, and strides of weights have more pages than the processor remembers. Only whole pages
   are asked for, so that no block takes more memory. */
enum { HUGE_PAGE = 2 << 20 };

static void *host_malloc(void *user, size_t bytes) {
  (void)user;
#ifdef MADV_HUGEPAGE
  void *p;
  if (bytes >= HUGE_PAGE) {
    if (posix_memalign(&p, HUGE_PAGE, bytes) != 0)
      return NULL;
    madvise(p, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* a hint */
    return p;
  }
#endif
  return malloc(bytes);
}

static void host_free(void *user, void *p) {
  (void)user;
  free(p);
}

/* ---- run options ---------------------------------------------------------------------------- */

typedef enum { SIZE, CODE, REAL } kind;

static const struct {
  enf__opt id;
  kind kind;
  size_t offset;
} run_fields[] = {
    {ENF__OPT_RUN_THREADS, SIZE, offsetof(enf__run, threads)},
    {ENF__OPT_RUN_PRECISION, CODE, offsetof(enf__run, precision)},
    {ENF__OPT_RUN_KERNEL, CODE, offsetof(enf__run, kernel)},
    {ENF__OPT_ODE_METHOD, CODE, offsetof(enf__run, ode_method)},
    {ENF__OPT_ODE_RTOL, REAL, offsetof(enf__run, rtol)},
    {ENF__OPT_ODE_ATOL, REAL, offsetof(enf__run, atol)},
    {ENF__OPT_ODE_STEPS, SIZE, offsetof(enf__run, ode_steps)},
    {ENF__OPT_ODE_MAX_STEPS, SIZE, offsetof(enf__run, max_steps)},
    {ENF__OPT_DENSITY_TOL, REAL, offsetof(enf__run, density_tol)},
    {ENF__OPT_LOGDET_METHOD, CODE, offsetof(enf__run, logdet_method)},
    {ENF__OPT_LOGDET_TOL, REAL, offsetof(enf__run, logdet_tol)},
    {ENF__OPT_LOGDET_PROBES, SIZE, offsetof(enf__run, probes)},
    {ENF__OPT_LOGDET_TERMS, SIZE, offsetof(enf__run, terms)},
    {ENF__OPT_LOGDET_PROBE, CODE, offsetof(enf__run, probe)},
    {ENF__OPT_INVERSE_TOL, REAL, offsetof(enf__run, inverse_tol)},
    {ENF__OPT_INVERSE_MAX_ITERATIONS, SIZE, offsetof(enf__run, inverse_iterations)},
    {ENF__OPT_DEQUANT_SAMPLES, SIZE, offsetof(enf__run, dequant_samples)},
    {ENF__OPT_SAMPLE_ROTATION, CODE, offsetof(enf__run, rotation)},
    {ENF__OPT_LOGDET_CHECKS, SIZE, offsetof(enf__run, checks)},
};

static void read_field(enf__run *run, const enf_opts *opts, size_t row) {
  char *field = (char *)run + run_fields[row].offset;
  const enf__opt id = run_fields[row].id;
  switch (run_fields[row].kind) {
  case SIZE:
    *(size_t *)(void *)field = (size_t)enf__opts_int(opts, id);
    break;
  case CODE:
    *(int *)(void *)field = (int)enf__opts_int(opts, id);
    break;
  case REAL:
    *(double *)(void *)field = enf__opts_real(opts, id);
    break;
  }
}

/* Take what is set in the bag; everything, defaults included, for a bag of NULL. */
static void read_run(enf__run *run, const enf_opts *opts) {
  for (size_t row = 0; row < sizeof run_fields / sizeof *run_fields; row++)
    if (!opts || enf__opts_isset(opts, run_fields[row].id))
      read_field(run, opts, row);
}

/* What follows density.tol where the host has set none, as shares of it: measured on trained flows
   (docs/design-notes.md). */
static const struct {
  enf__opt id;
  size_t offset;
  double share;
} followers[] = {
    {ENF__OPT_ODE_RTOL, offsetof(enf__run, rtol), 0.01},
    {ENF__OPT_ODE_ATOL, offsetof(enf__run, atol), 0.01},
    {ENF__OPT_LOGDET_TOL, offsetof(enf__run, logdet_tol), 0.7},
};
static const double LEAST_TOLERANCE = 1e-13;

static void follow(enf__run *run, const enf_opts *opts) {
  for (size_t row = 0; row < sizeof followers / sizeof *followers; row++) {
    const enf__opt id = followers[row].id;
    const unsigned bit = 1U << row;
    double *field = (double *)(void *)((char *)run + followers[row].offset);
    if (!opts)
      run->own &= ~bit;
    else if (enf__opts_isset(opts, id))
      run->own |= bit;
    if ((run->own & bit) != 0)
      continue;
    const double wanted = followers[row].share * run->density_tol;
    *field = run->density_tol > 0 ? fmax(wanted, LEAST_TOLERANCE) : enf__opts_real(NULL, id);
  }
}

static bool has_kernel(int kernel) {
  switch (kernel) {
  case ENF__KERNEL_BASELINE:
    return true;
#ifdef ENF__WITH_BLAS
  case ENF__KERNEL_BLAS:
    return true;
#endif
#if defined(__x86_64__)
  case ENF__KERNEL_AVX2:
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  case ENF__KERNEL_AVX512:
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("fma");
#endif
  default:
    return false;
  }
}

static int best_kernel(void) {
  int kernel = ENF__KERNEL_AVX512;
  while (!has_kernel(kernel))
    kernel--;
  return kernel;
}

static enf_status resolve_kernel(enf_ctx *ctx, enf__run *run, const enf_opts *opts) {
  if (run->kernel == ENF__KERNEL_AUTO)
    run->kernel = best_kernel();
  if (run->kernel == ENF__KERNEL_AMX)
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "run.kernel amx is not in this version; auto takes the best there is");
  if (has_kernel(run->kernel))
    return ENF_OK;
  if (run->kernel == ENF__KERNEL_BLAS)
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "run.kernel blas: this libenf was built without a BLAS (make BLAS=openblas "
                     "builds with one); auto takes the best there is");
  char name[32];
  return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                   "run.kernel %s needs instructions this processor does not have; auto takes the "
                   "best there is",
                   enf__opts_print(opts, ENF__OPT_RUN_KERNEL, name));
}

static enf_status check_precision(enf_ctx *ctx, const enf__run *run) {
  const double limit = 1e-6;
  if (run->precision != ENF__FLOAT32 || (run->rtol >= limit && run->atol >= limit))
    return ENF_OK;
  const bool is_rtol = run->rtol < limit;
  if (run->density_tol > 0 && (run->own & (is_rtol ? 1U : 2U)) == 0)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "density.tol %g is below %g, which float32 cannot meet: set run.precision "
                     "float64",
                     run->density_tol, limit / followers[0].share);
  return enf__fail(ctx, ENF_ERR_OPTION,
                   "%s %g is below %g, which float32 cannot meet: set run.precision float64",
                   is_rtol ? "ode.rtol" : "ode.atol", is_rtol ? run->rtol : run->atol, limit);
}

static enf_status configure(enf_ctx *ctx, const enf_opts *opts) {
  enf__run run = ctx->run;
  enf_status status;
  read_run(&run, opts);
  follow(&run, opts);
  if (enf__opts_isset(opts, ENF__OPT_RUN_PRECISION))
    run.float32 = run.precision == ENF__FLOAT32;
  TRY(resolve_kernel(ctx, &run, opts));
  TRY(check_precision(ctx, &run));
  TRY(enf__pool_resize(ctx, run.threads));
  ctx->run = run;
  memset(ctx->accuracy, 0, sizeof ctx->accuracy);
out:
  return status;
}

/* ---- the public calls ----------------------------------------------------------------------- */

enf_status enf_ctx_create(enf_ctx **ctx, const enf_alloc *alloc) {
  ENF__ENTRY;
  if (!ctx)
    return ENF_ERR_ARG;
  *ctx = NULL;
  const enf_alloc fallback = {host_malloc, host_free, NULL};
  if (!alloc)
    alloc = &fallback;
  if (!alloc->alloc || !alloc->free)
    return ENF_ERR_ARG;
  enf_ctx *made = enf__alloc(alloc, sizeof *made);
  if (!made)
    return ENF_ERR_NOMEM;
  *made = (enf_ctx){.magic = ENF__MAGIC_CTX, .alloc = *alloc};
  enf_status status = configure(made, NULL);
  if (status == ENF_OK)
    *ctx = made;
  else
    enf_ctx_destroy(made);
  return status;
}

enf_status enf_ctx_configure(enf_ctx *ctx, const enf_opts *opts) {
  ENF__ENTRY;
  enf_status status;
  TRY(enf__enter(ctx));
  if (!opts)
    return enf__fail(ctx, ENF_ERR_ARG, "opts is NULL");
  TRY(enf__opts_check(ctx, opts));
  TRY(configure(ctx, opts));
out:
  return status;
}

void enf_ctx_set_progress(enf_ctx *ctx, enf_progress_fn fn, void *user) {
  ENF__ENTRY;
  if (!enf__is_ctx(ctx) || ctx->busy)
    return;
  ctx->progress = fn;
  ctx->progress_user = user;
}

enf_status enf_ctx_stat(const enf_ctx *ctx, const char *name, double *value) {
  ENF__ENTRY;
  static const struct {
    const char *name;
    size_t offset;
  } known[] = {{"failed", offsetof(enf__stats, failed)},
               {"steps", offsetof(enf__stats, steps)},
               {"velocities", offsetof(enf__stats, velocities)},
               {"divergences", offsetof(enf__stats, divergences)},
               {"logdet_error", offsetof(enf__stats, logdet_error)},
               {"logdet_unmet", offsetof(enf__stats, logdet_unmet)},
               {"seconds", offsetof(enf__stats, seconds)}};
  if (!enf__is_ctx(ctx) || !name || !value)
    return ENF_ERR_ARG;
  if (ctx->busy)
    return ENF_ERR_STATE;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (!strcmp(name, known[i].name)) {
      memcpy(value, (const char *)&ctx->stats + known[i].offset, sizeof *value);
      return ENF_OK;
    }
  return ENF_ERR_ARG;
}

enf_status enf_sample_status(const enf_ctx *ctx, size_t sample) {
  ENF__ENTRY;
  if (!enf__is_ctx(ctx))
    return ENF_ERR_ARG;
  if (ctx->busy)
    return ENF_ERR_STATE;
  return sample < ctx->samples ? ((const enf_status *)(const void *)ctx->ended.base)[sample]
                               : ENF_ERR_RANGE;
}

static void free_workspace(enf_ctx *ctx) {
  enf__arena *const arenas[] = {&ctx->arena,   &ctx->record,      &ctx->ended,
                                &ctx->checked, &ctx->ended_again, &ctx->walkers_memory};
  for (size_t i = 0; i < sizeof arenas / sizeof *arenas; i++)
    enf__arena_free(&ctx->alloc, arenas[i]);
  for (size_t i = 0; i < ctx->run.threads; i++)
    enf__arena_free(&ctx->alloc, &ctx->workers[i]);
}

enf_status enf_ctx_trim(enf_ctx *ctx) {
  ENF__ENTRY;
  const enf_status status = enf__enter(ctx);
  if (status == ENF_OK)
    free_workspace(ctx);
  return status;
}

void enf_ctx_destroy(enf_ctx *ctx) {
  ENF__ENTRY;
  if (!enf__is_ctx(ctx) || ctx->busy)
    return;
  free_workspace(ctx);
  enf__pool_resize(ctx, 0);
  ctx->magic = 0;
  const enf_alloc alloc = ctx->alloc;
  enf__free(&alloc, ctx);
}
