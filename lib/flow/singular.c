/* singular.c -- enf_singular_values: of dz/dx, row by row from the way back with unit cotangents.

   With J the Jacobian of the states (dim,dim), J^T J has the squares of its singular values; the
   k largest belong to the space, the others to what it leaves out. In the host's units they are
   divided by the data scale. */
#include "flow/augmented.h"
#include "flow/mixture.h"
#include "math/finite.h"
#include "math/jacobi.h"
#include <enf/lines.h>
#include <string.h>

enum { ROUND = 32 };

typedef struct {
  const enf_flow *flow;
  size_t dim, moved; /* of a state, and of the Jacobian */
  enf__journey p;
  double *state, *dy, *dlogdet, *dx; /* (n,dim), (n,dim), (n), (n,dim) */
  double *J, *square, *value;        /* (n,moved,moved), (moved,moved), (moved) */
  enf__tally all;
} job;

static void lay_out(job *j, enf__arena *arena) {
  const size_t n = j->p.way.n, dim = j->dim, moved = j->moved;
  enf__journey_take(&j->p, arena);
  j->state = ENF__TAKE(arena, double, n *dim);
  j->dy = ENF__TAKE(arena, double, n *dim);
  j->dlogdet = ENF__TAKE(arena, double, n);
  j->dx = ENF__TAKE(arena, double, n *dim);
  j->J = ENF__TAKE(arena, double, n *moved *moved);
  j->square = ENF__TAKE(arena, double, moved *moved);
  j->value = ENF__TAKE(arena, double, moved);
  j->p.x = j->state;
}

/* Row d of every sample's Jacobian. */
static enf_status find_rows(enf_ctx *ctx, job *j, size_t d) {
  const size_t n = j->p.way.n, dim = j->dim;
  const enf__space *space = &j->flow->space;
  for (size_t i = 0; i < n; i++) {
    memset(j->dy + i * dim, 0, dim * sizeof *j->dy);
    j->dy[i * dim + d] = 1;
    j->dlogdet[i] = 0;
  }
  const enf__pulled pulled = {.dy = j->dy, .dlogdet = j->dlogdet, .dx = j->dx, .scale = 1};
  const enf_status status = enf__journey_reverse(ctx, &j->p, &pulled);
  for (size_t i = 0; i < n && status == ENF_OK; i++) {
    double *row = j->J + (i * j->moved + d) * j->moved;
    memcpy(row, j->dx + i * dim, j->moved * sizeof *row);
    if (dim == enf__space_host(space))
      space->ops->project(space, row);
  }
  return status;
}

static void decompose(job *j, size_t i, double *lowest, double *highest) {
  const size_t dim = j->moved, freedom = enf__space_freedom(&j->flow->space);
  const size_t k = freedom < dim ? freedom : dim; /* a molecule's orientation is not in its state */
  const double *J = j->J + i * dim * dim, unit = j->flow->space.scale;
  for (size_t a = 0; a < dim; a++)
    for (size_t b = 0; b < dim; b++) {
      double sum = 0;
      for (size_t c = 0; c < dim; c++)
        sum += J[c * dim + a] * J[c * dim + b];
      j->square[a * dim + b] = sum;
    }
  enf__eigenvalues(dim, j->square, j->value);
  *highest = sqrt(fmax(j->value[0], 0)) / unit;
  *lowest = sqrt(fmax(j->value[k - 1], 0)) / unit;
}

static enf_status run_round(enf_ctx *ctx, job *j, size_t first, const double *x, double *lowest,
                            double *highest) {
  const enf__space *space = &j->flow->space;
  enf_status status;
  ctx->arena.used = 0;
  lay_out(j, &ctx->arena);
  for (size_t i = 0; i < j->p.way.n; i++)
    if (space->ops
            ->enter(space, x + (first + i) * enf__space_host(space), j->state + i * j->dim, NULL,
                    NULL)
            .status != ENF_OK)
      enf__fill_nan(j->dim, j->state + i * j->dim);
  TRY(enf__journey_forward(ctx, &j->p));
  for (size_t d = 0; d < j->moved; d++)
    TRY(find_rows(ctx, j, d));
  for (size_t i = 0; i < j->p.way.n; i++) {
    const enf_status ended = j->p.result[i].status;
    lowest[first + i] = highest[first + i] = NAN;
    if (ended == ENF_OK)
      decompose(j, i, lowest + first + i, highest + first + i);
    else
      enf__tally_failure(&j->all, first + i,
                         (enf__failure){.status = ended, .what = "x or its way", .t = 1});
  }
out:
  return status;
}

enf_status enf_singular_values(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                               double *lowest, double *highest) {
  ENF__ENTRY;
  const double start = enf__seconds();
  enf_status status;
  TRY(enf__enter(ctx));
  const enf__argument arrays[] = {{"x", x}, {"lowest", lowest}, {"highest", highest}};
  TRY(enf__batch_check(ctx, flow, n, 3, arrays));
  TRY(enf__flow_single(ctx, flow, "enf_singular_values"));
  TRY(enf__augmented_refuse(ctx, flow, "enf_singular_values"));
  job j = {.flow = flow,
           .dim = enf__space_state(&flow->space),
           .moved = enf__space_moved(&flow->space)};
  j.p =
      (enf__journey){.chain = &flow->chain, .way = {.n = n < ROUND ? n : ROUND, .t0 = 1, .t1 = 0}};
  enf__arena count = {0};
  lay_out(&j, &count);
  TRY(enf__reserve(ctx, count.used, enf__journey_worker_bytes(&j.p, &ctx->run)));
  j.all.ended = enf__ended_take(ctx, n);
  if (!j.all.ended)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a call on %zu samples", n));
  for (size_t first = 0; first < n; first += ROUND) {
    j.p.way.n = n - first < ROUND ? n - first : ROUND;
    TRY(run_round(ctx, &j, first, x, lowest, highest));
    TRY(enf__report(ctx, first + j.p.way.n, n));
  }
  status = enf__batch_end(ctx, n, &j.all, enf__seconds() - start);
out:
  return status;
}
