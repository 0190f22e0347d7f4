/* ragged.c -- enf_batch: configurations of any size, one after the other in flat arrays.

   Arrays grow by half of themselves. Everything comes from the allocator of the context that the
   batch was made with, which is copied, so it may outlive that context. */
#include "io/ragged.h"
#include <math.h>
#include <string.h>

static bool is_batch(const enf_batch *batch) { return batch && batch->magic == ENF__MAGIC_BATCH; }

enf_status enf__batch_is(enf_ctx *ctx, const enf_batch *batch) {
  if (is_batch(batch))
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_ARG, batch ? "batch is not a batch" : "batch is NULL");
}

/* ---- room ----------------------------------------------------------------------------------- */

/* An array of *most items of `size` bytes, `used` in use, gets room for `more` of them. */
static bool grow(const enf_alloc *alloc, void **array, size_t size, size_t used, size_t more,
                 size_t *most) {
  size_t wanted;
  if (__builtin_add_overflow(used, more, &wanted) || wanted > SIZE_MAX / 2)
    return false;
  if (wanted <= *most)
    return true;
  wanted = enf__larger(wanted, *most + *most / 2);
  void *grown = enf__alloc_array(alloc, wanted, size);
  if (!grown)
    return false;
  if (used > 0)
    memcpy(grown, *array, used * size);
  enf__free(alloc, *array);
  *array = grown;
  *most = wanted;
  return true;
}

enf_status enf__batch_room(enf_ctx *ctx, enf_batch *b, size_t count, size_t atoms,
                           size_t features) {
  const size_t row = b->D * sizeof(double);
  void *member = b->member, *kind = b->kind, *x = b->x, *feature = b->feature;
  void *context = b->context;
  size_t most_kinds = b->most_atoms;
  const bool room =
      grow(&b->alloc, &member, sizeof *b->member, b->count, count, &b->most) &&
      grow(&b->alloc, &kind, sizeof *b->kind, b->atoms, atoms, &most_kinds) &&
      grow(&b->alloc, &x, row, b->atoms, atoms, &b->most_atoms) &&
      grow(&b->alloc, &feature, sizeof(double), b->features, features, &b->most_features) &&
      grow(&b->alloc, &context, sizeof(double), b->count * b->G, count * b->G, &b->most_context);
  b->member = member;
  b->kind = kind;
  b->x = x;
  b->feature = feature;
  b->context = context;
  return room ? ENF_OK : enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu more particles", atoms);
}

void enf__batch_add(enf_batch *b, size_t N, bool kinds, size_t F) {
  for (size_t c = 0; c < b->G; c++)
    b->context[b->count * b->G + c] = NAN;
  b->member[b->count++] =
      (enf__member){.N = N, .F = F, .atom = b->atoms, .feature = b->features, .kinds = kinds};
  b->atoms += N;
  b->features += N * F;
}

void enf__batch_clear(enf_batch *b) { b->count = b->atoms = b->features = b->G = 0; }

enf_status enf__batch_context_open(enf_ctx *ctx, enf_batch *b, size_t G) {
  void *context = b->context;
  if (b->count > SIZE_MAX / sizeof(double) / G ||
      !grow(&b->alloc, &context, sizeof(double), 0, b->count * G, &b->most_context))
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for contexts of %zu numbers", G);
  b->context = context;
  b->G = G;
  for (size_t k = 0; k < b->count * G; k++)
    b->context[k] = NAN;
  return ENF_OK;
}

/* ---- making and ending ---------------------------------------------------------------------- */

enf_status enf_batch_create(enf_ctx *ctx, enf_batch **batch, size_t dimensions) {
  ENF__ENTRY;
  enf_status status;
  if (batch)
    *batch = NULL;
  TRY(enf__enter(ctx));
  if (!batch)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "batch is NULL: nowhere to put the batch"));
  if (dimensions != 2 && dimensions != 3)
    TRY(enf__fail(ctx, ENF_ERR_RANGE, "dimensions is %zu: particles have 2 or 3", dimensions));
  enf_batch *made = enf__alloc(&ctx->alloc, sizeof *made);
  if (!made)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a batch"));
  *made = (enf_batch){.magic = ENF__MAGIC_BATCH, .alloc = ctx->alloc, .D = dimensions};
  *batch = made;
out:
  return status;
}

void enf_batch_destroy(enf_batch *batch) {
  ENF__ENTRY;
  if (!is_batch(batch))
    return;
  const enf_alloc alloc = batch->alloc;
  batch->magic = 0;
  enf__free(&alloc, batch->member);
  enf__free(&alloc, batch->kind);
  enf__free(&alloc, batch->x);
  enf__free(&alloc, batch->feature);
  enf__free(&alloc, batch->context);
  enf__free(&alloc, batch);
}

/* ---- a configuration ------------------------------------------------------------------------ */

static enf_status check_numbers(enf_ctx *ctx, const char *name, size_t N, size_t width,
                                const double *value) {
  for (size_t i = 0; i < N * width; i++)
    if (!isfinite(value[i]))
      return enf__fail(ctx, ENF_ERR_NONFINITE, "%s of particle %zu of %zu is %g", name, i / width,
                       N, value[i]);
  return ENF_OK;
}

static bool is_lost(size_t count, const double *x) {
  size_t i = 0;
  while (i < count && isnan(x[i]))
    i++;
  return i == count;
}

static enf_status check_configuration(enf_ctx *ctx, const enf_batch *b, size_t N,
                                      const int32_t *kinds, size_t F, const double *features,
                                      const double *x) {
  enf_status status;
  TRY(enf__batch_is(ctx, b));
  if (N == 0)
    return enf__fail(ctx, ENF_ERR_SHAPE, "N is 0: a configuration has particles");
  if (!x || (F > 0 && !features))
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", x ? "features" : "x");
  if (N > SIZE_MAX / sizeof(double) / b->D || (F > 0 && N > SIZE_MAX / sizeof(double) / F))
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu more particles", N);
  for (size_t i = 0; kinds && i < N; i++)
    if (kinds[i] < 0)
      return enf__fail(ctx, ENF_ERR_RANGE, "the kind of particle %zu of %zu is %d", i, N, kinds[i]);
  if (!is_lost(N * b->D, x))
    TRY(check_numbers(ctx, "x", N, b->D, x));
  if (F > 0)
    TRY(check_numbers(ctx, "a feature", N, F, features));
out:
  return status;
}

enf_status enf_batch_append(enf_ctx *ctx, enf_batch *batch, size_t N, const int32_t *kinds,
                            size_t F, const double *features, const double *x) {
  ENF__ENTRY;
  enf_status status;
  TRY(enf__enter(ctx));
  TRY(check_configuration(ctx, batch, N, kinds, F, features, x));
  TRY(enf__batch_room(ctx, batch, 1, N, N * F));
  if (kinds)
    memcpy(batch->kind + batch->atoms, kinds, N * sizeof *kinds);
  if (F > 0)
    memcpy(batch->feature + batch->features, features, N * F * sizeof *features);
  memcpy(batch->x + batch->D * batch->atoms, x, N * batch->D * sizeof *x);
  enf__batch_add(batch, N, kinds != NULL, F);
out:
  return status;
}

size_t enf_batch_count(const enf_batch *batch) {
  ENF__ENTRY;
  return is_batch(batch) ? batch->count : 0;
}

size_t enf_batch_particles(const enf_batch *batch) {
  ENF__ENTRY;
  return is_batch(batch) ? batch->atoms : 0;
}

size_t enf_batch_dimensions(const enf_batch *batch) {
  ENF__ENTRY;
  return is_batch(batch) ? batch->D : 0;
}

enf_status enf_batch_get(const enf_batch *batch, size_t index, size_t *N, const int32_t **kinds,
                         size_t *F, const double **features, const double **x) {
  ENF__ENTRY;
  if (!is_batch(batch))
    return ENF_ERR_ARG;
  if (index >= batch->count)
    return ENF_ERR_RANGE;
  const enf__member *m = batch->member + index;
  if (N)
    *N = m->N;
  if (kinds)
    *kinds = enf__member_kind(batch, m);
  if (F)
    *F = m->F;
  if (features)
    *features = m->F ? batch->feature + m->feature : NULL;
  if (x)
    *x = enf__member_x(batch, m);
  return ENF_OK;
}

/* ---- contexts -------------------------------------------------------------------------------- */

static enf_status check_contexts(enf_ctx *ctx, const enf_batch *batch, size_t first, size_t n,
                                 size_t G, const double *values) {
  enf_status status;
  TRY(enf__batch_is(ctx, batch));
  if (!values)
    return enf__fail(ctx, ENF_ERR_ARG, "values is NULL");
  if (first > batch->count || n > batch->count - first)
    return enf__fail(ctx, ENF_ERR_RANGE, "configurations %zu to %zu: the batch has %zu", first,
                     first + n, batch->count);
  if (G == 0 || (batch->G > 0 && G != batch->G))
    return enf__fail(ctx, ENF_ERR_SHAPE,
                     G ? "a context of %zu numbers, the others of the batch have %zu"
                       : "a context of %zu numbers: it has 1 or more",
                     G, batch->G);
  for (size_t k = 0; k < n * G; k++)
    if (!isfinite(values[k]))
      return enf__fail(ctx, ENF_ERR_NONFINITE, "number %zu of the context of configuration %zu is %g",
                       k % G, first + k / G, values[k]);
out:
  return status;
}

static enf_status set_contexts(enf_ctx *ctx, enf_batch *batch, size_t first, size_t n, size_t G,
                               const double *values) {
  enf_status status = ENF_OK;
  if (batch->G == 0)
    TRY(enf__batch_context_open(ctx, batch, G));
  memcpy(batch->context + first * G, values, n * G * sizeof *values);
out:
  return status;
}

enf_status enf_batch_set_context(enf_ctx *ctx, enf_batch *batch, size_t first, size_t n, size_t G,
                                 const double *values) {
  ENF__ENTRY;
  enf_status status;
  TRY(enf__enter(ctx));
  TRY(check_contexts(ctx, batch, first, n, G, values));
  TRY(set_contexts(ctx, batch, first, n, G, values));
out:
  return status;
}

enf_status enf__batch_context_last(enf_ctx *ctx, enf_batch *batch, size_t G, const double *values) {
  const size_t last = batch->count - 1;
  const enf_status status = check_contexts(ctx, batch, last, 1, G, values);
  return status == ENF_OK ? set_contexts(ctx, batch, last, 1, G, values) : status;
}

enf_status enf_batch_context(const enf_batch *batch, size_t index, size_t *G,
                             const double **values) {
  ENF__ENTRY;
  if (!is_batch(batch))
    return ENF_ERR_ARG;
  if (index >= batch->count)
    return ENF_ERR_RANGE;
  const bool has = enf__member_has_context(batch, index);
  if (G)
    *G = has ? batch->G : 0;
  if (values)
    *values = has ? batch->context + index * batch->G : NULL;
  return ENF_OK;
}
