/* test_oom.c -- every public call again with the k-th allocation failing, k = 1, 2, ... until it is
   never reached; once with all later allocations failing too, once with that one alone.

   A failed call says NOMEM with a sentence, gives no handle, changes no weight of the flow; the
   same call on the same objects then gives the bytes of an undisturbed one; and when everything is
   destroyed no block is left. Every scenario leaves behind what it met, so that a repeated one ends
   with as many live blocks as it began with; a hot one does not even allocate when repeated. All
   memory is taken on the calling thread, with two threads at work. */
#include "failing_alloc.h"
#include "suite.h"
#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum { N = 4, D = 2, ND = N * D, B = 3, MOST_OPTIONS = 6, MOST_WEIGHTS = 6000, OUT = 64 };

typedef struct {
  failing_alloc memory;
  enf_ctx *ctx;
  enf_opts *opts;
  enf_flow *flow;
  enf_trainer *trainer;
  enf_energy *energy;
  char said[512];  /* the sentence, where it is not the context's */
  double out[OUT]; /* what the call gave */
} world;

typedef struct {
  const char *name;
  enf_status (*act)(world *w);
  enum { COLD, HOT, BARE } kind; /* HOT allocates the first time only, BARE never */
  const char *options[MOST_OPTIONS][2];
} scenario;

static const double x[B * ND] = {2.1, 0.3, -1.9, 0.8, 0.2,  -2.4, -0.4, 1.3, 1.7, 1.1,  -2.2, 0.4,
                                 0.3, 2.2, 0.2,  -3,  -1.8, -1.6, 2.2,  0.1, 0.4, -1.5, -0.8, 3};
static const double times[B] = {0, 0.4, 1};
static const double some[B] = {-1, 2, 0.5};

/* ---- files ---------------------------------------------------------------------------------- */

static char directory[32];
static const char *const files[] = {
    "flow.safetensors",    "training.safetensors", "x.npy",          "x.xyz",
    "written.safetensors", "written.npy",          "written.extxyz", "trained.safetensors",
    "batch.xyz"};

static const char *at(const char *name, char path[128]) {
  snprintf(path, 128, "%s/%s", directory, name);
  return path;
}
#define AT(name) at(name, (char[128]){0})

/* ---- the calls ------------------------------------------------------------------------------ */

static enf_status ctx_create(world *w) {
  enf_ctx *ctx = w->ctx;
  const enf_alloc alloc = failing_alloc_of(&w->memory);
  enf_status status = enf_ctx_create(&ctx, &alloc);
  if (status == ENF_OK) {
    status = enf_ctx_configure(ctx, w->opts);
    snprintf(w->said, sizeof w->said, "%s", enf_ctx_errmsg(ctx));
    enf_ctx_destroy(ctx);
  } else {
    ck_assert_ptr_null(ctx);
    snprintf(w->said, sizeof w->said, "%s", enf_strerror(status));
  }
  return status;
}

/* One thread more than the context has, and back. */
static enf_status ctx_configure(world *w) {
  enf_status status = enf_opts_set_int(w->opts, "run.threads", 3);
  if (status == ENF_OK)
    status = enf_ctx_configure(w->ctx, w->opts);
  if (status != ENF_OK)
    return status;
  enf_opts_set_int(w->opts, "run.threads", 2);
  return enf_ctx_configure(w->ctx, w->opts);
}

static enf_status opts_set(world *w) {
  enf_opts *opts = w->opts;
  enf_status status = enf_opts_create(w->ctx, &opts);
  if (status != ENF_OK) {
    ck_assert_ptr_null(opts);
    return status;
  }
  status = enf_opts_set(opts, "model.species", "0 0 1 1");
  if (status == ENF_OK)
    status = enf_opts_set_real(opts, "model.data_scale", 2.5);
  if (status == ENF_OK)
    status = enf_opts_set(opts, "model.species", "0 1 2 3");
  snprintf(w->said, sizeof w->said, "%s", enf_opts_errmsg(opts));
  enf_opts_destroy(opts);
  return status;
}

static enf_status end_with_velocity(world *w, enf_flow *flow, enf_status status) {
  if (status != ENF_OK)
    ck_assert_ptr_null(flow);
  else
    status = enf_velocity(w->ctx, flow, B, times, x, w->out, w->out + B * ND);
  enf_destroy(flow);
  return status;
}

static enf_status create(world *w) {
  enf_flow *flow = w->flow;
  const enf_status status = enf_create(w->ctx, &flow, w->opts);
  return end_with_velocity(w, flow, status);
}

static enf_status load(world *w) {
  enf_flow *flow = w->flow;
  const enf_status status = enf_load(w->ctx, &flow, AT("flow.safetensors"));
  return end_with_velocity(w, flow, status);
}

static enf_status save(world *w) { return enf_save(w->ctx, w->flow, AT("written.safetensors")); }

static enf_status params(world *w) {
  const char *name;
  size_t rows, cols;
  enf_status status = enf_params_info(w->flow, 0, &name, &rows, &cols);
  if (status == ENF_OK && rows * cols <= OUT)
    status = enf_params_get(w->ctx, w->flow, name, w->out, rows * cols);
  if (status == ENF_OK)
    status = enf_params_set(w->ctx, w->flow, name, w->out, rows * cols);
  return status;
}

static enf_status velocity(world *w) {
  return enf_velocity(w->ctx, w->flow, B, times, x, w->out, w->out + B * ND);
}

static enf_status transport(world *w) {
  return enf_transport(w->ctx, w->flow, B, 0.2, 0.9, x, w->out, w->out + B * ND);
}

static enf_status log_prob(world *w) { return enf_log_prob(w->ctx, w->flow, B, x, w->out); }

static enf_status log_prob_grad(world *w) {
  return enf_log_prob_grad(w->ctx, w->flow, B, x, w->out, w->out + B);
}

static enf_status log_prob_estimate(world *w) {
  return enf_log_prob_estimate(w->ctx, w->flow, B, x, 7, w->out, w->out + B);
}

static enf_status sample(world *w) {
  return enf_sample(w->ctx, w->flow, 5, 11, B, w->out, w->out + B * ND);
}

static enf_status step(world *w) {
  enf_step_info info = ENF_STEP_INFO_INIT;
  enf_status status = enf_train_step(w->ctx, w->trainer, B, x, &info);
  if (status == ENF_OK)
    status = enf_params_get(w->ctx, w->flow, "egnn.embedding.bias", w->out, 4);
  w->out[OUT - 2] = info.loss;
  w->out[OUT - 1] = info.grad_norm;
  return status;
}

static enf_status step_weighted(world *w) {
  enf_step_info info = ENF_STEP_INFO_INIT;
  const enf_status status = enf_train_step_weighted(w->ctx, w->trainer, B, x, some, &info);
  w->out[0] = info.loss;
  w->out[1] = info.grad_norm;
  return status;
}

static enf_status trainer_create(world *w) {
  enf_trainer *trainer = w->trainer;
  const enf_status status = enf_trainer_create(w->ctx, &trainer, w->flow, w->opts);
  ck_assert((status == ENF_OK) == (trainer != NULL));
  enf_trainer_destroy(trainer);
  return status;
}

static enf_status trainer_save(world *w) {
  return enf_trainer_save(w->ctx, w->trainer, AT("trained.safetensors"));
}

static enf_status trainer_load(world *w) {
  enf_trainer *trainer = w->trainer;
  const enf_status status = enf_trainer_load(w->ctx, &trainer, w->flow, AT("training.safetensors"));
  ck_assert((status == ENF_OK) == (trainer != NULL));
  int64_t steps = 0;
  enf_trainer_get_int(trainer, "step", &steps);
  w->out[0] = (double)steps;
  enf_trainer_destroy(trainer);
  return status;
}

static enf_status energy_builtin(world *w) {
  enf_energy *energy = w->energy;
  const enf_status status = enf_energy_builtin(w->ctx, &energy, "lj:n=5,eps=2");
  ck_assert((status == ENF_OK) == (energy != NULL));
  enf_energy_destroy(energy);
  return status;
}

/* A host's energy: not one that the library knows. */
static int springs(void *user, size_t n, const double *at, double *u, double *grad) {
  (void)user;
  for (size_t i = 0; i < n; i++) {
    u[i] = 0;
    for (size_t k = i * ND; k < (i + 1) * ND; k++) {
      u[i] += at[k] * at[k] / 2;
      if (grad)
        grad[k] = at[k];
    }
  }
  return 0;
}

static enf_status simulate(world *w) {
  return enf_simulate(w->ctx, enf_energy_eval, w->energy, w->opts, B, w->out, NULL);
}

static enf_status simulate_host(world *w) {
  return enf_simulate(w->ctx, springs, NULL, w->opts, B, w->out, NULL);
}

static enf_status reweight(world *w) {
  enf_weights weights = ENF_WEIGHTS_INIT;
  const enf_status status = enf_reweight(w->ctx, B, some, times, w->out, &weights);
  w->out[B] = weights.log_z_err;
  return status;
}

static enf_status smooth(world *w) {
  return enf_weights_smooth(w->ctx, B, some, w->out, w->out + B);
}

static enf_status prior(world *w) {
  const enf_status status = enf_prior_sample(w->ctx, w->flow, 5, 11, B, w->out);
  return status == ENF_OK ? enf_prior_log_prob(w->ctx, w->flow, B, w->out, w->out + B * ND)
                          : status;
}

static enf_status wasserstein(world *w) {
  return enf_wasserstein(w->ctx, B, some, NULL, ND, x, NULL, w->out);
}

static enf_status path_lengths(world *w) {
  return enf_path_lengths(w->ctx, w->flow, 5, 11, B, w->out, w->out + B);
}

/* ---- molecules: x is two of four atoms ------------------------------------------------------- */

static enf_status jump(world *w) {
  uint64_t counter = 0;
  double walkers[B * ND], u[B] = {NAN, NAN, NAN}, logq[B] = {NAN, NAN, NAN};
  memcpy(walkers, x, sizeof walkers);
  const enf_status status = enf_jump(w->ctx, w->flow, enf_energy_eval, w->energy, 3, &counter, 2, B,
                                     walkers, u, logq, NULL);
  memcpy(w->out, walkers, sizeof walkers);
  return status;
}

static enf_status anneal(world *w) {
  enf_anneal_plan plan = ENF_ANNEAL_PLAN_INIT;
  enf_annealing state = ENF_ANNEALING_INIT;
  double walkers[B * ND], u[B], logq[B], logw[B];
  uint64_t family[B];
  plan.moves = 1;
  plan.leapfrog = 2;
  const enf_status status = enf_anneal(w->ctx, w->flow, enf_energy_eval, w->energy, &plan, 2, &state,
                                       B, walkers, u, logq, logw, family);
  if (status == ENF_OK)
    memcpy(w->out, walkers, sizeof walkers);
  return status;
}

static enf_status zmatrix_from_bonds(world *w) {
  static const size_t bonds[3][2] = {{0, 1}, {1, 2}, {2, 3}};
  char text[96];
  return enf_zmatrix_from_bonds(w->ctx, 4, NULL, 3, bonds, 2, x, 0, NULL, sizeof text, text);
}

static enf_status prior_fit(world *w) { return enf_prior_fit(w->ctx, w->flow, 2, x); }

static enf_status frames_compare(world *w) {
  enf_frames found = ENF_FRAMES_INIT;
  const enf_status status = enf_frames_compare(w->ctx, w->flow, 2, x, NULL, &found);
  w->out[0] = found.scale;
  return status;
}

static enf_status internal(world *w) { return enf_internal(w->ctx, w->flow, 2, x, w->out, NULL); }

static enf_status molecule_log_prob_grad(world *w) {
  return enf_log_prob_grad(w->ctx, w->flow, 2, x, w->out, w->out + 2);
}

static enf_status molecule_sample(world *w) {
  return enf_sample(w->ctx, w->flow, 5, 11, 2, w->out, w->out + 24);
}

static enf_status create_and_score(world *w) {
  enf_flow *flow = w->flow;
  enf_status status = enf_create(w->ctx, &flow, w->opts);
  if (status == ENF_OK)
    status = enf_log_prob(w->ctx, flow, 2, x, w->out);
  enf_destroy(flow);
  return status;
}

static enf_status data_scale(world *w) {
  return enf_data_scale(w->ctx, w->flow, B, x, w->out, NULL);
}

static enf_status histogram(world *w) {
  return enf_histogram(w->ctx, B, some, times, -2, 2, 5, w->out);
}

static enf_status read_array(world *w, const char *path) {
  enf_array *array = (enf_array *)w;
  const enf_status status = enf_array_read(w->ctx, &array, path);
  ck_assert((status == ENF_OK) == (array != NULL));
  if (status == ENF_OK)
    memcpy(w->out, enf_array_data(array), B * ND * sizeof(double));
  enf_array_destroy(array);
  return status;
}
static enf_status read_npy(world *w) { return read_array(w, AT("x.npy")); }
static enf_status read_xyz(world *w) { return read_array(w, AT("x.xyz")); }

static enf_status write_array(world *w, const char *path) {
  return enf_array_write(w->ctx, path, NULL, 3, (size_t[]){B, N, D}, NULL, x);
}
static enf_status write_npy(world *w) { return write_array(w, AT("written.npy")); }
static enf_status write_xyz(world *w) { return write_array(w, AT("written.extxyz")); }

static enf_status batch(world *w) {
  const int32_t kinds[N] = {8, 1, 1, 6};
  enf_batch *made = NULL, *back = NULL;
  enf_status status = enf_batch_create(w->ctx, &made, D);
  for (size_t i = 0; i < B && status == ENF_OK; i++)
    status = enf_batch_append(w->ctx, made, N, kinds, 0, NULL, x + i * ND);
  if (status == ENF_OK)
    status = enf_batch_write(w->ctx, made, NULL, AT("batch.xyz"));
  if (status == ENF_OK)
    status = enf_batch_read(w->ctx, &back, NULL, AT("batch.xyz"));
  enf_batch_destroy(back);
  enf_batch_destroy(made);
  return status;
}

#define MOLECULE                                                                                   \
  {"model.space", "molecule"}, {"model.zmatrix", "0 1 2; 3 2 1 0 t"}, {"model.dimensions", "3"}, { \
    "train.objective", "likelihood"                                                                \
  }

static const scenario scenarios[] = {
    {"ctx_create", ctx_create, COLD, {{0}}},
    {"ctx_configure", ctx_configure, COLD, {{0}}},
    {"opts_set", opts_set, COLD, {{0}}},
    {"create", create, COLD, {{0}}},
    {"create, species", create, COLD, {{"model.species", "0 1 1 0"}}},
    {"create, pair kernel", create, COLD, {{"model.field", "pair-kernel"}}},
    {"create, hand",
     create,
     COLD,
     {{"model.reflections", "off"}, {"model.particles", "2"}, {"model.dimensions", "3"}}},
    {"load", load, COLD, {{0}}},
    {"save", save, COLD, {{0}}},
    {"params", params, BARE, {{0}}},
    {"velocity", velocity, HOT, {{0}}},
    {"velocity, pair kernel", velocity, HOT, {{"model.field", "pair-kernel"}}},
    {"velocity, float64", velocity, HOT, {{"run.precision", "float64"}}},
#ifdef ENF__WITH_BLAS
    {"velocity, products of CBLAS", velocity, HOT, {{"run.kernel", "blas"}}},
#endif
    {"transport", transport, HOT, {{0}}},
    {"transport, rk4", transport, HOT, {{"ode.method", "rk4"}}},
    {"log_prob", log_prob, HOT, {{0}}},
    {"log_prob, coupled", log_prob, HOT, {{"logdet.method", "coupled"}}},
    {"log_prob, hutchinson", log_prob, HOT, {{"logdet.method", "hutchinson"}}},
    {"log_prob_grad", log_prob_grad, HOT, {{0}}},
    {"log_prob_estimate", log_prob_estimate, HOT, {{"logdet.probes", "2"}}},
    {"sample", sample, HOT, {{0}}},
    {"jump", jump, HOT, {{0}}},
    {"anneal", anneal, HOT, {{0}}},
    {"path_lengths", path_lengths, HOT, {{0}}},
    {"data_scale", data_scale, COLD, {{0}}},
    {"trainer_create", trainer_create, COLD, {{0}}},
    {"trainer_save", trainer_save, COLD, {{0}}},
    {"trainer_load", trainer_load, COLD, {{0}}},
    {"step_weighted", step_weighted, HOT, {{0}}},
    {"step_weighted, hand",
     step_weighted,
     HOT,
     {{"train.objective", "likelihood"},
      {"model.reflections", "off"},
      {"model.particles", "2"},
      {"model.dimensions", "3"}}},
    {"step_weighted, likelihood", step_weighted, HOT, {{"train.objective", "likelihood"}}},
    {"step, as they come", step, HOT, {{"train.coupling", "independent"}}},
    {"step, ot", step, HOT, {{"train.coupling", "ot"}}},
    {"step, equivariant ot", step, HOT, {{"train.coupling", "equivariant-ot"}}},
    {"step, likelihood", step, HOT, {{"train.objective", "likelihood"}}},
    {"step, energy matching",
     step,
     HOT,
     {{"train.objective", "energy-matching"}, {"train.pool", "6"}, {"train.pool_steps", "1"}}},
    {"step, likelihood, exact",
     step,
     HOT,
     {{"train.objective", "likelihood"}, {"train.trace", "exact"}}},
    {"step, likelihood, continuous",
     step,
     HOT,
     {{"train.objective", "likelihood"}, {"train.adjoint", "continuous"}}},
    {"step, energy", step, HOT, {{"train.objective", "energy"}}},
    {"step, mixed", step, HOT, {{"train.objective", "mixed"}}},
    {"step, path gradient", step, HOT, {{"train.objective", "path-gradient"}}},
    {"step, refine", step, HOT, {{"train.objective", "refine"}}},
    {"zmatrix_from_bonds", zmatrix_from_bonds, COLD, {{0}}},
    {"molecule, create", create_and_score, COLD, {MOLECULE}},
    {"molecule, create from bonds",
     create_and_score,
     COLD,
     {MOLECULE, {"model.zmatrix", ""}, {"model.bonds", "0-1 1-2 2-3"}}},
    {"molecule, prior_fit", prior_fit, COLD, {MOLECULE}},
    {"molecule, frames_compare", frames_compare, COLD, {MOLECULE}},
    {"molecule, internal", internal, HOT, {MOLECULE}},
    {"molecule, log_prob_grad", molecule_log_prob_grad, HOT, {MOLECULE}},
    {"molecule, sample", molecule_sample, HOT, {MOLECULE}},
    {"coupling, create", create_and_score, COLD, {{"model.map", "coupling*2"}}},
    {"coupling, log_prob", log_prob, HOT, {{"model.map", "coupling"}, {"logdet.probes", "2"}}},
    {"coupling, sample", sample, HOT, {{"model.map", "coupling"}}},
    {"coupling, step", step_weighted, HOT, {{"model.map", "coupling"}, {"train.objective", "mixed"}}},
    {"energy_builtin", energy_builtin, COLD, {{0}}},
    {"simulate", simulate, COLD, {{0}}},
    {"simulate, an energy of the host", simulate_host, COLD, {{0}}},
    {"reweight", reweight, HOT, {{0}}},
    {"weights_smooth", smooth, HOT, {{0}}},
    {"prior draws", prior, HOT, {{0}}},
    {"wasserstein", wasserstein, HOT, {{0}}},
    {"histogram", histogram, BARE, {{0}}},
    {"read .npy", read_npy, COLD, {{0}}},
    {"read .xyz", read_xyz, COLD, {{0}}},
    {"batch", batch, COLD, {{0}}},
    {"write .npy", write_npy, COLD, {{0}}},
    {"write .extxyz", write_xyz, COLD, {{0}}},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

/* ---- the world around a call ---------------------------------------------------------------- */

static void must(const world *w, enf_status status) {
  ck_assert_msg(status == ENF_OK, "%d: %s", status, enf_ctx_errmsg(w->ctx));
}

static void begin(world *w, const scenario *s) {
  static const char *const common[][2] = {
      {"model.particles", "4"}, {"model.dimensions", "2"}, {"model.hidden", "4"},
      {"model.layers", "1"},    {"model.kernels", "3"},    {"model.kernel_times", "2"},
      {"run.threads", "2"},     {"sim.walkers", "2"},      {"sim.rungs", "2"},
      {"sim.burn_in", "8"},     {"sim.stride", "1"},       {"sim.leapfrog", "2"},
      {"train.lr", "1e-3"}};
  int64_t dimensions = 0;
  *w = (world){.ctx = NULL};
  const enf_alloc alloc = failing_alloc_of(&w->memory);
  must(w, enf_ctx_create(&w->ctx, &alloc));
  must(w, enf_opts_create(w->ctx, &w->opts));
  for (size_t i = 0; i < sizeof common / sizeof *common; i++)
    must(w, enf_opts_set(w->opts, common[i][0], common[i][1]));
  for (size_t i = 0; i < MOST_OPTIONS && s->options[i][0]; i++)
    must(w, enf_opts_set(w->opts, s->options[i][0], s->options[i][1]));
  must(w, enf_ctx_configure(w->ctx, w->opts));
  must(w, enf_create(w->ctx, &w->flow, w->opts));
  must(w, enf_energy_builtin(w->ctx, &w->energy, "dw4"));
  must(w, enf_trainer_create(w->ctx, &w->trainer, w->flow, w->opts));
  enf_get_int(w->flow, "dimensions", &dimensions);
  if (dimensions == D)
    must(w, enf_trainer_set_energy(w->trainer, enf_energy_eval, w->energy));
  else
    must(w, prior_fit(w));
}

static void end(world *w) {
  enf_trainer_destroy(w->trainer);
  enf_destroy(w->flow);
  enf_energy_destroy(w->energy);
  enf_opts_destroy(w->opts);
  enf_ctx_destroy(w->ctx);
}

static size_t weights_of(const world *w, double weights[MOST_WEIGHTS]) {
  const char *name;
  size_t count = 0, rows, cols;
  for (size_t i = 0; enf_params_info(w->flow, i, &name, &rows, &cols) == ENF_OK; i++) {
    ck_assert_uint_le(count + rows * cols, MOST_WEIGHTS);
    must(w, enf_params_get(w->ctx, w->flow, name, weights + count, rows * cols));
    count += rows * cols;
  }
  return count;
}

static void setup(void) {
  world w;
  strcpy(directory, "/tmp/enf-oom-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(directory));
  begin(&w, &scenarios[0]);
  must(&w, write_array(&w, AT("x.npy")));
  must(&w, write_array(&w, AT("x.xyz")));
  for (int i = 0; i < 2; i++)
    must(&w, enf_train_step(w.ctx, w.trainer, B, x, NULL));
  must(&w, enf_save(w.ctx, w.flow, AT("flow.safetensors")));
  must(&w, enf_trainer_save(w.ctx, w.trainer, AT("training.safetensors")));
  end(&w);
}

static void teardown(void) {
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    unlink(AT(files[i]));
  ck_assert_msg(rmdir(directory) == 0, "a temporary file is left in %s", directory);
}

/* ---- the laws ------------------------------------------------------------------------------- */

/* The call with allocation number k failing; false if it has not that many. */
static bool fails_cleanly(const scenario *s, size_t k, bool once, const double *undisturbed) {
  world w;
  double before[MOST_WEIGHTS], after[MOST_WEIGHTS];
  begin(&w, s);
  const size_t weights = weights_of(&w, before);
  w.memory.once = once;
  w.memory.fail_at = w.memory.calls + k;
  const enf_status status = s->act(&w);
  const bool reached = w.memory.calls >= w.memory.fail_at;
  w.memory.fail_at = 0;
  if (reached) {
    const char *said = *w.said ? w.said : enf_ctx_errmsg(w.ctx);
    ck_assert_msg(status == ENF_ERR_NOMEM, "%s, allocation %zu: status %d, %s", s->name, k, status,
                  said);
    ck_assert_msg(strstr(said, "memory"), "%s, allocation %zu: \"%s\"", s->name, k, said);
    weights_of(&w, after);
    ck_assert_msg(!memcmp(before, after, weights * sizeof *before),
                  "%s, allocation %zu: the weights have changed", s->name, k);
    memset(w.out, 0, sizeof w.out);
    must(&w, s->act(&w));
    ck_assert_msg(!memcmp(w.out, undisturbed, sizeof w.out),
                  "%s, allocation %zu: not the same afterwards", s->name, k);
  } else {
    must(&w, status);
  }
  end(&w);
  ck_assert_msg(w.memory.live == 0, "%s, allocation %zu: %zu blocks left", s->name, k,
                w.memory.live);
  ck_assert_msg(!w.memory.foreign, "%s: another thread took memory", s->name);
  return reached;
}

START_TEST(a_call_without_memory_fails_cleanly_and_works_afterwards) {
  const scenario *s = &scenarios[_i];
  world w;
  begin(&w, s);
  must(&w, s->act(&w));
  end(&w);
  size_t failures = 0;
  for (int once = 0; once < 2; once++)
    for (size_t k = 1; fails_cleanly(s, k, once, w.out); k++)
      failures++;
  ck_assert_msg((failures == 0) == (s->kind == BARE), "%s: %zu failures", s->name, failures);
}
END_TEST

START_TEST(a_repeated_call_keeps_no_memory) {
  const scenario *s = &scenarios[_i];
  world w;
  begin(&w, s);
  must(&w, s->act(&w));
  const size_t live = w.memory.live, calls = w.memory.calls;
  must(&w, s->act(&w));
  ck_assert_msg(w.memory.live == live, "%s: %zu blocks, then %zu", s->name, live, w.memory.live);
  ck_assert_msg(s->kind == COLD || w.memory.calls == calls, "%s: %zu allocations when repeated",
                s->name, w.memory.calls - calls);
  end(&w);
}
END_TEST

int main(void) {
  TCase *tcase = tcase_create("scenarios");
  tcase_add_unchecked_fixture(tcase, setup, teardown);
  tcase_add_loop_test(tcase, a_call_without_memory_fails_cleanly_and_works_afterwards, 0,
                      SCENARIOS);
  tcase_add_loop_test(tcase, a_repeated_call_keeps_no_memory, 0, SCENARIOS);
  return run_suite("out of memory", tcase);
}
