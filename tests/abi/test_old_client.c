/* test_old_client.c -- a program of libenf 0.1 on the library of today.

   No header of libenf is included: what this program knows was copied from the headers of 0.1.0,
   types flattened to their layout, and is never changed again, as an old binary cannot be. It goes
   the whole way from options to weights, and checks that the structs it gives are filled as far as
   it knows them, with nothing written behind, and that one without its size is refused. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- libenf 0.1.0, as it was ---------------------------------------------------------------- */

typedef struct ctx ctx;
typedef struct opts opts;
typedef struct flow flow;
typedef struct trainer trainer;
typedef struct energy energy;
typedef int (*energy_fn)(void *user, size_t n, const double *x, double *u, double *grad);

typedef struct {
  void *(*alloc)(void *user, size_t bytes);
  void (*free)(void *user, void *p);
  void *user;
} allocator;

typedef struct {
  size_t struct_size;
  const char *name, *type, *fallback, *choices, *help;
  double lowest, highest;
} opt_info;

typedef struct {
  size_t struct_size;
  double acceptance, swap_acceptance, autocorrelation, mean_u, mean_u_err, virial, virial_err;
  double step, seconds;
  uint64_t evaluations, walkers, rungs;
} sim_info;

typedef struct {
  size_t struct_size;
  double loss, grad_norm, lr, seconds;
  uint64_t step, evaluations, skipped, capped, clipped;
} step_info;

typedef struct {
  size_t struct_size;
  double ess, log_z, log_z_err, max_weight, ess_clipped, clipped_share;
  uint64_t n, n_nonfinite;
} weights;

enum { OK = 0, ERR_ARG = -1, ERR_OPTION = -4, ERR_VERSION = -6, ERR_IO = -21 };

const char *enf_strerror(int32_t status);
const char *enf_version(void);
int32_t enf_ctx_create(ctx **c, const allocator *alloc);
int32_t enf_ctx_configure(ctx *c, const opts *o);
const char *enf_ctx_errmsg(const ctx *c);
int32_t enf_ctx_stat(const ctx *c, const char *name, double *value);
void enf_ctx_destroy(ctx *c);
int32_t enf_opts_create(ctx *c, opts **o);
int32_t enf_opts_set(opts *o, const char *name, const char *value);
int32_t enf_opts_info(size_t index, opt_info *info);
void enf_opts_destroy(opts *o);
int32_t enf_create(ctx *c, flow **f, const opts *o);
int32_t enf_load(ctx *c, flow **f, const char *path);
int32_t enf_save(ctx *c, const flow *f, const char *path);
void enf_destroy(flow *f);
int32_t enf_log_prob(ctx *c, const flow *f, size_t n, const double *x, double *logp);
int32_t enf_sample(ctx *c, const flow *f, uint64_t seed, uint64_t first, size_t n, double *x,
                   double *logp);
int32_t enf_trainer_create(ctx *c, trainer **t, flow *f, const opts *o);
int32_t enf_train_step(ctx *c, trainer *t, size_t n, const double *x, step_info *info);
void enf_trainer_destroy(trainer *t);
int32_t enf_energy_builtin(ctx *c, energy **e, const char *spec);
int enf_energy_eval(void *e, size_t n, const double *x, double *u, double *grad);
void enf_energy_destroy(energy *e);
int32_t enf_simulate(ctx *c, energy_fn fn, void *user, const opts *o, size_t n, double *x,
                     sim_info *info);
int32_t enf_reweight(ctx *c, size_t n, const double *logp, const double *u, double *logw,
                     weights *out);

/* ---- the program ---------------------------------------------------------------------------- */

enum { B = 16, ND = 8, GUARD = 512, BYTE = 0x5a };

static ctx *c;
static int failures;

#define EXPECT(condition)                                                                          \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      printf("line %d: %s: %s\n", __LINE__, #condition, enf_ctx_errmsg(c));                        \
      failures++;                                                                                  \
    }                                                                                              \
  } while (0)

/* An old struct with room behind, for what a library might write too far. */
typedef union {
  size_t struct_size;
  opt_info opt;
  sim_info sim;
  step_info step;
  weights weights;
  unsigned char bytes[GUARD];
} guarded;

static guarded guarded_of(size_t size) {
  guarded g;
  memset(&g, BYTE, sizeof g);
  g.struct_size = size;
  return g;
}

/* The size is as it was, every word up to it has been written, none behind. */
static int is_filled_to(const guarded *g, size_t size) {
  const unsigned char untouched[8] = {BYTE, BYTE, BYTE, BYTE, BYTE, BYTE, BYTE, BYTE};
  if (g->struct_size != size)
    return 0;
  for (size_t at = sizeof(size_t); at < size; at += 8)
    if (memcmp(g->bytes + at, untouched, 8) == 0)
      return 0;
  for (size_t at = size; at < GUARD; at++)
    if (g->bytes[at] != BYTE)
      return 0;
  return 1;
}

static void walk_options(void) {
  guarded g = guarded_of(sizeof(opt_info)), small = guarded_of(sizeof(opt_info) - 1);
  EXPECT(enf_opts_info(0, &small.opt) == ERR_ARG);
  EXPECT(enf_opts_info(0, &g.opt) == OK && is_filled_to(&g, sizeof(opt_info)));
  EXPECT(strcmp(g.opt.name, "model.particles") == 0 && g.opt.lowest <= g.opt.highest);
}

static void simulate(energy *e, const opts *o, double *x) {
  guarded g = guarded_of(sizeof(sim_info)), small = guarded_of(sizeof(sim_info) - 1);
  EXPECT(enf_simulate(c, enf_energy_eval, e, o, B, x, &small.sim) == ERR_ARG);
  EXPECT(enf_simulate(c, enf_energy_eval, e, o, B, x, &g.sim) == OK);
  EXPECT(is_filled_to(&g, sizeof(sim_info)));
  EXPECT(g.sim.acceptance >= 0 && g.sim.acceptance <= 1 && g.sim.rungs == 2);
}

static void train(flow *f, const opts *o, const double *x) {
  guarded g = guarded_of(sizeof(step_info)), small = guarded_of(sizeof(step_info) - 1);
  trainer *t = NULL;
  EXPECT(enf_trainer_create(c, &t, f, o) == OK);
  EXPECT(enf_train_step(c, t, B, x, &small.step) == ERR_ARG);
  EXPECT(enf_train_step(c, t, B, x, &g.step) == OK && is_filled_to(&g, sizeof(step_info)));
  EXPECT(g.step.loss > 0 && g.step.step == 1 && g.step.skipped == 0);
  enf_trainer_destroy(t);
}

static void reweight(const flow *f, energy *e) {
  guarded g = guarded_of(sizeof(weights)), small = guarded_of(sizeof(weights) - 1);
  double x[B * ND], logp[B], again[B], u[B], failed = 1;
  EXPECT(enf_sample(c, f, 3, 0, B, x, logp) == OK);
  EXPECT(enf_log_prob(c, f, B, x, again) == OK && fabs(again[0] - logp[0]) < 0.1);
  EXPECT(enf_ctx_stat(c, "failed", &failed) == OK && failed == 0);
  EXPECT(enf_energy_eval(e, B, x, u, NULL) == 0);
  EXPECT(enf_reweight(c, B, logp, u, NULL, &small.weights) == ERR_ARG);
  EXPECT(enf_reweight(c, B, logp, u, NULL, &g.weights) == OK);
  EXPECT(is_filled_to(&g, sizeof(weights)));
  EXPECT(g.weights.ess > 0 && g.weights.ess <= 1 && g.weights.n == B);
}

static flow *save_and_load(flow *f) {
  char path[] = "/tmp/enf-old-client-XXXXXX";
  const int file = mkstemp(path);
  flow *loaded = NULL;
  EXPECT(file >= 0);
  close(file);
  EXPECT(enf_save(c, f, path) == OK && enf_load(c, &loaded, path) == OK);
  unlink(path);
  EXPECT(enf_load(c, &f, path) == ERR_IO);
  return loaded;
}

int main(void) {
  static const char *const options[][2] = {{"model.particles", "4"}, {"model.dimensions", "2"},
                                           {"model.hidden", "4"},    {"run.threads", "2"},
                                           {"sim.walkers", "4"},     {"sim.rungs", "2"},
                                           {"sim.burn_in", "50"},    {"train.lr", "1e-3"}};
  opts *o = NULL;
  energy *e = NULL;
  flow *f = NULL;
  double x[B * ND];
  EXPECT(enf_ctx_create(&c, NULL) == OK && enf_opts_create(c, &o) == OK);
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    EXPECT(enf_opts_set(o, options[i][0], options[i][1]) == OK);
  EXPECT(enf_opts_set(o, "model.particle", "4") == ERR_OPTION);
  EXPECT(enf_ctx_configure(c, o) == OK);
  EXPECT(enf_energy_builtin(c, &e, "dw4") == OK && enf_create(c, &f, o) == OK);
  walk_options();
  simulate(e, o, x);
  train(f, o, x);
  flow *loaded = save_and_load(f);
  reweight(loaded, e);
  enf_destroy(loaded);
  enf_destroy(f);
  enf_energy_destroy(e);
  enf_opts_destroy(o);
  enf_ctx_destroy(c);
  EXPECT(*enf_version() && *enf_strerror(ERR_VERSION));
  return failures != 0;
}
