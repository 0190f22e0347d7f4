/* paths.c -- mean path length and straightness of a flow's samples, with their standard errors.

   Lengths depend on where paths begin: the prior's standard deviation stands beside them (published
   ones are for 1, model.data_scale and model.prior_std both 1). */
#include "paths.h"
#include "progress.h"

#include <math.h>
#include <stdlib.h>

static double prior_width(const enf_flow *flow) {
  double scale = 0, std = 0;
  enf_get_real(flow, "data_scale", &scale);
  enf_get_real(flow, "prior_std", &std);
  return scale * std;
}

static int measure(cli *c, const enf_flow *flow, const draws *d, double *length, double *distance,
                   paths *p) {
  progress shown = progress_begin(c, "path lengths", "samples", 0);
  enf_ctx_set_progress(c->ctx, progress_callback, &shown);
  const enf_status status =
      enf_path_lengths(c->ctx, flow, d->seed, d->first, p->n, length, distance);
  progress_end(&shown);
  enf_ctx_set_progress(c->ctx, NULL, NULL);
  const bool none =
      status == ENF_ERR_UNSUPPORTED && !cli_has(c, FLAG_PATHS); /* no velocity field */
  if (status == ENF_ERR_CANCELLED || none)
    return p->n = 0, SUCCESS;
  const int result = settle_failed(c, status, p->n, &p->failed);
  for (size_t i = 0; i < p->n; i++)
    distance[i] /= length[i];
  mean_of(p->n, length, &p->length, &p->length_err);
  mean_of(p->n, distance, &p->straightness, &p->straightness_err);
  return result;
}

int paths_measure(cli *c, const enf_flow *flow, const draws *d, size_t n, paths *p) {
  *p = (paths){.n = n < d->data.n ? n : d->data.n, .prior_width = prior_width(flow)};
  if (p->n == 0)
    return SUCCESS;
  double *length = cli_alloc(p->n, sizeof *length), *distance = cli_alloc(p->n, sizeof *distance);
  const int result =
      length != NULL && distance != NULL ? measure(c, flow, d, length, distance, p) : FAILURE;
  free(length);
  free(distance);
  return result;
}

void paths_report(report *r, const paths *p) {
  if (p->n == 0)
    return;
  report_count(r, "path_samples", "paths measured", p->n);
  report_count(r, "path_failed", "  failed", p->failed);
  report_measured(r, "path_length", "path length", p->length, p->length_err, (double)NAN, 0);
  report_measured(r, "straightness", "straightness", p->straightness, p->straightness_err,
                  (double)NAN, 0);
  report_real(r, "prior_width", "prior's standard deviation", p->prior_width);
}
