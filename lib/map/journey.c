/* journey.c -- a batch through all maps of a chain and back (chain.h).

   With z_0 = x and z_k = T_k(z_{k-1}) on the way, logdet is the sum of the maps', and so are
   penalties; cotangents go back from map to map, that of logdet into each. */
#include "map/chain.h"
#include <math.h>

static size_t number_of(const enf__journey *j, size_t k) {
  return j->way.t0 <= j->way.t1 ? k : j->chain->count - 1 - k;
}

/* Every map's part of the way: the whole of it, where there are several. */
static void divide_way(enf__journey *j) {
  const double side = j->way.t0 <= j->way.t1 ? 0 : 1;
  for (size_t k = 0; k < j->chain->count; k++) {
    enf__way *way = &j->passage[k].way;
    *way = j->way;
    if (j->chain->count > 1) {
      way->t0 = side;
      way->t1 = 1 - side;
    }
  }
}

/* The passages, but for their arrays. */
static void set_out(enf__journey *j) {
  for (size_t k = 0; k < j->chain->count; k++)
    j->passage[k] = (enf__passage){.map = j->chain->map[number_of(j, k)]};
  divide_way(j);
}

size_t enf__journey_pieces(const enf__chain *chain, size_t n) {
  size_t most = 1;
  for (size_t i = 0; i < chain->count; i++) {
    const size_t pieces = chain->map[i]->ops->pieces(chain->map[i], n);
    most = pieces > most ? pieces : most;
  }
  return most;
}

static void take_results(enf__passage *p, enf__arena *arena) {
  const size_t n = p->way.n;
  p->y = ENF__TAKE(arena, double, n *enf__space_state(p->map->space));
  p->logdet = ENF__TAKE(arena, double, n);
  p->penalty = ENF__TAKE(arena, double, n);
  p->result = ENF__TAKE(arena, enf__ode_result, n);
}

void enf__journey_take(enf__journey *j, enf__arena *arena) {
  const size_t n = j->way.n, count = j->chain->count;
  set_out(j);
  for (size_t k = 0; k < count; k++) {
    take_results(&j->passage[k], arena);
    j->passage[k].map->ops->take(&j->passage[k], arena);
  }
  const enf__passage *last = &j->passage[count - 1];
  j->y = last->y;
  j->logdet = last->logdet;
  j->penalty = last->penalty;
  j->result = last->result;
  if (count == 1)
    return;
  j->logdet = ENF__TAKE(arena, double, n);
  j->penalty = ENF__TAKE(arena, double, n);
  j->result = ENF__TAKE(arena, enf__ode_result, n);
  for (size_t i = 0; i < 2; i++)
    j->dx[i] = ENF__TAKE(arena, double, n *enf__space_state(last->map->space));
  j->dlogdet = ENF__TAKE(arena, double, n);
  j->dpenalty = ENF__TAKE(arena, double, n);
}

size_t enf__journey_call_bytes(const enf__journey *journey) {
  enf__journey copy = *journey;
  enf__arena count = {0};
  enf__journey_take(&copy, &count);
  return count.used;
}

size_t enf__journey_worker_bytes(const enf__journey *journey, const enf__run *run) {
  enf__journey copy = *journey;
  size_t most = 0;
  set_out(&copy);
  for (size_t k = 0; k < copy.chain->count; k++) {
    const size_t bytes = copy.passage[k].map->ops->passage_workspace(&copy.passage[k], run);
    most = bytes > most ? bytes : most;
  }
  return most;
}

/* ---- all maps' results as one ---------------------------------------------------------------- */

static void add_up(enf__journey *j) {
  const size_t count = j->chain->count;
  for (size_t i = 0; count > 1 && i < j->way.n; i++) {
    j->logdet[i] = j->penalty[i] = 0;
    j->result[i] = (enf__ode_result){0};
    for (size_t k = 0; k < count; k++) {
      const enf__passage *p = &j->passage[k];
      j->logdet[i] += p->logdet[i];
      j->penalty[i] += p->penalty[i];
      if (j->result[i].status == ENF_OK) {
        const size_t accepted = j->result[i].accepted;
        j->result[i] = p->result[i];
        j->result[i].accepted += accepted;
      }
    }
  }
  j->failed = 0;
  j->evaluations = 0;
  for (size_t i = 0; i < j->way.n; i++)
    j->failed += j->result[i].status != ENF_OK;
  for (size_t k = 0; k < count; k++)
    j->evaluations += j->passage[k].evaluations;
}

/* ---- there and back -------------------------------------------------------------------------- */

enf_status enf__journey_forward(enf_ctx *ctx, enf__journey *j) {
  enf_status status = ENF_OK;
  const double *x = j->x;
  divide_way(j);
  for (size_t k = 0; k < j->chain->count; k++) {
    enf__passage *p = &j->passage[k];
    p->x = x;
    TRY(p->map->ops->forward(ctx, p));
    x = p->y;
  }
  add_up(j);
out:
  return status;
}

static void multiply(size_t n, double factor, const double *x, double *out) {
  for (size_t i = 0; i < n; i++)
    out[i] = factor * x[i];
}

/* The cotangents scaled once, for what comes out of one map goes into the next as it is. */
static enf__pulled scaled(const enf__journey *j, const enf__pulled *pulled) {
  const size_t n = j->way.n, count = j->chain->count;
  if (count == 1)
    return *pulled;
  enf__pulled part = *pulled;
  double *dy = j->dx[count % 2];
  multiply(n * enf__space_state(j->chain->map[0]->space), pulled->scale, pulled->dy, dy);
  multiply(n, pulled->scale, pulled->dlogdet, j->dlogdet);
  if (pulled->dpenalty)
    multiply(n, pulled->scale, pulled->dpenalty, j->dpenalty);
  part.dy = dy;
  part.dlogdet = j->dlogdet;
  part.dpenalty = pulled->dpenalty ? j->dpenalty : NULL;
  part.scale = 1;
  return part;
}

enf_status enf__journey_reverse(enf_ctx *ctx, enf__journey *j, const enf__pulled *pulled) {
  enf_status status = ENF_OK;
  enf__pulled part = scaled(j, pulled);
  for (size_t k = j->chain->count; k-- > 0;) {
    part.dx = k > 0 ? j->dx[k % 2] : pulled->dx;
    TRY(j->passage[k].map->ops->reverse(ctx, &j->passage[k], &part));
    part.dy = part.dx;
  }
  add_up(j);
out:
  return status;
}
