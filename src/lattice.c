/* lattice.c -- gauge fields and matrices in the tool: options of an energy, and observables of a flow
   beside exact values. */
#include "lattice.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 1000, MOST_NUMBERS = 1 << 24 /* of all samples together */ };

int64_t lattice_number(const target *t, const char *name) {
  int64_t value = 0;
  if (t->builtin != NULL)
    enf_energy_get_int(t->builtin, name, &value);
  return value;
}

bool lattice_is(const target *t) { return lattice_number(t, "group") > 0; }

static int set_open(cli *c, const char *name, const char *value) {
  return cli_setting(c, name) == NULL ? cli_set(c, name, value) : SUCCESS;
}

int lattice_options(cli *c, const target *t) {
  static char sides[48], group[8]; /* settings keep the texts */
  const int64_t n = lattice_number(t, "group");
  if (!lattice_is(t))
    return SUCCESS;
  const bool one = lattice_number(t, "l0") == 0;
  snprintf(group, sizeof group, n > 1 ? "su%d" : "u%d", (int)n);
  snprintf(sides, sizeof sides, "%lld %lld", (long long)lattice_number(t, "l0"),
           (long long)lattice_number(t, "l1"));
  int result = set_open(c, "model.space", one ? "group" : "lattice");
  if (result == SUCCESS)
    result = set_open(c, "model.group", group);
  return result == SUCCESS && !one ? set_open(c, "model.lattice", sides) : result;
}

/* ---- observables ----------------------------------------------------------------------------- */

void lattice_forget(lattice_samples *s) {
  free(s->x);
  free(s->logp);
}

static enf_status observe(cli *c, const enf_flow *flow, const target *t, lattice_samples *s) {
  double *charge = lattice_number(t, "group") == 1 ? s->charge : NULL;
  return lattice_number(t, "l0") == 0
             ? ENF_OK
             : enf_lattice_plaquettes(c->ctx, flow, s->n, s->x, s->plaquette, NULL, charge);
}

enf_status lattice_draw(cli *c, const enf_flow *flow, const target *t, lattice_samples *s) {
  const size_t size = t->N * t->D, most = MOST_NUMBERS / size;
  *s = (lattice_samples){.n = most < SAMPLES ? (most > 0 ? most : 1) : SAMPLES,
                         .weights = ENF_WEIGHTS_INIT};
  s->x = cli_alloc(s->n * size, sizeof *s->x);
  s->logp = cli_alloc(5 * s->n, sizeof *s->logp);
  if (s->x == NULL || s->logp == NULL)
    return ENF_ERR_NOMEM;
  s->u = s->logp + s->n;
  s->logw = s->u + s->n;
  s->plaquette = s->logw + s->n;
  s->charge = s->plaquette + s->n;
  enf_status status = enf_sample(c->ctx, flow, 0, 0, s->n, s->x, s->logp);
  if (status == ENF_OK)
    status = observe(c, flow, t, s);
  if (status != ENF_OK || t->fn(t->user, s->n, s->x, s->u, NULL) != 0)
    return status != ENF_OK ? status : ENF_ERR_CALLBACK;
  return enf_reweight(c->ctx, s->n, s->logp, s->u, s->logw, &s->weights);
}

static void report_average(report *r, cli *c, const lattice_samples *s, const char *key, const char *label,
                           const double *values, double exact) {
  double mean, error;
  if (enf_average(c->ctx, s->n, s->logw, 1, values, &mean, &error) == ENF_OK)
    report_measured(r, key, label, mean, error, exact, 0);
}

static void report_lattice(report *r, cli *c, const lattice_samples *s, const target *t,
                           const enf_lattice_exact *exact) {
  report_average(r, c, s, "plaquette", "plaquette", s->plaquette, exact->plaquette);
  for (size_t i = 0; lattice_number(t, "group") == 1 && i < s->n; i++)
    s->charge[i] *= s->charge[i];
  if (lattice_number(t, "group") == 1)
    report_average(r, c, s, "charge_square", "charge^2", s->charge, exact->charge_square);
}

int lattice_report(report *r, cli *c, const enf_flow *flow, const target *t) {
  enf_lattice_exact exact = ENF_LATTICE_EXACT_INIT;
  lattice_samples s;
  if (!lattice_is(t))
    return SUCCESS;
  const bool lattice = lattice_number(t, "l0") > 0;
  if (!lattice || enf_lattice_exact_values(c->ctx, t->spec, &exact) != ENF_OK)
    exact.log_z = exact.plaquette = exact.charge_square = (double)NAN;
  const enf_status status = lattice_draw(c, flow, t, &s);
  if (status == ENF_OK) {
    report_count(r, "measured", "samples for what follows", s.n);
    report_measured(r, "ess", "ESS", s.weights.ess, s.weights.ess_err, (double)NAN, 0);
    report_measured(r, "log_z", "log Z (Haar measure)", s.weights.log_z, s.weights.log_z_err,
                    exact.log_z, 0);
    if (lattice)
      report_lattice(r, c, &s, t, &exact);
  }
  lattice_forget(&s);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}
