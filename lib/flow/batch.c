/* batch.c -- the rules shared by all calls on many samples: tasks, failures, statistics.

   A sample that fails does not end the call. Its outputs are NaN, the others are right, the call's
   status is that of the failed sample with the lowest row, and the sentence is about that one. */
#include "flow/batch.h"
#include <math.h>

void enf__tally_failure(enf__tally *report, size_t row, enf__failure why) {
  report->ended[row] = why.status;
  if (report->failed++)
    return;
  report->first = row;
  report->why = why;
}

enf_status enf__batch_check(enf_ctx *ctx, const enf_flow *flow, size_t n, size_t arrays,
                            const enf__argument *array) {
  enf_status status = enf__flow_check(ctx, flow);
  if (status != ENF_OK)
    return status;
  if (flow->space.links.n && ctx->run.float32)
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "run.precision float32: flows of matrices are computed in float64 only");
  if (!flow->space.shape.particles)
    return enf__fail(ctx, ENF_ERR_SHAPE,
                     "the flow is of molecules of any size (model.elements): only calls on batches take "
                     "it");
  const size_t row = enf__space_host(&flow->space) * sizeof(double);
  if (n > SIZE_MAX / row)
    return enf__fail(ctx, ENF_ERR_ARG, "n is %zu: so many samples of %zu bytes cannot exist", n,
                     row);
  for (size_t i = 0; i < arrays && n > 0; i++)
    if (!array[i].data)
      return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", array[i].name);
  return ENF_OK;
}

/* ---- the sentence --------------------------------------------------------------------------- */

static enf_status tell(enf_ctx *ctx, const enf__tally *r, size_t n) {
  const enf__failure *why = &r->why;
  char rest[64] = "";
  if (r->failed > 1)
    enf__format(rest, sizeof rest, "; %zu of %zu samples failed", r->failed, n);
  if (why->fault.status != ENF_OK) {
    char fault[160];
    enf__fault_say(&why->fault, fault, sizeof fault);
    return enf__fail(ctx, why->status, "sample %zu: %s%s", r->first, fault, rest);
  }
  if (why->off > 0)
    return enf__fail(ctx, why->status,
                     "sample %zu: matrix %zu of %s is not in SU(%zu): |U^+ U - 1| or |det U - 1| is "
                     "%.3g, and 1e-6 at most is taken%s",
                     r->first, why->place, why->what, why->n, why->off, rest);
  switch (why->status) {
  case ENF_ERR_ODE_STEPS:
    return enf__fail(ctx, why->status,
                     "sample %zu: ode.max_steps = %zu steps were tried and only t = %.6g was "
                     "reached (last step %.3g)%s",
                     r->first, ctx->run.max_steps, why->t, why->h, rest);
  case ENF_ERR_ODE_STEPSIZE:
    return enf__fail(ctx, why->status,
                     "sample %zu: at t = %.6g the step fell to %.3g, the smallest there is%s",
                     r->first, why->t, why->h, rest);
  case ENF_ERR_RANGE:
    return enf__fail(ctx, why->status, "sample %zu: t = %.6g is not between 0 and 1%s", r->first,
                     why->t, rest);
  case ENF_ERR_ADJOINT:
    return enf__fail(ctx, why->status, "sample %zu: its gradient is not finite%s", r->first, rest);
  case ENF_ERR_INVERSE:
    return enf__fail(ctx, why->status,
                     "sample %zu: after inverse.max_iterations = %zu the equation of a map's "
                     "inverse is off by %.3g, inverse.tol is %.3g%s",
                     r->first, ctx->run.inverse_iterations, why->h, ctx->run.inverse_tol, rest);
  default:
    return enf__fail(ctx, why->status, "sample %zu: %s is not finite at t = %.6g%s", r->first,
                     why->what, why->t, rest);
  }
}

/* ---- running -------------------------------------------------------------------------------- */

static enf__tally add_up(const enf__tally *reports, size_t tasks) {
  enf__tally all = {0};
  for (size_t i = 0; i < tasks; i++) {
    const enf__tally *r = reports + i;
    if (r->failed && !all.failed) {
      all.first = r->first;
      all.why = r->why;
    }
    all.failed += r->failed;
    all.unmet += r->unmet;
    all.steps += r->steps;
    all.velocities += r->velocities;
    all.divergences += r->divergences;
  }
  return all;
}

static void fill_stats(enf__stats *stats, const enf__tally *all, double seconds) {
  *stats = (enf__stats){.failed = (double)all->failed,
                        .steps = all->steps,
                        .velocities = all->velocities,
                        .divergences = all->divergences,
                        .logdet_unmet = (double)all->unmet,
                        .seconds = seconds};
}

enf_status enf__batch_end(enf_ctx *ctx, size_t n, const enf__tally *all, double seconds) {
  fill_stats(&ctx->stats, all, seconds);
  return all->failed ? tell(ctx, all, n) : ENF_OK;
}

enf_status enf__batch_run(enf_ctx *ctx, size_t n, size_t group, size_t worker_bytes,
                          enf__task_fn fn, void *user, enf__tally **reports) {
  const double start = enf__seconds();
  const size_t tasks = n / group + (n % group != 0);
  if (tasks > SIZE_MAX / sizeof(enf__tally))
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a call on %zu samples", n);
  enf_status status = enf__reserve(ctx, tasks * sizeof(enf__tally), worker_bytes);
  if (status != ENF_OK || n == 0)
    return status;
  enf_status *ended = enf__ended_take(ctx, n);
  if (!ended)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a call on %zu samples", n);
  *reports = ENF__TAKE(&ctx->arena, enf__tally, tasks);
  for (size_t i = 0; i < tasks; i++)
    (*reports)[i] = (enf__tally){.ended = ended};
  status = enf__parallel_for(ctx, tasks, fn, user, group, n);
  const enf__tally all = add_up(*reports, tasks);
  fill_stats(&ctx->stats, &all, enf__seconds() - start);
  ctx->arena.used = 0;
  return status == ENF_OK && all.failed ? tell(ctx, &all, n) : status;
}
