/* lattice.c -- observables of gauge fields and of matrices: plaquettes and charge, Wilson loops,
   Polyakov lines, gauge transformations, eigenangles.

   A path on the lattice is a product of links, U_mu(x) on the way from x to x+mu and its inverse on
   the way back; of U(1) the 1 x 1 matrices exp(i theta). A sample that is not in the group fails as
   in enf_log_prob, and its outputs are NaN. */
#include "flow/batch.h"
#include "math/eigenangles.h"
#include "math/finite.h"
#include "math/sun.h"
#include <enf/lattice.h>
#include <math.h>
#include <string.h>

static const double TURN = 6.28318530717958647692;
enum { LONGEST = 4096 /* side of a loop, which may wind around the lattice */ };

/* ---- what all of them do --------------------------------------------------------------------- */

/* One call: what it does to sample i, and which arrays it fills. */
typedef struct observation observation;
struct observation {
  const char *call;
  bool lattice; /* else of model.space group */
  const enf__links *links;
  const double *x;
  void (*measure)(const observation *o, const double *x, size_t row);
  enf__failure (*check)(const observation *o, size_t row); /* of further inputs; or NULL */
  struct {
    double *data; /* or NULL */
    size_t width;
  } out[3];
  const double *g;
  size_t a, b; /* sides of a loop; axis of a line */
};

static enf_status begin(enf_ctx *ctx, const enf_flow *flow, observation *o, size_t n,
                        const enf__argument second) {
  const enf__argument arrays[] = {{"x", o->x}, second, {"the output", o->out[0].data}};
  const enf_status status = enf__batch_check(ctx, flow, n, 3, arrays);
  if (status != ENF_OK)
    return status;
  o->links = &flow->space.links;
  if (!o->links->n || (o->links->side[0] > 0) != o->lattice)
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED, "%s needs a flow of model.space %s", o->call,
                     o->lattice ? "lattice" : "group");
  return ENF_OK;
}

static enf__failure observe_one(const enf_flow *flow, const observation *o, size_t row,
                                double *state) {
  const double *x = o->x + row * enf__space_host(&flow->space);
  enf__failure failure = flow->space.ops->enter(&flow->space, x, state, NULL, NULL);
  if (failure.status == ENF_OK && !enf__all_finite(enf__space_host(&flow->space), x))
    failure = (enf__failure){.status = ENF_ERR_NONFINITE, .what = "x"};
  if (failure.status == ENF_OK && o->check)
    failure = o->check(o, row);
  if (failure.status == ENF_OK)
    o->measure(o, state, row);
  else
    for (size_t k = 0; k < 3; k++)
      if (o->out[k].data)
        enf__fill_nan(o->out[k].width, o->out[k].data + row * o->out[k].width);
  return failure;
}

static enf_status observe(enf_ctx *ctx, const enf_flow *flow, const observation *o, size_t n) {
  enf_status status;
  enf__tally all = {0};
  const double start = enf__seconds();
  const size_t size = enf__space_state(&flow->space);
  TRY(enf__reserve(ctx, size * sizeof(double), 0));
  double *state = ENF__TAKE(&ctx->arena, double, size);
  all.ended = enf__ended_take(ctx, n);
  if (!all.ended && n > 0)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a call on %zu samples", n));
  for (size_t i = 0; i < n; i++) {
    const enf__failure failure = observe_one(flow, o, i, state);
    if (failure.status != ENF_OK)
      enf__tally_failure(&all, i, failure);
  }
  TRY(enf__batch_end(ctx, n, &all, enf__seconds() - start));
out:
  return status;
}

/* ---- paths ----------------------------------------------------------------------------------- */

typedef struct {
  const enf__links *links;
  const double *x;
  size_t site[2];               /* where it has got to */
  double way[ENF__SUN_DOUBLES]; /* the product so far */
} walker;

static size_t site_of(const enf__links *l, const size_t site[2]) {
  return site[0] * l->side[1] + site[1];
}

static walker walk_from(const enf__links *l, const double *x, size_t site) {
  walker w = {.links = l, .x = x, .site = {site / l->side[1], site % l->side[1]}};
  enf__sun_identity(l->n, w.way);
  return w;
}

static void step_along(walker *w, size_t axis, bool forward) {
  const enf__links *l = w->links;
  const size_t side = l->side[axis];
  double next[ENF__SUN_DOUBLES], circle[2];
  if (!forward)
    w->site[axis] = (w->site[axis] + side - 1) % side;
  const double *u =
      w->x + (axis * enf__links_sites(l) + site_of(l, w->site)) * enf__links_width(l);
  if (l->n == 1) {
    circle[0] = cos(*u);
    circle[1] = sin(*u);
    u = circle;
  }
  (forward ? enf__sun_product : enf__sun_product_adjoint)(l->n, w->way, u, next);
  memcpy(w->way, next, 2 * l->n * l->n * sizeof *next);
  if (forward)
    w->site[axis] = (w->site[axis] + 1) % side;
}

static void walk(walker *w, size_t axis, bool forward, size_t steps) {
  while (steps-- > 0)
    step_along(w, axis, forward);
}

/* tr/n of the loop of a links along axis 0 and b along axis 1. */
static void loop_trace(const enf__links *l, const double *x, size_t site, size_t a, size_t b,
                       double z[2]) {
  walker w = walk_from(l, x, site);
  walk(&w, 0, true, a);
  walk(&w, 1, true, b);
  walk(&w, 0, false, a);
  walk(&w, 1, false, b);
  enf__sun_trace(l->n, w.way, z);
  z[0] /= (double)l->n;
  z[1] /= (double)l->n;
}

/* ---- plaquettes ------------------------------------------------------------------------------ */

static void measure_plaquettes(const observation *o, const double *x, size_t row) {
  const size_t V = enf__links_sites(o->links);
  double sum = 0, turns = 0;
  for (size_t site = 0; site < V; site++) {
    double z[2];
    loop_trace(o->links, x, site, 1, 1, z);
    sum += z[0];
    turns += atan2(z[1], z[0]) / TURN;
    if (o->out[1].data)
      o->out[1].data[row * V + site] = z[0];
  }
  o->out[0].data[row] = sum / (double)V;
  if (o->out[2].data)
    o->out[2].data[row] = turns;
}

enf_status enf_lattice_plaquettes(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                                  double *mean, double *each, double *charge) {
  ENF__ENTRY;
  enf_status status;
  observation o = {.call = "enf_lattice_plaquettes",
                   .lattice = true,
                   .x = x,
                   .measure = measure_plaquettes,
                   .out = {{mean, 1}, {each, 0}, {charge, 1}}};
  TRY(enf__enter(ctx));
  TRY(begin(ctx, flow, &o, n, (enf__argument){"x", x}));
  if (charge && o.links->n > 1)
    TRY(enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                  "charge: fields of SU(%zu) in two dimensions have none", o.links->n));
  o.out[1].width = enf__links_sites(o.links);
  TRY(observe(ctx, flow, &o, n));
out:
  return status;
}

/* ---- loops and lines ------------------------------------------------------------------------- */

static void measure_loop(const observation *o, const double *x, size_t row) {
  const size_t V = enf__links_sites(o->links);
  double sum = 0, z[2];
  for (size_t site = 0; site < V; site++) {
    loop_trace(o->links, x, site, o->a, o->b, z);
    sum += z[0];
  }
  o->out[0].data[row] = sum / (double)V;
}

enf_status enf_lattice_loop(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x, size_t a,
                            size_t b, double *w) {
  ENF__ENTRY;
  enf_status status;
  observation o = {.call = "enf_lattice_loop",
                   .lattice = true,
                   .x = x,
                   .measure = measure_loop,
                   .out = {{w, 1}},
                   .a = a,
                   .b = b};
  TRY(enf__enter(ctx));
  TRY(begin(ctx, flow, &o, n, (enf__argument){"x", x}));
  if (a < 1 || b < 1 || a > LONGEST || b > LONGEST)
    TRY(enf__fail(ctx, ENF_ERR_RANGE, "a loop of %zu x %zu links: sides must be 1 to %d", a, b,
                  LONGEST));
  TRY(observe(ctx, flow, &o, n));
out:
  return status;
}

static void measure_line(const observation *o, const double *x, size_t row) {
  const enf__links *l = o->links;
  const size_t axis = o->a, starts = l->side[1 - axis];
  double sum[2] = {0, 0};
  for (size_t k = 0; k < starts; k++) {
    double z[2];
    walker w = walk_from(l, x, axis == 0 ? k : k * l->side[1]);
    walk(&w, axis, true, l->side[axis]);
    enf__sun_trace(l->n, w.way, z);
    sum[0] += z[0];
    sum[1] += z[1];
  }
  for (size_t part = 0; part < 2; part++)
    o->out[0].data[2 * row + part] = sum[part] / (double)(starts * l->n);
}

enf_status enf_lattice_line(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x, int axis,
                            double *line) {
  ENF__ENTRY;
  enf_status status;
  observation o = {.call = "enf_lattice_line",
                   .lattice = true,
                   .x = x,
                   .measure = measure_line,
                   .out = {{line, 2}},
                   .a = (size_t)axis};
  TRY(enf__enter(ctx));
  TRY(begin(ctx, flow, &o, n, (enf__argument){"x", x}));
  if (axis != 0 && axis != 1)
    TRY(enf__fail(ctx, ENF_ERR_RANGE, "axis is %d, must be 0 or 1", axis));
  TRY(observe(ctx, flow, &o, n));
out:
  return status;
}

/* ---- gauge transformations ------------------------------------------------------------------- */

static enf__failure check_sites(const observation *o, size_t row) {
  const size_t width = enf__links_width(o->links), V = enf__links_sites(o->links);
  const double *g = o->g + row * V * width;
  if (!enf__all_finite(V * width, g))
    return (enf__failure){.status = ENF_ERR_NONFINITE, .what = "g"};
  for (size_t site = 0; o->links->n > 1 && site < V; site++) {
    const double off = enf__sun_distance(o->links->n, g + site * width);
    if (off > ENF__LINKS_FARTHEST)
      return (enf__failure){
          .status = ENF_ERR_RANGE, .what = "g", .n = o->links->n, .place = site, .off = off};
  }
  return (enf__failure){.status = ENF_OK};
}

static void measure_transform(const observation *o, const double *x, size_t row) {
  const enf__links *l = o->links;
  const size_t width = enf__links_width(l), V = enf__links_sites(l);
  const double *g = o->g + row * V * width;
  double half[ENF__SUN_DOUBLES];
  for (size_t axis = 0; axis < 2; axis++)
    for (size_t site = 0; site < V; site++) {
      size_t next[2] = {site / l->side[1], site % l->side[1]};
      next[axis] = (next[axis] + 1) % l->side[axis];
      const double *u = x + (axis * V + site) * width, *end = g + site_of(l, next) * width;
      double *y = o->out[0].data + ((row * 2 + axis) * V + site) * width;
      if (l->n == 1) {
        *y = *u + g[site] - *end;
        continue;
      }
      enf__sun_product(l->n, g + site * width, u, half);
      enf__sun_product_adjoint(l->n, half, end, y);
    }
}

enf_status enf_lattice_transform(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *g,
                                 const double *x, double *y) {
  ENF__ENTRY;
  enf_status status;
  observation o = {.call = "enf_lattice_transform",
                   .lattice = true,
                   .x = x,
                   .measure = measure_transform,
                   .check = check_sites,
                   .out = {{y, 0}},
                   .g = g};
  TRY(enf__enter(ctx));
  TRY(begin(ctx, flow, &o, n, (enf__argument){"g", g}));
  o.out[0].width = enf__space_host(&flow->space);
  TRY(observe(ctx, flow, &o, n));
out:
  return status;
}

/* ---- eigenangles ----------------------------------------------------------------------------- */

/* log of prod_{i<j} |exp(i a_i) - exp(i a_j)|^2 / (n! (2 pi)^(n-1)). */
static double log_haar_of(size_t n, const double *angle) {
  double sum = log(TURN);
  for (size_t i = 0; i < n; i++)
    sum -= log((double)(i + 1) * TURN);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++)
      sum += 2 * log(2 * fabs(sin((angle[i] - angle[j]) / 2)));
  return sum;
}

static void measure_angles(const observation *o, const double *x, size_t row) {
  const size_t n = o->links->n;
  double *angle = o->out[0].data + row * n;
  enf__eigenangles(n, x, angle);
  if (o->out[1].data)
    o->out[1].data[row] = log_haar_of(n, angle);
}

enf_status enf_group_angles(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                            double *angles, double *log_haar) {
  ENF__ENTRY;
  enf_status status;
  observation o = {.call = "enf_group_angles",
                   .x = x,
                   .measure = measure_angles,
                   .out = {{angles, 0}, {log_haar, 1}}};
  TRY(enf__enter(ctx));
  TRY(begin(ctx, flow, &o, n, (enf__argument){"x", x}));
  o.out[0].width = o.links->n;
  TRY(observe(ctx, flow, &o, n));
out:
  return status;
}
