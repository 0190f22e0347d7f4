/* test_adjoint.c -- gradients through the integrator: known ones, those of the steps taken against
   finite differences of the same steps, and both adjoints against each other. */
#include "ode/adjoint.h"
#include "suite.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIM = 3, PARAMS = 2, CAPACITY = 200, MOST = 40 };
static const size_t BYTES = (size_t)64 << 20;

static const enf__run defaults = {
    .ode_method = ENF__DOPRI5, .rtol = 1e-6, .atol = 1e-6, .ode_steps = 7, .max_steps = 1000};

static void *memory;
static double params[PARAMS], gradient[PARAMS];
static void setup(void) {
  ck_assert_int_eq(posix_memalign(&memory, 64, BYTES), 0);
  params[0] = 1.3;
  params[1] = -0.7;
}
static void teardown(void) { free(memory); }

/* u' = p0 w - u^3/5 + p1 sin t,  w' = -p0 (1+t) u,  l' = p1 u w: l influences nothing. */
static void rate(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                 double *dy) {
  (void)user;
  (void)sample;
  for (size_t i = 0; i < S; i++, y += DIM, dy += DIM) {
    dy[0] = params[0] * y[1] - y[0] * y[0] * y[0] / 5 + params[1] * sin(t[i]);
    dy[1] = -params[0] * (1 + t[i]) * y[0];
    dy[2] = params[1] * y[0] * y[1];
  }
}

/* The same without l', which the way back needs nowhere. */
static void cheap_rate(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                       double *dy) {
  rate(user, S, sample, t, y, dy);
  for (size_t i = 0; i < S; i++)
    dy[i * DIM + 2] = 0;
}

static size_t pulls;

static void pull(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                 const double *a, const double *weight, double *da, bool want_params) {
  (void)user;
  (void)weight;
  (void)sample;
  ck_assert_uint_le(S, ENF__ADJOINT_ROWS); /* more than MOST samples */
  pulls += S;
  for (size_t i = 0; i < S; i++, y += DIM, a += DIM) {
    if (da) {
      da[0] = -0.6 * y[0] * y[0] * a[0] - params[0] * (1 + t[i]) * a[1] + params[1] * y[1] * a[2];
      da[1] = params[0] * a[0] + params[1] * y[0] * a[2];
      da[2] = 0;
      da += DIM;
    }
    if (!want_params)
      continue;
    gradient[0] += a[0] * y[1] - a[1] * (1 + t[i]) * y[0];
    gradient[1] += a[0] * sin(t[i]) + a[2] * y[0] * y[1];
  }
}

/* ---- one problem: L = sum over samples of <c, y(t1)> with cotangents c ----------------------- */

typedef struct {
  enf__run run;
  double t0, t1;
  size_t S;
  double start[MOST * DIM], end[MOST * DIM], a[MOST * DIM];
  enf__ode_result result[MOST];
  enf__ode_path path[MOST];
  enf__arena arena;
} problem;

static void begin(problem *p, enf__run run, double t0, double t1, size_t S) {
  memset(p, 0, sizeof *p);
  p->run = run;
  p->t0 = t0;
  p->t1 = t1;
  p->S = S;
  p->arena = (enf__arena){memory, 0, BYTES};
  for (size_t i = 0; i < S * DIM; i++)
    p->start[i] =
        i % DIM == 2 ? 0 : sin(1.0 + 2.5 * (double)i) * (0.5 + 0.25 * (double)(i / DIM % 3));
  for (size_t i = 0; i < S; i++)
    enf__ode_path_take(p->path + i, &p->arena, CAPACITY, 2 * DIM, true);
}

static double cotangent(size_t i) { return cos(3.0 * (double)i); }

static void forward(problem *p) {
  const enf__ode ode = {&p->run, rate, NULL, DIM, p->t0, p->t1, NULL};
  for (size_t i = 0; i < p->S; i++)
    p->path[i].steps = 0;
  memcpy(p->end, p->start, sizeof p->end);
  enf__ode_solve(&ode, &p->arena, p->S, p->end, p->result, p->path);
}

static size_t backward(problem *p, bool continuous) {
  const enf__adjoint adjoint = {&p->run, cheap_rate, pull, NULL, DIM, true, NULL};
  enf__arena arena = p->arena;
  memset(gradient, 0, sizeof gradient);
  pulls = 0;
  for (size_t i = 0; i < p->S * DIM; i++)
    p->a[i] = cotangent(i);
  if (!continuous) {
    arena.capacity = arena.used + enf__adjoint_discrete_workspace(p->S, DIM);
    enf__adjoint_discrete(&adjoint, &arena, p->S, p->result, p->path, p->a);
    return 0;
  }
  arena.capacity = arena.used + enf__adjoint_continuous_workspace(p->S, DIM);
  for (size_t i = 0; i < p->S; i++)
    p->result[i].status = ENF_OK;
  return enf__adjoint_continuous(&adjoint, &arena, p->t1, p->t0, p->S, p->result, p->path, p->end,
                                 p->a);
}

/* ---- the discrete adjoint ------------------------------------------------------------------ */

/* L by the recorded steps, taken again from other starts or with other parameters. */
static double replay(const problem *p, const double *start) {
  const enf__tableau *m = &enf__tableaux[p->run.ode_method];
  double loss = 0;
  for (size_t i = 0; i < p->S; i++) {
    double y[DIM], stage[DIM], k[ENF__ODE_STAGES][DIM];
    memcpy(y, start + i * DIM, sizeof y);
    for (size_t n = 0; n < p->path[i].steps; n++) {
      const double t = p->path[i].t[n], h = p->path[i].t[n + 1] - t;
      for (size_t s = 0; s < m->stages; s++) {
        const double at = t + m->c[s] * h;
        for (size_t c = 0; c < DIM; c++) {
          stage[c] = y[c];
          for (size_t j = 0; j < s; j++)
            stage[c] += h * m->a[s][j] * k[j][c];
        }
        rate(NULL, 1, NULL, &at, stage, k[s]);
      }
      memcpy(y, stage, sizeof y);
    }
    for (size_t c = 0; c < DIM; c++)
      loss += cotangent(i * DIM + c) * y[c];
  }
  return loss;
}

static double difference(const problem *p, double *number, const double *start) {
  const double keep = *number, step = 1e-5;
  *number = keep + step;
  const double up = replay(p, start);
  *number = keep - step;
  const double down = replay(p, start);
  *number = keep;
  return (up - down) / (2 * step);
}

/* Methods, and both directions. */
START_TEST(discrete_is_the_gradient_of_the_steps_taken) {
  static problem p;
  enf__run run = defaults;
  run.ode_method = _i / 2;
  run.rtol = run.atol = 1e-3; /* far from the exact solution */
  begin(&p, run, _i % 2 ? 0.9 : 0.1, _i % 2 ? 0.1 : 0.9, 4);
  forward(&p);
  backward(&p, false);
  double start[MOST * DIM];
  memcpy(start, p.start, sizeof start);
  for (size_t i = 0; i < p.S * DIM; i++)
    ck_assert_double_eq_tol(p.a[i], difference(&p, start + i, start), 2e-8);
  for (size_t i = 0; i < PARAMS; i++) {
    const double want = gradient[i];
    ck_assert_double_eq_tol(want, difference(&p, params + i, start), 2e-8);
    ck_assert_double_gt(fabs(want), 0.01);
  }
}
END_TEST

START_TEST(discrete_wastes_no_pass) {
  static problem p;
  static const size_t stages[] = {6, 4, 4};
  enf__run run = defaults;
  size_t steps = 0;
  run.ode_method = _i;
  begin(&p, run, 0, 1, 5);
  forward(&p);
  backward(&p, false);
  for (size_t i = 0; i < p.S; i++)
    steps += p.path[i].steps;
  ck_assert_uint_eq(pulls, stages[_i] * steps);
}
END_TEST

/* ---- both ---------------------------------------------------------------------------------- */

/* u' = -u^3/5 has u(t) = u0 / sqrt(1 + 2 u0^2 t/5), du/du0 = (1 + 2 u0^2 t/5)^(-3/2). */
START_TEST(a_known_gradient_is_found) {
  static problem p;
  enf__run run = defaults;
  run.rtol = run.atol = 1e-10;
  params[0] = params[1] = 0;
  const bool back = _i / 2;
  begin(&p, run, back ? 1 : 0, back ? 0 : 1, 2);
  p.start[0] = p.start[3] = 0.8;
  forward(&p);
  ck_assert_uint_eq(backward(&p, _i % 2), 0);
  const double base = 1 + 0.4 * 0.64 * (back ? -1 : 1);
  ck_assert_double_eq_tol(p.end[0], 0.8 / sqrt(base), 1e-9);
  ck_assert_double_eq_tol(p.a[0], cotangent(0) * pow(base, -1.5), 1e-8);
  ck_assert_double_eq_tol(p.a[3], cotangent(3) * pow(base, -1.5), 1e-8);
  ck_assert_double_eq(p.a[1], cotangent(1));
  ck_assert_double_eq(p.a[2], cotangent(2));
}
END_TEST

static double distance(enf__run run, bool backwards) {
  static problem p;
  double discrete[MOST * DIM], by_params[PARAMS], worst = 0;
  begin(&p, run, backwards ? 1 : 0, backwards ? 0 : 1, 6);
  forward(&p);
  backward(&p, false);
  memcpy(discrete, p.a, sizeof discrete);
  memcpy(by_params, gradient, sizeof by_params);
  ck_assert_uint_eq(backward(&p, true), 0);
  for (size_t i = 0; i < p.S * DIM; i++)
    worst = fmax(worst, fabs(p.a[i] - discrete[i]));
  for (size_t i = 0; i < PARAMS; i++)
    worst = fmax(worst, fabs(gradient[i] - by_params[i]));
  return worst;
}

START_TEST(the_adjoints_meet_as_the_tolerance_goes_to_zero) {
  const double tolerances[] = {1e-4, 1e-7, 1e-10};
  for (int k = 0; k < 3; k++) {
    enf__run run = defaults;
    run.rtol = run.atol = tolerances[k];
    ck_assert_double_lt(distance(run, _i), 300 * tolerances[k]);
    ck_assert_double_gt(distance(run, _i), 1e-16);
  }
}
END_TEST

START_TEST(the_adjoints_meet_with_order_four) {
  enf__run run = defaults;
  run.ode_method = _i / 2 ? ENF__RK4 : ENF__RK4_38;
  run.ode_steps = 40;
  const double coarse = distance(run, _i % 2);
  run.ode_steps = 80;
  ck_assert_double_eq_tol(log2(coarse / distance(run, _i % 2)), 4, 0.7);
}
END_TEST

/* The tolerance is relative to the cotangents: their unit does not matter. */
START_TEST(continuous_is_linear_in_the_cotangents) {
  static problem p;
  double once[MOST * DIM];
  begin(&p, defaults, 0, 1, 3);
  forward(&p);
  backward(&p, true);
  memcpy(once, p.a, sizeof once);
  const enf__adjoint adjoint = {&p.run, cheap_rate, pull, NULL, DIM, true, NULL};
  const double g = gradient[0], unit = 1.0 / (1 << 20);
  memset(gradient, 0, sizeof gradient);
  for (size_t i = 0; i < p.S * DIM; i++)
    p.a[i] = unit * cotangent(i);
  enf__adjoint_continuous(&adjoint, &p.arena, 1, 0, p.S, p.result, p.path, p.end, p.a);
  for (size_t i = 0; i < p.S * DIM; i++)
    ck_assert_double_eq(p.a[i], unit * once[i]);
  ck_assert_double_eq(gradient[0], unit * g);
}
END_TEST

START_TEST(a_sample_does_not_depend_on_the_others) {
  static problem all, some;
  begin(&all, defaults, 1, 0, 37);
  forward(&all);
  backward(&all, _i);
  for (size_t first = 0; first < all.S; first += 5) {
    const size_t n = all.S - first < 5 ? all.S - first : 5;
    begin(&some, defaults, 1, 0, n);
    memcpy(some.start, all.start + first * DIM, n * DIM * sizeof(double));
    forward(&some);
    const enf__adjoint adjoint = {&some.run, cheap_rate, pull, NULL, DIM, true, NULL};
    for (size_t i = 0; i < n * DIM; i++)
      some.a[i] = cotangent(first * DIM + i);
    if (_i)
      enf__adjoint_continuous(&adjoint, &some.arena, 0, 1, n, some.result, some.path, some.end,
                              some.a);
    else
      enf__adjoint_discrete(&adjoint, &some.arena, n, some.result, some.path, some.a);
    ck_assert_mem_eq(some.a, all.a + first * DIM, n * DIM * sizeof(double));
  }
}
END_TEST

START_TEST(failed_samples_are_left_alone) {
  static problem p;
  begin(&p, defaults, 0, 1, 3);
  p.start[DIM] = NAN;
  forward(&p);
  ck_assert_int_eq(p.result[1].status, ENF_ERR_NONFINITE);
  backward(&p, false);
  for (size_t c = 0; c < DIM; c++) {
    ck_assert_double_eq(p.a[DIM + c], cotangent(DIM + c));
    ck_assert(isfinite(p.a[c]) && isfinite(p.a[2 * DIM + c]));
  }
  ck_assert(isfinite(gradient[0]) && isfinite(gradient[1]));
}
END_TEST

START_TEST(a_record_that_is_too_small_is_said) {
  static problem p;
  begin(&p, defaults, 0, 1, 4);
  forward(&p);
  ck_assert_uint_eq(backward(&p, true), 0);
  size_t longest = 0;
  for (size_t i = 0; i < p.S; i++)
    longest = p.result[i].accepted > longest ? p.result[i].accepted : longest;
  for (size_t i = 0; i < p.S; i++)
    p.path[i].capacity = longest - 1;
  ck_assert_uint_eq(backward(&p, true), longest);
  ck_assert_double_eq(gradient[0], 0);
  for (size_t i = 0; i < p.S * DIM; i++)
    ck_assert_double_eq(p.a[i], cotangent(i));
}
END_TEST

int main(void) {
  TCase *c = tcase_create("adjoint");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, discrete_is_the_gradient_of_the_steps_taken, 0, 6);
  tcase_add_loop_test(c, discrete_wastes_no_pass, 0, 3);
  tcase_add_loop_test(c, a_known_gradient_is_found, 0, 4);
  tcase_add_loop_test(c, the_adjoints_meet_as_the_tolerance_goes_to_zero, 0, 2);
  tcase_add_loop_test(c, the_adjoints_meet_with_order_four, 0, 4);
  tcase_add_test(c, continuous_is_linear_in_the_cotangents);
  tcase_add_loop_test(c, a_sample_does_not_depend_on_the_others, 0, 2);
  tcase_add_test(c, failed_samples_are_left_alone);
  tcase_add_test(c, a_record_that_is_too_small_is_said);
  return run_suite("adjoint", c);
}
