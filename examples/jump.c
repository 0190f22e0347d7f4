/* jump.c -- topology that moves: sweeps of this program's own through a U(1) gauge field, with and without
   jumps to samples of a flow, which keep the distribution. examples/topology has more of it.
   usage: jump [sweeps] */
#include <enf/enf.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { L = 6, V = L * L, LINKS = 2 * V, SEED = 7, BETWEEN = 5, DRAWS = 500 };
static const char spec[] = "wilson:group=u1,l0=6,l1=6,beta=5";
static const double beta = 5, turn = 6.283185307179586;

typedef struct {
  enf_ctx *ctx;
  enf_flow *flow;
  enf_energy *energy;
} host;

/* A flow from the energy alone, in one step of least squares; 0 for success. */
static int train(host *h) {
  static const char *const set[][2] = {{"model.space", "lattice"}, {"model.group", "u1"},
                                       {"model.lattice", "6 6"},   {"model.degree", "6"},
                                       {"model.pairs", "2"},       {"train.objective", "least-squares"}};
  enf_opts *opts = NULL;
  enf_trainer *trainer = NULL;
  int failed = enf_ctx_create(&h->ctx, NULL) || enf_opts_create(h->ctx, &opts);
  for (size_t i = 0; !failed && i < sizeof set / sizeof *set; i++)
    failed = enf_opts_set(opts, set[i][0], set[i][1]) != ENF_OK;
  failed = failed || enf_ctx_configure(h->ctx, opts) || enf_create(h->ctx, &h->flow, opts) ||
           enf_energy_builtin(h->ctx, &h->energy, spec) ||
           enf_trainer_create(h->ctx, &trainer, h->flow, opts) ||
           enf_trainer_set_energy(trainer, enf_energy_eval, h->energy) ||
           enf_train_step(h->ctx, trainer, DRAWS, NULL, NULL);
  enf_trainer_destroy(trainer);
  enf_opts_destroy(opts);
  return failed;
}

static double uniform(uint64_t *random) { /* splitmix64 */
  uint64_t z = *random += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* cos of the plaquette's angle at site (x0,x1). */
static double plaquette(const double *x, size_t x0, size_t x1) {
  const size_t n0 = (x0 + 1) % L, n1 = (x1 + 1) % L;
  return cos(x[x0 * L + x1] + x[V + n0 * L + x1] - x[x0 * L + n1] - x[V + x0 * L + x1]);
}

/* A Metropolis update of every link, which is in the plaquettes at its site and behind it. */
static void sweep(double *x, uint64_t *random) {
  for (size_t i = 0; i < LINKS; i++) {
    const size_t mu = i / V, x0 = i % V / L, x1 = i % L;
    const size_t b0 = mu == 1 ? (x0 + L - 1) % L : x0, b1 = mu == 0 ? (x1 + L - 1) % L : x1;
    const double before = plaquette(x, x0, x1) + plaquette(x, b0, b1), old = x[i];
    x[i] = remainder(old + 2 * uniform(random) - 1, turn);
    const double after = plaquette(x, x0, x1) + plaquette(x, b0, b1);
    if (uniform(random) >= exp(beta * (after - before)))
      x[i] = old;
  }
}

/* How often the charge changed, and its mean square; 0 for success. */
static int run(const host *h, size_t sweeps, int jumps) {
  double x[LINKS] = {0}, mean, charge = 0, last = 0, square = 0;
  uint64_t random = SEED, counter = 0, accepted = 0;
  size_t changes = 0;
  for (size_t i = 0; i < sweeps; i++) {
    sweep(x, &random);
    if (jumps && (i + 1) % BETWEEN == 0) {
      double u = (double)NAN, logq = (double)NAN; /* the walker has moved */
      enf_jump_info info = ENF_JUMP_INFO_INIT;
      if (enf_jump(h->ctx, h->flow, enf_energy_eval, h->energy, SEED, &counter, 1, 1, x, &u, &logq,
                   &info))
        return 1;
      accepted += info.accepted;
    }
    if (enf_lattice_plaquettes(h->ctx, h->flow, 1, x, &mean, NULL, &charge))
      return 1;
    changes += fabs(charge - last) > 0.5;
    square += charge * charge / (double)sweeps;
    last = charge;
  }
  printf("%-16s <Q^2> %.3f, Q changed %zu times, %llu jumps\n", jumps ? "sweeps and jumps" : "sweeps",
         square, changes, (unsigned long long)accepted);
  return 0;
}

int main(int argc, char **argv) {
  const size_t sweeps = argc > 1 ? strtoul(argv[1], NULL, 10) : 500;
  enf_lattice_exact exact = ENF_LATTICE_EXACT_INIT;
  host h = {NULL, NULL, NULL};
  int failed = train(&h) || enf_lattice_exact_values(h.ctx, spec, &exact);
  if (!failed)
    printf("%s: <Q^2> exact %.3f\n", spec, exact.charge_square);
  failed = failed || run(&h, sweeps, 0) || run(&h, sweeps, 1);
  if (failed)
    fprintf(stderr, "jump: %s\n", h.ctx ? enf_ctx_errmsg(h.ctx) : "no memory");
  enf_energy_destroy(h.energy);
  enf_destroy(h.flow);
  enf_ctx_destroy(h.ctx);
  return failed;
}
