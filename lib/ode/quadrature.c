/* quadrature.c -- the integral of g(t,y(t)) along recorded paths.

   The interval is cut at a step end into panels holding equally many steps, so that points are
   dense where steps are short. On each panel the nested rules of Patterson (Math. Comp. 22, 847,
   1968) with 1, 3, 7, 15, 31 points share their points. With Q_l the rule of level l and
   d_l = |Q_l - Q_{l-1}|, the error of Q_l is taken as

     d_l max(1/5, min(1, d_l / d_{l-1})),

   the difference to the rule below times the convergence seen last; the usual d_l alone would ask
   for twice the points. (Calibrated on trained flows of 8, 39 and 66 coordinates: RMS errors of 0.1
   to 0.6 of the estimate, down to the roughness that the path's own tolerance gives the integrand.)
   While the sum of a sample's errors exceeds tol, its worst panel goes up one level, and from the
   last level on it is halved, at a step end if it holds several steps. Points of all samples are
   pooled, so g is called with many at a time; a sample's panels are a function of that sample
   alone.

   Lean, for an accuracy that a host asks for, it begins with one panel over all of the path, in the
   time s = asinh((1 - t) / 0.6): points are denser towards the data, where integrands are steepest,
   and the map is smooth, as cuts at step ends are not. The error is taken as

     max(d_l, 0.08 d_{l-1}) max(1/20, min(1, d_l / d_{l-1})) / 3,

   so that a difference that is small by accident fools nobody (calibrated as above: RMS errors of
   .2 to .8 of that, 15 to 25 points where the usual way takes 38 to 48). Panels are halved in the
   middle of s.

   y(t) is the interpolant of the path: its error, and the path's own, are not seen here. */
#include "ode/ode.h"
#include <math.h>

enum {
  LEVELS = 5,
  HALF = 1 << (LEVELS - 1), /* nodes that are not negative; level l uses the first 2^l */
  START_LEVEL = 3,
  MOST_START_PANELS = 2,
  MAX_PANELS = 32,
  POOL = ENF__QUADRATURE_ROWS, /* points */
  POOL_JOBS = POOL / HALF      /* a job brings at most HALF points */
};
static const double SLOWEST = 1; /* convergence */

/* How a sample's quadrature begins, and what it believes. */
typedef struct {
  size_t panels;
  double stretch; /* of time; 0: time as it is */
  double fastest; /* convergence */
  double least;   /* difference, in units of the one before: a smaller one is an accident */
  double share;   /* of the formula's error that is taken for the error */
} manner;
static const manner usual = {MOST_START_PANELS, 0, 0.2, 0, 1}, lean = {1, 0.6, 0.05, 0.08, 1.0 / 3};

/* Level by level: a level adds the nodes from 2^(l-1) on, each with its mirror image. */
static const double node[HALF] = {0,
                                  0.77459666924148337704,
                                  0.434243749346802558,
                                  0.96049126870802028342,
                                  0.22338668642896688163,
                                  0.62110294673722640294,
                                  0.88845923287225699889,
                                  0.99383196321275502221,
                                  0.11248894313318662575,
                                  0.33113539325797683309,
                                  0.53131974364437562397,
                                  0.70249620649152707861,
                                  0.8367259381688687355,
                                  0.92965485742974005667,
                                  0.98153114955374010687,
                                  0.99909812496766759766};
static const double weight[LEVELS][HALF] = {
    {2},
    {0.88888888888888888889, 0.55555555555555555556},
    {0.45091653865847414235, 0.26848808986833344073, 0.40139741477596222291,
     0.10465622602646726519},
    {0.22551049979820668739, 0.13441525524378422036, 0.20062852937698902103,
     0.051603282997079739697, 0.2191568584015874964, 0.17151190913639138079,
     0.092927195315124537686, 0.017001719629940260339},
    {0.11275525672076869161, 0.06720775429599070354, 0.10031427861179557877,
     0.025807598096176653565, 0.10957842105592463824, 0.085755920049990351154,
     0.046462893261757986541, 0.0084345657393211062463, 0.11195687302095345688,
     0.10566989358023480974, 0.093627109981264473617, 0.076879620499003531043,
     0.056979509494123357412, 0.035957103307129322097, 0.016446049854387810934,
     0.0025447807915618744154},
};

typedef struct {
  double a, b;         /* in stretched time */
  size_t first, last;  /* steps it touches: first ... last-1 */
  size_t level, known; /* its rule; nodes that have values */
  double pair[HALF];   /* g at a node plus g at its mirror image */
  double value, error;
  bool settled; /* rounding of g is all that is left of its error */
} panel;

typedef struct {
  size_t count;
  panel panel[MAX_PANELS];
} partition;

typedef struct {
  size_t sample;
  panel *panel;
} job;

typedef struct {
  const enf__quadrature *q;
  const manner *manner;
  const enf__ode_path *path;
  enf__integral *integral;
  partition *partition;
  job *job;
  size_t jobs;
  size_t *sample;        /* (POOL) points */
  double *t, *y, *value; /* of them */
} work;

static void layout(work *w, enf__arena *arena, size_t S, size_t dim) {
  const size_t jobs = S * MOST_START_PANELS, coordinates = POOL * dim;
  w->partition = ENF__TAKE(arena, partition, S);
  w->job = ENF__TAKE(arena, job, jobs);
  w->sample = ENF__TAKE(arena, size_t, POOL);
  w->t = ENF__TAKE(arena, double, POOL);
  w->y = ENF__TAKE(arena, double, coordinates);
  w->value = ENF__TAKE(arena, double, POOL);
}

size_t enf__quadrature_workspace(size_t S, size_t dim) {
  enf__arena count = {0};
  work w;
  layout(&w, &count, S, dim);
  return count.used;
}

/* ---- panels -------------------------------------------------------------------------------- */

static double stretch(const work *w, double t) {
  const double width = w->manner->stretch;
  return width > 0 ? asinh((1 - t) / width) : t;
}

static double unstretch(const work *w, double s) {
  const double width = w->manner->stretch;
  return width > 0 ? 1 - width * sinh(s) : s;
}

/* dt/ds */
static double rate_of_time(const work *w, double s) {
  const double width = w->manner->stretch;
  return width > 0 ? -width * cosh(s) : 1;
}

static double place_of(const panel *p, size_t i, int sign) {
  return 0.5 * (p->a + p->b) + 0.5 * (p->b - p->a) * node[i] * sign;
}

static size_t nodes_of(size_t level) { return (size_t)1 << level; }

/* The step of the panel that holds t. */
static size_t find_step(const enf__ode_path *path, const panel *p, double t) {
  size_t low = p->first, high = p->last;
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if ((t - path->t[middle]) * (path->t[p->last] - path->t[p->first]) >= 0)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/* The points that the panel's level adds, from pool row `point` on; returns the row after. */
static size_t place(const work *w, const job *j, size_t point) {
  const enf__ode_path *path = w->path + j->sample;
  const panel *p = j->panel;
  for (size_t i = p->known; i < nodes_of(p->level); i++)
    for (int sign = i == 0 ? 1 : -1; sign <= 1; sign += 2, point++) {
      const double t = unstretch(w, place_of(p, i, sign));
      w->sample[point] = j->sample;
      w->t[point] = t;
      enf__ode_path_at(path, w->q->dim, find_step(path, p, t), t, w->y + point * w->q->dim);
    }
  return point;
}

static size_t take_values(const work *w, panel *p, size_t point) {
  for (size_t i = p->known; i < nodes_of(p->level); i++) {
    p->pair[i] = 0;
    for (int sign = i == 0 ? 1 : -1; sign <= 1; sign += 2, point++)
      p->pair[i] += w->value[point] * rate_of_time(w, place_of(p, i, sign));
  }
  p->known = nodes_of(p->level);
  return point;
}

static double apply_rule(const panel *p, size_t level) {
  double sum = 0;
  for (size_t i = 0; i < nodes_of(level); i++)
    sum += weight[level][i] * p->pair[i];
  return 0.5 * (p->b - p->a) * sum;
}

static void judge(const work *w, panel *p) {
  double magnitude = 0;
  for (size_t i = 0; i < p->known; i++)
    magnitude += weight[p->level][i] * fabs(p->pair[i]);
  const double floor = w->q->noise * 0.5 * fabs(p->b - p->a) * magnitude;
  const double below = apply_rule(p, p->level - 1);
  p->value = apply_rule(p, p->level);
  const double last = fabs(p->value - below);
  const double before = fabs(below - apply_rule(p, p->level - 2));
  const double rate = before > 0 ? last / before : SLOWEST;
  p->error = w->manner->share * fmax(last, w->manner->least * before) *
             fmax(w->manner->fastest, fmin(SLOWEST, rate));
  p->settled = p->error <= floor;
  p->error = fmax(p->error, floor);
}

/* Evaluate all panels waiting, some at a time. */
static void evaluate(work *w) {
  for (size_t done = 0, end; done < w->jobs; done = end) {
    size_t points = 0, point = 0;
    end = w->jobs - done < POOL_JOBS ? w->jobs : done + POOL_JOBS;
    for (size_t i = done; i < end; i++)
      points = place(w, w->job + i, points);
    w->q->g(w->q->user, points, w->sample, w->t, w->y, w->value);
    for (size_t i = done; i < end; i++) {
      const job *j = w->job + i;
      enf__integral *result = w->integral + j->sample;
      const size_t from = point;
      point = take_values(w, j->panel, point);
      judge(w, j->panel);
      result->evaluations += point - from;
      if (!isfinite(j->panel->value))
        result->status = ENF_ERR_NONFINITE;
    }
  }
  w->jobs = 0;
}

static void add_job(work *w, size_t sample, panel *p) { w->job[w->jobs++] = (job){sample, p}; }

static panel fresh(double a, double b, size_t first, size_t last) {
  return (panel){.a = a, .b = b, .first = first, .last = last, .level = START_LEVEL};
}

/* ---- one sample's partition ---------------------------------------------------------------- */

static void begin(work *w, size_t sample) {
  const enf__ode_path *path = w->path + sample;
  partition *part = w->partition + sample;
  const size_t most = w->manner->panels, count = path->steps < most ? path->steps : most;
  w->integral[sample] = (enf__integral){0};
  part->count = count;
  for (size_t i = 0; i < count; i++) {
    size_t first = path->steps * i / count, last = path->steps * (i + 1) / count;
    part->panel[i] = fresh(stretch(w, path->t[first]), stretch(w, path->t[last]), first, last);
    add_job(w, sample, part->panel + i);
  }
}

static void halve(work *w, size_t sample, panel *p) {
  const enf__ode_path *path = w->path + sample;
  partition *part = w->partition + sample;
  panel *other = part->panel + part->count++;
  size_t middle = p->first + (p->last - p->first) / 2;
  bool inside = w->manner->stretch > 0 || p->last - p->first < 2;
  double cut = inside ? 0.5 * (p->a + p->b) : path->t[middle];
  *other = fresh(cut, p->b, inside ? p->first : middle, p->last);
  *p = fresh(p->a, cut, p->first, inside ? p->last : middle);
  add_job(w, sample, p);
  add_job(w, sample, other);
}

/* Do something about the worst panel of a sample that is not accurate enough yet. */
static void refine(work *w, size_t sample) {
  partition *part = w->partition + sample;
  double error = 0;
  panel *worst = NULL;
  for (size_t i = 0; i < part->count; i++) {
    panel *p = part->panel + i;
    error += p->error;
    if (!p->settled && (!worst || p->error > worst->error))
      worst = p;
  }
  if (w->integral[sample].status != ENF_OK || error <= w->q->tol || !worst)
    return;
  if (worst->level + 1 < LEVELS) {
    worst->level++;
    add_job(w, sample, worst);
  } else if (part->count < MAX_PANELS) {
    halve(w, sample, worst);
  }
}

static void conclude(const work *w, size_t sample) {
  const partition *part = w->partition + sample;
  enf__integral *result = w->integral + sample;
  for (size_t i = 0; i < part->count; i++) {
    result->value += part->panel[i].value;
    result->error += part->panel[i].error;
  }
}

void enf__quadrature_along(const enf__quadrature *q, enf__arena *arena, size_t S,
                           const enf__ode_path *path, enf__integral *integral) {
  size_t mark = arena->used;
  work w = {.q = q, .manner = q->lean ? &lean : &usual, .path = path, .integral = integral};
  layout(&w, arena, S, q->dim);
  for (size_t i = 0; i < S; i++) {
    w.partition[i].count = 0;
    if (integral[i].status == ENF_OK)
      begin(&w, i);
  }
  while (w.jobs) {
    evaluate(&w);
    for (size_t i = 0; i < S; i++)
      if (w.partition[i].count)
        refine(&w, i);
  }
  for (size_t i = 0; i < S; i++)
    if (w.partition[i].count)
      conclude(&w, i);
  arena->used = mark;
}
