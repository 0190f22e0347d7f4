/* internal.c -- enf_internal and enf_cartesian: the internal coordinates of a flow's molecule, and
   molecules of given ones. Samples one after another: a microsecond each. */
#include "flow/batch.h"
#include "math/finite.h"
#include "space/molecule.h"
#include <enf/molecule.h>
#include <math.h>

/* Checks arguments and takes what `all` writes to. */
static enf_status begin(enf_ctx *ctx, const enf_flow *flow, const char *call, size_t n,
                        const enf__argument arrays[2], enf__tally *all) {
  const enf_status status = enf__batch_check(ctx, flow, n, 2, arrays);
  if (status != ENF_OK)
    return status;
  if (!enf__molecule_zmatrix(&flow->space))
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED, "%s needs a flow of model.space molecule", call);
  all->ended = enf__ended_take(ctx, n);
  if (!all->ended)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a call on %zu samples", n);
  return ENF_OK;
}

static void count_failure(enf__tally *all, size_t row, const enf__fault *fault) {
  const enf__failure why = {.status = fault->status, .what = "x", .fault = *fault};
  enf__tally_failure(all, row, why);
}

enf_status enf_internal(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x, double *q,
                        double *log_jacobian) {
  ENF__ENTRY;
  enf_status status;
  enf__tally all = {0};
  const double start = enf__seconds();
  const enf__argument arrays[] = {{"x", x}, {"q", q}};
  TRY(enf__enter(ctx));
  TRY(begin(ctx, flow, "enf_internal", n, arrays, &all));
  const enf__zmatrix *z = enf__molecule_zmatrix(&flow->space);
  const size_t host = enf__space_host(&flow->space), C = enf__internal_count(z);
  for (size_t i = 0; i < n; i++) {
    double unwanted, *jacobian = log_jacobian ? log_jacobian + i : &unwanted;
    enf__fault fault;
    if (enf__internal_measure(z, x + i * host, q + i * C, jacobian, &fault))
      continue;
    enf__fill_nan(C, q + i * C);
    *jacobian = NAN;
    count_failure(&all, i, &fault);
  }
  TRY(enf__batch_end(ctx, n, &all, enf__seconds() - start));
out:
  return status;
}

enf_status enf_cartesian(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *q, double *x) {
  ENF__ENTRY;
  enf_status status;
  enf__tally all = {0};
  const double start = enf__seconds();
  const enf__argument arrays[] = {{"q", q}, {"x", x}};
  TRY(enf__enter(ctx));
  TRY(begin(ctx, flow, "enf_cartesian", n, arrays, &all));
  const enf__zmatrix *z = enf__molecule_zmatrix(&flow->space);
  const size_t host = enf__space_host(&flow->space), C = enf__internal_count(z);
  for (size_t i = 0; i < n; i++) {
    enf__fault fault;
    if (enf__internal_place(z, q + i * C, x + i * host, &fault))
      continue;
    enf__fill_nan(host, x + i * host);
    count_failure(&all, i, &fault);
  }
  TRY(enf__batch_end(ctx, n, &all, enf__seconds() - start));
out:
  return status;
}
