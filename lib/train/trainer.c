/* trainer.c -- enf_trainer: the working weights and what belongs to them. Its steps are in step.c,
   its file in trainer_file.c. */
#include "core/random.h"
#include "energy/energy.h"
#include "flow/mixture.h"
#include "train/pool.h"
#include <math.h>
#include <string.h>

static const enf__objective *const objectives[] = {
    [ENF__OBJECTIVE_FLOW_MATCHING] = &enf__flow_matching,
    [ENF__OBJECTIVE_LIKELIHOOD] = &enf__likelihood,
    [ENF__OBJECTIVE_ENERGY] = &enf__energy_objective,
    [ENF__OBJECTIVE_MIXED] = &enf__mixed,
    [ENF__OBJECTIVE_PATH_GRADIENT] = &enf__path_gradient,
    [ENF__OBJECTIVE_REFINE] = &enf__refine,
    [ENF__OBJECTIVE_LEAST_SQUARES] = &enf__least_squares,
    [ENF__OBJECTIVE_ENERGY_MATCHING] = &enf__energy_matching};
ENF__ROW_FOR_EVERY(ENF__OBJECTIVES, objectives);

/* What they are of a mixture, and of a part beside one; NULL: nothing. */
static const enf__objective *const of_mixtures[ENF__OBJECTIVES] = {
    [ENF__OBJECTIVE_LIKELIHOOD] = &enf__mixture_likelihood,
    [ENF__OBJECTIVE_ENERGY] = &enf__mixture_energy};
static const enf__objective *const beside[ENF__OBJECTIVES] = {
    [ENF__OBJECTIVE_LIKELIHOOD] = &enf__boost_likelihood,
    [ENF__OBJECTIVE_ENERGY] = &enf__boost_energy};

static size_t number_of(const enf_opts *options) {
  return (size_t)enf__opts_int(options, ENF__OPT_TRAIN_OBJECTIVE);
}

const enf__objective *enf__trainer_objective(const enf_trainer *tr) {
  const size_t number = number_of(tr->options);
  return tr->flow->parts ? of_mixtures[number] : tr->mixture ? beside[number] : objectives[number];
}

/* ---- create and destroy -------------------------------------------------------------------- */

/* A velocity field learns straight paths. */
static bool matches(const enf_opts *opts) {
  const size_t number = number_of(opts);
  return number == ENF__OBJECTIVE_FLOW_MATCHING || number == ENF__OBJECTIVE_ENERGY_MATCHING;
}

/* Options that only go together with others. */
static enf_status check_options(enf_ctx *ctx, const enf_opts *opts) {
  static const enf__opt penalties[] = {ENF__OPT_TRAIN_KINETIC, ENF__OPT_TRAIN_FROBENIUS};
  char name[32];
  for (size_t i = 0; i < 2; i++)
    if (matches(opts) && enf__opts_real(opts, penalties[i]) > 0)
      return enf__fail(ctx, ENF_ERR_OPTION,
                       "%s is %g, but train.objective %s follows no paths: only "
                       "objectives on the density have it",
                       enf__opts_name(penalties[i]), enf__opts_real(opts, penalties[i]),
                       enf__opts_print(opts, ENF__OPT_TRAIN_OBJECTIVE, name));
  const double frobenius = enf__opts_real(opts, ENF__OPT_TRAIN_FROBENIUS);
  if (frobenius > 0 && enf__opts_int(opts, ENF__OPT_TRAIN_TRACE) != ENF__HUTCHINSON)
    return enf__fail(
        ctx, ENF_ERR_OPTION,
        "train.frobenius is %g, but train.trace exact has no probes to estimate it: set "
        "train.trace hutchinson",
        frobenius);
  return ENF_OK;
}

/* Of a mixture there are fewer. */
static enf_status check_mixture(enf_ctx *ctx, const enf_opts *opts, const enf_flow *flow) {
  char name[32];
  if (!flow->parts ||
      (of_mixtures[number_of(opts)] && enf__opts_real(opts, ENF__OPT_TRAIN_KINETIC) == 0))
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_OPTION,
                   "train.objective is %s and train.kinetic %g: a mixture is trained by likelihood "
                   "or energy, without penalties on paths",
                   enf__opts_print(opts, ENF__OPT_TRAIN_OBJECTIVE, name),
                   enf__opts_real(opts, ENF__OPT_TRAIN_KINETIC));
}

/* What enf__least_squares marches along. */
static enf_status check_linear(enf_ctx *ctx, const enf_opts *opts, const enf_flow *flow) {
  const enf__field *field = enf__chain_field(&flow->chain);
  if (enf__opts_int(opts, ENF__OPT_TRAIN_OBJECTIVE) != ENF__OBJECTIVE_LEAST_SQUARES)
    return ENF_OK;
  if (!field || !enf__field_closed(field))
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "train.objective least-squares is for fields that are linear in their weights: "
                     "class, drain and local");
  if (enf__field_model(field)->times < 2)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.times is 1: train.objective least-squares goes from knot to knot and "
                     "needs 2 or more");
  return ENF_OK;
}

/* Only configurations of particles are alike up to rotations and exchanges; elsewhere the default
   is ot, and is set, so that the trainer's file says it. */
static enf_status choose_coupling(enf_ctx *ctx, enf_opts *opts, const enf__space *space) {
  const char *name = enf__opts_name(ENF__OPT_TRAIN_COUPLING);
  if (space->ops == &enf__particles_ops || space->ops == &enf__featured_ops ||
      enf__opts_int(opts, ENF__OPT_TRAIN_COUPLING) != ENF__EQUIVARIANT_OT)
    return ENF_OK;
  if (enf__opts_isset(opts, ENF__OPT_TRAIN_COUPLING))
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "%s is equivariant-ot, but only in model.space particles there are "
                     "permutations and rotations: set ot or independent",
                     name);
  return enf_opts_set(opts, name, "ot");
}

/* Flow and energy matching are of one velocity field and nothing behind it. */
static enf_status check_maps(enf_ctx *ctx, const enf_opts *opts, const enf_flow *flow) {
  char name[32];
  if (!matches(opts) || enf__chain_field(&flow->chain))
    return ENF_OK;
  return enf__fail(
      ctx, ENF_ERR_OPTION,
      "train.objective %s needs a flow of one velocity field, and model.map "
      "is %.100s",
      enf__opts_print(opts, ENF__OPT_TRAIN_OBJECTIVE, name), enf__opts_text(flow->options, ENF__OPT_MODEL_MAP));
}

/* Likelihood, where the flow is more than a velocity field: flow matching is not for it. For a
   molecule batches are larger than flow matching's, and steps fewer. refine begins with a flow that
   is nearly right; its weights see what the flow makes too seldom. Functions of distance bear
   longer steps than networks. */
static enf_status set_defaults(enf_ctx *ctx, enf_opts *opts, const enf_flow *flow) {
  static const struct {
    enf__opt id;
    bool everywhere;
    const char *refine, *other;
  } rows[] = {
      {ENF__OPT_TRAIN_LAMBDA, true, "1", NULL},    {ENF__OPT_TRAIN_LAMBDA_END, true, "1", NULL},
      {ENF__OPT_TRAIN_BATCH, false, "512", "256"}, {ENF__OPT_TRAIN_STEPS, false, "600", "2000"},
      {ENF__OPT_TRAIN_LR, false, "1e-3", "2e-3"},  {ENF__OPT_TRAIN_CLIP, false, "20", "20"},
      {ENF__OPT_TRAIN_EMA, false, "0.99", "0.998"}};
  const bool molecule = flow->space.ops == &enf__molecule_ops;
  const bool pairwise = flow->chain.count == 1 && flow->space.ops == &enf__particles_ops &&
                        flow->chain.map[0]->ops == &enf__residual_ops;
  enf_status status = ENF_OK;
  if (!enf__chain_field(&flow->chain))
    status = enf__opts_default(ctx, opts, ENF__OPT_TRAIN_OBJECTIVE, "likelihood");
  const bool refine = number_of(opts) == ENF__OBJECTIVE_REFINE;
  for (size_t i = 0; i < sizeof rows / sizeof *rows && status == ENF_OK; i++) {
    const char *value = refine ? rows[i].refine : rows[i].other;
    if (value && (rows[i].everywhere || molecule))
      status = enf__opts_default(ctx, opts, rows[i].id, value);
  }
  if (status == ENF_OK && number_of(opts) == ENF__OBJECTIVE_ENERGY_MATCHING)
    status = enf__opts_default(ctx, opts, ENF__OPT_TRAIN_EMA, "0.99");
  if (status == ENF_OK && pairwise && !refine)
    status = enf__opts_default(ctx, opts, ENF__OPT_TRAIN_LR, "3e-2");
  if (status == ENF_OK && pairwise)
    status = enf__opts_default(ctx, opts, ENF__OPT_TRAIN_CLIP, "10");
  return status;
}

/* A field whose divergence is closed has no probes, and moves on a curved space: its defaults, and
   what it cannot. */
static enf_status settle_closed(enf_ctx *ctx, enf_opts *opts, const enf_flow *flow) {
  enf_status status = ENF_OK;
  const enf__field *field = enf__chain_field(&flow->chain);
  if (!field || !enf__field_closed(field))
    return ENF_OK;
  TRY(enf__opts_default(ctx, opts, ENF__OPT_TRAIN_OBJECTIVE,
                        enf__field_model(field)->times > 1 ? "least-squares" : "energy"));
  if (enf__opts_int(opts, ENF__OPT_TRAIN_OBJECTIVE) == ENF__OBJECTIVE_LEAST_SQUARES) {
    TRY(enf__opts_default(ctx, opts, ENF__OPT_TRAIN_BATCH, "4096"));
    TRY(enf__opts_default(ctx, opts, ENF__OPT_TRAIN_STEPS, "1"));
  }
  TRY(enf__opts_default(ctx, opts, ENF__OPT_TRAIN_TRACE, "exact"));
  if (matches(opts))
    TRY(enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                  "train.objective flow-matching and energy-matching: there are no straight paths between matrices; "
                  "least-squares, energy, path-gradient, mixed and likelihood train such a "
                  "flow"));
  if (enf__opts_int(opts, ENF__OPT_TRAIN_TRACE) != ENF__EXACT)
    TRY(enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                  "train.trace hutchinson: this field has its divergence in closed form, and no "
                  "probes; set exact"));
out:
  return status;
}

/* auto: where other axes pay for every tensor. */
bool enf__trainer_uses_soap(const enf_opts *opts, const enf__params *params) {
  const int64_t kind = enf__opts_int(opts, ENF__OPT_TRAIN_OPTIMIZER);
  bool fits = true;
  for (size_t i = 0; i < params->count; i++)
    fits = fits && (params->tensor[i].turns || params->tensor[i].fixed);
  return kind == ENF__OPTIMIZER_AUTO ? fits : kind == ENF__SOAP;
}

enf_status enf__trainer_make(enf_ctx *ctx, enf_trainer **out, enf_flow *flow,
                             const enf_opts *opts) {
  enf_status status;
  enf_trainer *tr = enf__alloc(&ctx->alloc, sizeof *tr);
  if (!tr)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a trainer");
  *tr = (enf_trainer){.magic = ENF__MAGIC_TRAINER, .alloc = ctx->alloc, .flow = flow};
  TRY(enf__opts_copy(ctx, &tr->alloc, &tr->options, opts));
  TRY(settle_closed(ctx, tr->options, flow));
  TRY(set_defaults(ctx, tr->options, flow));
  TRY(check_options(ctx, tr->options));
  TRY(check_linear(ctx, tr->options, flow));
  TRY(choose_coupling(ctx, tr->options, &flow->space));
  TRY(check_maps(ctx, tr->options, flow));
  TRY(check_mixture(ctx, tr->options, flow));
  TRY(enf__flow_clone(ctx, &tr->work, flow));
  TRY(enf__optimiser_create(ctx, &tr->optimiser, &tr->work->params,
                            enf__trainer_uses_soap(tr->options, &tr->work->params)));
  *out = tr;
out:
  if (status != ENF_OK)
    enf_trainer_destroy(tr);
  return status;
}

enf_status enf_trainer_create(enf_ctx *ctx, enf_trainer **tr, enf_flow *flow,
                              const enf_opts *opts) {
  ENF__ENTRY;
  enf_status status;
  if (tr)
    *tr = NULL;
  TRY(enf__enter(ctx));
  if (!tr)
    return enf__fail(ctx, ENF_ERR_ARG, "tr is NULL: there is nowhere to put the trainer");
  TRY(enf__flow_check(ctx, flow));
  TRY(enf__opts_check(ctx, opts));
  TRY(enf__trainer_make(ctx, tr, flow, opts));
out:
  return status;
}

void enf_trainer_destroy(enf_trainer *tr) {
  ENF__ENTRY;
  if (!tr || tr->magic != ENF__MAGIC_TRAINER || tr->busy)
    return;
  const enf_alloc alloc = tr->alloc;
  enf__optimiser_free(&tr->optimiser);
  enf__pool_free(&alloc, &tr->pool);
  enf_destroy(tr->work);
  enf_opts_destroy(tr->options);
  tr->magic = 0;
  enf__free(&alloc, tr);
}

enf_status enf__trainer_check(enf_ctx *ctx, const enf_trainer *tr) {
  if (!tr || tr->magic != ENF__MAGIC_TRAINER)
    return enf__fail(ctx, ENF_ERR_ARG, "the trainer is %s", tr ? "not a trainer" : "NULL");
  if (tr->busy)
    return enf__fail(ctx, ENF_ERR_STATE, "a callback may not use the trainer whose step it is in");
  return ENF_OK;
}

/* ---- what it says about itself ------------------------------------------------------------- */

enf_status enf_trainer_get_int(const enf_trainer *tr, const char *name, int64_t *value) {
  ENF__ENTRY;
  const enf_status status = enf__trainer_check(NULL, tr);
  if (status != ENF_OK || !name || !value)
    return status != ENF_OK ? status : ENF_ERR_ARG;
  const struct {
    const char *name;
    int64_t value;
  } known[] = {{"step", (int64_t)tr->counters[ENF__STEP]},
               {"steps", enf__opts_int(tr->options, ENF__OPT_TRAIN_STEPS)},
               {"batch", enf__opts_int(tr->options, ENF__OPT_TRAIN_BATCH)},
               {"seed", (int64_t)enf__opts_seed(tr->options, ENF__OPT_TRAIN_SEED)},
               {"objective", enf__opts_int(tr->options, ENF__OPT_TRAIN_OBJECTIVE)},
               {"skipped", (int64_t)tr->counters[ENF__SKIPPED]},
               {"clipped", (int64_t)tr->counters[ENF__CLIPPED]}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(name, known[i].name) == 0) {
      *value = known[i].value;
      return ENF_OK;
    }
  return ENF_ERR_ARG;
}

enf_status enf_trainer_set_steps(enf_trainer *tr, uint64_t steps) {
  ENF__ENTRY;
  const enf_status status = enf__trainer_check(NULL, tr);
  if (status != ENF_OK)
    return status;
  const int64_t value = steps <= INT64_MAX ? (int64_t)steps : INT64_MAX;
  return enf_opts_set_int(tr->options, enf__opts_name(ENF__OPT_TRAIN_STEPS), value);
}

/* A built-in energy knows its shape; a host's own is believed. */
static enf_status check_builtin(const enf_trainer *tr, const enf_energy *energy) {
  int64_t N, D;
  enf_status status;
  TRY(enf_energy_get_int(energy, "particles", &N));
  TRY(enf_energy_get_int(energy, "dimensions", &D));
  const enf__shape *shape = &tr->flow->space.shape;
  if ((size_t)N != shape->particles || (size_t)D != shape->dimensions)
    return ENF_ERR_SHAPE;
  const enf__links links = enf__energy_links(energy);
  if (!enf__links_equal(&links, &tr->flow->space.links))
    return ENF_ERR_SHAPE;
out:
  return status;
}

enf_status enf_trainer_set_energy(enf_trainer *tr, enf_energy_fn fn, void *user) {
  ENF__ENTRY;
  enf_status status;
  TRY(enf__trainer_check(NULL, tr));
  if (fn == enf_energy_eval)
    TRY(check_builtin(tr, user));
  tr->energy = fn;
  tr->energy_user = user;
out:
  return status;
}

enf_status enf_trainer_set_mixture(enf_trainer *tr, const enf_flow *mix) {
  ENF__ENTRY;
  enf_status status;
  TRY(enf__trainer_check(NULL, tr));
  if (mix)
    TRY(enf__flow_check(NULL, mix));
  if (mix && (tr->flow->parts || !beside[number_of(tr->options)]))
    return ENF_ERR_UNSUPPORTED;
  if (mix && (mix->space.ops != tr->flow->space.ops ||
              enf__space_host(&mix->space) != enf__space_host(&tr->flow->space)))
    return ENF_ERR_SHAPE;
  tr->mixture = mix;
out:
  return status;
}

enf_status enf_trainer_rows(const enf_trainer *tr, size_t total, size_t n, size_t *rows) {
  ENF__ENTRY;
  const enf_status status = enf__trainer_check(NULL, tr);
  if (status != ENF_OK || total == 0 || (n > 0 && !rows))
    return status != ENF_OK ? status : ENF_ERR_ARG;
  const uint64_t seed = enf__opts_seed(tr->options, ENF__OPT_TRAIN_SEED);
  for (size_t i = 0; i < n; i++) {
    const uint64_t place = tr->counters[ENF__STEP] * n + i;
    rows[i] = (size_t)enf__random_permute(seed, ENF__STREAM_TRAIN_ROWS, place / total, total,
                                          place % total);
  }
  return ENF_OK;
}

void enf__trainer_publish(enf_trainer *tr) {
  enf__params *published = &tr->flow->params;
  memcpy(published->value, tr->optimiser.average, published->size * sizeof *published->value);
  enf__flow_pack(tr->flow);
}
