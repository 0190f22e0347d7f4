/* Laws of the velocity fields on random networks of many shapes: symmetries, exact divergence,
   derivatives against differences and against each other, precisions and kernel tables close to
   each other, a sample's bits independent of the other samples. */
#include "laws/fields.h"

/* ---- symmetries ------------------------------------------------------------------------------ */

/* A random orthogonal matrix by Gram-Schmidt, determinant +1 or -1. */
static void random_rotation(int i, bool reflection, double Q[3][3]) {
  const size_t D = shape.dimensions;
  for (size_t r = 0; r < D; r++) {
    enf__random_normal(SEED, 11, (uint64_t)i * 8 + r, D, Q[r]);
    for (size_t p = 0; p < r; p++) {
      const double overlap = dot(D, Q[r], Q[p]);
      for (size_t c = 0; c < D; c++)
        Q[r][c] -= overlap * Q[p][c];
    }
    const double length = sqrt(dot(D, Q[r], Q[r]));
    for (size_t c = 0; c < D; c++)
      Q[r][c] /= length;
  }
  const double det = D == 2 ? Q[0][0] * Q[1][1] - Q[0][1] * Q[1][0]
                            : Q[0][0] * (Q[1][1] * Q[2][2] - Q[1][2] * Q[2][1]) -
                                  Q[0][1] * (Q[1][0] * Q[2][2] - Q[1][2] * Q[2][0]) +
                                  Q[0][2] * (Q[1][0] * Q[2][1] - Q[1][1] * Q[2][0]);
  if ((det < 0) != reflection)
    for (size_t c = 0; c < D; c++)
      Q[0][c] = -Q[0][c];
}

static void rotate(double Q[3][3], const double *y, double *out) {
  const size_t D = shape.dimensions;
  for (size_t k = 0; k < SAMPLES * shape.particles; k++)
    for (size_t r = 0; r < D; r++)
      out[k * D + r] = dot(D, Q[r], y + k * D);
}

START_TEST(velocity_turns_with_the_particles) {
  open_network(_i);
  double v[SAMPLES * MOST], y[SAMPLES * MOST], got[SAMPLES * MOST], want[SAMPLES * MOST], Q[3][3];
  velocity(SAMPLES, t, x, v);
  ck_assert_msg(largest(SAMPLES * size, v) > 1e-3, "%s: nothing moves", about);
  for (int reflection = 0; reflection < 2; reflection++) {
    random_rotation(_i, reflection, Q);
    rotate(Q, x, y);
    rotate(Q, v, want);
    velocity(SAMPLES, t, y, got);
    if (reflection && model.hand && shape.particles > 2) {
      for (size_t k = 0; k < SAMPLES * size; k++)
        want[k] -= got[k];
      ck_assert_msg(largest(SAMPLES * size, want) > 1e-3 * largest(SAMPLES * size, got),
                    "%s: left is as right", about);
      continue;
    }
    expect_close(reflection ? "reflected velocity" : "rotated velocity", SAMPLES * size, got, want,
                 1e-11, 0);
  }
  close_network();
}
END_TEST

START_TEST(velocity_is_mean_free_and_the_same_elsewhere) {
  open_network(_i);
  double v[SAMPLES * MOST], y[SAMPLES * MOST], got[SAMPLES * MOST];
  velocity(SAMPLES, t, x, v);
  memcpy(got, v, sizeof v);
  for (size_t s = 0; s < SAMPLES; s++)
    center(got + s * size);
  expect_close("mean-free velocity", SAMPLES * size, got, v, 1e-14, 0);
  for (size_t i = 0; i < SAMPLES * size; i++)
    y[i] = x[i] + 3.5 - (double)(i % shape.dimensions);
  velocity(SAMPLES, t, y, got);
  expect_close("velocity of moved particles", SAMPLES * size, got, v, 1e-11, 0);
  close_network();
}
END_TEST

static bool alike(size_t i, size_t j) { return !shape.kind || species[i] == species[j]; }

/* v for particles i and j exchanged, exchanged back. */
static void velocity_of_exchanged(size_t i, size_t j, double *v) {
  const size_t D = shape.dimensions;
  double y[MOST], w[MOST];
  memcpy(y, x, size * sizeof *y);
  memcpy(y + i * D, x + j * D, D * sizeof *y);
  memcpy(y + j * D, x + i * D, D * sizeof *y);
  velocity(1, t, y, w);
  memcpy(v, w, size * sizeof *v);
  memcpy(v + i * D, w + j * D, D * sizeof *v);
  memcpy(v + j * D, w + i * D, D * sizeof *v);
}

START_TEST(like_particles_are_exchangeable_and_unlike_ones_are_not) {
  open_network(_i);
  double v[MOST], w[MOST];
  velocity(1, t, x, v);
  for (size_t i = 0; i < shape.particles; i++)
    for (size_t j = 0; j < i; j++) {
      velocity_of_exchanged(i, j, w);
      if (alike(i, j)) {
        expect_close("velocity of exchanged particles", size, w, v, 1e-11, 0);
      } else if (shape.particles > 2) { /* one pair moves alike, whoever is who */
        for (size_t k = 0; k < size; k++)
          w[k] -= v[k];
        ck_assert_msg(largest(size, w) > 1e-6 * largest(size, v), "%s: species do nothing", about);
      }
    }
  close_network();
}
END_TEST

/* Velocity of the same weights where particle j is of another species. */
static void velocity_of_another(size_t j, double *v) {
  const int keep = species[j];
  species[j] = (keep + 1) % 3;
  velocity(1, t, x, v);
  species[j] = keep;
}

START_TEST(every_particle_feels_the_species_of_every_other) {
  open_network(_i);
  const size_t D = shape.dimensions, N = shape.particles;
  double v[MOST], w[MOST], change[MOST] = {0};
  velocity(1, t, x, v);
  for (size_t j = 0; shape.kind && N > 2 && j < N; j++) {
    const size_t i = (j + 1) % N, k = (j + 2) % N; /* the mean, which is removed, changes too */
    velocity_of_another(j, w);
    for (size_t d = 0; d < D; d++)
      change[d] = (w[i * D + d] - v[i * D + d]) - (w[k * D + d] - v[k * D + d]);
    ck_assert_msg(largest(D, change) > 1e-8 * largest(size, v),
                  "%s: the species of %zu is not felt by %zu and %zu", about, j, i, k);
  }
  close_network();
}
END_TEST

/* ---- derivatives ----------------------------------------------------------------------------- */

START_TEST(divergence_is_the_trace_of_the_jacobian) {
  open_network(_i);
  double v[SAMPLES * MOST], v2[SAMPLES * MOST], div[SAMPLES], only[SAMPLES];
  velocity(SAMPLES, t, x, v);
  divergence(SAMPLES, t, x, v2, div);
  expect_close("velocity with divergence", SAMPLES * size, v2, v, 1e-13, 0);
  divergence(SAMPLES, t, x, NULL, only);
  ck_assert(!memcmp(div, only, sizeof div));
  for (size_t s = 0; s < SAMPLES; s++) {
    double by_differences = 0, by_rows = 0, scale = 0;
    for (size_t i = 0; i < size; i++) {
      double unit[MOST] = {0}, row[MOST];
      unit[i] = 1;
      ray r = {s, unit, unit};
      by_differences += slope(along_ray, &r, 1e-3);
      vjp(1, t + s, x + s * size, unit, NULL, row, NULL);
      by_rows += row[i];
      scale += fabs(row[i]);
    }
    expect_close("divergence against rows", 1, &div[s], &by_rows, 1e-11, scale);
    expect_close("divergence against differences", 1, &div[s], &by_differences, 1e-7, scale);
  }
  close_network();
}
END_TEST

START_TEST(reverse_and_forward_derivatives_are_those_of_differences) {
  open_network(_i);
  double v[SAMPLES * MOST], seen[SAMPLES * MOST], dx[SAMPLES * MOST], form[SAMPLES];
  vjp(SAMPLES, t, x, a, seen, dx, NULL);
  velocity(SAMPLES, t, x, v);
  expect_close("velocity in the callback", SAMPLES * size, seen, v, 1e-13, 0);
  for (size_t s = 0; s < SAMPLES; s++) {
    ray r = {s, a + s * size, eps + s * size};
    const double want = slope(along_ray, &r, 1e-3);
    const double got = dot(size, dx + s * size, eps + s * size);
    expect_close("(J^T a).u", 1, &got, &want, 1e-7, largest(size, dx + s * size));
  }
  vjp(SAMPLES, t, x, eps, NULL, dx, NULL);
  jvp(SAMPLES, t, x, eps, v, form);
  expect_close("velocity with one tangent", SAMPLES * size, v, seen, 1e-13, 0);
  for (size_t s = 0; s < SAMPLES; s++) {
    const double want = dot(size, dx + s * size, eps + s * size);
    expect_close("eps.(J eps)", 1, &form[s], &want, 1e-11, largest(size, dx + s * size));
  }
  close_network();
}
END_TEST

/* sum <a, v> with one tensor moved in a direction of random signs. */
typedef struct {
  const double *keep, *direction;
  size_t first, count;
} tensor_ray;

static double along_tensor(void *user, double h) {
  const tensor_ray *r = user;
  double *w = params.value, v[SAMPLES * MOST];
  for (size_t i = 0; i < r->count; i++)
    w[r->first + i] = r->keep[r->first + i] + h * r->direction[r->first + i];
  enf__field_pack(field, params.value);
  velocity(SAMPLES, t, x, v);
  memcpy(w + r->first, r->keep + r->first, r->count * sizeof *w);
  return dot(SAMPLES * size, a, v);
}

START_TEST(gradient_of_every_tensor_is_that_of_differences) {
  open_network(_i);
  const size_t P = params.size;
  double *grad = malloc(P * sizeof *grad), *keep = malloc(P * sizeof *keep),
         *direction = malloc(P * sizeof *direction);
  memcpy(keep, params.value, P * sizeof *keep);
  enf__random_uniform(SEED, 12, (uint64_t)_i, P, direction);
  for (size_t i = 0; i < P; i++) {
    direction[i] = direction[i] < 0.5 ? -1 : 1;
    grad[i] = 1; /* gradients are added */
  }
  vjp(SAMPLES, t, x, a, NULL, NULL, grad);
  for (size_t i = 0; i < P; i++)
    grad[i] -= 1;
  for (size_t k = 0; k < params.count; k++) {
    const enf__tensor *tensor = &params.tensor[k];
    const size_t first = tensor->offset, count = tensor->rows * tensor->cols;
    tensor_ray r = {keep, direction, first, count};
    const double want = slope(along_tensor, &r, 2e-4);
    const double got = dot(count, grad + first, direction + first);
    expect_close(tensor->name, 1, &got, &want, 2e-7,
                 fmax(largest(count, grad + first) * sqrt((double)count), 1e-3));
  }
  free(grad), free(keep), free(direction);
  close_network();
}
END_TEST

/* sum <a, v> + b trace + c |v|^2 + d |J probe|^2 of all samples. */
static double traced(const double *probe, const enf__cotangent *of) {
  double v[SAMPLES * MOST], v_dot[SAMPLES * MOST] = {0}, form[SAMPLES], sum = 0;
  const enf__points at = {&shape, SAMPLES, t, x};
  if (probe) {
    enf__arena arena = open_arena(ENF__JVP);
    enf__field_jvp(field, &ctx->run, &arena, &at, probe, v, v_dot, form);
    close_arena(&arena);
  } else {
    divergence(SAMPLES, t, x, v, form);
  }
  for (size_t s = 0; s < SAMPLES; s++) {
    sum += dot(size, a + s * size, v + s * size) + of->b[s] * form[s];
    sum += of->c[s] * dot(size, v + s * size, v + s * size);
    sum += of->d ? of->d[s] * dot(size, v_dot + s * size, v_dot + s * size) : 0;
  }
  return sum;
}

typedef struct {
  const double *probe;
  const enf__cotangent *of;
  double *numbers; /* that move along */
  const double *direction;
  size_t count;
} traced_ray;

static double along_traced(void *user, double h) {
  const traced_ray *r = user;
  for (size_t i = 0; i < r->count; i++)
    r->numbers[i] += h * r->direction[i];
  enf__field_pack(field, params.value);
  const double value = traced(r->probe, r->of);
  for (size_t i = 0; i < r->count; i++)
    r->numbers[i] -= h * r->direction[i];
  return value;
}

/* Gradients with a trace by x and by every tensor of the fields of vectors and of those that tell
   left from right, some of whose tensors have none (the others': test_field_trace.c), and the
   values that come with them. */
START_TEST(gradients_with_a_trace_are_those_of_differences) {
  static const double b[SAMPLES] = {0.8, -1.1}, c[SAMPLES] = {0.3, 0.5}, d[SAMPLES] = {-0.2, 0.4};
  open_network(EQUIVARIANT + _i / 2);
  const bool exact = _i % 2;
  const enf__cotangent of = {exact ? NULL : eps, a, b, c, exact ? NULL : d, NULL};
  double dx[SAMPLES * MOST], value[SAMPLES * ENF__VALUES];
  double *grad = calloc(params.size, sizeof *grad), *direction = malloc(params.size * sizeof *grad);
  enf__arena arena = open_arena(exact ? ENF__VJP_TRACE : ENF__VJP_PROBE);
  enf__field_vjp_trace(field, &ctx->run, &arena, &(enf__points){&shape, SAMPLES, t, x}, &of,
                       &(enf__gradient){dx, grad, value});
  close_arena(&arena);
  const double *probe = exact ? NULL : eps;
  enf__random_normal(SEED, 13, (uint64_t)_i, params.size, direction);
  traced_ray r = {probe, &of, x, a, SAMPLES * size};
  double want = slope(along_traced, &r, 1e-3), got = dot(SAMPLES * size, dx, a);
  expect_close("gradient by x", 1, &got, &want, 1e-7, 1 + largest(SAMPLES * size, dx));
  for (size_t k = 0; k < params.count; k++) {
    const enf__tensor *tensor = &params.tensor[k];
    const size_t first = tensor->offset, n = tensor->rows * tensor->cols;
    r = (traced_ray){probe, &of, params.value + first, direction + first, n};
    want = slope(along_traced, &r, 1e-3 / sqrt((double)n));
    got = dot(n, grad + first, direction + first);
    expect_close(tensor->name, 1, &got, &want, 1e-7,
                 fmax(largest(n, grad + first) * sqrt((double)n), model.hand ? 1e-3 : 0));
  }
  /* the values make up the function, with <a,v> from outside */
  double v[SAMPLES * MOST];
  enf__field_pack(field, params.value);
  velocity(SAMPLES, t, x, v);
  want = traced(probe, &of);
  got = dot(SAMPLES * size, a, v);
  for (size_t s = 0; s < SAMPLES; s++) {
    const double *w = value + s * ENF__VALUES;
    got += b[s] * w[ENF__TRACE_VALUE] + c[s] * w[ENF__SPEED_VALUE] +
           (exact ? 0 : d[s] * w[ENF__JACOBIAN_VALUE]);
  }
  expect_close("values", 1, &got, &want, 1e-11, 1);
  free(grad), free(direction);
  close_network();
}
END_TEST

/* ---- precisions and kernels ------------------------------------------------------------------ */

typedef struct {
  double v[SAMPLES * MOST], div[SAMPLES], form[SAMPLES], dx[SAMPLES * MOST], dx2[SAMPLES * MOST];
  double *grad;
} results;

static void evaluate(results *r) {
  const double weight[SAMPLES] = {1, -0.5};
  r->grad = calloc(params.size, sizeof *r->grad);
  divergence(SAMPLES, t, x, r->v, r->div);
  jvp(SAMPLES, t, x, eps, NULL, r->form);
  vjp(SAMPLES, t, x, a, NULL, r->dx, NULL);
  vjp_trace(SAMPLES, t, x, eps, a, weight, r->dx2, r->grad);
}

static void expect_results(const char *kernel, const results *got, const results *want,
                           double tolerance) {
  char what[64];
  snprintf(what, sizeof what, "v by %s", kernel);
  expect_close(what, SAMPLES * size, got->v, want->v, tolerance, 0);
  const double slopes = largest(SAMPLES * size, want->dx);
  snprintf(what, sizeof what, "divergence by %s", kernel);
  expect_close(what, SAMPLES, got->div, want->div, tolerance, slopes);
  snprintf(what, sizeof what, "form by %s", kernel);
  expect_close(what, SAMPLES, got->form, want->form, tolerance, slopes);
  snprintf(what, sizeof what, "dx by %s", kernel);
  expect_close(what, SAMPLES * size, got->dx, want->dx, tolerance, 0);
  snprintf(what, sizeof what, "dx of the form by %s", kernel);
  expect_close(what, SAMPLES * size, got->dx2, want->dx2, tolerance, 0);
  for (size_t k = 0; k < params.count; k++) {
    const enf__tensor *tensor = &params.tensor[k];
    const size_t first = tensor->offset, count = tensor->rows * tensor->cols;
    snprintf(what, sizeof what, "%.40s by %s", tensor->name, kernel);
    expect_close(what, count, got->grad + first, want->grad + first, tolerance, 1e-2);
  }
}

START_TEST(precisions_and_kernel_tables_are_close_to_each_other) {
  static const struct {
    const char *name;
    double tolerance;
  } precision[] = {{"float64", 1e-11}, {"float32", 3e-4}};
  results want, got;
  open_network(_i);
  ck_assert(configure("float64", "baseline"));
  evaluate(&want);
  for (size_t p = 0; p < 2; p++)
    for (int k = 0; k < KERNELS; k++) {
      if (!configure(precision[p].name, kernel_names[k]))
        continue;
      evaluate(&got);
      expect_results(kernel_names[k], &got, &want, precision[p].tolerance);
      free(got.grad);
    }
  free(want.grad);
  close_network();
}
END_TEST

/* ---- bits ------------------------------------------------------------------------------------ */

enum { CROWD = 70 };
static double many_x[CROWD * MOST], many_t[CROWD], together[5][CROWD * MOST],
    alone[5][CROWD * MOST];

static void evaluate_many(size_t first, size_t S, double out[5][CROWD * MOST]) {
  static const double weight[CROWD] = {1, 0.5, -1};
  const double *points = many_x + first * size, *times = many_t + first;
  velocity(S, times, points, out[0] + first * size);
  divergence(S, times, points, NULL, out[1] + first);
  jvp(S, times, points, points, NULL, out[2] + first);
  vjp(S, times, points, points, NULL, out[3] + first * size, NULL);
  vjp_trace(S, times, points, points, points, weight + first, out[4] + first * size, NULL);
}

static void expect_same_bits(const char *precision, const char *kernel, size_t S) {
  static const char *const what[] = {"velocity", "divergence", "form", "dx", "dx of the form"};
  evaluate_many(0, S, together);
  for (size_t s = 0; s < S; s++)
    evaluate_many(s, 1, alone);
  for (size_t k = 0; k < 5; k++) {
    const size_t count = k == 1 || k == 2 ? S : S * size;
    ck_assert_msg(!memcmp(together[k], alone[k], count * sizeof(double)),
                  "%s: %s in %s by %s: %zu samples at once and one by one differ", about, what[k],
                  precision, kernel, S);
  }
}

START_TEST(bits_of_a_sample_do_not_depend_on_the_others) {
  static const char *const precision[] = {"float64", "float32"};
  open_network(_i);
  const size_t S = shape.particles * model.layers <= 4 ? CROWD : 3;
  random_points(_i, S, many_x, many_t);
  for (size_t p = 0; p < 2; p++)
    for (int k = 0; k < BLAS; k++) /* a BLAS may add up in another order for other shapes */
      if (configure(precision[p], kernel_names[k]))
        expect_same_bits(precision[p], kernel_names[k], S);
  close_network();
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("field");
  tcase_set_timeout(tc, 60);
  static const int first[] = {0, VECTORS}, end[] = {EQUIVARIANT, NETWORKS};
  for (int i = 0; i < 2; i++) {
    tcase_add_loop_test(tc, velocity_turns_with_the_particles, first[i], end[i]);
    tcase_add_loop_test(tc, velocity_is_mean_free_and_the_same_elsewhere, first[i], end[i]);
    tcase_add_loop_test(tc, like_particles_are_exchangeable_and_unlike_ones_are_not, first[i],
                        end[i]);
    tcase_add_loop_test(tc, every_particle_feels_the_species_of_every_other, first[i], end[i]);
  }
  tcase_add_loop_test(tc, divergence_is_the_trace_of_the_jacobian, 0, NETWORKS);
  tcase_add_loop_test(tc, reverse_and_forward_derivatives_are_those_of_differences, 0, NETWORKS);
  tcase_add_loop_test(tc, gradient_of_every_tensor_is_that_of_differences, 0, NETWORKS);
  tcase_add_loop_test(tc, gradients_with_a_trace_are_those_of_differences, 0,
                      2 * (NETWORKS - EQUIVARIANT));
  tcase_add_loop_test(tc, precisions_and_kernel_tables_are_close_to_each_other, 0, NETWORKS);
  tcase_add_loop_test(tc, bits_of_a_sample_do_not_depend_on_the_others, 0, NETWORKS);
  return run_suite("field laws", tc);
}
