/* ladder.c -- `enf ladder`: what a flow of many temperatures says at each of them.

   At T samples weigh w = exp(-u/T - log q), normalised. Mean energy sum w u with the error
   sqrt(sum w^2 (u - <u>)^2); heat capacity C = sum w (u - <u>)^2 / T^2, in units of k, with
   sqrt(sum w^2 ((u - <u>)^2/T^2 - C)^2) (delta method). */
#include "cvs.h"
#include "draw.h"
#include "plot.h"
#include "progress.h"
#include "target.h"
#include "temperatures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL = 5 };

/* What is measured at a temperature, in the order of the table. */
typedef enum {
  TEMPERATURE,
  ESS,
  ESS_ERR,
  KHAT,
  LOG_Z,
  LOG_Z_ERR,
  ENERGY,
  ENERGY_ERR,
  CAPACITY,
  CAPACITY_ERR,
  STATE,
  STATE_ERR,
  COLUMNS
} column;

static const char *const keys[COLUMNS] = {
    "temperature", "ess", "ess_err",       "khat",          "log_z",       "log_z_err",
    "mean_u",      "mean_u_err", "heat_capacity", "heat_capacity_err", "free_energy", "free_energy_err"};

typedef struct {
  cli *c;
  enf_flow *flow; /* of all temperatures */
  target target;
  cvs cvs;
  size_t count;
  double temperature[TEMPERATURES];
  double value[COLUMNS][TEMPERATURES];
} ladder;

/* ---- a rung ---------------------------------------------------------------------------------- */

static void find_energies(ladder *l, size_t k, size_t n, const double *u, const double *logw) {
  const double T = l->temperature[k];
  double mean = 0, square = 0, mean_error = 0, square_error = 0;
  for (size_t i = 0; i < n; i++)
    mean += logw[i] > -INFINITY ? exp(logw[i]) * u[i] : 0;
  for (size_t i = 0; i < n; i++)
    square += logw[i] > -INFINITY ? exp(logw[i]) * pow((u[i] - mean) / T, 2) : 0;
  for (size_t i = 0; i < n; i++) {
    const double w = exp(logw[i]), off = w > 0 ? u[i] - mean : 0;
    mean_error += pow(w * off, 2);
    square_error += pow(w * (off * off / (T * T) - square), 2);
  }
  l->value[ENERGY][k] = mean;
  l->value[ENERGY_ERR][k] = sqrt(mean_error);
  l->value[CAPACITY][k] = square;
  l->value[CAPACITY_ERR][k] = sqrt(square_error);
}

/* work (3,n) */
static int weigh(ladder *l, size_t k, const draws *d, double *work) {
  const size_t n = d->data.n;
  double *u = work, *reduced = u + n, *logw = reduced + n;
  enf_weights weights = ENF_WEIGHTS_INIT;
  int result = target_eval(&l->target, &d->data, u);
  for (size_t i = 0; i < n && result == SUCCESS; i++)
    reduced[i] = u[i] / l->temperature[k];
  if (result != SUCCESS)
    return result;
  const enf_status status = enf_reweight(l->c->ctx, n, d->logp, reduced, logw, &weights);
  if (status != ENF_OK)
    return cli_fail_status(l->c, status);
  const double found[] = {l->temperature[k], weights.ess,   weights.ess_err,
                          weights.khat,      weights.log_z, weights.log_z_err};
  for (size_t i = 0; i < sizeof found / sizeof found[0]; i++)
    l->value[i][k] = found[i];
  find_energies(l, k, n, u, logw);
  result = cvs_measure(l->c, &d->data, logw, &l->cvs);
  l->value[STATE][k] = l->cvs.difference;
  l->value[STATE_ERR][k] = l->cvs.error;
  cvs_free(&l->cvs);
  return result;
}

static int measure(ladder *l, size_t k, draws d) {
  enf_flow *at = NULL;
  const enf_status status = enf_at_temperature(l->c->ctx, &at, l->flow, l->temperature[k]);
  if (status != ENF_OK)
    return cli_fail("%s: %s", l->c->operand[0], enf_ctx_errmsg(l->c->ctx));
  int result = draw_flow(l->c, at, true, &d);
  if (result == SUCCESS && d.done < d.data.n)
    result = cli_fail_status(l->c, ENF_ERR_CANCELLED);
  double *work = cli_alloc(3 * d.data.n, sizeof *work);
  if (result == SUCCESS)
    result = work != NULL ? weigh(l, k, &d, work) : FAILURE;
  free(work);
  draws_free(&d);
  enf_destroy(at);
  return result;
}

/* ---- the report ------------------------------------------------------------------------------ */

static void print_table(const ladder *l) {
  const bool states = cvs_have_states(&l->cvs);
  printf("%-6s %-17s %6s  %-24s %-20s %-18s%s\n", "T", "ESS", "k-hat", "log Z", "mean energy",
         "heat capacity", states ? " free energy of the state" : "");
  for (size_t k = 0; k < l->count; k++) {
    double v[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++)
      v[i] = l->value[i][k];
    printf("%-6.4g %.4f +- %.4f  %6.2f  %-11.4f +- %-9.4f %-9.3f +- %-7.3f %-8.2f +- %-6.2f",
           v[TEMPERATURE], v[ESS], v[ESS_ERR], v[KHAT], v[LOG_Z], v[LOG_Z_ERR], v[ENERGY],
           v[ENERGY_ERR], v[CAPACITY], v[CAPACITY_ERR]);
    if (states)
      printf("  %.3f +- %.3f", v[STATE], v[STATE_ERR]);
    putchar('\n');
  }
}

static void print(const ladder *l) {
  report r = report_begin(l->c);
  report_text(&r, "flow", "flow", l->c->operand[0]);
  report_text(&r, "energy", "energy", l->target.spec);
  for (size_t i = 0; i < (cvs_have_states(&l->cvs) ? COLUMNS : STATE); i++)
    report_numbers(&r, keys[i], l->count, l->value[i]);
  report_end(&r);
  if (!cli_has(l->c, FLAG_JSON))
    print_table(l);
}

static void doubt(const ladder *l) {
  for (size_t k = 0; k < l->count; k++)
    if (l->value[KHAT][k] > 0.7 && !cli_has(l->c, FLAG_QUIET))
      cli_note("k-hat is %.2f at temperature %.4g, above 0.7: weights that decide may not have "
               "been seen, so the error bars there are not to be trusted",
               l->value[KHAT][k], l->temperature[k]);
}

static void draw_picture(const ladder *l) {
  const bool states = cvs_have_states(&l->cvs);
  const plot p = {.title = l->target.spec,
                  .xlabel = "reduced temperature",
                  .ylabel = states ? "free energy of the state (kT)" : "heat capacity (k)",
                  .right = "effective sample size",
                  .y = AXIS_ROBUST,
                  .series = 2,
                  .curve = {{states ? "free energy" : "heat capacity", "linespoints lw 2 pt 7",
                             l->count, l->temperature, l->value[states ? STATE : CAPACITY], false},
                            {"effective sample size", "linespoints lw 1 pt 6", l->count,
                             l->temperature, l->value[ESS], true}}};
  if (cli_has(l->c, FLAG_PLOT))
    plot_write(l->c->value[FLAG_PLOT], &p);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int find_rungs(ladder *l) {
  double coldest = 1, hottest = 1;
  enf_get_real(l->flow, "coldest", &coldest);
  enf_get_real(l->flow, "hottest", &hottest);
  const int result = temperatures_read(l->c, &l->count, l->temperature);
  for (size_t k = 0; k < l->count && result == SUCCESS; k++)
    if (l->temperature[k] < coldest || l->temperature[k] > hottest)
      return cli_usage(l->c, "rung %g is outside the temperatures of the flow, %g to %g",
                       l->temperature[k], coldest, hottest);
  if (result != SUCCESS || l->count > 0)
    return result;
  l->count = USUAL;
  for (size_t k = 0; k < USUAL; k++)
    l->temperature[k] = k < USUAL - 1 ? coldest * pow(hottest / coldest, (double)k / (USUAL - 1))
                                      : hottest;
  return SUCCESS;
}

static int climb(ladder *l, const draws *d) {
  size_t N, D;
  int result = flow_open(l->c, l->c->operand[0], &l->flow);
  if (result != SUCCESS)
    return result;
  flow_shape(l->flow, &N, &D);
  target_check_kT(&l->target, l->flow, l->c->operand[0]);
  result = target_check(&l->target, "the flow", N, D);
  if (result == SUCCESS)
    result = find_rungs(l);
  for (size_t k = 0; k < l->count && result == SUCCESS; k++)
    result = measure(l, k, *d);
  return result;
}

int run_ladder(cli *c) {
  ladder l = {.c = c};
  draws d = {.done = 0};
  int result = cli_require(c, FLAG_ENERGY);
  if (result == SUCCESS)
    result = cvs_flags(c, &l.cvs);
  if (result == SUCCESS)
    result = draws_flags(c, &d);
  if (result == SUCCESS)
    result = target_make(c, c->value[FLAG_ENERGY], &l.target);
  interrupts_catch();
  if (result == SUCCESS)
    result = climb(&l, &d);
  if (result == SUCCESS) {
    print(&l);
    draw_picture(&l);
    doubt(&l);
  }
  enf_destroy(l.flow);
  target_free(&l.target);
  return result;
}
