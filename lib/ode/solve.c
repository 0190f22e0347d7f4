/* solve.c -- the integrator: one round tries one step of every sample still under way.

   k_i = f(t + c_i h, y + h sum_j a_ij k_j); the last stage is the new point. dopri5 accepts if
     err = RMS_i( h (sum_s e_s k_s)_i / (atol + rtol max(|y_i|, |ynew_i|)) ) <= 1
   and goes on with h / clamp(err^(1/5 - 3/4 beta) / err_old^beta / 0.9, 1/10, 5), beta = 0.04; the
   first step is Hairer's (Solving ODEs I, II.4, and the authors' DOPRI5). A step that meets a
   non-finite number is tried again with a quarter of it, a few times.

   Slots 0 ... active-1 hold the samples under way, packed, so that every stage is one call of f on
   contiguous rows; a finished sample's slot is filled from the end. No slot reads another one. */
#include "math/finite.h"
#include "ode/ode.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { NONFINITE_TRIES = 8, PIECE = 1024 /* numbers */ };
static const double SMALLEST_STEP = 1e-12;

typedef struct {
  double t, h, error_old;
  bool rejected; /* the last try was: the next step may not be longer */
  int nonfinite; /* tries in a row that met a non-finite number */
} slot;

typedef struct {
  const enf__ode *ode;
  const enf__tableau *method;
  size_t active;
  slot *slot;
  size_t *sample; /* of a slot */
  double *t, *y, *stage, *k[ENF__ODE_STAGES];
  double *out;
  enf__ode_result *result;
  enf__ode_path *path;
} solver;

static void layout(solver *s, enf__arena *arena, size_t S, size_t dim) {
  const size_t state = S * dim;
  s->slot = ENF__TAKE(arena, slot, S);
  s->sample = ENF__TAKE(arena, size_t, S);
  s->t = ENF__TAKE(arena, double, S);
  s->y = ENF__TAKE(arena, double, state);
  s->stage = ENF__TAKE(arena, double, state);
  for (size_t i = 0; i < ENF__ODE_STAGES; i++)
    s->k[i] = ENF__TAKE(arena, double, state);
}

size_t enf__ode_workspace(size_t S, size_t dim) {
  enf__arena count = {0};
  solver s;
  layout(&s, &count, S, dim);
  return count.used;
}

/* ---- one sample ---------------------------------------------------------------------------- */

static double smallest_step(const slot *c) {
  return fmax(16 * DBL_EPSILON * fabs(c->t), SMALLEST_STEP);
}

/* RMS of v over the error scale of y and other. */
static double scaled_norm(const enf__ode *ode, const double *v, const double *y,
                          const double *other) {
  double sum = 0;
  for (size_t i = 0; i < ode->dim; i++) {
    double scale = ode->run->atol + ode->run->rtol * fmax(fabs(y[i]), fabs(other[i]));
    sum += (v[i] / scale) * (v[i] / scale);
  }
  return sqrt(sum / (double)ode->dim);
}

/* The same of the step's local error estimate. */
static double error_norm(const solver *s, size_t row, double h) {
  const enf__ode *ode = s->ode;
  size_t offset = row * ode->dim;
  double sum = 0;
  for (size_t i = 0; i < ode->dim; i++) {
    double e = 0;
    for (size_t m = 0; m < s->method->stages; m++)
      e += s->method->error[m] * s->k[m][offset + i];
    double y = fmax(fabs(s->y[offset + i]), fabs(s->stage[offset + i]));
    e *= h / (ode->run->atol + ode->run->rtol * y);
    sum += e * e;
  }
  return sqrt(sum / (double)ode->dim);
}

/* The point of a row's stage, back on the surface that it is to lie on. */
static void restore(const solver *s, size_t row) {
  const enf__space *space = s->ode->space;
  if (enf__space_is_surface(space))
    space->ops->restore(space, s->ode->run->kernel, s->stage + row * s->ode->dim);
}

/* stage = y + h sum_j a_j k_j over the stages before `stage`, for `count` numbers from `offset`. */
static void combine_some(const solver *s, size_t row, size_t stage, size_t offset, size_t count) {
  double *out = s->stage + offset;
  const double *a = s->method->a[stage];
  memset(out, 0, count * sizeof *out);
  for (size_t m = 0; m < stage; m++) {
    if (a[m] == 0)
      continue;
    const double *k = s->k[m] + offset;
    for (size_t i = 0; i < count; i++)
      out[i] += a[m] * k[i];
  }
  for (size_t i = 0; i < count; i++)
    out[i] = s->y[offset + i] + s->slot[row].h * out[i];
}

/* The whole row, in pieces that stay in cache. */
static void combine(const solver *s, size_t row, size_t stage) {
  const size_t dim = s->ode->dim;
  for (size_t done = 0; done < dim; done += PIECE)
    combine_some(s, row, stage, row * dim + done, dim - done < PIECE ? dim - done : PIECE);
}

/* Node n of the record: t, y, f and, once the step from it is done, the interpolant's r5. */
static void record_point(const solver *s, size_t row, size_t n, const double *f) {
  enf__ode_path *path = s->path ? s->path + s->sample[row] : NULL;
  size_t dim = s->ode->dim;
  if (!path)
    return;
  path->steps = n;
  if (n > path->capacity)
    return;
  double *node = path->node + 3 * dim * n;
  path->t[n] = s->slot[row].t;
  memcpy(node, s->y + row * dim, dim * sizeof *node);
  memcpy(node + dim, f, dim * sizeof *node);
}

static void record_step(const solver *s, size_t row, size_t n) {
  enf__ode_path *path = s->path ? s->path + s->sample[row] : NULL;
  size_t dim = s->ode->dim;
  if (!path || n >= path->capacity)
    return;
  double *r5 = path->node + 3 * dim * n + 2 * dim;
  for (size_t i = 0; i < dim; i++) {
    double sum = 0;
    for (size_t m = 0; m < s->method->stages; m++)
      sum += s->method->dense[m] * s->k[m][row * dim + i];
    r5[i] = s->slot[row].h * sum;
  }
  double *kept = path->stage ? path->stage + ENF__ODE_KEPT * dim * n : NULL;
  for (size_t m = 1; kept && m + 2 < s->method->stages; m++)
    memcpy(kept + (m - 1) * dim, s->k[m] + row * dim, dim * sizeof *kept);
}

/* ---- slots --------------------------------------------------------------------------------- */

/* The sample leaves: its state goes out, the last slot moves in. */
static void retire(solver *s, size_t row, enf_status status) {
  size_t dim = s->ode->dim, bytes = dim * sizeof(double), last = --s->active;
  slot *c = s->slot + row;
  enf__ode_result *r = s->result + s->sample[row];
  r->status = status;
  r->t = c->t;
  r->h = c->h;
  memcpy(s->out + s->sample[row] * dim, s->y + row * dim, bytes);
  if (row == last)
    return;
  *c = s->slot[last];
  s->sample[row] = s->sample[last];
  memcpy(s->y + row * dim, s->y + last * dim, bytes);
  memcpy(s->k[0] + row * dim, s->k[0] + last * dim, bytes);
}

/* Evaluate f at (t, stage) of all slots. */
static void evaluate(const solver *s, const double *y, double *k) {
  s->ode->f(s->ode->user, s->active, s->sample, s->t, y, k);
  for (size_t row = 0; row < s->active; row++)
    s->result[s->sample[row]].evaluations++;
}

/* Step to the end, or the length that is left if it is that near; never past t1. For density.tol
   two steps that reach it are equal: the first is no longer than it has to be. */
static void aim(const solver *s, slot *c, double length) {
  double left = s->ode->t1 - c->t;
  if (s->ode->run->density_tol > 0 && 1.01 * length < fabs(left) && 2 * length > fabs(left))
    length = fabs(left) / 2;
  c->h = 1.01 * length >= fabs(left) ? left : copysign(length, left);
}

/* Fixed steps: step n of `count` ends at t0 + (n+1) (t1-t0)/count, without drift. */
static size_t fixed_steps(const enf__ode *ode) {
  double count = ceil((double)ode->run->ode_steps * fabs(ode->t1 - ode->t0) - 1e-9);
  return count < 1 ? 1 : (size_t)count;
}

static void aim_fixed(const solver *s, slot *c, size_t done) {
  size_t count = fixed_steps(s->ode);
  double span = s->ode->t1 - s->ode->t0, next = (double)(done + 1) / (double)count;
  c->h = (done + 1 == count ? s->ode->t1 : s->ode->t0 + span * next) - c->t;
}

/* ---- start --------------------------------------------------------------------------------- */

static void enter(solver *s, size_t S, const double *y) {
  size_t dim = s->ode->dim;
  for (size_t i = 0; i < S; i++) {
    if (s->result[i].status != ENF_OK)
      continue;
    size_t row = s->active++;
    s->result[i] = (enf__ode_result){.t = s->ode->t0};
    s->sample[row] = i;
    s->slot[row] = (slot){.t = s->ode->t0, .error_old = 1e-4};
    s->t[row] = s->ode->t0;
    memcpy(s->y + row * dim, y + i * dim, dim * sizeof *y);
  }
}

/* Hairer's first step, in two parts around an evaluation one small Euler step ahead. */
static double euler_length(const solver *s, size_t row) {
  const double *y = s->y + row * s->ode->dim, *f = s->k[0] + row * s->ode->dim;
  double d0 = scaled_norm(s->ode, y, y, y), d1 = scaled_norm(s->ode, f, y, y);
  double h = d0 < 1e-10 || d1 < 1e-10 ? 1e-6 : 0.01 * d0 / d1;
  return fmin(h, fabs(s->ode->t1 - s->ode->t0));
}

static double first_length(const solver *s, size_t row) {
  size_t dim = s->ode->dim;
  const double *y = s->y + row * dim, *f0 = s->k[0] + row * dim;
  double *change = s->k[1] + row * dim, h0 = fabs(s->slot[row].h);
  for (size_t i = 0; i < dim; i++)
    change[i] -= f0[i];
  double d1 = scaled_norm(s->ode, f0, y, y), d2 = scaled_norm(s->ode, change, y, y) / h0;
  double steepest = fmax(d1, d2);
  double h1 = steepest <= 1e-15 ? fmax(1e-6, 1e-3 * h0) : pow(0.01 / steepest, 0.2);
  return isfinite(h1) ? fmin(100 * h0, h1) : h0;
}

static void start_adaptive(solver *s) {
  size_t dim = s->ode->dim;
  for (size_t row = 0; row < s->active; row++) {
    slot *c = s->slot + row;
    c->h = copysign(euler_length(s, row), s->ode->t1 - s->ode->t0);
    s->t[row] = c->t + c->h;
    for (size_t i = row * dim; i < (row + 1) * dim; i++)
      s->stage[i] = s->y[i] + c->h * s->k[0][i];
    restore(s, row);
  }
  evaluate(s, s->stage, s->k[1]);
  for (size_t row = 0; row < s->active; row++)
    aim(s, s->slot + row, fmax(first_length(s, row), smallest_step(s->slot + row)));
}

static void start(solver *s) {
  size_t dim = s->ode->dim;
  evaluate(s, s->y, s->k[0]);
  for (size_t row = s->active; row-- > 0;)
    if (!enf__all_finite(dim, s->y + row * dim) || !enf__all_finite(dim, s->k[0] + row * dim))
      retire(s, row, ENF_ERR_NONFINITE);
  for (size_t row = 0; row < s->active; row++)
    record_point(s, row, 0, s->k[0] + row * dim);
  if (s->active && s->method->adaptive)
    start_adaptive(s);
  for (size_t row = 0; row < s->active && !s->method->adaptive; row++)
    aim_fixed(s, s->slot + row, 0);
}

/* ---- one round ----------------------------------------------------------------------------- */

/* Nothing will read f at the very end of a fixed-step integration that is not recorded. */
static bool last_stage_is_idle(const solver *s) {
  if (s->method->adaptive || s->path)
    return false;
  return s->result[s->sample[0]].accepted + 1 == fixed_steps(s->ode);
}

static void try_step(const solver *s) {
  size_t stages = s->method->stages;
  for (size_t m = 1; m < stages; m++) {
    for (size_t row = 0; row < s->active; row++) {
      const slot *c = s->slot + row;
      combine(s, row, m);
      restore(s, row);
      s->t[row] = c->h == s->ode->t1 - c->t && s->method->c[m] == 1 ? s->ode->t1
                                                                    : c->t + s->method->c[m] * c->h;
    }
    if (m + 1 == stages && last_stage_is_idle(s))
      memset(s->k[m], 0, s->active * s->ode->dim * sizeof(double));
    else
      evaluate(s, s->stage, s->k[m]);
  }
}

/* The point and its f are those of the last stage. */
static void move_row(solver *s, size_t row) {
  const size_t dim = s->ode->dim, bytes = dim * sizeof(double);
  memcpy(s->y + row * dim, s->stage + row * dim, bytes);
  memcpy(s->k[0] + row * dim, s->k[s->method->stages - 1] + row * dim, bytes);
}

/* The same of all rows, which take fixed steps together. */
static void move_all(solver *s) {
  double **last = &s->k[s->method->stages - 1], *y = s->y, *f = s->k[0];
  for (size_t row = 0; row < s->active; row++)
    record_step(s, row, s->result[s->sample[row]].accepted);
  s->y = s->stage;
  s->stage = y;
  s->k[0] = *last;
  *last = f;
}

/* True if the sample has arrived, whose row has moved. */
static bool arrive(solver *s, size_t row) {
  slot *c = s->slot + row;
  enf__ode_result *r = s->result + s->sample[row];
  bool arrived = c->h == s->ode->t1 - c->t;
  r->accepted++;
  c->t = arrived ? s->ode->t1 : c->t + c->h;
  c->nonfinite = 0;
  record_point(s, row, r->accepted, s->k[0] + row * s->ode->dim);
  return arrived;
}

static bool accept(solver *s, size_t row) {
  record_step(s, row, s->result[s->sample[row]].accepted);
  move_row(s, row);
  return arrive(s, row);
}

/* The controller: accept or not, and the next step's length. */
static double judge(slot *c, double error, bool *accepted) {
  const double beta = 0.04, safety = 0.9, length = fabs(c->h);
  double factor = pow(error, 0.2 - 0.75 * beta);
  *accepted = error <= 1;
  if (!*accepted) {
    c->rejected = true;
    return length / fmin(5, factor / safety);
  }
  factor /= pow(c->error_old, beta) * safety;
  double next = length / fmin(5, fmax(0.1, factor));
  c->error_old = fmax(error, 1e-4);
  if (c->rejected)
    next = fmin(next, length);
  c->rejected = false;
  return next;
}

static void finish_adaptive(solver *s, size_t row, bool finite) {
  slot *c = s->slot + row;
  double error = finite ? error_norm(s, row, c->h) : INFINITY;
  double next = 0.25 * fabs(c->h);
  bool accepted = false;
  if (isfinite(error)) {
    next = judge(c, error, &accepted);
  } else {
    if (++c->nonfinite > NONFINITE_TRIES) {
      retire(s, row, ENF_ERR_NONFINITE);
      return;
    }
    c->rejected = true;
  }
  if (accepted && accept(s, row))
    retire(s, row, ENF_OK);
  else if (!(next >= smallest_step(c)))
    retire(s, row, c->nonfinite ? ENF_ERR_NONFINITE : ENF_ERR_ODE_STEPSIZE);
  else if (s->result[s->sample[row]].tried >= s->ode->run->max_steps)
    retire(s, row, ENF_ERR_ODE_STEPS);
  else
    aim(s, c, next);
}

static void finish_fixed(solver *s, size_t row, bool arrived) {
  if (arrived)
    retire(s, row, ENF_OK);
  else
    aim_fixed(s, s->slot + row, s->result[s->sample[row]].accepted);
}

static bool is_finite(const solver *s, size_t row) {
  const size_t dim = s->ode->dim;
  return enf__all_finite(dim, s->stage + row * dim) &&
         enf__all_finite(dim, s->k[s->method->stages - 1] + row * dim);
}

static void round_of_steps(solver *s) {
  bool together = !s->method->adaptive;
  try_step(s);
  for (size_t row = 0; together && row < s->active; row++)
    together = is_finite(s, row);
  if (together)
    move_all(s);
  /* from the end, so that the slot that fills a gap has been dealt with */
  for (size_t row = s->active; row-- > 0;) {
    const bool finite = together || is_finite(s, row);
    s->result[s->sample[row]].tried++;
    if (s->method->adaptive)
      finish_adaptive(s, row, finite);
    else if (!finite)
      retire(s, row, ENF_ERR_NONFINITE);
    else
      finish_fixed(s, row, together ? arrive(s, row) : accept(s, row));
  }
}

void enf__ode_solve(const enf__ode *ode, enf__arena *arena, size_t S, double *y,
                    enf__ode_result *result, enf__ode_path *path) {
  size_t mark = arena->used;
  solver s = {.ode = ode, .method = &enf__tableaux[ode->run->ode_method]};
  s.out = y;
  s.result = result;
  s.path = path;
  layout(&s, arena, S, ode->dim);
  enter(&s, S, y);
  if (ode->t0 == ode->t1) {
    while (s.active)
      retire(&s, 0, ENF_OK);
  } else if (s.active) {
    start(&s);
    while (s.active)
      round_of_steps(&s);
  }
  arena->used = mark;
}
