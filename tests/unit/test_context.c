/* test_context.c -- contexts: creating, configuring all or nothing, statistics, sentences. */
#include "comma_locale.h"
#include "core/options.h"
#include "core/parallel.h"
#include "failing_alloc.h"
#include "suite.h"

static enf_ctx *ctx;
static enf_opts *opts;
static failing_alloc host;

static void make(void) {
  host = (failing_alloc){0};
  const enf_alloc alloc = failing_alloc_of(&host);
  ck_assert_int_eq(enf_ctx_create(&ctx, &alloc), ENF_OK);
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
}

static void drop(void) {
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
  ck_assert_uint_eq(host.live, 0);
}

static enf_status configure(const char *name, const char *value) {
  ck_assert_int_eq(enf_opts_set(opts, name, value), ENF_OK);
  return enf_ctx_configure(ctx, opts);
}

/* ---- creating ------------------------------------------------------------------------------- */

START_TEST(a_new_context_has_the_documented_defaults) {
  ck_assert_uint_eq(ctx->run.threads, 1);
  ck_assert_int_eq(ctx->run.precision, ENF__FLOAT32);
  ck_assert_int_eq(ctx->run.ode_method, ENF__DOPRI5);
  ck_assert_double_eq(ctx->run.rtol, 1e-5);
  ck_assert_double_eq(ctx->run.atol, 1e-5);
  ck_assert_uint_ge(ctx->run.ode_steps, 1);
  ck_assert_uint_ge(ctx->run.max_steps, 1);
  ck_assert_int_eq(ctx->run.logdet_method, ENF__LOGDET_QUADRATURE);
  ck_assert_double_eq(ctx->run.logdet_tol, 1e-3);
  ck_assert_int_ge(ctx->run.kernel, ENF__KERNEL_BASELINE);
  ck_assert_int_le(ctx->run.kernel, ENF__KERNEL_AVX512);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "");
}
END_TEST

static void *no_alloc(void *user, size_t bytes) {
  (void)user, (void)bytes;
  return NULL;
}

static void free_nothing(void *user, void *p) { (void)user, (void)p; }

START_TEST(creating_checks_its_arguments) {
  enf_ctx *out = ctx;
  const enf_alloc half = {no_alloc, NULL, NULL}, other_half = {NULL, free_nothing, NULL};
  ck_assert_int_eq(enf_ctx_create(NULL, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_ctx_create(&out, &half), ENF_ERR_ARG);
  ck_assert_ptr_null(out);
  out = ctx;
  ck_assert_int_eq(enf_ctx_create(&out, &other_half), ENF_ERR_ARG);
  ck_assert_ptr_null(out);
  ck_assert_int_eq(enf_ctx_create(&out, NULL), ENF_OK);
  enf_ctx_destroy(out);
  enf_ctx_destroy(NULL);
}
END_TEST

START_TEST(creating_survives_every_failing_allocation) {
  enf_status status = ENF_ERR_NOMEM;
  size_t k = 0;
  while (status != ENF_OK) {
    failing_alloc a = {.fail_at = ++k};
    const enf_alloc alloc = failing_alloc_of(&a);
    enf_ctx *out = ctx;
    status = enf_ctx_create(&out, &alloc);
    ck_assert(status == ENF_OK || (status == ENF_ERR_NOMEM && !out));
    enf_ctx_destroy(out);
    ck_assert_uint_eq(a.live, 0);
  }
  ck_assert_uint_ge(k, 2);
}
END_TEST

/* ---- entering and failing ------------------------------------------------------------------- */

START_TEST(entering_clears_what_the_last_call_left) {
  ENF__ENTRY;
  double value = 0;
  ck_assert_int_eq(enf__fail(ctx, ENF_ERR_SHAPE, "x has %d", 3), ENF_ERR_SHAPE);
  ctx->stats.steps = 5;
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "x has 3");
  ck_assert_int_eq(enf_ctx_stat(ctx, "steps", &value), ENF_OK);
  ck_assert_double_eq(value, 5);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "x has 3"); /* reading clears nothing */
  ck_assert_int_eq(enf__enter(ctx), ENF_OK);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "");
  ck_assert_int_eq(enf_ctx_stat(ctx, "steps", &value), ENF_OK);
  ck_assert_double_eq(value, 0);
}
END_TEST

START_TEST(what_is_no_context_is_refused) {
  ENF__ENTRY;
  static enf_ctx rubbish;
  double value;
  ck_assert_int_eq(enf__enter(NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf__enter(&rubbish), ENF_ERR_ARG);
  ck_assert_int_eq(enf_ctx_configure(NULL, opts), ENF_ERR_ARG);
  ck_assert_int_eq(enf_ctx_configure(&rubbish, opts), ENF_ERR_ARG);
  ck_assert_int_eq(enf_ctx_stat(NULL, "steps", &value), ENF_ERR_ARG);
  ck_assert_int_eq(enf__fail(NULL, ENF_ERR_IO, "nobody reads %d", 1), ENF_ERR_IO);
  ck_assert_str_eq(enf_ctx_errmsg(NULL), "the context is NULL or not a context");
  ck_assert_str_eq(enf_ctx_errmsg(&rubbish), "the context is NULL or not a context");
  enf_ctx_set_progress(NULL, NULL, NULL);
  enf_ctx_destroy(&rubbish);
}
END_TEST

START_TEST(a_long_sentence_is_cut) {
  char text[2000];
  memset(text, 'y', sizeof text - 1);
  text[sizeof text - 1] = 0;
  ck_assert_int_eq(enf__fail(ctx, ENF_ERR_IO, "%s", text), ENF_ERR_IO);
  ck_assert_uint_eq(strlen(enf_ctx_errmsg(ctx)), sizeof ctx->errmsg - 1);
  ck_assert_int_eq(enf__fail(ctx, ENF_ERR_IO, "a %s %d %g %s", text, 1, 2.0, text), ENF_ERR_IO);
  ck_assert_uint_eq(strlen(enf_ctx_errmsg(ctx)), sizeof ctx->errmsg - 1);
}
END_TEST

START_TEST(failing_does_not_allocate) {
  const size_t calls = host.calls;
  enf__fail(ctx, ENF_ERR_IO, "%s %g %zu", "text", 1.5, (size_t)3);
  ck_assert_uint_eq(host.calls, calls);
}
END_TEST

START_TEST(sentences_follow_no_locale) {
  if (!use_comma_locale())
    return;
  ck_assert_int_eq(enf_opts_set(opts, "ode.rtol", "1.5e-7"), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_ERR_OPTION);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "ode.rtol 1.5e-07 is below 1e-06"));
}
END_TEST

START_TEST(the_numbers_of_a_call_are_known_by_name) {
  const char *const names[] = {"failed",       "steps",        "velocities", "divergences",
                               "logdet_error", "logdet_unmet", "seconds"};
  ctx->stats = (enf__stats){1, 2, 3, 4, 5, 6, 7};
  for (int i = 0; i < 7; i++) {
    double value = 0;
    ck_assert_int_eq(enf_ctx_stat(ctx, names[i], &value), ENF_OK);
    ck_assert_double_eq(value, i + 1);
  }
}
END_TEST

/* const is meant: a refused question leaves even the sentence of the last call. */
START_TEST(asking_for_a_number_changes_nothing) {
  double value = -1;
  enf__fail(ctx, ENF_ERR_SHAPE, "x has %d", 3);
  const enf_ctx before = *ctx;
  ck_assert_int_eq(enf_ctx_stat(ctx, "step", &value), ENF_ERR_ARG);
  ck_assert_int_eq(enf_ctx_stat(ctx, NULL, &value), ENF_ERR_ARG);
  ck_assert_int_eq(enf_ctx_stat(ctx, "steps", NULL), ENF_ERR_ARG);
  ck_assert_double_eq(value, -1);
  ck_assert_mem_eq(ctx, &before, sizeof before);
}
END_TEST

/* ---- configuring ---------------------------------------------------------------------------- */

START_TEST(options_that_are_not_set_keep_their_value) {
  ck_assert_int_eq(configure("run.threads", "2"), ENF_OK);
  ck_assert_int_eq(configure("ode.rtol", "1e-4"), ENF_OK);
  enf_opts *more;
  ck_assert_int_eq(enf_opts_create(ctx, &more), ENF_OK);
  const struct {
    const char *name, *value;
  } settings[] = {{"run.precision", "float64"}, {"run.kernel", "baseline"}, {"ode.atol", "1e-9"},
                  {"ode.method", "rk4-38"},     {"ode.steps", "33"},        {"ode.max_steps", "44"},
                  {"logdet.method", "coupled"}, {"logdet.tol", "0.5"},      {"model.hidden", "7"}};
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
    ck_assert_int_eq(enf_opts_set(more, settings[i].name, settings[i].value), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(ctx, more), ENF_OK);
  enf_opts_destroy(more);
  const enf__run run = ctx->run;
  ck_assert_uint_eq(run.threads, 2);
  ck_assert_double_eq(run.rtol, 1e-4);
  ck_assert_int_eq(run.precision, ENF__FLOAT64);
  ck_assert_int_eq(run.kernel, ENF__KERNEL_BASELINE);
  ck_assert_double_eq(run.atol, 1e-9);
  ck_assert_int_eq(run.ode_method, ENF__RK4_38);
  ck_assert_uint_eq(run.ode_steps, 33);
  ck_assert_uint_eq(run.max_steps, 44);
  ck_assert_int_eq(run.logdet_method, ENF__LOGDET_COUPLED);
  ck_assert_double_eq(run.logdet_tol, 0.5);
}
END_TEST

START_TEST(float32_refuses_what_it_cannot_meet) {
  ck_assert_int_eq(configure("ode.rtol", "1e-6"), ENF_OK);
  ck_assert_int_eq(configure("ode.rtol", "0.9e-6"), ENF_ERR_OPTION);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "ode.rtol 9e-07 is below 1e-06, which float32 cannot meet: "
                                        "set run.precision float64");
  ck_assert_double_eq(ctx->run.rtol, 1e-6);
  ck_assert_int_eq(configure("ode.rtol", "1e-6"), ENF_OK);
  ck_assert_int_eq(configure("ode.atol", "1e-8"), ENF_ERR_OPTION);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "ode.atol 1e-08 is below 1e-06"));
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "run.precision float64"));
  ck_assert_int_eq(configure("run.precision", "float64"), ENF_OK);
  ck_assert_double_eq(ctx->run.atol, 1e-8);
  ck_assert_int_eq(configure("run.precision", "float32"), ENF_ERR_OPTION);
  ck_assert_int_eq(ctx->run.precision, ENF__FLOAT64);
}
END_TEST

START_TEST(kernels_the_processor_lacks_are_refused) {
  const struct {
    const char *name;
    int code;
  } kernels[] = {{"avx2", ENF__KERNEL_AVX2}, {"avx512", ENF__KERNEL_AVX512}};
  const int best = ctx->run.kernel;
  for (int i = 0; i < 2; i++) {
    const enf_status status = configure("run.kernel", kernels[i].name);
    ck_assert_int_eq(status, kernels[i].code <= best ? ENF_OK : ENF_ERR_UNSUPPORTED);
    ck_assert_int_eq(ctx->run.kernel, kernels[i].code <= best ? kernels[i].code : best);
    if (status == ENF_OK)
      continue;
    ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), kernels[i].name));
    ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "this processor does not have"));
  }
#ifdef ENF__WITH_BLAS
  ck_assert_int_eq(configure("run.kernel", "blas"), ENF_OK);
  ck_assert_int_eq(ctx->run.kernel, ENF__KERNEL_BLAS);
#else
  ck_assert_int_eq(configure("run.kernel", "blas"), ENF_ERR_UNSUPPORTED);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "this libenf was built without a BLAS"));
  ck_assert_int_eq(configure("run.kernel", "baseline"), ENF_OK);
#endif
  const int chosen = ctx->run.kernel;
  ck_assert_int_eq(configure("run.kernel", "amx"), ENF_ERR_UNSUPPORTED);
  ck_assert_str_eq(enf_ctx_errmsg(ctx),
                   "run.kernel amx is not in this version; auto takes the best there is");
  ck_assert_int_eq(ctx->run.kernel, chosen);
  ck_assert_int_eq(configure("run.kernel", "auto"), ENF_OK);
  ck_assert_int_eq(ctx->run.kernel, best);
}
END_TEST

START_TEST(configuring_checks_its_bag) {
  double rubbish[64] = {0};
  ck_assert_int_eq(enf_ctx_configure(ctx, NULL), ENF_ERR_ARG);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "opts is NULL");
  ck_assert_int_eq(enf_ctx_configure(ctx, (const enf_opts *)(const void *)rubbish), ENF_ERR_ARG);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "opts is not a bag of options");
}
END_TEST

START_TEST(a_failed_configuration_changes_nothing) {
  ck_assert_int_eq(configure("run.threads", "2"), ENF_OK);
  ck_assert_int_eq(enf__reserve(ctx, 1000, 500), ENF_OK);
  const enf__run before = ctx->run;
  const enf__arena *workers = ctx->workers;
  ck_assert_int_eq(enf_opts_set(opts, "ode.steps", "77"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "run.threads", "4"), ENF_OK);
  for (size_t k = 1; k <= 2; k++) {
    const size_t live = host.live;
    host.fail_at = host.calls + k;
    ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_ERR_NOMEM);
    ck_assert_str_eq(enf_ctx_errmsg(ctx), "no memory for 4 threads");
    ck_assert_mem_eq(&ctx->run, &before, sizeof before);
    ck_assert_ptr_eq(ctx->workers, workers);
    ck_assert_uint_eq(host.live, live);
  }
  host.fail_at = 0;
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  ck_assert_uint_eq(ctx->run.threads, 4);
  ck_assert_uint_eq(ctx->run.ode_steps, 77);
}
END_TEST

/* ---- workspaces and callbacks --------------------------------------------------------------- */

START_TEST(workspaces_are_reserved_and_kept) {
  ck_assert_int_eq(configure("run.threads", "3"), ENF_OK);
  ck_assert_int_eq(enf__reserve(ctx, 1000, 500), ENF_OK);
  ck_assert_uint_ge(ctx->arena.capacity, 1000);
  for (int i = 0; i < 3; i++)
    ck_assert_uint_ge(ctx->workers[i].capacity, 500);
  const size_t calls = host.calls;
  ck_assert_ptr_nonnull(enf__arena_take(&ctx->arena, 900));
  ck_assert_int_eq(enf__reserve(ctx, 1000, 500), ENF_OK);
  ck_assert_uint_eq(ctx->arena.used, 0);
  ck_assert_uint_eq(host.calls, calls);
  ck_assert_int_eq(configure("run.threads", "2"), ENF_OK); /* the workers' arenas move along */
  const size_t after = host.calls;
  ck_assert_int_eq(enf__reserve(ctx, 1000, 500), ENF_OK);
  ck_assert_uint_eq(host.calls, after);
}
END_TEST

START_TEST(a_workspace_that_finds_no_memory_is_nomem) {
  for (size_t k = 1; k <= 2; k++) {
    host.fail_at = host.calls + k;
    ck_assert_int_eq(enf__reserve(ctx, 1000 * k, 1000 * k), ENF_ERR_NOMEM);
    ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "no memory for a workspace of"));
  }
  host.fail_at = 0;
  ck_assert_int_eq(enf__reserve(ctx, SIZE_MAX, 0), ENF_ERR_NOMEM);
  ck_assert_int_eq(enf__reserve(ctx, 4000, 4000), ENF_OK);
  ck_assert_ptr_nonnull(enf__arena_take(&ctx->arena, 4000));
}
END_TEST

static int use_context(void *user, uint64_t done, uint64_t total) {
  double value;
  enf_opts *bag = opts;
  ck_assert_uint_eq(done, 3);
  ck_assert_uint_eq(total, 7);
  ck_assert_int_eq(enf_opts_create(ctx, &bag), ENF_ERR_STATE);
  ck_assert_ptr_null(bag);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_ERR_STATE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "a callback may not use the context that called it");
  ck_assert_int_eq(enf_ctx_stat(ctx, "steps", &value), ENF_ERR_STATE);
  enf_ctx_set_progress(ctx, NULL, NULL);
  enf_ctx_destroy(ctx);
  return *(int *)user;
}

START_TEST(a_callback_may_not_use_its_context) {
  ENF__ENTRY;
  int answer = 0;
  enf_ctx_set_progress(ctx, use_context, &answer);
  ctx->stats.steps = 9;
  ck_assert_int_eq(enf__report(ctx, 3, 7), ENF_OK);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "");
  ck_assert_double_eq(ctx->stats.steps, 9);
  answer = 1;
  ck_assert_int_eq(enf__report(ctx, 3, 7), ENF_ERR_CANCELLED);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "cancelled by the progress callback after 3 of 7");
  ck_assert_int_eq(enf__enter(ctx), ENF_OK);
  enf_ctx_set_progress(ctx, NULL, NULL);
  ck_assert_int_eq(enf__report(ctx, 3, 7), ENF_OK);
}
END_TEST

START_TEST(the_clock_runs_forward) {
  const double before = enf__seconds();
  double now = before;
  for (int i = 0; i < 100000000 && now == before; i++)
    now = enf__seconds();
  ck_assert_double_gt(now, before);
  ck_assert_double_lt(now - before, 60);
}
END_TEST

START_TEST(tolerances_follow_that_of_the_density_unless_they_are_set) {
  ck_assert_int_eq(configure("density.tol", "0.02"), ENF_OK);
  ck_assert_double_eq(ctx->run.rtol, 2e-4);
  ck_assert_double_eq(ctx->run.atol, 2e-4);
  ck_assert_double_eq_tol(ctx->run.logdet_tol, 0.014, 1e-15);
  ck_assert_int_eq(configure("ode.atol", "1e-6"), ENF_OK);
  ck_assert_double_eq(ctx->run.rtol, 2e-4);
  ck_assert_double_eq(ctx->run.atol, 1e-6);
  enf_opts_destroy(opts);
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(configure("density.tol", "0"), ENF_OK);
  ck_assert_double_eq(ctx->run.rtol, 1e-5);
  ck_assert_double_eq(ctx->run.atol, 1e-6);
  ck_assert_double_eq(ctx->run.logdet_tol, 1e-3);
  ck_assert_int_eq(configure("ode.atol", "1e-5"), ENF_OK);
  ck_assert_int_eq(configure("density.tol", "1e-5"), ENF_ERR_OPTION);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "density.tol 1e-05 is below 0.0001"));
  ck_assert_double_eq(ctx->run.rtol, 1e-5);
  ck_assert_int_eq(configure("run.precision", "float64"), ENF_OK);
  ck_assert_double_eq_tol(ctx->run.rtol, 1e-7, 1e-20);
  ck_assert_double_eq(ctx->run.atol, 1e-5);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("context");
  tcase_add_checked_fixture(c, make, drop);
  tcase_add_test(c, a_new_context_has_the_documented_defaults);
  tcase_add_test(c, creating_checks_its_arguments);
  tcase_add_test(c, creating_survives_every_failing_allocation);
  tcase_add_test(c, entering_clears_what_the_last_call_left);
  tcase_add_test(c, what_is_no_context_is_refused);
  tcase_add_test(c, a_long_sentence_is_cut);
  tcase_add_test(c, failing_does_not_allocate);
  tcase_add_test(c, sentences_follow_no_locale);
  tcase_add_test(c, the_numbers_of_a_call_are_known_by_name);
  tcase_add_test(c, asking_for_a_number_changes_nothing);
  tcase_add_test(c, options_that_are_not_set_keep_their_value);
  tcase_add_test(c, tolerances_follow_that_of_the_density_unless_they_are_set);
  tcase_add_test(c, float32_refuses_what_it_cannot_meet);
  tcase_add_test(c, kernels_the_processor_lacks_are_refused);
  tcase_add_test(c, configuring_checks_its_bag);
  tcase_add_test(c, a_failed_configuration_changes_nothing);
  tcase_add_test(c, workspaces_are_reserved_and_kept);
  tcase_add_test(c, a_workspace_that_finds_no_memory_is_nomem);
  tcase_add_test(c, a_callback_may_not_use_its_context);
  tcase_add_test(c, the_clock_runs_forward);
  return run_suite("context", c);
}
