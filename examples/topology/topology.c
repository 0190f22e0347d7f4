/* topology.c -- topology of U(1) gauge fields on an L x L lattice: a flow beside chains that freeze.

   A flow is trained by least squares, without a configuration; then <Q^2> comes
     - from its samples, weighted,
     - from independence Metropolis over them, configurations of weight 1,
     - from hybrid Monte Carlo of as much processor time as the flow took, training included,
     - from sweeps of this program's own (one Metropolis update of every link), without and with
       enf_jump after every few: what a heat-bath or Schwinger code would do,
   each beside the exact value.
   usage: topology [L [beta [degree [pairs [draws [samples [sweeps]]]]]]] */
#include <enf/enf.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SEED = 7, STRIDE = 10, BETWEEN = 5 };
static const double turn = 6.283185307179586;

typedef struct {
  size_t L, V, samples, sweeps;
  double beta;
  enf_ctx *ctx;
  enf_opts *opts;
  enf_flow *flow;
  enf_energy *energy;
  double exact;
} host;

static void check(const host *h, enf_status status) {
  if (status == ENF_OK)
    return;
  fprintf(stderr, "topology: %s\n", enf_ctx_errmsg(h->ctx));
  exit(1);
}

static double *numbers(size_t count) {
  double *x = calloc(count, sizeof *x);
  if (!x)
    exit(1);
  return x;
}

static double seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

/* ---- the flow -------------------------------------------------------------------------------- */

static void set(const host *h, const char *name, const char *value) {
  if (enf_opts_set(h->opts, name, value) != ENF_OK) {
    fprintf(stderr, "topology: %s\n", enf_opts_errmsg(h->opts));
    exit(1);
  }
}

static void train(host *h, const char *degree, const char *pairs, size_t draws) {
  char sides[32], spec[96];
  enf_trainer *trainer;
  enf_lattice_exact exact = ENF_LATTICE_EXACT_INIT;
  snprintf(sides, sizeof sides, "%zu %zu", h->L, h->L);
  snprintf(spec, sizeof spec, "wilson:group=u1,l0=%zu,l1=%zu,beta=%.17g", h->L, h->L, h->beta);
  set(h, "model.space", "lattice");
  set(h, "model.group", "u1");
  set(h, "model.lattice", sides);
  set(h, "model.degree", degree);
  set(h, "model.pairs", pairs);
  set(h, "train.objective", "least-squares");
  set(h, "train.seed", "1");
  set(h, "run.threads", "1"); /* processor time is compared */
  check(h, enf_ctx_configure(h->ctx, h->opts));
  check(h, enf_create(h->ctx, &h->flow, h->opts));
  check(h, enf_energy_builtin(h->ctx, &h->energy, spec));
  check(h, enf_trainer_create(h->ctx, &trainer, h->flow, h->opts));
  check(h, enf_trainer_set_energy(trainer, enf_energy_eval, h->energy));
  check(h, enf_train_step(h->ctx, trainer, draws, NULL, NULL));
  enf_trainer_destroy(trainer);
  check(h, enf_lattice_exact_values(h->ctx, spec, &exact));
  h->exact = exact.charge_square;
}

/* Q of n configurations. */
static double *charges(const host *h, size_t n, const double *x) {
  double *mean = numbers(n), *charge = numbers(n);
  check(h, enf_lattice_plaquettes(h->ctx, h->flow, n, x, mean, NULL, charge));
  free(mean);
  return charge;
}

/* ---- what is printed ------------------------------------------------------------------------- */

/* Integrated autocorrelation time, 1 where all rows are independent; the window ends at six times
   it (Sokal 1997). NaN where nothing moves. */
static double autocorrelation(size_t n, const double *f, double mean, double variance) {
  double tau = 1;
  if (!(variance > 0))
    return (double)NAN;
  for (size_t lag = 1; lag < n / 2 && (double)lag < 6 * tau; lag++) {
    double sum = 0;
    for (size_t i = 0; i + lag < n; i++)
      sum += (f[i] - mean) * (f[i + lag] - mean);
    tau += 2 * sum / ((double)(n - lag) * variance);
  }
  return tau > 1 ? tau : 1;
}

static void print(const host *h, const char *what, double value, double error) {
  printf("%-34s <Q^2> %8.4f +- %.4f, %5.1f errors off;", what, value, error,
         error > 0 ? fabs(value - h->exact) / error : (double)INFINITY);
}

/* Rows of a chain with these Q. */
static void print_chain(const host *h, const char *what, size_t n, const double *charge, double spent) {
  double *square = numbers(n), mean = 0, variance = 0;
  size_t changes = 0;
  for (size_t i = 0; i < n; i++) {
    square[i] = charge[i] * charge[i];
    mean += square[i] / (double)n;
    changes += i > 0 && fabs(charge[i] - charge[i - 1]) > 0.5;
  }
  for (size_t i = 0; i < n; i++)
    variance += (square[i] - mean) * (square[i] - mean) / (double)n;
  const double tau = autocorrelation(n, square, mean, variance);
  print(h, what, mean, tau > 0 ? sqrt(variance * tau / (double)n) : 0);
  if (tau > 0)
    printf(" tau %.1f of %zu rows, Q changes %zu times, %.2f s\n", tau, n, changes, spent);
  else
    printf(" %zu rows, Q never changes, %.2f s\n", n, spent);
  free(square);
}

/* ---- samples of the flow --------------------------------------------------------------------- */

static void weigh(const host *h, double spent) {
  const size_t n = h->samples;
  double *x = numbers(n * 2 * h->V), *logp = numbers(n), *u = numbers(n), *logw = numbers(n);
  size_t *state = calloc(n, sizeof *state);
  enf_weights weights = ENF_WEIGHTS_INIT;
  uint64_t accepted;
  double mean, error;
  const double start = seconds();
  if (!state)
    exit(1);
  check(h, enf_sample(h->ctx, h->flow, SEED, 0, n, x, logp));
  check(h, enf_energy_eval(h->energy, n, x, u, NULL) ? ENF_ERR_CALLBACK : ENF_OK);
  check(h, enf_reweight(h->ctx, n, logp, u, logw, &weights));
  spent += seconds() - start;
  double *charge = charges(h, n, x), *square = numbers(n), *chain = numbers(n);
  for (size_t i = 0; i < n; i++)
    square[i] = charge[i] * charge[i];
  check(h, enf_average(h->ctx, n, logw, 1, square, &mean, &error));
  print(h, "samples, weighted", mean, error);
  printf(" ESS %.4f of %zu, %.2f s with training\n", weights.ess, n, spent);
  check(h, enf_metropolis(h->ctx, SEED, 0, n, logp, u, state, &accepted));
  for (size_t i = 0; i < n; i++)
    chain[i] = charge[state[i]];
  print_chain(h, "samples, Metropolis", n, chain, spent);
  printf("%34s %.1f %% accepted\n", "", 100 * (double)accepted / (double)(n - 1));
  double *const all[] = {x, logp, u, logw, charge, square, chain};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    free(all[i]);
  free(state);
}

/* ---- hybrid Monte Carlo ---------------------------------------------------------------------- */

static double simulate(const host *h, size_t rows, double *x) {
  const double start = seconds();
  check(h, enf_simulate(h->ctx, enf_energy_eval, h->energy, h->opts, rows, x, NULL));
  return seconds() - start;
}

/* Rows of STRIDE trajectories each, as many as `time` allows. */
static void hybrid(const host *h, double time) {
  enum { TRY = 500 };
  char stride[16];
  snprintf(stride, sizeof stride, "%d", STRIDE);
  set(h, "sim.stride", stride);
  double *x = numbers(TRY * 2 * h->V);
  const double rate = TRY / simulate(h, TRY, x);
  const size_t rows = rate * time > TRY ? (size_t)(rate * time) : TRY;
  free(x);
  x = numbers(rows * 2 * h->V);
  const double spent = simulate(h, rows, x);
  double *charge = charges(h, rows, x);
  print_chain(h, "hybrid Monte Carlo, every 10th", rows, charge, spent);
  free(charge);
  free(x);
}

/* ---- sweeps of our own ----------------------------------------------------------------------- */

static double uniform(uint64_t *random) { /* splitmix64 */
  uint64_t z = *random += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static double plaquette(const host *h, const double *x, size_t x0, size_t x1) {
  const size_t L = h->L, n0 = (x0 + 1) % L, n1 = (x1 + 1) % L;
  return x[x0 * L + x1] + x[h->V + n0 * L + x1] - x[x0 * L + n1] - x[h->V + x0 * L + x1];
}

/* One update of every link U_mu(x), which is in the plaquettes at x and behind it across mu. */
static void sweep(const host *h, double *x, uint64_t *random) {
  const size_t L = h->L;
  const double width = 2 / sqrt(h->beta);
  for (size_t i = 0; i < 2 * h->V; i++) {
    const size_t mu = i / h->V, x0 = i % h->V / L, x1 = i % L;
    const size_t b0 = mu == 1 ? (x0 + L - 1) % L : x0, b1 = mu == 0 ? (x1 + L - 1) % L : x1;
    const double before = cos(plaquette(h, x, x0, x1)) + cos(plaquette(h, x, b0, b1)), old = x[i];
    x[i] = remainder(old + width * (2 * uniform(random) - 1), turn);
    const double after = cos(plaquette(h, x, x0, x1)) + cos(plaquette(h, x, b0, b1));
    if (uniform(random) >= exp(h->beta * (after - before)))
      x[i] = old;
  }
}

static void sweeps(const host *h, bool jumps) {
  double *x = numbers(2 * h->V), *rows = numbers(h->sweeps * 2 * h->V);
  uint64_t random = SEED, counter = 0, accepted = 0;
  const double start = seconds();
  for (size_t i = 0; i < h->sweeps; i++) {
    sweep(h, x, &random);
    if (jumps && (i + 1) % BETWEEN == 0) {
      double u = (double)NAN, logq = (double)NAN; /* the walker has moved */
      enf_jump_info info = ENF_JUMP_INFO_INIT;
      check(h, enf_jump(h->ctx, h->flow, enf_energy_eval, h->energy, SEED + 1, &counter, 1, 1, x, &u,
                        &logq, &info));
      accepted += info.accepted;
    }
    memcpy(rows + i * 2 * h->V, x, 2 * h->V * sizeof *x);
  }
  const double spent = seconds() - start;
  double *charge = charges(h, h->sweeps, rows);
  print_chain(h, jumps ? "sweeps and jumps" : "sweeps", h->sweeps, charge, spent);
  if (jumps)
    printf("%34s %.1f %% of %zu jumps accepted\n", "",
           100 * (double)accepted / (double)(h->sweeps / BETWEEN), h->sweeps / BETWEEN);
  free(charge);
  free(rows);
  free(x);
}

int main(int argc, char **argv) {
  const char *const fallback[] = {"", "6", "4", "6", "2", "500", "1000", "500"};
  const char *word[8];
  for (int i = 0; i < 8; i++)
    word[i] = i < argc ? argv[i] : fallback[i];
  host h = {.L = strtoul(word[1], NULL, 10), .beta = strtod(word[2], NULL)};
  h.V = h.L * h.L;
  h.samples = strtoul(word[6], NULL, 10);
  h.sweeps = strtoul(word[7], NULL, 10);
  if (enf_ctx_create(&h.ctx, NULL) != ENF_OK)
    return 1;
  check(&h, enf_opts_create(h.ctx, &h.opts));
  const double start = seconds();
  train(&h, word[3], word[4], strtoul(word[5], NULL, 10));
  const double spent = seconds() - start;
  printf("U(1), %zu x %zu, beta %g: <Q^2> exact %.6f; trained in %.2f s\n", h.L, h.L, h.beta, h.exact,
         spent);
  weigh(&h, spent);
  hybrid(&h, seconds() - start);
  sweeps(&h, false);
  sweeps(&h, true);
  enf_energy_destroy(h.energy);
  enf_destroy(h.flow);
  enf_opts_destroy(h.opts);
  enf_ctx_destroy(h.ctx);
  return 0;
}
