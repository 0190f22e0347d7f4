/* fit_curve.c -- the curve of a training, in a CSV file.

   step,seconds,samples,loss,lr,grad_norm, and nll,nll_err,gain,gain_err once there is a look; those
   are empty in other rows. Numbers that decide have all their digits, so that a training goes on
   from the file as it would have gone on itself. A row that cannot be read is no row. */
#include "train/fit_curve.h"
#include "io/io.h"
#include <ctype.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { POINTS = 1000, COLUMNS = 10, OF_STEPS = 6, ROOM = 2048, ROW_BYTES = 512 };

void enf__curve_plan(enf__curve *c, uint64_t planned) {
  c->every = planned > POINTS ? planned / POINTS : 1;
}

/* ---- points ---------------------------------------------------------------------------------- */

static enf_status push(enf_ctx *ctx, enf__curve *c, const enf__curve_point *point) {
  if (c->n == c->capacity) {
    const size_t capacity = 2 * c->capacity + ROOM;
    enf__curve_point *grown = enf__alloc_array(&ctx->alloc, capacity, sizeof *grown);
    if (!grown)
      return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a training curve of %zu points",
                       capacity);
    if (c->n > 0)
      memcpy(grown, c->point, c->n * sizeof *grown);
    enf__free(&ctx->alloc, c->point);
    c->point = grown;
    c->capacity = capacity;
  }
  c->point[c->n++] = *point;
  return ENF_OK;
}

/* Where all steps were skipped, or there was none, the means are not known. */
static enf_status end_point(enf_ctx *ctx, enf__curve *c, uint64_t step, uint64_t samples,
                            double seconds) {
  const double w = c->open > 0 ? 1 / (double)c->open : (double)NAN;
  const enf__curve_point point = {.step = step,
                                  .samples = samples,
                                  .seconds = seconds,
                                  .loss = c->sum.loss * w,
                                  .lr = c->sum.lr * w,
                                  .grad_norm = c->sum.grad_norm * w};
  c->sum = (enf__curve_point){0};
  c->open = 0;
  return push(ctx, c, &point);
}

enf_status enf__curve_add(enf_ctx *ctx, enf__curve *c, const enf_step_info *info, uint64_t samples,
                          double seconds) {
  if (isfinite(info->loss)) { /* a skipped step has no loss */
    c->smoothed = c->smoothed == 0 ? info->loss : c->smoothed + 0.02 * (info->loss - c->smoothed);
    c->sum.loss += info->loss;
    c->sum.lr += info->lr;
    c->sum.grad_norm += info->grad_norm;
    c->open++;
  }
  if (info->step % c->every != 0 || c->open == 0)
    return ENF_OK;
  return end_point(ctx, c, info->step, samples, seconds);
}

enf_status enf__curve_look(enf_ctx *ctx, enf__curve *c, const enf__look *look, uint64_t samples,
                           double seconds) {
  if (c->n == 0 || c->point[c->n - 1].step != look->step) {
    const enf_status status = end_point(ctx, c, look->step, samples, seconds);
    if (status != ENF_OK)
      return status;
  }
  c->point[c->n - 1].looked = c->looked = true;
  c->point[c->n - 1].look = *look;
  return ENF_OK;
}

void enf__curve_free(enf_ctx *ctx, enf__curve *c) {
  enf__free(&ctx->alloc, c->point);
  *c = (enf__curve){0};
}

/* ---- the file -------------------------------------------------------------------------------- */

/* How many of its numbers the row begins with. */
static int read_row(const char *row, double value[COLUMNS]) {
  int n = 0;
  while (n < COLUMNS) {
    char *end;
    value[n] = enf__strtod(row, &end);
    if (end == row || isspace((unsigned char)*row))
      break;
    n++;
    if (*end != ',')
      break;
    row = end + 1;
  }
  return n;
}

/* A count that is none makes the row none. */
static bool is_count(double value) { return value >= 0 && value < 0x1p63; }

static enf_status take_row(enf_ctx *ctx, enf__curve *c, const char *row, uint64_t most) {
  double v[COLUMNS] = {0};
  const int n = read_row(row, v);
  if (n < OF_STEPS || !is_count(v[0]) || !is_count(v[2]) || (uint64_t)v[0] > most)
    return ENF_OK;
  const enf__curve_point point = {.step = (uint64_t)v[0],
                                  .seconds = v[1],
                                  .samples = (uint64_t)v[2],
                                  .loss = v[3],
                                  .lr = v[4],
                                  .grad_norm = v[5],
                                  .looked = n == COLUMNS,
                                  .look = {(uint64_t)v[0], v[6], v[7], v[8], v[9]}};
  c->looked = c->looked || point.looked;
  return push(ctx, c, &point);
}

enf_status enf__curve_read(enf_ctx *ctx, enf__curve *c, const char *path, uint64_t step) {
  char *text = NULL;
  size_t bytes;
  if (access(path, F_OK) != 0)
    return ENF_OK;
  enf_status status = enf__file_read(ctx, path, &text, &bytes);
  for (const char *row = text; row && status == ENF_OK;) {
    status = take_row(ctx, c, row, step);
    row = strchr(row, '\n');
    row = row ? row + 1 : NULL;
  }
  enf__free(&ctx->alloc, text);
  return status;
}

static void print_row(const enf__curve *c, const enf__curve_point *p, char row[ROW_BYTES]) {
  enf__format(row, ROW_BYTES, "%llu,%.3f,%llu,%.9g,%.9g,%.9g", (unsigned long long)p->step,
              p->seconds, (unsigned long long)p->samples, p->loss, p->lr, p->grad_norm);
  const size_t used = strlen(row);
  if (p->looked)
    enf__format(row + used, ROW_BYTES - used, ",%.17g,%.17g,%.17g,%.17g\n", p->look.nll,
                p->look.nll_err, p->look.gain, p->look.gain_err);
  else
    enf__format(row + used, ROW_BYTES - used, "%s\n", c->looked ? ",,,," : "");
}

enf_status enf__curve_write(enf_ctx *ctx, const enf__curve *c, const char *path) {
  enf__writer w = {0};
  char row[ROW_BYTES];
  enf_status status;
  TRY(enf__writer_open(ctx, &w, path));
  enf__format(row, sizeof row, "step,seconds,samples,loss,lr,grad_norm%s\n",
              c->looked ? ",nll,nll_err,gain,gain_err" : "");
  TRY(enf__writer_put(&w, row, strlen(row)));
  for (size_t i = 0; i < c->n; i++) {
    print_row(c, &c->point[i], row);
    TRY(enf__writer_put(&w, row, strlen(row)));
  }
  return enf__writer_commit(&w);
out:
  enf__writer_abandon(&w);
  return status;
}
