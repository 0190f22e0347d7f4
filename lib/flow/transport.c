/* transport.c -- enf_transport: samples from time t0 to t1, with log |dy/dx|.

   The mean of particles stays where it is, as velocities depend on differences only: entering the
   space takes it off, leaving it puts it back. The log-determinant is that of the map on the
   mean-free subspace. Where a state has noise beside x, samples are positions and their copies, so
   that nothing of them is drawn. */
#include "flow/accuracy.h"
#include "flow/augmented.h"
#include "flow/mixture.h"

static enf__failure finish(const enf__transit *c, size_t row, double *x, double logdet,
                           double note) {
  const enf__space *space = &c->flow->space;
  const size_t host = enf__space_host(space);
  double *y = c->y + row * host, origin[3];
  (void)note;
  space->ops->enter(space, c->x + row * host, y, origin, NULL);
  space->ops->leave(space, NULL, x, origin, y, NULL);
  if (c->logp)
    c->logp[row] = logdet;
  return (enf__failure){.status = ENF_OK};
}

static enf__failure begin_copies(const enf__transit *c, size_t row, double *x, double *note) {
  double origin[3];
  *note = 0;
  return enf__augmented_enter(c->flow, c->x + row * enf__space_state(&c->flow->space), x, origin);
}

static enf__failure finish_copies(const enf__transit *c, size_t row, double *x, double logdet,
                                  double note) {
  const size_t state = enf__space_state(&c->flow->space);
  double *y = c->y + row * state, origin[3];
  (void)note;
  enf__augmented_enter(c->flow, c->x + row * state, y, origin);
  enf__augmented_leave(c->flow, x, origin, y);
  if (c->logp)
    c->logp[row] = logdet;
  return (enf__failure){.status = ENF_OK};
}

static enf_status again(enf_ctx *ctx, const enf__account *account, size_t n, const double *x,
                        double *value, double *spare) {
  return enf_transport(ctx, account->flow, n, account->t0, account->t1, x, spare, value);
}

static enf_status end(enf_ctx *ctx, const enf__transit *c, enf_status status) {
  const enf__account account = {.flow = c->flow,
                                .kind = ENF__ACCURACY_TRANSPORT,
                                .method = ctx->run.logdet_method,
                                .n = c->n,
                                .width = enf__space_state(&c->flow->space),
                                .x = c->x,
                                .value = c->logp,
                                .again = again,
                                .t0 = c->t0,
                                .t1 = c->t1};
  return c->logp ? enf__accuracy_tell(ctx, &account, status) : status;
}

enf_status enf_transport(enf_ctx *ctx, const enf_flow *flow, size_t n, double t0, double t1,
                         const double *x, double *y, double *logdet) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  const enf__argument arrays[] = {{"x", x}, {"y", y}};
  TRY(enf__batch_check(ctx, flow, n, 2, arrays));
  TRY(enf__flow_single(ctx, flow, "enf_transport"));
  const bool copies = flow->space.noise > 0;
  if (enf__space_state(&flow->space) - flow->space.noise != enf__space_host(&flow->space))
    TRY(enf__fail(
        ctx, ENF_ERR_UNSUPPORTED,
        "enf_transport needs states that are points; enf_internal gives those of a molecule"));
  if (!(t0 >= 0 && t0 <= 1 && t1 >= 0 && t1 <= 1))
    TRY(enf__fail(ctx, ENF_ERR_RANGE, "t0 = %g and t1 = %g must lie between 0 and 1", t0, t1));
  enf__transit transit = {.flow = flow,
                          .n = n,
                          .t0 = t0,
                          .t1 = t1,
                          .logdet = logdet != NULL,
                          .begin = copies ? begin_copies : enf__transit_from_x,
                          .finish = copies ? finish_copies : finish,
                          .x = x,
                          .y = y,
                          .logp = logdet};
  status = end(ctx, &transit, enf__transit_run(ctx, &transit));
out:
  return status;
}
