/* bridge.c -- log Z and forward ESS from both sides.

   log Z is that of Bennett's acceptance ratio with the flow as density 0: the works are u + log q
   on its samples and -log q - u, which is log w, on the rows. The ESS that samples have is Z^2 /
   E_q[w^2] = Z / E_p[w] in the limit: rows x of the target p tell it from where p is, also of modes
   that no sample has found (w is large there),

     forward ESS = Z / mean of w over rows,

   with the relative error of that mean and of Z. Where w has no mean over p it falls as rows grow
   in number. */
#include "bridge.h"

#include <math.h>
#include <stdlib.h>

/* Work u + log q of the samples; where that is no number the weight is 0: +infinity. */
static void find_forward(size_t n, const double *u, const double *logp, double *work) {
  for (size_t i = 0; i < n; i++) {
    const double value = u[i] + logp[i];
    work[i] = fabs(value) <= 1e300 ? value : (double)INFINITY;
  }
}

/* Work -log q - u of the rows where both are known; how many these are. */
static size_t find_reverse(size_t n, const double *u, const double *logp, double *work) {
  size_t known = 0;
  for (size_t i = 0; i < n; i++) {
    const double value = -logp[i] - u[i];
    if (fabs(value) <= 1e300)
      work[known++] = value;
  }
  return known;
}

/* From the log-weights of the rows. */
static void find_forward_ess(size_t n, const double *log_w, bridge *b) {
  double top = -INFINITY, sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++)
    top = fmax(top, log_w[i]);
  for (size_t i = 0; i < n; i++) {
    const double w = exp(log_w[i] - top);
    sum += w;
    squares += w * w;
  }
  const double variance = squares / (sum * sum) - 1 / (double)n; /* relative, of the mean */
  b->forward_ess = exp(b->log_z - top) * (double)n / sum;
  b->forward_ess_err = b->forward_ess * sqrt(fmax(variance, 0) + b->log_z_err * b->log_z_err);
}

int bridge_measure(const cli *c, const both_sides *s, bridge *b) {
  double *work = cli_alloc(s->n + s->m, sizeof *work), difference;
  if (work == NULL)
    return FAILURE;
  find_forward(s->n, s->u, s->logp, work);
  const size_t known = find_reverse(s->m, s->u_rows, s->logp_rows, work + s->n);
  *b = (bridge){(double)NAN, (double)NAN, (double)NAN, (double)NAN};
  if (enf_bar(c->ctx, s->n, work, known, work + s->n, &difference, &b->log_z_err) == ENF_OK) {
    b->log_z = -difference;
    find_forward_ess(known, work + s->n, b);
  }
  free(work);
  return SUCCESS;
}

void bridge_report(report *r, const bridge *b, const target *t) {
  report_measured(r, "log_z_bar", "log Z, BAR", b->log_z, b->log_z_err, t->log_z, t->log_z_err);
  report_measured(r, "forward_ess", "forward ESS", b->forward_ess, b->forward_ess_err, (double)NAN,
                  0);
}
