/* lines.c -- reference lines (enf_reference_lines) of the configurations that a command has read.

   The entropy is below every NLL and every line; what a flow has won is its share of the way from the
   lowest line to the entropy. */
#include "lines.h"

#include <math.h>

int lines_find(cli *c, const enf_flow *flow, const dataset *data, enf_lines *lines) {
  *lines = (enf_lines)ENF_LINES_INIT;
  const enf_status status = enf_reference_lines(c->ctx, flow, data->n, data->x, 0, lines);
  if (status == ENF_OK || status == ENF_ERR_UNSUPPORTED)
    return SUCCESS;
  return cli_fail_status(c, status);
}

void lines_report(report *r, const enf_lines *lines, double nll, double floor) {
  if (!(lines->n > 0))
    return;
  const double lowest =
      fmin(lines->nll_isotropic, fmin(lines->nll_covariance, lines->nll_student)); /* not NaN */
  report_real(r, "nll_isotropic", "line: Gaussian, one width", lines->nll_isotropic);
  if (!isnan(lines->nll_covariance))
    report_real(r, "nll_covariance", "line: Gaussian, covariance", lines->nll_covariance);
  if (!isnan(lines->nll_student)) {
    report_real(r, "nll_student", "line: Student-t", lines->nll_student);
    report_real(r, "student_df", "its degrees of freedom", lines->student_df);
  }
  if (isnan(nll) || isnan(floor))
    return;
  report_real(r, "nll_floor", "line: entropy", floor);
  report_real(r, "won", "of the way to it", (lowest - nll) / (lowest - floor));
}
