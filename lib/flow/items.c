/* items.c -- which shapes the configurations of a batch have for a flow, and what it cannot take.

   A flow with features has the kinds as part of a sample. One without has them in the shape, by the
   numbers of model.species, and its weights serve any number of particles where nothing but a
   velocity field and a Gaussian of one width knows of them. */
#include "core/option_text.h"
#include "flow/groups.h"
#include <string.h>

typedef struct {
  enf_ctx *ctx;
  const enf_flow *flow;
  const enf_batch *batch;
  enf__batch_use use;
  int kind_of[ENF__SPECIES]; /* of numbers of model.species, -1: none */
} job;

/* Kinds by the numbers of model.species, or places in model.elements where they are given. */
static void read_species(job *j) {
  const char *text = enf__opts_text(j->flow->options, ENF__OPT_MODEL_SPECIES);
  const enf_flow *flow = j->flow;
  const enf__featured *f = &flow->space.featured;
  int number;
  for (int i = 0; i < ENF__SPECIES; i++)
    j->kind_of[i] = f->given && (size_t)i < f->elements ? i : -1;
  for (size_t i = 0; flow->space.shape.kind && i < flow->space.shape.particles; i++)
    if ((text = enf__species_next(text, &number)) != NULL)
      j->kind_of[number] = flow->space.shape.kind[i];
}

enf_status enf__size_check(enf_ctx *ctx, const enf_flow *flow, size_t N) {
  if (N == flow->space.shape.particles || enf__flow_is_open(flow))
    return ENF_OK;
  const int prior = (int)enf__opts_int(flow->options, ENF__OPT_MODEL_PRIOR);
  if (enf__chain_field(&flow->chain) && prior == ENF__GAUSSIAN_PRIOR && !flow->prior.ellipse.on)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                   "%zu particles: other numbers than model.particles %zu need a flow of one "
                   "velocity field and a Gaussian prior of one width",
                   N, flow->space.shape.particles);
}

void enf__flow_species(const enf_flow *flow, int32_t *kind) {
  const char *text = enf__opts_text(flow->options, ENF__OPT_MODEL_SPECIES);
  int number;
  while ((text = enf__species_next(text, &number)) != NULL)
    *kind++ = number;
}

static enf_status check_member(const job *j, size_t i, const enf__member *m) {
  const enf__shape *shape = &j->flow->space.shape;
  if (m->N < 2)
    return enf__fail(j->ctx, ENF_ERR_SHAPE,
                     "configuration %zu has a single particle: a flow needs 2 or more", i);
  const size_t G = shape->fixed, has = enf__member_has_context(j->batch, i) ? j->batch->G : 0;
  if (has != G)
    return enf__fail(j->ctx, ENF_ERR_SHAPE,
                     "configuration %zu has %zu numbers of context, model.context is %zu%s", i, has,
                     G, has ? "" : " (enf_batch_set_context)");
  if (m->F > 0 && j->use != ENF__BATCH_GIVEN && m->F != shape->features)
    return enf__fail(j->ctx, ENF_ERR_SHAPE,
                     "configuration %zu has %zu features of a particle, the flow %zu", i, m->F,
                     shape->features);
  return enf__size_check(j->ctx, j->flow, m->N);
}

/* With features: kinds are places in model.elements. */
static enf_status take_featured(const job *j, size_t i, const enf__member *m, enf__item *item) {
  const size_t elements = j->flow->space.featured.elements;
  const int32_t *kind = enf__member_kind(j->batch, m);
  item->way = m->F == 0;
  if (m->F > 0 || j->use == ENF__BATCH_GIVEN)
    return ENF_OK;
  if (!kind || j->use == ENF__BATCH_STATES)
    return enf__fail(j->ctx, ENF_ERR_SHAPE,
                     "configuration %zu has no features; the flow's particles have %zu", i,
                     j->flow->space.shape.features);
  for (size_t a = 0; a < m->N; a++)
    if ((size_t)kind[a] >= elements)
      return enf__fail(j->ctx, ENF_ERR_RANGE,
                       "configuration %zu: the kind of particle %zu is %d, model.elements has %zu",
                       i, a, kind[a], elements);
  return ENF_OK;
}

/* Without: kinds (N) are those of the shape, which go to `own`. */
static enf_status take_fixed(const job *j, size_t i, const enf__member *m, int *own,
                             enf__item *item) {
  const enf__space *space = &j->flow->space;
  const int32_t *kind = enf__member_kind(j->batch, m);
  if (!kind && (space->kinds == 0 || m->N == space->shape.particles))
    return ENF_OK;
  if (!kind || space->kinds == 0)
    return enf__fail(j->ctx, ENF_ERR_SHAPE,
                     kind ? "configuration %zu has kinds, the flow's particles are all alike"
                          : "configuration %zu has no kinds, the flow's particles have",
                     i);
  for (size_t a = 0; a < m->N; a++) {
    own[a] = kind[a] < ENF__SPECIES ? j->kind_of[kind[a]] : -1;
    if (own[a] < 0)
      return enf__fail(
          j->ctx, ENF_ERR_RANGE,
          "configuration %zu: the kind of particle %zu is %d, which model.%s does not have", i, a,
          kind[a], space->featured.given ? "elements" : "species");
  }
  item->kind = own;
  return ENF_OK;
}

static enf_status check_flow(const job *j) {
  const enf__space *space = &j->flow->space;
  if (j->flow->parts > 0 ||
      (space->ops != &enf__particles_ops && space->ops != &enf__featured_ops))
    return enf__fail(j->ctx, ENF_ERR_UNSUPPORTED,
                     "batches are for model.space particles, and not for mixtures");
  if (j->batch->D == space->shape.dimensions)
    return ENF_OK;
  return enf__fail(j->ctx, ENF_ERR_SHAPE, "the batch has %zu dimensions, the flow %zu", j->batch->D,
                   space->shape.dimensions);
}

enf_status enf__items_of(enf_ctx *ctx, const enf_flow *flow, const enf_batch *batch,
                         enf__batch_use use, enf__item **item, int **kinds) {
  enf_status status;
  job j = {.ctx = ctx, .flow = flow, .batch = batch, .use = use};
  const bool featured = enf__flow_has_features(flow);
  TRY(check_flow(&j));
  *item = enf__alloc_array(&ctx->alloc, batch->count + 1, sizeof **item);
  *kinds = enf__alloc_array(&ctx->alloc, featured ? 1 : batch->atoms + 1, sizeof **kinds);
  if (!*item || !*kinds)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a call on %zu samples", batch->count));
  read_species(&j);
  for (size_t i = 0; i < batch->count; i++) {
    const enf__member *m = batch->member + i;
    (*item)[i] = (enf__item){.N = m->N};
    TRY(check_member(&j, i, m));
    TRY(featured ? take_featured(&j, i, m, *item + i)
                 : take_fixed(&j, i, m, *kinds + m->atom, *item + i));
  }
out:
  return status;
}
