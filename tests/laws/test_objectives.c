/* test_objectives.c -- the objectives on the density: their gradients are their losses' (for the
   path gradient: its two laws), a host's energy cannot do harm, and a training is the same for any
   number of threads, after a resumption, and without memory to spare. */
#include "laws/objectives.h"
#include "train/leg.h"

/* ---- the gradient is the loss's -------------------------------------------------------------- */

/* How the trace and the integration are made. */
static const char *const ways[][3][2] = {
    {{"train.trace", "exact"}, {NULL, NULL}},
    {{"ode.method", "rk4-38"}, {"train.probes", "2"}, {NULL, NULL}}};
enum { WAYS = 2 };

START_TEST(gradient_is_that_of_the_loss_by_name) {
  set("model.field", fields[_i % FIELDS]);
  set_all(ways[_i / FIELDS % WAYS]);
  set("train.lambda", "0.2");
  set("train.lambda_end", "0.7");
  begin();
  compare(tables[_i / FIELDS / WAYS], 1e-7);
}
END_TEST

START_TEST(continuous_adjoint_agrees_as_tolerances_shrink) {
  static const char *const tolerances[] = {"1e-4", "1e-7", "1e-10"};
  const enf__objective *objective = tables[_i / FIELDS];
  double *gradient[2], last = INFINITY;
  set("model.field", fields[_i % FIELDS]);
  set("ode.method", "dopri5");
  for (int k = 0; k < 3; k++) {
    set("ode.rtol", tolerances[k]);
    set("ode.atol", tolerances[k]);
    for (int adjoint = 0; adjoint < 2; adjoint++) {
      set("train.adjoint", adjoint ? "continuous" : "discrete");
      begin();
      const enf__batch batch = batch_of(6, 1000);
      gradient[adjoint] = malloc(tr->work->params.size * sizeof *gradient[0]);
      evaluate(objective, &batch, gradient[adjoint]);
      if (adjoint == 0)
        end();
    }
    double error = 0, norm = 0;
    for (size_t i = 0; i < tr->work->params.size; i++) {
      error += pow(gradient[0][i] - gradient[1][i], 2);
      norm += pow(gradient[0][i], 2);
    }
    end();
    free(gradient[0]), free(gradient[1]);
    ck_assert_double_lt(error, 0.1 * last);
    last = error;
    if (k == 2)
      ck_assert_double_lt(sqrt(error / norm), 1e-7);
  }
}
END_TEST

START_TEST(lambda_goes_from_its_first_value_to_its_last) {
  static const double progress[] = {0, 0.5, 1};
  set("train.lambda", "0.2");
  set("train.lambda_end", "0.6");
  begin();
  enf__batch batch = batch_of(6, 0);
  const double likelihood = evaluate(&enf__likelihood, &batch, NULL);
  const double reverse = evaluate(&enf__energy_objective, &batch, NULL);
  for (int k = 0; k < 3; k++) {
    const double lambda = 0.2 + 0.4 * progress[k];
    batch.progress = progress[k];
    ck_assert_double_eq_tol(evaluate(&enf__mixed, &batch, NULL),
                            lambda * likelihood + (1 - lambda) * reverse, 1e-10);
  }
}
END_TEST

/* The losses from their definitions, in the host's units, by the public functions. */
START_TEST(losses_are_those_of_the_density) {
  double logp[ROWS], x[ROWS * MOST_DIM], grad[MOST_DIM], nll = 0, kl = 0;
  set("model.field", fields[_i]);
  set("train.trace", "exact");
  set("ode.steps", "20");
  set("logdet.tol", "1e-7");
  begin();
  OK(enf_log_prob(inner, flow, ROWS, data, logp));
  for (size_t i = 0; i < ROWS; i++)
    nll -= logp[i] / ROWS;
  double scaled[ROWS * MOST_DIM];
  for (size_t k = 0; k < ROWS * dim; k++)
    scaled[k] = data[k] / flow->space.scale;
  enf__batch batch = batch_of(ROWS, 30);
  batch.x = scaled;
  ck_assert_double_eq_tol(evaluate(&enf__likelihood, &batch, NULL), nll, 1e-5);
  for (size_t i = 0; i < ROWS; i++) {
    double z[MOST_DIM], logdet, u;
    enf__prior_sample(&flow->prior, 7, ENF__STREAM_TRAIN_PRIOR, 30 + i, z);
    const double start = enf__prior_log_density(&flow->prior, z);
    for (size_t k = 0; k < dim; k++)
      z[k] *= flow->space.scale;
    OK(enf_transport(inner, flow, 1, 0, 1, z, x, &logdet));
    springs(x, &u, grad);
    kl += (u + start - logdet - enf__space_log_unit(&flow->space)) / ROWS;
  }
  ck_assert_double_eq_tol(evaluate(&enf__energy_objective, &batch, NULL), kl, 1e-5);
  ck_assert_double_eq_tol(evaluate(&enf__path_gradient, &batch, NULL), kl, 1e-5);
}
END_TEST

/* ---- the path gradient's laws ---------------------------------------------------------------- */

/* Sticking the landing: with u = -log q of the very same flow nothing pulls at the weights, for
   every sample; the energy's own gradient is zero in the mean only. */
START_TEST(path_gradient_vanishes_at_the_optimum_for_every_sample) {
  double gradient[4096], path_norm, energy_norm;
  set("model.field", fields[_i]);
  set("train.trace", "exact");
  begin();
  ck_assert_int_eq(enf_trainer_set_energy(tr, own_potential, flow), ENF_OK);
  for (uint64_t sample = 0; sample < 4; sample++) {
    const enf__batch batch = batch_of(1, sample);
    path_norm = energy_norm = 0;
    evaluate(&enf__energy_objective, &batch, gradient);
    for (size_t k = 0; k < tr->work->params.size; k++)
      energy_norm = fmax(energy_norm, fabs(gradient[k]));
    evaluate(&enf__path_gradient, &batch, gradient);
    for (size_t k = 0; k < tr->work->params.size; k++)
      path_norm = fmax(path_norm, fabs(gradient[k]));
    ck_assert_double_gt(energy_norm, 1e-3);
    ck_assert_double_lt(path_norm, 1e-11);
  }
}
END_TEST

/* The term left out has mean zero: over many draws both gradients have the same mean. Batch means
   give the error bars; 5 of them are allowed for the largest of all the parameters' deviations. */
START_TEST(path_gradient_is_the_energy_gradient_in_the_mean) {
  enum { BATCHES = 24, MOST = 1024 };
  static double sum[MOST], square[MOST], mean[MOST];
  double gradient[2][MOST], error = 0, norm = 0;
  set("model.field", fields[_i]);
  set("model.particles", "2");
  set("model.hidden", "4");
  set("model.layers", "1");
  set("ode.steps", "4");
  begin();
  const size_t params = tr->work->params.size;
  ck_assert_uint_le(params, MOST);
  for (uint64_t b = 0; b < BATCHES; b++) {
    const enf__batch batch = batch_of(MOST_ROWS, b * MOST_ROWS);
    evaluate(&enf__energy_objective, &batch, gradient[0]);
    evaluate(&enf__path_gradient, &batch, gradient[1]);
    for (size_t k = 0; k < params; k++) {
      const double excess = gradient[1][k] - gradient[0][k];
      sum[k] += excess;
      square[k] += excess * excess;
      mean[k] += gradient[0][k] / BATCHES;
    }
  }
  for (size_t k = 0; k < params; k++) {
    const double excess = sum[k] / BATCHES;
    const double variance = (square[k] / BATCHES - excess * excess) / (BATCHES - 1);
    error += excess * excess;
    norm += mean[k] * mean[k];
    ck_assert_msg(fabs(excess) <= 5 * sqrt(variance) + 1e-6, "parameter %zu: %g +- %g over %g", k,
                  excess, sqrt(variance), mean[k]);
  }
  ck_assert_msg(error < 0.01 * norm, "differences %g beside %g", sqrt(error), sqrt(norm));
}
END_TEST

/* ---- a host's energy does no harm ------------------------------------------------------------ */

START_TEST(without_an_energy_a_step_is_refused) {
  char sentence[128];
  set("train.objective", objectives[_i]);
  begin();
  OK(enf_trainer_set_energy(tr, NULL, NULL));
  snprintf(sentence, sizeof sentence,
           "train.objective %s needs an energy: call enf_trainer_set_energy first", objectives[_i]);
  ck_assert_int_eq(try_step(NULL), ENF_ERR_STATE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), sentence);
  ck_assert_uint_eq(tr->counters[ENF__STEP], 0);
  ck_assert_int_eq(enf_trainer_set_energy(NULL, energy, &host), ENF_ERR_ARG);
}
END_TEST

START_TEST(data_are_needed_by_likelihoods_only) {
  const bool needed = _i == 0 || _i == 2;
  char sentence[128];
  set("train.objective", objectives[_i]);
  begin();
  snprintf(sentence, sizeof sentence, "x is NULL: train.objective %s needs data", objectives[_i]);
  ck_assert_int_eq(enf_train_step(ctx, tr, ROWS, NULL, NULL), needed ? ENF_ERR_ARG : ENF_OK);
  if (needed)
    ck_assert_str_eq(enf_ctx_errmsg(ctx), sentence);
}
END_TEST

START_TEST(data_scale_without_data_is_one) {
  double scale;
  set("train.objective", "energy");
  set("model.data_scale", "auto");
  begin();
  OK(enf_train_step(ctx, tr, ROWS, NULL, NULL));
  ck_assert_int_eq(enf_get_real(flow, "data_scale", &scale), ENF_OK);
  ck_assert_double_eq(scale, 1);
}
END_TEST

START_TEST(an_energy_that_fails_changes_nothing) {
  size_t bytes;
  char sentence[80];
  set("train.objective", objectives[_i]);
  begin();
  step();
  double *before = weights(&bytes);
  host.result = 42;
  snprintf(sentence, sizeof sentence, "the energy function returned 42 for %d samples", ROWS);
  ck_assert_int_eq(try_step(NULL), ENF_ERR_CALLBACK);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), sentence);
  ck_assert_mem_eq(before, flow->params.value, bytes);
  ck_assert_uint_eq(tr->counters[ENF__STEP], 1);
  ck_assert_uint_eq(tr->counters[ENF__SAMPLES], ROWS);
  host.result = 0;
  ck_assert_uint_eq(step().step, 2);
  free(before);
}
END_TEST

/* Impossible samples are counted and left out: the gradient is that of the others' mean. */
START_TEST(numbers_that_are_none_never_reach_the_weights) {
  static const double bad[] = {NAN, INFINITY, -INFINITY};
  set("train.objective", objectives[1 + _i % 3]);
  begin();
  host.spoil = bad[_i / 3 % 3];
  host.spoil_grad = _i / 9;
  host.spoiled = 5;
  const enf_step_info info = step();
  ck_assert_uint_eq(info.capped, 5);
  ck_assert_uint_eq(info.skipped, 0);
  ck_assert(isfinite(info.loss) && isfinite(info.grad_norm) && info.grad_norm > 0);
  for (size_t k = 0; k < tr->optimiser.params; k++)
    ck_assert(isfinite(flow->params.value[k]));
  size_t bytes;
  double *before = weights(&bytes);
  host.spoiled = ROWS;
  const enf_step_info none = step();
  ck_assert_uint_eq(none.capped, ROWS);
  ck_assert_uint_eq(none.skipped, 1);
  ck_assert_mem_eq(before, flow->params.value, bytes);
  free(before);
}
END_TEST

START_TEST(spoiled_samples_do_not_count_in_the_mean) {
  double gradient[2][4096];
  begin();
  const enf__batch all = batch_of(8, 100), rest = batch_of(5, 103);
  host.spoil = NAN;
  host.spoiled = 3;
  const double loss = evaluate(tables[1 + 2 * _i], &all, gradient[0]);
  host.spoiled = 0;
  ck_assert_double_eq_tol(loss, evaluate(tables[1 + 2 * _i], &rest, gradient[1]), 1e-12);
  for (size_t k = 0; k < tr->optimiser.params; k++)
    ck_assert_double_eq_tol(gradient[0][k], gradient[1][k], 1e-12);
}
END_TEST

/* A cap of c turns u into c + log(1 + u - c), and grad u into grad u / (1 + u - c). */
START_TEST(energies_beyond_the_cap_still_point_downhill) {
  enf__slope slope;
  set("model.field", "pair-kernel");
  set("train.energy_cap", "4");
  begin();
  const enf__batch batch = batch_of(3, 1000);
  OK(enf__reserve(ctx, tables[1]->call_bytes(&batch), tables[1]->worker_bytes(&batch, &ctx->run)));
  OK(tables[1]->evaluate(ctx, &batch, &slope));
  ck_assert_uint_ge(slope.capped, 1);
  ck_assert_uint_lt(slope.capped, 3);
  ck_assert_uint_eq(slope.forces_clipped, 0);
  compare(tables[1], 1e-7);
}
END_TEST

START_TEST(forces_are_clipped_particle_by_particle) {
  set("train.objective", "energy");
  set("train.force_clip", "1e-6");
  begin();
  host.spoil = 1e300;
  host.spoil_grad = true;
  host.spoiled = 2;
  const enf_step_info info = step();
  ck_assert_uint_eq(info.capped, ROWS);
  ck_assert_uint_eq(info.forces_clipped, ROWS * N);
  ck_assert(isfinite(info.grad_norm));
  ck_assert_uint_eq(info.skipped, 0);
  end();
  set("train.force_clip", "1e100");
  begin();
  const enf_step_info few = step(); /* one particle of each of the two spoiled samples */
  ck_assert_uint_eq(few.capped, 2);
  ck_assert_uint_eq(few.forces_clipped, 2);
}
END_TEST

START_TEST(the_energy_is_asked_on_the_callers_thread_and_may_not_use_the_context) {
  set("train.objective", objectives[_i]);
  set("run.threads", "2");
  begin();
  host.nosy = true;
  step();
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "");
  ck_assert_uint_eq(host.calls, 1);
  ck_assert_uint_eq(host.samples, ROWS);
  ck_assert(!host.foreign);
  ck_assert_int_eq(host.seen, ENF_ERR_STATE);
  ck_assert_int_eq(host.seen_trainer, ENF_ERR_STATE);
  double logp;
  OK(enf_log_prob(ctx, flow, 1, data, &logp));
}
END_TEST

/* After every pass the callback hears of more, up to all rows, and may end the step: nothing has
   changed then. */
typedef struct {
  uint64_t calls, last, give_up;
} watcher;

static int watch(void *user, uint64_t done, uint64_t total) {
  watcher *w = user;
  ck_assert_uint_eq(total, ROWS);
  ck_assert_uint_ge(done, w->last);
  w->last = done;
  return ++w->calls == w->give_up;
}

START_TEST(a_step_can_be_watched_and_cancelled_after_every_pass) {
  size_t bytes;
  set("train.objective", objectives[_i]);
  begin();
  double *before = weights(&bytes);
  watcher all = {0};
  enf_ctx_set_progress(ctx, watch, &all);
  for (uint64_t pass = 1; pass <= tables[_i]->passes; pass++) {
    watcher w = {.give_up = pass};
    enf_ctx_set_progress(ctx, watch, &w);
    ck_assert_int_eq(try_step(NULL), ENF_ERR_CANCELLED);
    ck_assert_uint_eq(w.calls, pass);
    ck_assert_mem_eq(before, flow->params.value, bytes);
    ck_assert_uint_eq(tr->counters[ENF__STEP], 0);
  }
  enf_ctx_set_progress(ctx, watch, &all);
  step();
  ck_assert_uint_eq(all.calls, tables[_i]->passes);
  ck_assert_uint_eq(all.last, ROWS);
  enf_ctx_set_progress(ctx, NULL, NULL);
  free(before);
}
END_TEST

/* Samples that need more steps than are allowed are left out, and counted. */
START_TEST(failed_samples_are_counted) {
  double failed;
  set("train.objective", objectives[_i]);
  set("ode.method", "dopri5");
  begin();
  step();
  OK(enf_ctx_stat(ctx, "failed", &failed));
  ck_assert_double_eq(failed, 0);
  set("ode.max_steps", "1");
  OK(enf_ctx_configure(ctx, opts));
  ck_assert_uint_eq(step().skipped, 1);
  OK(enf_ctx_stat(ctx, "failed", &failed));
  ck_assert_double_eq(failed, _i == 2 ? 2 * ROWS : ROWS); /* mixed: data and own samples */
}
END_TEST

/* A built-in energy of another shape would read and write beyond the samples. */
START_TEST(built_in_energies_must_have_the_shape_of_the_flow) {
  enf_energy *builtin;
  const struct {
    const char *spec;
    enf_status status;
  } cases[] = {
      {"pair-dw:dim=2", ENF_OK}, {"lj13", ENF_ERR_SHAPE}, {"pair-dw:dim=3", ENF_ERR_SHAPE}};
  set("model.particles", "2");
  begin();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    OK(enf_energy_builtin(ctx, &builtin, cases[i].spec));
    ck_assert_int_eq(enf_trainer_set_energy(tr, enf_energy_eval, builtin), cases[i].status);
    enf_energy_destroy(builtin);
  }
  ck_assert_int_eq(enf_trainer_set_energy(tr, enf_energy_eval, NULL), ENF_ERR_ARG);
}
END_TEST

/* ---- the same bits; memory ------------------------------------------------------------------- */

static const char *const quick[][2] = {{"ode.method", "dopri5"}, {"ode.rtol", "1e-4"},
                                       {"ode.atol", "1e-4"},     {"run.precision", "float32"},
                                       {"train.lr", "1e-2"},     {NULL, NULL}};

static void choose(int i) {
  set("train.objective", objectives[i % OBJECTIVES]);
  set("model.field", fields[i / OBJECTIVES % FIELDS]);
  set("train.adjoint", i / OBJECTIVES / FIELDS ? "continuous" : "discrete");
}
enum { CHOICES = OBJECTIVES * FIELDS * 2 };

START_TEST(steps_are_the_same_for_one_and_two_threads) {
  static const char *const threads[] = {"1", "2"};
  double *w[2];
  size_t bytes = 0;
  choose(_i);
  set_all(quick);
  for (int run = 0; run < 2; run++) {
    set("run.threads", threads[run]);
    begin();
    for (int k = 0; k < 4; k++)
      step();
    w[run] = weights(&bytes);
    end();
  }
  ck_assert_mem_eq(w[0], w[1], bytes);
  free(w[0]), free(w[1]);
}
END_TEST

START_TEST(resuming_gives_the_bits_of_the_uninterrupted_training) {
  size_t bytes;
  enf_step_info whole, resumed;
  choose(_i);
  set("train.lambda_end", "1");
  set("logdet.probe", "gaussian"); /* not in the file: the context of the steps has it */
  begin();
  for (int k = 0; k < 4; k++)
    whole = step();
  double *want = weights(&bytes);
  end();
  begin();
  step();
  step();
  OK(enf_trainer_save(ctx, tr, path));
  end();
  OK(enf_create(ctx, &flow, opts)); /* a fresh flow, other weights */
  OK(enf_trainer_load(ctx, &tr, flow, path));
  OK(enf_trainer_set_energy(tr, energy, &host));
  step();
  resumed = step();
  ck_assert_mem_eq(want, flow->params.value, bytes);
  ck_assert_mem_eq(&whole.loss, &resumed.loss, sizeof whole.loss);
  ck_assert_uint_eq(whole.evaluations, resumed.evaluations);
  free(want);
}
END_TEST

START_TEST(steps_with_the_same_rows_do_not_allocate) {
  choose(_i);
  set("run.threads", "2");
  begin();
  step();
  const size_t calls = memory.calls;
  for (int k = 0; k < 3; k++)
    step();
  ck_assert_uint_eq(memory.calls, calls);
}
END_TEST

/* Every allocation of a first step fails once; the context's workspace may stay. */
START_TEST(without_memory_a_step_fails_and_works_afterwards) {
  choose(_i);
  set("run.threads", "2");
  begin();
  for (size_t k = 1;; k++) {
    enf_ctx *fresh;
    enf_step_info info = ENF_STEP_INFO_INIT;
    const enf_alloc alloc = failing_alloc_of(&memory);
    OK(enf_ctx_create(&fresh, &alloc));
    OK(enf_ctx_configure(fresh, opts));
    memory.fail_at = memory.calls + k;
    const enf_status status = enf_train_step(fresh, tr, ROWS, data, &info);
    const bool failed = memory.calls >= memory.fail_at;
    memory.fail_at = 0;
    ck_assert_int_eq(status, failed ? ENF_ERR_NOMEM : ENF_OK);
    if (failed) {
      ck_assert_str_ne(enf_ctx_errmsg(fresh), "");
      ck_assert_uint_eq(tr->counters[ENF__STEP], 0);
    }
    if (k == 1)
      ck_assert(failed);
    enf_ctx_destroy(fresh);
    if (!failed)
      break;
  }
  ck_assert_uint_eq(step().step, 2);
}
END_TEST

/* ---- memory and failures of a step -------------------------------------------------------------
 */

/* What the context keeps after a likelihood step of `steps` fixed steps. */
static size_t bytes_after_step(const char *steps, uint64_t *evaluations) {
  set("ode.steps", steps);
  begin();
  *evaluations = step().evaluations;
  end();
  return memory.bytes;
}

/* Beyond them nothing grows with the evaluations. */
START_TEST(memory_of_a_likelihood_step_is_its_checkpoints) {
  uint64_t few, many;
  set("train.objective", "likelihood");
  const size_t small = bytes_after_step("4", &few), large = bytes_after_step("40", &many);
  ck_assert_uint_gt(many, 9 * few);
  ck_assert_uint_gt(large, small);
  const size_t steps = 36 * ROWS * enf__ode_path_bytes(dim, true);
  ck_assert_uint_le(large - small, steps + ROWS * 256); /* for alignment */
}
END_TEST

/* A probe that is not finite spoils one sample on the way back: the mean is over the others. */
START_TEST(the_mean_is_over_the_samples_that_come_back) {
  enum { BAD = 5 };
  double share[2], *sum[2];
  begin();
  const size_t params = flow->params.size;
  enf__batch batch = batch_of(ROWS, 0);
  for (int k = 0; k < 2; k++) {
    enf__arena count = {0};
    enf__leg_take(&batch, 1, 0, &count);
    OK(enf__reserve(ctx, count.used, enf__leg_worker_bytes(&batch, &ctx->run)));
    enf__leg leg = enf__leg_take(&batch, 1, 0, &ctx->arena);
    double *gradients = calloc(enf__journey_pieces(&flow->chain, ROWS) * params, sizeof *gradients);
    enf__slope slope = {.gradients = gradients};
    memcpy(leg.start, data, ROWS * dim * sizeof *data);
    OK(enf__leg_forward(ctx, &batch, &leg, &slope));
    for (size_t i = 0; i < ROWS; i++) {
      leg.dlogdet[i] = -1;
      leg.dpenalty[i] = 0;
      memcpy(leg.dy + i * dim, leg.p.y + i * dim, dim * sizeof *leg.dy);
    }
    if (k)
      leg.eps[BAD * dim] = NAN;
    else
      leg.dlogdet[BAD] = NAN;
    OK(enf__leg_reverse_mean(ctx, &batch, &leg, 0.7, &slope, &share[k]));
    ck_assert_uint_eq(slope.failed, (size_t)k); /* left out by the caller, or failed */
    for (size_t i = 0; i < ROWS; i++)
      ck_assert_int_eq(enf__leg_counts(&leg, i), i != BAD);
    for (size_t i = params; i < enf__journey_pieces(&flow->chain, ROWS) * params; i++)
      gradients[i % params] += gradients[i];
    sum[k] = gradients;
  }
  ck_assert_double_eq(share[0], 1.0 / (ROWS - 1));
  ck_assert_double_eq(share[1], share[0]);
  for (size_t i = 0; i < params; i++)
    ck_assert_double_eq_tol(sum[0][i], sum[1][i], 1e-12);
  free(sum[0]);
  free(sum[1]);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("objectives");
  TCase *laws = tcase_create("laws"), *hosts = tcase_create("hosts"), *bits = tcase_create("bits");
  TCase *const cases[] = {laws, hosts, bits};
  for (size_t i = 0; i < 3; i++) {
    tcase_add_checked_fixture(cases[i], open_bag, close_bag);
    tcase_set_timeout(cases[i], 60);
    suite_add_tcase(suite, cases[i]);
  }
  tcase_add_loop_test(laws, gradient_is_that_of_the_loss_by_name, 0, LOSSES * FIELDS * WAYS);
  tcase_add_loop_test(laws, continuous_adjoint_agrees_as_tolerances_shrink, 0, LOSSES * FIELDS);
  tcase_add_test(laws, lambda_goes_from_its_first_value_to_its_last);
  tcase_add_loop_test(laws, losses_are_those_of_the_density, 0, FIELDS);
  tcase_add_loop_test(laws, path_gradient_vanishes_at_the_optimum_for_every_sample, 0, FIELDS);
  tcase_add_loop_test(laws, path_gradient_is_the_energy_gradient_in_the_mean, 0, FIELDS);
  tcase_add_loop_test(hosts, without_an_energy_a_step_is_refused, 1, OBJECTIVES);
  tcase_add_loop_test(hosts, data_are_needed_by_likelihoods_only, 0, OBJECTIVES);
  tcase_add_test(hosts, data_scale_without_data_is_one);
  tcase_add_loop_test(hosts, an_energy_that_fails_changes_nothing, 1, OBJECTIVES);
  tcase_add_loop_test(hosts, numbers_that_are_none_never_reach_the_weights, 0, 18);
  tcase_add_loop_test(hosts, spoiled_samples_do_not_count_in_the_mean, 0, 2);
  tcase_add_test(hosts, energies_beyond_the_cap_still_point_downhill);
  tcase_add_test(hosts, the_mean_is_over_the_samples_that_come_back);
  tcase_add_test(hosts, forces_are_clipped_particle_by_particle);
  tcase_add_loop_test(hosts, the_energy_is_asked_on_the_callers_thread_and_may_not_use_the_context,
                      1, OBJECTIVES);
  tcase_add_loop_test(hosts, a_step_can_be_watched_and_cancelled_after_every_pass, 0, OBJECTIVES);
  tcase_add_loop_test(hosts, failed_samples_are_counted, 0, OBJECTIVES);
  tcase_add_test(hosts, built_in_energies_must_have_the_shape_of_the_flow);
  tcase_add_loop_test(bits, steps_are_the_same_for_one_and_two_threads, 0, CHOICES);
  tcase_add_loop_test(bits, resuming_gives_the_bits_of_the_uninterrupted_training, 0, CHOICES);
  tcase_add_loop_test(bits, steps_with_the_same_rows_do_not_allocate, 0, CHOICES);
  tcase_add_loop_test(bits, without_memory_a_step_fails_and_works_afterwards, 0, CHOICES);
  tcase_add_test(bits, memory_of_a_likelihood_step_is_its_checkpoints);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
