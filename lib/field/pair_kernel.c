/* pair_kernel.c -- the pair-kernel field as an object: its views of the parameters, initial
   weights, packing, and the choice of the precision. The mathematics is in pair_kernel.h and
   pair_kernel/work.h.

   The flow starts near the identity (small weights), with the centers evenly over distances
   0 ... model.kernel_range and over times 0 ... 1. */
#include "field/pair_kernel.h"

#include <math.h>
#include <string.h>

/* Initial widths: of distance in units of the centers' spacing, of time absolute. */
static const double DISTANCE_WIDTH = 1.5, TIME_WIDTH = 0.3, INITIAL_WEIGHT = 1e-3;
/* Where the padding's centers are: its functions are exactly zero. */
static const double FAR_AWAY = 1e15;

/* ---- the object ------------------------------------------------------------------------------ */

static size_t take(size_t *next, size_t count) {
  const size_t at = *next;
  *next += count;
  return at;
}

static void choose_shapes(enf__pair_kernel *f, const enf__model *model) {
  const size_t species = model->species_count ? model->species_count : 1;
  size_t next = 0;
  f->species_pairs = species * (species + 1) / 2;
  f->K = model->kernels;
  f->times = model->kernel_times;
  f->Kp = ENF__PADDED(f->K + 1);
  f->Tp = ENF__PADDED(f->times);
  f->columns = f->species_pairs * f->Kp;
  f->weight = take(&next, f->Tp * f->columns);
  f->center = take(&next, f->Kp);
  f->sharp = take(&next, f->Kp);
  f->t_center = take(&next, f->Tp);
  f->t_sharp = take(&next, f->Tp);
  f->grad_count = next;
  f->reverse = take(&next, f->Tp * f->columns);
  f->packed_count = next;
}

/* A column of n numbers that begin evenly from first to last. */
static enf__tensor column(size_t n, double first, double last) {
  return (enf__tensor){.rows = n, .cols = 1, .first = first, .last = last};
}

static void add_tensors(enf__pair_kernel *f, enf__params *params) {
  const double range = f->base.model.kernel_range, gaps = f->K > 1 ? (double)(f->K - 1) : 1;
  const double width = log(DISTANCE_WIDTH * range / gaps), t_width = log(TIME_WIDTH);
  const enf__tensor weight = {.rows = f->K, .cols = f->times, .spread = INITIAL_WEIGHT};
  const enf__tensor bias = {.rows = f->times, .cols = 1, .spread = INITIAL_WEIGHT};
  size_t *at = f->param;
  at[ENF__DISTANCE_CENTERS] =
      enf__params_add(params, column(f->K, 0, range), "pair_kernel.distance.centers");
  at[ENF__DISTANCE_LOG_WIDTHS] =
      enf__params_add(params, column(f->K, width, width), "pair_kernel.distance.log_widths");
  at[ENF__TIME_CENTERS] =
      enf__params_add(params, column(f->times, 0, 1), "pair_kernel.time.centers");
  at[ENF__TIME_LOG_WIDTHS] =
      enf__params_add(params, column(f->times, t_width, t_width), "pair_kernel.time.log_widths");
  for (size_t p = 0; p < f->species_pairs; p++) {
    const size_t first = enf__params_add(params, weight, "pair_kernel.pair_%zu.weight", p);
    enf__params_add(params, bias, "pair_kernel.pair_%zu.bias", p);
    if (p == 0)
      at[ENF__PAIR_WEIGHTS] = first;
  }
}

static void destroy(enf__field *field) {
  enf__pair_kernel *f = (enf__pair_kernel *)field;
  const enf_alloc alloc = field->alloc;
  enf__free(&alloc, f->packed_f32);
  enf__free(&alloc, f->packed_f64);
  enf__free(&alloc, f);
}

static enf_status allocate(enf__field *field) {
  enf__pair_kernel *f = (enf__pair_kernel *)field;
  const enf_alloc *alloc = &f->base.alloc;
  f->packed_f32 = enf__alloc_array(alloc, f->packed_count, sizeof *f->packed_f32);
  f->packed_f64 = enf__alloc_array(alloc, f->packed_count, sizeof *f->packed_f64);
  return f->packed_f32 && f->packed_f64 ? ENF_OK : ENF_ERR_NOMEM;
}

static enf_status plan(enf_ctx *ctx, enf__field **field, const enf__model *model,
                       enf__params *params) {
  enf__pair_kernel *f = enf__alloc(&ctx->alloc, sizeof *f);
  *field = NULL;
  if (!f)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a pair kernel");
  *f = (enf__pair_kernel){
      .base = {.ops = &enf__pair_kernel_ops, .alloc = ctx->alloc, .model = *model}};
  choose_shapes(f, model);
  add_tensors(f, params);
  *field = &f->base;
  return ENF_OK;
}

/* ---- weights --------------------------------------------------------------------------------- */

static void set_packed(enf__pair_kernel *f, size_t at, double value) {
  f->packed_f64[at] = value;
  f->packed_f32[at] = (float)value;
}

/* Padded centers and inverse widths of `count` functions. */
static void pack_functions(enf__pair_kernel *f, size_t count, const double *centers,
                           const double *log_widths, size_t padded, size_t center, size_t sharp) {
  for (size_t k = 0; k < padded; k++) {
    set_packed(f, center + k, k < count ? centers[k] : FAR_AWAY);
    set_packed(f, sharp + k, k < count ? exp(-log_widths[k]) : 1);
  }
}

static void pack(enf__field *field, const double *params) {
  enf__pair_kernel *f = (enf__pair_kernel *)field;
  const size_t *at = f->param;
  memset(f->packed_f32, 0, f->packed_count * sizeof *f->packed_f32);
  memset(f->packed_f64, 0, f->packed_count * sizeof *f->packed_f64);
  pack_functions(f, f->K, params + at[ENF__DISTANCE_CENTERS], params + at[ENF__DISTANCE_LOG_WIDTHS],
                 f->Kp, f->center, f->sharp);
  pack_functions(f, f->times, params + at[ENF__TIME_CENTERS], params + at[ENF__TIME_LOG_WIDTHS],
                 f->Tp, f->t_center, f->t_sharp);
  const double *w = params + at[ENF__PAIR_WEIGHTS];
  for (size_t p = 0; p < f->species_pairs; p++)
    for (size_t k = 0; k <= f->K; k++) /* the bias follows its weights, as row K */
      for (size_t s = 0; s < f->times; s++, w++) {
        set_packed(f, f->weight + s * f->columns + p * f->Kp + k, *w);
        set_packed(f, f->reverse + (p * f->Kp + k) * f->Tp + s, *w);
      }
}

/* ---- work ------------------------------------------------------------------------------------ */

static double cost(const enf__field *field, const enf__shape *shape, enf__work work) {
  static const double factor[] = {
      [ENF__VELOCITY] = 20, [ENF__DIVERGENCE] = 30, [ENF__JVP] = 30,
      [ENF__VJP] = 80,      [ENF__VJP_TRACE] = 60,  [ENF__VJP_PROBE] = 60};
  const enf__pair_kernel *f = (const enf__pair_kernel *)field;
  const double edges = (double)enf__shape_edges(shape), columns = (double)f->columns;
  return factor[work] * edges / 2 * (double)f->Kp + (double)f->Tp * columns;
}

const enf__field_ops enf__pair_kernel_ops = {.space = ENF__PARTICLES,
                                             .plan = plan,
                                             .allocate = allocate,
                                             .destroy = destroy,
                                             .pack = pack,
                                             .cost = cost,
                                             .float32 = &enf__pair_kernel_passes_f32,
                                             .float64 = &enf__pair_kernel_passes_f64};
