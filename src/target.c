/* target.c -- the energy that a flow is compared with, and what is known exactly about it.

   Exact values of log Z (integral of exp(-u) over the mean-free subspace) and <u> by quadrature:
   the double wells and the Gaussians; of gauge
   fields by character expansion; by thermodynamic integration and long simulations: LJ13 with eps = 2. They are
   shown for exactly these parameters only. */
#include "target.h"
#include "ranks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS = 9, BLOCK = 1024 /* configurations in one call of the energy */ };
static const char *const numbers[NUMBERS] = {"eps",     "rm",        "spring",
                                             "quartic", "quadratic", "centre",
                                             "n",       "radius",    "std"};

typedef struct {
  const char *system; /* the spec up to a colon, digits dropped */
  int64_t N, D;
  double number[NUMBERS]; /* 0: the system has none */
  double log_z, log_z_err, mean_u, mean_u_err;
} known;

static const known table[] = {
    {"dw", 4, 2, {0, 0, 0, 0.9, 4, 4}, 29.667232, 0, -22.54151, 0},
    {"pair-dw", 2, 2, {0, 0, 0, 0.9, 4, 4}, 7.26039, 0, -3.87073, 0},
    {"pair-dw", 2, 3, {0, 0, 0, 0.9, 4, 4}, 9.11439, 0, -3.88138, 0},
    {"gaussians",
     1,
     2,
     {0, 0, 0, 0, 0, 0, 8, 2.8284271247461903, 0.35355339059327379},
     0,
     0,
     2.831578,
     0},
    {"lj", 13, 3, {2, 1, 1}, 59.90, 0.03, -43.01, 0.08},
};

static bool same_numbers(const known *row, const enf_energy *energy) {
  for (size_t i = 0; i < NUMBERS; i++) {
    double value = 0;
    enf_energy_get_real(energy, numbers[i], &value);
    if (value != row->number[i])
      return false;
  }
  return true;
}

static bool same_system(const known *row, const target *t) {
  const size_t length = strlen(row->system);
  const char *rest = t->spec + length;
  if (strncmp(t->spec, row->system, length) != 0)
    return false;
  rest += strspn(rest, "0123456789");
  return (*rest == '\0' || *rest == ':') && t->N == (size_t)row->N && t->D == (size_t)row->D &&
         same_numbers(row, t->builtin);
}

static void look_up(target *t) {
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
    if (same_system(&table[i], t)) {
      t->log_z = table[i].log_z;
      t->log_z_err = table[i].log_z_err;
      t->mean_u = table[i].mean_u;
      t->mean_u_err = table[i].mean_u_err;
    }
}

/* Of gauge fields log Z and <u> can be computed, unless beta is too large for that. */
static void look_up_lattice(cli *c, target *t) {
  int64_t group = 0;
  enf_lattice_exact exact = ENF_LATTICE_EXACT_INIT;
  t->whole = enf_energy_get_int(t->builtin, "group", &group) == ENF_OK;
  if (!t->whole || enf_lattice_exact_values(c->ctx, t->spec, &exact) != ENF_OK)
    return;
  t->log_z = exact.log_z;
  t->mean_u = exact.action_mean;
  t->log_z_err = t->mean_u_err = 0;
}

static int open_builtin(cli *c, target *t) {
  int64_t N = 0, D = 0;
  if (enf_energy_builtin(c->ctx, &t->builtin, t->spec) != ENF_OK)
    return cli_usage(c, "%s", enf_ctx_errmsg(c->ctx));
  enf_energy_get_int(t->builtin, "particles", &N);
  enf_energy_get_int(t->builtin, "dimensions", &D);
  t->fn = enf_energy_eval;
  t->user = t->builtin;
  t->N = (size_t)N;
  t->D = (size_t)D;
  look_up(t);
  look_up_lattice(c, t);
  return SUCCESS;
}

static int open_plugin(target *t) {
  const int result = plugin_open(t->spec, &t->plugin);
  t->fn = t->plugin.fn;
  t->user = t->plugin.user;
  t->N = t->plugin.N;
  t->D = t->plugin.D;
  return result;
}

static int open_energies(cli *c, target *t) {
  if (t->spec != NULL)
    return cli_usage(c, "--u is in the place of --energy: give one of them");
  t->spec = c->value[FLAG_U];
  return vector_read(c, t->spec, &t->given, &t->u);
}

static int open_target(cli *c, target *t) {
  if (cli_has(c, FLAG_U))
    return open_energies(c, t);
  return plugin_named(t->spec) ? open_plugin(t) : open_builtin(c, t);
}

/* An enf_energy_fn: the energy in units of kT. */
static int reduced(void *user, size_t n, const double *x, double *u, double *grad) {
  const target *t = user;
  const int failed = t->unreduced(t->unreduced_user, n, x, u, grad);
  const size_t width = grad != NULL ? n * t->N * t->D : 0;
  for (size_t i = 0; i < n; i++)
    u[i] /= t->kT;
  for (size_t k = 0; k < width; k++)
    grad[k] /= t->kT;
  return failed;
}

/* Energies are those of fn, or of --u, over so much. */
static void divide(target *t, double by) {
  if (t->fn != NULL && t->unreduced == NULL) {
    t->unreduced = t->fn;
    t->unreduced_user = t->user;
    t->fn = reduced;
    t->user = t;
  }
  t->kT *= by;
  for (size_t i = 0; i < t->given; i++)
    t->u[i] /= by;
}

/* What is known exactly is known for kT = 1. */
static int divide_by_kT(const cli *c, target *t) {
  double kT;
  const int result = cli_real(c, FLAG_KT, 0, 1, &kT);
  if (result != SUCCESS || !cli_has(c, FLAG_KT))
    return result;
  divide(t, kT);
  t->log_z = t->mean_u = (double)NAN;
  return SUCCESS;
}

void target_check_kT(const target *t, const enf_flow *flow, const char *name) {
  char *text = flow_meta(flow, "kT");
  const double trained = text != NULL && *text != '\0' ? strtod(text, NULL) : t->kT;
  if ((t->fn != NULL || t->u != NULL) && fabs(t->kT - trained) > 1e-6 * trained)
    cli_note("%s was trained with energies over --kT %s, here they are over %.9g: are they of the same unit and temperature?", name,
             text, t->kT);
  free(text);
}

int target_keep_kT(const cli *c, const target *t, enf_flow *flow) {
  char text[32];
  snprintf(text, sizeof text, "%.9g", t->kT);
  return cli_has(c, FLAG_KT) ? flow_keep_meta(c, flow, "kT", text) : SUCCESS;
}

void target_heat(target *t, double temperature) {
  if (temperature == 1)
    return;
  divide(t, temperature);
  t->mean_u = (double)NAN;
  t->log_z = t->log_z_told ? t->log_z : (double)NAN;
}

int target_make(cli *c, const char *spec, target *t) {
  *t = (target){.spec = spec, .kT = 1, .log_z = (double)NAN, .mean_u = (double)NAN};
  if (spec == NULL && !cli_has(c, FLAG_U))
    return cli_has(c, FLAG_LOG_Z) || cli_has(c, FLAG_KT)
               ? cli_usage(c, "--log-z and --kT are of no use without an energy")
               : SUCCESS;
  int result = open_target(c, t);
  if (result == SUCCESS)
    result = divide_by_kT(c, t);
  if (result != SUCCESS)
    return result;
  t->log_z_told = cli_has(c, FLAG_LOG_Z);
  if (t->log_z_told)
    t->log_z_err = 0;
  return cli_real(c, FLAG_LOG_Z, -INFINITY, t->log_z, &t->log_z);
}

/* An enf_energy_fn. */
static int of_one_hand(void *user, size_t n, const double *x, double *u, double *grad) {
  const target *t = user;
  const dataset rows = {.n = n, .N = t->N, .D = t->D, .x = (double *)x};
  const cli own = {.ctx = t->ctx};
  bool *wrong = cli_alloc(n, sizeof *wrong);
  size_t count = 0;
  int failed = wrong == NULL || hands_compare(&own, &t->hands, &rows, wrong, &count) != SUCCESS;
  if (!failed)
    failed = t->of_both(t->of_both_user, n, x, u, grad);
  for (size_t i = 0; i < n && !failed; i++)
    u[i] = wrong[i] ? INFINITY : u[i];
  free(wrong);
  return failed;
}

int target_keep_hand(const cli *c, const enf_flow *flow, target *t) {
  const int result = hands_of_flow(c, flow, &t->hands);
  if (result != SUCCESS || t->hands.count == 0 || t->fn == NULL)
    return result;
  if (enf_ctx_create(&t->ctx, NULL) != ENF_OK)
    return cli_fail("no memory for another context");
  t->of_both = t->fn;
  t->of_both_user = t->user;
  t->fn = of_one_hand;
  t->user = t;
  return SUCCESS;
}

void target_free(target *t) {
  hands_free(&t->hands);
  enf_ctx_destroy(t->ctx);
  enf_energy_destroy(t->builtin);
  plugin_close(&t->plugin);
  free(t->u);
  *t = (target){0};
}

int target_check(target *t, const char *what, size_t N, size_t D) {
  const size_t wanted_N = t->N > 0 ? t->N : N, wanted_D = t->D > 0 ? t->D : D;
  if (wanted_N == N && wanted_D == D) {
    t->N = N;
    t->D = D;
    return SUCCESS;
  }
  return cli_fail("%s has %zu particles in %zu dimensions, %s %zu in %zu", t->spec, wanted_N,
                  wanted_D, what, N, D);
}

/* ---- energies ------------------------------------------------------------------------------ */

/* Row i of the data without its mean, unless it is one vector or matrices; false if it is not
   finite. */
static bool center(const target *t, const dataset *data, size_t i, double *x) {
  const size_t N = data->N, D = data->D;
  const double *from = data->x + i * N * D;
  for (size_t a = 0; a < D; a++) {
    double sum = 0;
    for (size_t p = 0; p < N; p++)
      sum += from[p * D + a];
    if (!isfinite(sum))
      return false;
    for (size_t p = 0; p < N; p++)
      x[p * D + a] = N > 1 && !t->whole ? from[p * D + a] - sum / (double)N : from[p * D + a];
  }
  return true;
}

/* Energies of at most BLOCK rows from `first` on. The energy is shown finite rows only; *odd of its
   values are NaN or -infinity. */
static int eval_block(const target *t, const dataset *data, size_t first, double *x, double *u,
                      size_t *odd) {
  const size_t last = data->n - first < BLOCK ? data->n : first + BLOCK;
  size_t row[BLOCK], used = 0;
  double value[BLOCK];
  for (size_t i = first; i < last; i++) {
    u[i] = INFINITY;
    if (center(t, data, i, x + used * data->N * data->D))
      row[used++] = i;
  }
  const int failed = used > 0 ? t->fn(t->user, used, x, value, NULL) : 0;
  if (failed != 0)
    return cli_fail("the energy %s returned %d for %zu configurations", t->spec, failed, used);
  for (size_t k = 0; k < used; k++) {
    u[row[k]] = isfinite(value[k]) ? value[k] : INFINITY;
    *odd += isnan(value[k]) || value[k] == -INFINITY;
  }
  return SUCCESS;
}

/* ---- gradients ------------------------------------------------------------------------------- */

/* x with coordinate k moved, its mean taken away again, where there is one to take away. */
static void move(size_t N, size_t D, const double *x, size_t k, double step, double *moved) {
  memcpy(moved, x, N * D * sizeof *x);
  for (size_t p = 0; N > 1 && p < N; p++)
    moved[p * D + k % D] -= step / (double)N;
  moved[k] += step;
}

/* The derivative of u along coordinate k, mean taken away; NaN where the energy gives none. */
static double difference(const target *t, size_t N, size_t D, const double *x, size_t k,
                         double step, double *moved) {
  double u[2] = {(double)NAN, (double)NAN};
  for (int side = 0; side < 2; side++) {
    move(N, D, x, k, side ? step : -step, moved);
    if (t->fn(t->user, 1, moved, &u[side], NULL) != 0)
      return (double)NAN;
  }
  return (u[1] - u[0]) / (2 * step);
}

/* Length of the gradient's difference to `gradient`, mean taken away, in units of its own. */
static double gradient_error(const target *t, size_t N, size_t D, const double *x, double step,
                             const double *gradient, double *moved) {
  double off = 0, length = 0;
  for (size_t k = 0; k < N * D; k++) {
    const double slope = difference(t, N, D, x, k, step, moved);
    double mean = 0;
    for (size_t p = 0; N > 1 && p < N; p++)
      mean += gradient[p * D + k % D] / (double)N;
    off = hypot(off, gradient[k] - mean - slope);
    length = hypot(length, slope);
  }
  return off / length;
}

int target_check_gradient(const target *t, size_t N, size_t D, const double *x, double step) {
  double u, error = 0;
  if (t->fn == NULL || t->builtin != NULL)
    return SUCCESS;
  double *gradient = cli_alloc(2 * N * D, sizeof *gradient);
  if (gradient == NULL)
    return FAILURE;
  if (t->fn(t->user, 1, x, &u, gradient) == 0)
    error = gradient_error(t, N, D, x, step, gradient, gradient + N * D);
  if (error > 0.01)
    cli_note("the gradient of %s is off by %.2g of its length from differences of its energy",
             t->spec, error);
  free(gradient);
  return SUCCESS;
}

/* ---- energies of configurations ---------------------------------------------------------------
 */

static int take_given(const target *t, size_t n, double *u) {
  if (n != t->given)
    return cli_fail("%s holds %zu energies for %zu configurations", t->spec, t->given, n);
  memcpy(u, t->u, n * sizeof *u);
  return SUCCESS;
}

/* Of this rank's rows. */
static int eval_part(const target *t, const dataset *data, double *u, size_t *odd) {
  const size_t begin = ranks_from(data->n, ranks_number());
  dataset part = *data;
  part.n = ranks_from(data->n, ranks_number() + 1) - begin;
  part.x += begin * data->N * data->D;
  double *x = cli_alloc(BLOCK, data->N * data->D * sizeof(double));
  int result = x != NULL ? SUCCESS : FAILURE;
  for (size_t first = 0; first < part.n && result == SUCCESS; first += BLOCK)
    result = eval_block(t, &part, first, x, u + begin, odd);
  free(x);
  return result;
}

int target_eval(const target *t, const dataset *data, double *u) {
  size_t odd = 0;
  if (t->u != NULL)
    return take_given(t, data->n, u);
  const int result = ranks_worst(eval_part(t, data, u, &odd));
  double count = (double)odd;
  if (result != SUCCESS)
    return result;
  ranks_gather(data->n, 1, u);
  ranks_add(NULL, 1, &count);
  if (count > 0)
    cli_note("%.0f of %zu energies of %s are NaN or -infinity; they count as +infinity: impossible",
             count, data->n, t->spec);
  return SUCCESS;
}

/* ---- units ----------------------------------------------------------------------------------- */

/* Pairs (u, -log q) of the samples without the tenth of highest energy: those may be collisions. */
static size_t take_calm(size_t n, const double *u, const double *logp, double (*pair)[2]) {
  size_t used = 0;
  for (size_t i = 0; i < n; i++)
    if (isfinite(u[i]) && isfinite(logp[i])) {
      pair[used][0] = u[i];
      pair[used++][1] = -logp[i];
    }
  qsort(pair, used, sizeof *pair, ascending);
  return used - used / 10;
}

/* How many times as far as -log q energies spread; 0 where they do not follow it. */
static double find_slope(size_t n, const double (*pair)[2]) {
  double mean[2] = {0, 0}, square[2] = {0, 0}, product = 0;
  for (size_t i = 0; i < n; i++)
    for (int k = 0; k < 2; k++)
      mean[k] += pair[i][k] / (double)n;
  for (size_t i = 0; i < n; i++) {
    const double a = pair[i][0] - mean[0], b = pair[i][1] - mean[1];
    square[0] += a * a;
    square[1] += b * b;
    product += a * b;
  }
  const double follows = product / sqrt(square[0] * square[1]);
  return follows > 0.9 ? sqrt(square[0] / square[1]) : 0;
}

void target_check_unit(size_t n, const double *u, const double *logp) {
  enum { FEW = 30 };
  double(*pair)[2] = cli_alloc(n, sizeof *pair);
  const size_t calm = pair != NULL ? take_calm(n, u, logp, pair) : 0;
  const double slope = calm >= FEW ? find_slope(calm, (const double(*)[2])pair) : 0;
  free(pair);
  if (slope > 1.6 || (slope > 0 && slope < 1 / 1.6))
    cli_note("energies rise %.3g times as fast as -log q, which they follow: are they in kT, and of "
             "this temperature? --kT divides them: 2.494 those in kJ/mol at 300 K, 0.596 those in "
             "kcal/mol, 0.02585 those in eV",
             slope);
}
