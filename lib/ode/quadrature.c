/* quadrature.c -- the integral of g(t,y(t)) along recorded paths.

   The interval is cut at step ends into panels holding about equally many steps, so that nodes are
   dense where steps are short. Each panel gets a Gauss-Kronrod pair; its error is that of QUADPACK
   (Piessens et al. 1983, routine QK15): with e = |K - G| and V = integral of |g - mean(g)|,
     error = V min(1, (200 e/V)^(3/2)).
   While the sum of a sample's errors exceeds tol, its worst panel is halved: at a step end if it
   holds several steps. Points of all samples are pooled, so g is called with many at a time; a
   sample's panels are a function of that sample alone.

   y(t) is the interpolant of the path: its error, and the path's own, are not seen here. */
#include "ode/ode.h"
#include <math.h>

enum { HALF = 7, NODES = 2 * HALF + 1, START_PANELS = 2, MAX_PANELS = 48, POOL_PANELS = 16 };

/* Node, Kronrod weight, Gauss weight; the negative half and the middle. */
static const double rule[HALF + 1][3] = {
    {-0.99145537112081263921, 0.022935322010529224964, 0.0},
    {-0.94910791234275852453, 0.063092092629978553291, 0.12948496616886969327},
    {-0.86486442335976907279, 0.10479001032225018384, 0.0},
    {-0.74153118559939443986, 0.14065325971552591875, 0.2797053914892766679},
    {-0.58608723546769113029, 0.16900472663926790283, 0.0},
    {-0.40584515137739716691, 0.19035057806478540991, 0.38183005050511894495},
    {-0.2077849550078984676, 0.20443294007529889241, 0.0},
    {0.0, 0.20948214108472782801, 0.41795918367346938776},
};

typedef struct {
  double a, b;
  size_t first, last; /* steps it touches: first ... last-1 */
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
  const enf__ode_path *path;
  enf__integral *integral;
  partition *partition;
  job *job;
  size_t jobs;
  double *t, *y, *value; /* (POOL_PANELS, NODES) points */
} work;

static void layout(work *w, enf__arena *arena, size_t S, size_t dim) {
  const size_t points = (size_t)POOL_PANELS * NODES, jobs = S * START_PANELS;
  const size_t coordinates = points * dim;
  w->partition = ENF__TAKE(arena, partition, S);
  w->job = ENF__TAKE(arena, job, jobs);
  w->t = ENF__TAKE(arena, double, points);
  w->y = ENF__TAKE(arena, double, coordinates);
  w->value = ENF__TAKE(arena, double, points);
}

size_t enf__quadrature_workspace(size_t S, size_t dim) {
  enf__arena count = {0};
  work w;
  layout(&w, &count, S, dim);
  return count.used;
}

static const double *row_of(size_t node) { return rule[node <= HALF ? node : NODES - 1 - node]; }

static double node_time(const panel *p, size_t node) {
  double x = row_of(node)[0];
  return 0.5 * (p->a + p->b) + 0.5 * (p->b - p->a) * (node <= HALF ? x : -x);
}

/* ---- panels -------------------------------------------------------------------------------- */

/* The points of one panel, in order: nodes run with the steps. */
static void place(const work *w, const job *j, size_t slot) {
  const enf__ode_path *path = w->path + j->sample;
  const panel *p = j->panel;
  size_t step = p->first;
  double forward = p->b > p->a ? 1 : -1;
  for (size_t i = 0; i < NODES; i++) {
    size_t point = slot * NODES + i;
    double t = node_time(p, i);
    while (step + 1 < p->last && (t - path->t[step + 1]) * forward > 0)
      step++;
    w->t[point] = t;
    enf__ode_path_at(path, w->q->dim, step, t, w->y + point * w->q->dim);
  }
}

static void sum_up(panel *p, const double *value, double noise) {
  double kronrod = 0, gauss = 0, magnitude = 0, variation = 0, half = 0.5 * (p->b - p->a);
  for (size_t i = 0; i < NODES; i++) {
    kronrod += row_of(i)[1] * value[i];
    gauss += row_of(i)[2] * value[i];
    magnitude += row_of(i)[1] * fabs(value[i]);
  }
  for (size_t i = 0; i < NODES; i++)
    variation += row_of(i)[1] * fabs(value[i] - 0.5 * kronrod);
  variation *= fabs(half);
  double difference = fabs(half * (kronrod - gauss)), floor = noise * fabs(half) * magnitude;
  p->value = half * kronrod;
  p->error = variation > 0 ? variation * fmin(1, pow(200 * difference / variation, 1.5)) : 0;
  p->settled = p->error <= floor;
  p->error = fmax(p->error, floor);
}

/* Evaluate all panels waiting, some at a time. */
static void evaluate(work *w) {
  for (size_t done = 0; done < w->jobs; done += POOL_PANELS) {
    size_t panels = w->jobs - done < POOL_PANELS ? w->jobs - done : POOL_PANELS;
    for (size_t i = 0; i < panels; i++)
      place(w, w->job + done + i, i);
    w->q->g(w->q->user, panels * NODES, w->t, w->y, w->value);
    for (size_t i = 0; i < panels; i++) {
      const job *j = w->job + done + i;
      enf__integral *result = w->integral + j->sample;
      sum_up(j->panel, w->value + i * NODES, w->q->noise);
      result->evaluations += NODES;
      if (!isfinite(j->panel->value))
        result->status = ENF_ERR_NONFINITE;
    }
  }
  w->jobs = 0;
}

static void add_job(work *w, size_t sample, panel *p) { w->job[w->jobs++] = (job){sample, p}; }

/* ---- one sample's partition ---------------------------------------------------------------- */

static void begin(work *w, size_t sample) {
  const enf__ode_path *path = w->path + sample;
  partition *part = w->partition + sample;
  size_t count = path->steps < START_PANELS ? path->steps : START_PANELS;
  w->integral[sample] = (enf__integral){0};
  part->count = count;
  for (size_t i = 0; i < count; i++) {
    size_t first = path->steps * i / count, last = path->steps * (i + 1) / count;
    part->panel[i] = (panel){.a = path->t[first], .b = path->t[last], .first = first, .last = last};
    add_job(w, sample, part->panel + i);
  }
}

static void halve(work *w, size_t sample, panel *p) {
  const enf__ode_path *path = w->path + sample;
  partition *part = w->partition + sample;
  panel *other = part->panel + part->count++;
  size_t middle = p->first + (p->last - p->first) / 2;
  bool inside = p->last - p->first < 2;
  double cut = inside ? 0.5 * (p->a + p->b) : path->t[middle];
  *other = (panel){.a = cut, .b = p->b, .first = middle, .last = p->last};
  *p = (panel){.a = p->a, .b = cut, .first = p->first, .last = inside ? p->last : middle};
  add_job(w, sample, p);
  add_job(w, sample, other);
}

/* Halve the worst panel of a sample that is not accurate enough yet. */
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
  if (w->integral[sample].status == ENF_OK && error > w->q->tol && worst &&
      part->count < MAX_PANELS)
    halve(w, sample, worst);
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
  work w = {.q = q, .path = path, .integral = integral};
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
