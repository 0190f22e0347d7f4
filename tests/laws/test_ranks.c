/* test_ranks.c -- ranks as threads: 1, 2 and 4 of them have the same weights to the bit, in any
   order of sums, and the gradient is that of a step without them; what cannot be is told. */
#include "laws/objectives.h"

enum { ALL = 32, MOST_RANKS = 4 };

typedef struct {
  pthread_mutex_t lock;
  pthread_barrier_t barrier;
  int ranks;
  double *sum;
  size_t size;
} meeting;

static meeting meet;
static bool walls; /* some samples are impossible */
static double many[ALL * MOST_DIM];

/* Ranks add to shared memory as they come. */
static int add_all(void *user, size_t n, double *sum) {
  meeting *m = user;
  pthread_mutex_lock(&m->lock);
  if (m->size == 0)
    m->sum = calloc(m->size = n, sizeof *m->sum);
  for (size_t k = 0; k < n; k++)
    m->sum[k] += sum[k];
  pthread_mutex_unlock(&m->lock);
  pthread_barrier_wait(&m->barrier);
  memcpy(sum, m->sum, n * sizeof *sum);
  if (pthread_barrier_wait(&m->barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
    free(m->sum);
    m->size = 0;
  }
  pthread_barrier_wait(&m->barrier);
  return 0;
}

/* An energy that ranks may ask at once. */
static int well(void *user, size_t n, const double *x, double *u, double *grad) {
  (void)user;
  for (size_t i = 0; i < n; i++) {
    springs(x + i * dim, u + i, grad + i * dim);
    if (walls && x[i * dim] > 1)
      u[i] = INFINITY;
  }
  return 0;
}

typedef struct {
  int rank, steps;
  bool fit; /* by enf_fit, which chooses the rows */
  enf_flow *flow;
  enf_step_info info;
  enf_status status;
} member;

static enf_status fit_rank(enf_ctx *own, enf_trainer *trainer, member *m) {
  enf_fit_plan plan = ENF_FIT_PLAN_INIT;
  enf_fit_report report = ENF_FIT_REPORT_INIT;
  plan.steps = (uint64_t)m->steps;
  plan.batch = ALL / 2;
  plan.validation = many;
  plan.held_out = 8;
  plan.look_every = 10;
  const enf_status status = enf_fit(own, trainer, ALL, many, &plan, NULL, NULL, &report);
  m->info.step = report.step;
  return status;
}

static void *run_rank(void *user) {
  member *m = user;
  enf_ctx *own = NULL;
  enf_trainer *trainer = NULL;
  const size_t n = (size_t)(ALL / meet.ranks);
  m->info = (enf_step_info)ENF_STEP_INFO_INIT;
  m->status = enf_ctx_create(&own, NULL);
  if (m->status == ENF_OK)
    m->status = enf_ctx_configure(own, opts);
  if (m->status == ENF_OK)
    m->status = enf_create(own, &m->flow, opts);
  if (m->status == ENF_OK)
    m->status = enf_trainer_create(own, &trainer, m->flow, opts);
  if (m->status == ENF_OK)
    m->status = enf_trainer_set_reduce(trainer, add_all, &meet, m->rank, meet.ranks);
  if (m->status == ENF_OK)
    m->status = enf_trainer_set_energy(trainer, well, NULL);
  if (m->status == ENF_OK && m->fit)
    m->status = fit_rank(own, trainer, m);
  for (int i = 0; i < m->steps && m->status == ENF_OK && !m->fit; i++)
    m->status = enf_train_step(own, trainer, n, many + (size_t)m->rank * n * dim, &m->info);
  enf_trainer_destroy(trainer);
  enf_ctx_destroy(own);
  return NULL;
}

/* Weights of rank 0 after the steps, which all ranks have. */
static double *train_ranks(int ranks, int steps, bool fit, enf_step_info *info, size_t *bytes) {
  member all[MOST_RANKS];
  pthread_t thread[MOST_RANKS];
  meet = (meeting){.ranks = ranks};
  pthread_mutex_init(&meet.lock, NULL);
  pthread_barrier_init(&meet.barrier, NULL, (unsigned)ranks);
  for (int r = 0; r < ranks; r++) {
    all[r] = (member){.rank = r, .steps = steps, .fit = fit};
    ck_assert_int_eq(pthread_create(&thread[r], NULL, run_rank, &all[r]), 0);
  }
  for (int r = 0; r < ranks; r++)
    pthread_join(thread[r], NULL);
  *bytes = all[0].flow->params.size * sizeof(double);
  double *out = malloc(*bytes);
  memcpy(out, all[0].flow->params.value, *bytes);
  *info = all[0].info;
  info->seconds = 0;
  for (int r = 0; r < ranks; r++) {
    ck_assert_int_eq(all[r].status, ENF_OK);
    ck_assert_mem_eq(all[r].flow->params.value, out, *bytes);
    enf_destroy(all[r].flow);
  }
  return out;
}

static const char *const kinds[] = {"flow-matching", "likelihood", "energy", "mixed",
                                    "path-gradient"};
enum { KINDS = 5 };

static void open_ranks(void) {
  open_bag();
  set("train.ot_block", "4");
}

static void take_many(void) {
  begin();
  for (size_t i = 0; i < ALL; i++)
    enf__space_normal(&flow->space, 1.1, 5, 61, i, many + i * dim);
  end();
}

/* By steps, and by enf_fit with looks, which hands every rank its part of the batch. */
START_TEST(ranks_have_the_same_weights) {
  const bool fit = _i >= KINDS;
  walls = true;
  set("train.objective", kinds[_i % KINDS]);
  take_many();
  enf_step_info first, info;
  size_t bytes;
  double *one = train_ranks(1, 50, fit, &first, &bytes);
  ck_assert_uint_eq(first.step, 50);
  ck_assert(fit || (_i % KINDS < 2) == (first.capped == 0));
  for (int ranks = 2; ranks <= MOST_RANKS; ranks *= 2) {
    double *other = train_ranks(ranks, 50, fit, &info, &bytes);
    ck_assert_mem_eq(one, other, bytes);
    ck_assert_mem_eq(&first, &info, sizeof info);
    free(other);
  }
  free(one);
}
END_TEST

static int leave(void *user, size_t n, double *sum) {
  (void)n, (void)sum;
  return *(int *)user;
}

/* Loss and gradient are those of a step without ranks, to rounding. */
START_TEST(a_rank_is_a_step) {
  int zero = 0;
  walls = _i % KINDS != 3; /* two means, of which one has fewer samples then */
  enf_step_info info[2] = {ENF_STEP_INFO_INIT, ENF_STEP_INFO_INIT};
  set("train.objective", kinds[_i]);
  take_many();
  for (int with = 0; with < 2; with++) {
    begin();
    ck_assert_int_eq(enf_trainer_set_energy(tr, well, NULL), ENF_OK);
    if (with)
      ck_assert_int_eq(enf_trainer_set_reduce(tr, leave, &zero, 0, 1), ENF_OK);
    OK(enf_train_step(ctx, tr, ALL, many, &info[with]));
    end();
  }
  ck_assert_double_eq_tol(info[0].loss, info[1].loss, 1e-12 * fabs(info[0].loss));
  ck_assert_double_eq_tol(info[0].grad_norm, info[1].grad_norm, 1e-10 * info[0].grad_norm);
  ck_assert_uint_eq(info[0].evaluations, info[1].evaluations);
  ck_assert_uint_eq(info[0].capped, info[1].capped);
}
END_TEST

START_TEST(what_cannot_be_is_told) {
  int value = 7;
  set("train.objective", "likelihood");
  take_many();
  begin();
  ck_assert_int_eq(enf_trainer_set_reduce(tr, leave, &value, 0, 3), ENF_ERR_ARG);
  ck_assert_int_eq(enf_trainer_set_reduce(tr, leave, &value, 2, 2), ENF_ERR_ARG);
  ck_assert_int_eq(enf_trainer_set_reduce(NULL, leave, &value, 0, 1), ENF_ERR_ARG);
  ck_assert_int_eq(enf_trainer_set_reduce(tr, leave, &value, 0, 2), ENF_OK);
  ck_assert_int_eq(try_step(NULL), ENF_ERR_CALLBACK);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "the reduce function returned 7");
  value = 0;
  ck_assert_int_eq(try_step(NULL), ENF_ERR_CALLBACK);
  ck_assert_str_eq(enf_ctx_errmsg(ctx),
                   "rank 1 is 0 times in the sums of the reduce function, not once");
  ck_assert_uint_eq(tr->counters[ENF__STEP], 0);
  enf_fit_plan plan = ENF_FIT_PLAN_INIT;
  plan.batch = 9;
  ck_assert_int_eq(enf_fit(ctx, tr, ALL, many, &plan, NULL, NULL, NULL), ENF_ERR_UNSUPPORTED);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "a batch of 9 rows is not to be divided among 2 ranks");
  plan.seconds = 5;
  ck_assert_int_eq(enf_fit(ctx, tr, ALL, many, &plan, NULL, NULL, NULL), ENF_ERR_UNSUPPORTED);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "seconds is 5: with a reduce function"));
  end();
  set("train.objective", "refine");
  begin();
  ck_assert_int_eq(enf_trainer_set_reduce(tr, leave, &value, 0, 1), ENF_OK);
  ck_assert_int_eq(try_step(NULL), ENF_ERR_UNSUPPORTED);
  ck_assert_str_eq(enf_ctx_errmsg(ctx),
                   "train.objective is refine: a reduce function goes with flow-matching, likelihood, "
                   "energy, mixed and path-gradient of a single flow");
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_checked_fixture(tests, open_ranks, close_bag);
  tcase_add_loop_test(tests, ranks_have_the_same_weights, 0, 2 * KINDS);
  tcase_add_loop_test(tests, a_rank_is_a_step, 0, KINDS);
  tcase_add_test(tests, what_cannot_be_is_told);
  return run_suite("ranks", tests);
}
