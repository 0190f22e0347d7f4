/* velocity.c -- enf_velocity: the field itself, in the host's units: v = s v'(t, x/s), and its
   divergence, which no unit changes. Samples with a bad t or x are left out of the group before
   the field sees it. */
#include "flow/batch.h"
#include "math/finite.h"
#include <math.h>
#include <string.h>

enum { MOST_SAMPLES = 256 };

typedef struct {
  const enf_flow *flow;
  const enf__field *field;
  const enf__run *run;
  size_t n, group, dim;
  const double *t, *x;
  double *v, *div;
  enf__tally *reports;
} call;

/* One task's samples; the good ones packed at the front, in order. */
typedef struct {
  size_t *row;
  double *t, *x, *v, *div;
} packed;

static void layout(const call *c, enf__arena *arena, packed *p) {
  const size_t state = c->group * c->dim;
  p->row = ENF__TAKE(arena, size_t, c->group);
  p->t = ENF__TAKE(arena, double, c->group);
  p->div = ENF__TAKE(arena, double, c->group);
  p->x = ENF__TAKE(arena, double, state);
  p->v = ENF__TAKE(arena, double, state);
}

/* Sample `row` into slot; a failure if it cannot be evaluated. */
static enf__failure load(const call *c, size_t row, packed *p, size_t slot) {
  const enf__space *space = &c->flow->space;
  double *x = p->x + slot * c->dim;
  p->row[slot] = row;
  p->t[slot] = c->t[row];
  if (!(c->t[row] >= 0 && c->t[row] <= 1))
    return (enf__failure){.status = ENF_ERR_RANGE, .what = "t", .t = c->t[row]};
  const enf__failure why = space->ops->enter(space, c->x + row * c->dim, x, NULL, NULL);
  if (why.status != ENF_OK || enf__all_finite(c->dim, x))
    return why;
  return (enf__failure){.status = ENF_ERR_NONFINITE, .what = "x", .t = c->t[row]};
}

/* Write sample `row` from slot, NaN if there is a failure; the result may be one itself. */
static enf__failure store(const call *c, size_t row, const packed *p, size_t slot,
                          enf__failure why) {
  const enf__space *space = &c->flow->space;
  const double *v = p->v + slot * c->dim;
  if (why.status == ENF_OK && !(enf__all_finite(c->dim, v) && (!c->div || isfinite(p->div[slot]))))
    why = (enf__failure){
        .status = ENF_ERR_NONFINITE, .what = "the velocity or its divergence", .t = c->t[row]};
  const bool good = why.status == ENF_OK;
  if (good && space->ops->to_host)
    space->ops->to_host(space, v, c->v + row * c->dim);
  else if (good)
    enf__space_to_host(space, c->dim, v, c->v + row * c->dim);
  else
    enf__fill_nan(c->dim, c->v + row * c->dim);
  if (c->div)
    c->div[row] = good ? p->div[slot] : NAN;
  return why;
}

static enf_status velocity_task(void *user, size_t task, enf__arena *arena) {
  const call *c = user;
  const size_t first = task * c->group, left = c->n - first;
  const size_t S = left < c->group ? left : c->group;
  enf__failure why[MOST_SAMPLES];
  enf__tally *report = c->reports + task;
  packed p;
  size_t good = 0;
  layout(c, arena, &p);
  for (size_t i = 0; i < S; i++) {
    why[i] = load(c, first + i, &p, good);
    good += why[i].status == ENF_OK;
  }
  const enf__points at = {&c->flow->space.shape, good, p.t, p.x};
  if (good && c->div)
    enf__field_divergence(c->field, c->run, arena, &at, p.v, p.div);
  else if (good)
    enf__field_velocity(c->field, c->run, arena, &at, p.v);
  for (size_t i = 0, slot = 0; i < S; i++) {
    const bool evaluated = why[i].status == ENF_OK;
    why[i] = store(c, first + i, &p, slot, why[i]);
    slot += evaluated;
    if (why[i].status != ENF_OK)
      enf__tally_failure(report, first + i, why[i]);
  }
  report->velocities = (double)good;
  report->divergences = c->div ? (double)good : 0;
  return ENF_OK;
}

enf_status enf_velocity(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *t,
                        const double *x, double *v, double *div) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  const enf__argument arrays[] = {{"t", t}, {"x", x}, {"v", v}};
  TRY(enf__batch_check(ctx, flow, n, 3, arrays));
  const enf__work work = div ? ENF__DIVERGENCE : ENF__VELOCITY;
  const enf__field *field = NULL;
  TRY(enf__flow_field(ctx, flow, "enf_velocity", &field));
  const enf__shape *shape = &flow->space.shape;
  const size_t chunk = enf__field_chunk(field, shape, work);
  call c = {.flow = flow,
            .field = field,
            .run = &ctx->run,
            .n = n,
            .group = chunk < MOST_SAMPLES ? chunk : MOST_SAMPLES,
            .dim = enf__space_state(&flow->space),
            .t = t,
            .x = x,
            .v = v,
            .div = div};
  enf__arena count = {0};
  packed p;
  layout(&c, &count, &p);
  TRY(enf__batch_run(ctx, n, c.group,
                     count.used + enf__field_workspace(field, &ctx->run, shape, work),
                     velocity_task, &c, &c.reports));
out:
  return status;
}
