/* test_energy_matching.c -- training on weighted samples of the flow itself: a target far away is learnt from its
   energy alone, weights are those of the target where the flow is it, the same bits however a training is cut,
   what fails leaves everything as it was. */
#include "host.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { D = 2, BATCH = 64, SAMPLES = 2000 };

#define COMMON                                                                                     \
  "model.space=vector,model.dimensions=2,model.hidden=32,model.data_scale=1,train.objective=energy-matching,"   \
  "train.batch=64,density.tol=0.05,logdet.checks=0,train.seed=4,"

static size_t calls, fails_at;
static double centre, width;

/* A normal density; no gradient is asked for. Where x[0] is below -3 it is no number. */
static int normal(void *user, size_t n, const double *x, double *u, double *grad) {
  (void)user;
  ck_assert_ptr_null(grad);
  for (size_t i = 0; i < n; i++) {
    const double a = (x[D * i] - centre) / width, b = x[D * i + 1] / width;
    u[i] = x[D * i] < -3 ? (double)NAN : (a * a + b * b) / 2;
  }
  return ++calls == fails_at ? 9 : 0;
}

typedef struct {
  enf_flow *flow;
  enf_trainer *trainer;
} training;

static training begin(const char *text) {
  training t;
  char all[400];
  snprintf(all, sizeof all, "%s%s", COMMON, text);
  enf_opts *opts = options(all);
  calls = fails_at = 0;
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_create(ctx, &t.flow, opts));
  OK(enf_trainer_create(ctx, &t.trainer, t.flow, opts));
  OK(enf_trainer_set_energy(t.trainer, normal, NULL));
  enf_opts_destroy(opts);
  return t;
}

static void end(training *t) {
  enf_trainer_destroy(t->trainer);
  enf_destroy(t->flow);
}

static enf_step_info steps(const training *t, size_t count) {
  enf_step_info info = ENF_STEP_INFO_INIT;
  for (size_t k = 0; k < count; k++)
    OK(enf_train_step(ctx, t->trainer, BATCH, NULL, &info));
  return info;
}

static double ess_of(const training *t) {
  static double x[SAMPLES * D], logq[SAMPLES], u[SAMPLES];
  enf_weights weights = ENF_WEIGHTS_INIT;
  OK(enf_sample(ctx, t->flow, 8, 0, SAMPLES, x, logq));
  normal(NULL, SAMPLES, x, u, NULL);
  OK(enf_reweight(ctx, SAMPLES, logq, u, NULL, &weights));
  return weights.ess;
}

START_TEST(a_target_far_away_is_learnt_from_its_energy) {
  training t = begin("train.steps=1200,train.pool=512,train.pool_steps=100");
  centre = 3;
  width = 0.3;
  ck_assert_double_lt(ess_of(&t), 0.02);
  const enf_step_info first = steps(&t, 1);
  ck_assert_double_lt(first.temper, 0.5);
  ck_assert_double_gt(first.pool_ess, 0.29);
  const enf_step_info last = steps(&t, 1199);
  ck_assert_double_eq(last.temper, 1);
  ck_assert_uint_eq(last.skipped, 0);
  ck_assert_double_gt(ess_of(&t), 0.7);
  ck_assert_uint_eq(calls, 12 + 2);
  end(&t);
}
END_TEST

/* The flow is nearly the standard normal density at first. */
START_TEST(weights_of_a_flow_that_is_right_are_all_alike) {
  training t = begin("train.pool=256");
  centre = 0;
  width = 1;
  const enf_step_info info = steps(&t, 1);
  ck_assert_double_eq(info.temper, 1);
  ck_assert_double_gt(info.pool_ess, 0.9);
  ck_assert_uint_lt(info.capped, 10);
  end(&t);
}
END_TEST

static void save(const training *t, char name[64]) {
  snprintf(name, 64, "energy_matching.%ld.trainer", (long)getpid());
  OK(enf_trainer_save(ctx, t->trainer, name));
}

static void weights_of(const training *t, double *first) {
  const char *name;
  size_t rows, cols;
  OK(enf_params_info(t->flow, 0, &name, &rows, &cols));
  double *all = calloc(rows * cols, sizeof *all);
  OK(enf_params_get(ctx, t->flow, name, all, rows * cols));
  *first = 0;
  for (size_t i = 0; i < rows * cols; i++)
    *first += all[i] * (double)(i + 1);
  free(all);
}

/* Cut where a generation begins, in its middle, and before the pool is full; on two threads. */
START_TEST(a_training_that_is_cut_is_the_same_to_the_bit) {
  static const size_t cuts[] = {1, 5, 10, 13, 47};
  static const char set[] = "train.pool=40,train.pool_steps=5,train.pool_generations=3,train.steps=60";
  training whole = begin(set), parts;
  char name[64];
  double wanted, found;
  centre = 2;
  width = 0.5;
  steps(&whole, 60);
  weights_of(&whole, &wanted);
  end(&whole);
  parts = begin("train.pool=40,train.pool_steps=5,train.pool_generations=3,train.steps=60,run.threads=2");
  for (size_t k = 0, done = 0; k < 6; k++) {
    const size_t goal = k < 5 ? cuts[k] : 60;
    steps(&parts, goal - done);
    done = goal;
    save(&parts, name);
    enf_trainer_destroy(parts.trainer);
    OK(enf_trainer_load(ctx, &parts.trainer, parts.flow, name));
    OK(enf_trainer_set_energy(parts.trainer, normal, NULL));
  }
  remove(name);
  weights_of(&parts, &found);
  ck_assert_double_eq(found, wanted);
  end(&parts);
}
END_TEST

/* A byte of the file: of a pool that is smaller than the options say. */
START_TEST(a_file_whose_pool_is_of_another_size_is_refused) {
  training t = begin("train.pool=40,train.pool_steps=5");
  static const char word[] = "\"train.pool\":\"40\"";
  static char text[1 << 20];
  char name[64];
  enf_trainer *loaded;
  centre = 2;
  width = 0.5;
  steps(&t, 1);
  save(&t, name);
  FILE *file = fopen(name, "r+b");
  const size_t bytes = fread(text, 1, sizeof text, file);
  size_t at = 0;
  while (at < bytes && memcmp(text + at, word, sizeof word - 1) != 0)
    at++;
  ck_assert_uint_lt(at, bytes);
  fseek(file, (long)(at + sizeof word - 3), SEEK_SET);
  fputc('1', file);
  fclose(file);
  REFUSED(ENF_ERR_FORMAT, "tensor pool.x is not 41 x 2", enf_trainer_load(ctx, &loaded, t.flow, name));
  remove(name);
  end(&t);
}
END_TEST

START_TEST(a_step_that_fails_leaves_everything_as_it_was) {
  training t = begin("train.pool=40,train.pool_steps=3"), other = begin("train.pool=40,train.pool_steps=3");
  double wanted, found;
  centre = 2;
  width = 0.5;
  steps(&other, 7);
  weights_of(&other, &wanted);
  steps(&t, 3);
  fails_at = calls + 1;
  REFUSED(ENF_ERR_CALLBACK, "returned 9 for 40 samples", enf_train_step(ctx, t.trainer, BATCH, NULL, NULL));
  steps(&t, 4);
  weights_of(&t, &found);
  ck_assert_double_eq(found, wanted);
  end(&t);
  end(&other);
}
END_TEST

START_TEST(what_cannot_be_is_refused) {
  training t = begin("train.pool=8");
  enf_opts *opts = options("train.objective=energy-matching,model.space=vector,model.dimensions=2,model.map=linear");
  enf_flow *linear;
  enf_trainer *trainer;
  double logw[1] = {0}, x[D] = {0};
  width = 0.1;
  centre = (double)NAN;
  REFUSED(ENF_ERR_NONFINITE, "none of 8 samples has a weight", enf_train_step(ctx, t.trainer, 4, NULL, NULL));
  REFUSED(ENF_ERR_ARG, "takes no rows", enf_train_step_weighted(ctx, t.trainer, 1, x, logw, NULL));
  OK(enf_trainer_set_energy(t.trainer, NULL, NULL));
  REFUSED(ENF_ERR_STATE, "energy-matching needs an energy", enf_train_step(ctx, t.trainer, 4, NULL, NULL));
  OK(enf_create(ctx, &linear, opts));
  REFUSED(ENF_ERR_OPTION, "energy-matching needs a flow of one velocity field",
          enf_trainer_create(ctx, &trainer, linear, opts));
  enf_destroy(linear);
  enf_opts_destroy(opts);
  end(&t);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("energy_matching");
  tcase_set_timeout(tests, 30);
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, a_target_far_away_is_learnt_from_its_energy);
  tcase_add_test(tests, weights_of_a_flow_that_is_right_are_all_alike);
  tcase_add_test(tests, a_training_that_is_cut_is_the_same_to_the_bit);
  tcase_add_test(tests, a_file_whose_pool_is_of_another_size_is_refused);
  tcase_add_test(tests, a_step_that_fails_leaves_everything_as_it_was);
  tcase_add_test(tests, what_cannot_be_is_refused);
  return run_suite("energy_matching", tests);
}
