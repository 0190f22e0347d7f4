/* clang-format off */
/* xtb_relax.c -- molecules of a flow that makes positions and elements (enf train --features), relaxed with GFN2-xTB
   through xtb's C API: how much energy they lose, how far atoms move, and how many are stable before and after.

     cc -O2 -o xtb_relax xtb_relax.c $(pkg-config --cflags --libs enf xtb) -lm
     OMP_NUM_THREADS=1 ./xtb_relax qm9.safetensors 20 relaxed.xyz [SEED [STEPS]]

   The minimiser is FIRE (Bitzek et al. 2006) with a longest move of 0.1 bohr. Molecules are in angstrom. One whose
   electrons xtb cannot find is told and left out; an odd number of electrons is relaxed as a doublet. */
/* clang-format on */
#include <enf/enf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xtb.h>

enum { MOST = 256, KINDS = 119 };
static const double BOHR = 0.529177210903, KCAL = 627.5094740631; /* angstrom; per hartree */

typedef struct {
  int atoms, element[MOST];
  double x[3 * MOST], slope[3 * MOST], energy; /* bohr, hartree */
  xtb_TEnvironment env;
  xtb_TMolecule molecule;
  xtb_TCalculator calculator;
  xtb_TResults results;
} relaxing;

static int evaluate(relaxing *r) {
  xtb_updateMolecule(r->env, r->molecule, r->x, NULL);
  xtb_singlepoint(r->env, r->molecule, r->calculator, r->results);
  if (xtb_checkEnvironment(r->env))
    return 0;
  xtb_getEnergy(r->env, r->results, &r->energy);
  xtb_getGradient(r->env, r->results, r->slope);
  return !xtb_checkEnvironment(r->env) && isfinite(r->energy);
}

static int begin(relaxing *r) {
  const double charge = 0;
  int electrons = 0;
  for (int a = 0; a < r->atoms; a++)
    electrons += r->element[a];
  const int unpaired = electrons % 2;
  r->env = xtb_newEnvironment();
  xtb_setVerbosity(r->env, XTB_VERBOSITY_MUTED);
  r->molecule =
      xtb_newMolecule(r->env, &r->atoms, r->element, r->x, &charge, &unpaired, NULL, NULL);
  r->calculator = xtb_newCalculator();
  r->results = xtb_newResults();
  xtb_loadGFN2xTB(r->env, r->molecule, r->calculator, NULL);
  return evaluate(r);
}

static void end(relaxing *r) {
  xtb_delResults(&r->results);
  xtb_delCalculator(&r->calculator);
  xtb_delMolecule(&r->molecule);
  xtb_delEnvironment(&r->env);
}

static double longest(int n, const double *v) {
  double most = 0;
  for (int a = 0; a < n; a++)
    most = fmax(most, hypot(hypot(v[3 * a], v[3 * a + 1]), v[3 * a + 2]));
  return most;
}

/* One step of FIRE; *down counts steps downhill. */
static void move(relaxing *r, double *v, double *dt, double *alpha, int *down) {
  const int n = 3 * r->atoms;
  double power = 0, vv = 0, ff = 0;
  for (int k = 0; k < n; k++) {
    power -= v[k] * r->slope[k];
    vv += v[k] * v[k];
    ff += r->slope[k] * r->slope[k];
  }
  *down = power > 0 ? *down + 1 : 0;
  if (power <= 0) {
    memset(v, 0, (size_t)n * sizeof *v);
    *dt /= 2;
    *alpha = 0.1;
  } else if (*down > 5) {
    *dt = fmin(1.1 * *dt, 10);
    *alpha *= 0.99;
  }
  for (int k = 0; k < n; k++)
    v[k] = (1 - *alpha) * v[k] - *alpha * sqrt(vv / (ff + 1e-300)) * r->slope[k] -
           *dt * r->slope[k];
  const double step = longest(r->atoms, v) * *dt, shrink = step > 0.1 ? 0.1 / step : 1;
  for (int k = 0; k < n; k++)
    r->x[k] += shrink * *dt * v[k];
}

/* Steps taken; -1: xtb failed on the way. */
static int relax(relaxing *r, int most) {
  double v[3 * MOST] = {0}, dt = 1, alpha = 0.1;
  int down = 0, step = 0;
  for (; step < most && longest(r->atoms, r->slope) > 1e-3; step++) {
    move(r, v, &dt, &alpha, &down);
    if (!evaluate(r))
      return -1;
  }
  return step;
}

static size_t stable_atoms(enf_ctx *ctx, const relaxing *r, const double *x) {
  enf_molecule_facts facts = ENF_MOLECULE_FACTS_INIT;
  const enf_status status =
      enf_molecule_check(ctx, (size_t)r->atoms, r->element, x, 1, NULL, &facts);
  return status == ENF_OK ? facts.stable_atoms : 0;
}

static int read_elements(const enf_flow *flow, int *number) {
  char text[4096];
  int kinds = 0;
  if (enf_get_text(flow, "model.elements", text, sizeof text, NULL) != ENF_OK)
    return 0;
  for (char *word = strtok(text, " "); word && kinds < KINDS; word = strtok(NULL, " ")) {
    const int z = enf_element_number(word);
    number[kinds++] = z > 0 ? z : atoi(word);
  }
  return kinds;
}

static int fail(enf_ctx *ctx) {
  fprintf(stderr, "xtb_relax: %s\n", enf_ctx_errmsg(ctx));
  return 1;
}

int main(int argc, char **argv) {
  static relaxing r;
  enf_ctx *ctx;
  enf_flow *flow;
  enf_batch *samples, *relaxed;
  int number[KINDS], done = 0;
  size_t atoms = 0, before = 0, after = 0;
  double fall = 0, slowest = 0;
  if (argc < 4 || enf_ctx_create(&ctx, NULL) != ENF_OK)
    return fprintf(stderr, "xtb_relax FLOW COUNT OUT.xyz [SEED [STEPS]]\n"), 2;
  const int count = atoi(argv[2]), most = argc > 5 ? atoi(argv[5]) : 500;
  if (enf_load(ctx, &flow, argv[1]) != ENF_OK || read_elements(flow, number) == 0)
    return fail(ctx);
  if (enf_sample_batch(ctx, flow, argc > 4 ? strtoull(argv[4], NULL, 10) : 0, 0, (size_t)count, 0,
                       &samples, NULL) != ENF_OK ||
      enf_batch_create(ctx, &relaxed, 3) != ENF_OK)
    return fail(ctx);
  for (size_t i = 0; i < enf_batch_count(samples); i++) {
    size_t N;
    const int32_t *kind;
    const double *x;
    double y[3 * MOST];
    enf_batch_get(samples, i, &N, &kind, NULL, NULL, &x);
    r.atoms = (int)N;
    for (size_t a = 0; a < N; a++)
      r.element[a] = number[kind[a]];
    for (size_t k = 0; k < 3 * N; k++)
      r.x[k] = x[k] / BOHR;
    const int began = begin(&r);
    const double energy = r.energy;
    const int steps = began ? relax(&r, most) : -1;
    end(&r);
    if (steps < 0) {
      printf("molecule %zu: no energy\n", i);
      continue;
    }
    for (size_t k = 0; k < 3 * N; k++)
      y[k] = r.x[k] * BOHR;
    const size_t first = stable_atoms(ctx, &r, x), last = stable_atoms(ctx, &r, y);
    printf("molecule %zu: %zu atoms, %zu stable, then %zu; %.1f kcal/mol less in %d steps\n", i, N,
           first, last, KCAL * (energy - r.energy), steps);
    done++, atoms += N, before += first, after += last;
    fall += KCAL * (energy - r.energy);
    slowest = fmax(slowest, longest(r.atoms, r.slope));
    if (enf_batch_append(ctx, relaxed, N, kind, 0, NULL, y) != ENF_OK)
      return fail(ctx);
  }
  printf("%d of %d relaxed: stable atoms %zu of %zu, then %zu; %.1f kcal/mol less on average; "
         "largest force left %.1e hartree/bohr\n",
         done, count, before, atoms, after, fall / done, slowest);
  if (done && enf_batch_write(ctx, relaxed, flow, argv[3]) != ENF_OK)
    return fail(ctx);
  enf_batch_destroy(samples);
  enf_batch_destroy(relaxed);
  enf_destroy(flow);
  enf_ctx_destroy(ctx);
  return done == 0 || !(fall >= 0);
}
