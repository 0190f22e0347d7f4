/* xtb_weights.c -- GFN2-xTB by its C API as the energy of a flow: weights of its samples, and what to do where they
   fail. ./xtb_weights FLOW "O H H" [SAMPLES [KELVIN]]; the flow in angstrom; set OMP_NUM_THREADS=1. */
#include <enf/enf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xtb.h>

enum { MOST = 256 };
static const double bohr = 0.529177210903, boltzmann = 3.166811563e-6; /* angstrom, hartree/K */

typedef struct {
  int atoms, element[MOST];
  double kelvin;
} molecule;

/* In hartree; infinity for what xtb refuses. Objects of their own every time: an error spoils them. */
static double hartree(const molecule *m, const double *x, double *grad) {
  double r[3 * MOST], charge = 0, e = INFINITY;
  int uhf = 0;
  for (int k = 0; k < 3 * m->atoms; k++) {
    if (!isfinite(x[k])) /* would never come back */
      return INFINITY;
    r[k] = x[k] / bohr;
  }
  xtb_TEnvironment env = xtb_newEnvironment();
  xtb_TCalculator calc = xtb_newCalculator();
  xtb_TResults res = xtb_newResults();
  xtb_setVerbosity(env, XTB_VERBOSITY_MUTED);
  xtb_TMolecule mol = xtb_newMolecule(env, &m->atoms, m->element, r, &charge, &uhf, NULL, NULL);
  xtb_loadGFN2xTB(env, mol, calc, NULL);
  if (!xtb_checkEnvironment(env))
    xtb_singlepoint(env, mol, calc, res);
  if (!xtb_checkEnvironment(env))
    xtb_getEnergy(env, res, &e);
  if (grad && isfinite(e))
    xtb_getGradient(env, res, grad);
  xtb_delResults(&res), xtb_delCalculator(&calc), xtb_delMolecule(&mol), xtb_delEnvironment(&env);
  return e;
}

static int energy(void *user, size_t n, const double *x, double *u, double *grad) {
  const molecule *m = user;
  const size_t width = 3 * (size_t)m->atoms;
  const double kT = boltzmann * m->kelvin;
  for (size_t i = 0; i < n; i++) {
    u[i] = hartree(m, x + i * width, grad ? grad + i * width : NULL) / kT;
    for (size_t k = 0; grad && k < width; k++)
      grad[i * width + k] = isfinite(u[i]) ? grad[i * width + k] / (kT * bohr) : 0;
  }
  return 0;
}

static int read_elements(const char *text, molecule *m) {
  char symbol[8];
  int used;
  for (m->atoms = 0; m->atoms < MOST && sscanf(text, "%7s%n", symbol, &used) == 1; text += used)
    if ((m->element[m->atoms++] = enf_element_number(symbol)) < 1)
      return 1;
  return m->atoms < 2;
}

/* From the flow to GFN2 over bridges, where one step is too far; the library moves, by gradients of both. */
static int anneal(enf_ctx *ctx, const enf_flow *flow, molecule *m, size_t n, double *x, double *logq, double *u) {
  enf_anneal_plan plan = ENF_ANNEAL_PLAN_INIT;
  enf_annealing at = ENF_ANNEALING_INIT;
  double *logw = malloc(n * sizeof *logw);
  uint64_t *family = malloc(n * sizeof *family);
  plan.moves = 1, plan.leapfrog = 4, plan.guided = 1;
  const int failed = !logw || !family || enf_anneal(ctx, flow, energy, m, &plan, 0, &at, n, x, u, logq, logw, family);
  if (!failed)
    printf("annealed over %llu bridges: ESS %.3f, log Z %.2f +- %.2f, %.2f of %llu moves accepted\n", (unsigned long long)at.bridges, at.ess,
           at.log_z, at.log_z_err, (double)at.accepted / (double)at.proposals, (unsigned long long)at.proposals);
  free(logw), free(family);
  return failed;
}

int main(int argc, char **argv) {
  molecule m = {.kelvin = argc > 4 ? atof(argv[4]) : 300};
  const size_t n = argc > 3 ? (size_t)atoi(argv[3]) : 50;
  enf_ctx *ctx = NULL;
  enf_flow *flow = NULL;
  enf_weights w = ENF_WEIGHTS_INIT;
  if (argc < 3 || read_elements(argv[2], &m))
    return fputs("xtb_weights FLOW \"O H H\" [SAMPLES [KELVIN]]\n", stderr), 2;
  double *x = malloc(n * 3 * (size_t)m.atoms * sizeof *x), *logp = malloc(n * sizeof *logp), *u = malloc(n * sizeof *u);
  int failed = !x || !logp || !u || enf_ctx_create(&ctx, NULL) || enf_load(ctx, &flow, argv[1]) ||
               enf_sample(ctx, flow, 1, 0, n, x, logp) || energy(&m, n, x, u, NULL) || enf_reweight(ctx, n, logp, u, NULL, &w);
  if (!failed)
    printf("%zu samples: ESS %.3f +- %.3f, k-hat %.2f, log Z %.2f +- %.2f\n", n, w.ess, w.ess_err, w.khat, w.log_z, w.log_z_err);
  if (!failed && (w.khat > 0.7 || w.ess < 0.2)) /* too far for one step; training it on with objective refine is the other way */
    failed = anneal(ctx, flow, &m, n, x, logp, u);
  if (failed)
    fprintf(stderr, "%s\n", enf_ctx_errmsg(ctx));
  free(x), free(logp), free(u), enf_destroy(flow), enf_ctx_destroy(ctx);
  return failed;
}
