/* rings.c -- the bonds at which the rings of a molecule are cut. */
#include "rings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 1000, TEXT = 96 };

typedef struct {
  size_t i, j;
  double mean, deviation; /* of the rows */
} cut;

/* Mean and standard deviation of a distance in n configurations of N atoms. */
static void measure(size_t n, size_t N, const double *x, cut *of) {
  double sum = 0, squares = 0;
  for (size_t s = 0; s < n; s++) {
    const double *a = x + (s * N + of->i) * 3, *b = x + (s * N + of->j) * 3;
    const double r = sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) +
                          (a[2] - b[2]) * (a[2] - b[2]));
    sum += r;
    squares += r * r;
  }
  of->mean = n > 0 ? sum / (double)n : (double)NAN;
  of->deviation = n > 0 ? sqrt(fmax(squares / (double)n - of->mean * of->mean, 0)) : (double)NAN;
}

static char *take_text(size_t needed) { return cli_alloc(needed + 1, 1); }

/* ---- keeping --------------------------------------------------------------------------------- */

/* Marks the bonds along which a Z-matrix places its atoms: "a b c; atom a b c t; ...". */
static void mark_placed(const char *text, const topology *top, bool *placed) {
  size_t atom[4], root[3] = {0};
  const int known = sscanf(text, "%zu %zu %zu", root, root + 1, root + 2);
  for (const char *at = text; known == 3 && at != NULL; at = strchr(at, ';')) {
    at += *at == ';';
    if (at != text && sscanf(at, "%zu %zu", atom, atom + 1) != 2)
      continue;
    for (size_t b = 0; b < top->bonds; b++) {
      const size_t i = top->bond[b][0], j = top->bond[b][1];
      for (int k = 0; k < (at == text ? 2 : 1); k++) {
        const size_t p = at == text ? root[k] : atom[0], q = at == text ? root[k + 1] : atom[1];
        placed[b] = placed[b] || (i == p && j == q) || (i == q && j == p);
      }
    }
  }
}

int rings_keep(const cli *c, enf_flow *flow, const topology *top, const dataset *rows) {
  size_t needed = 0;
  if (top->bonds == 0)
    return SUCCESS;
  enf_get_text(flow, "model.zmatrix", NULL, 0, &needed);
  char *zmatrix = take_text(needed), *text = take_text(TEXT * top->bonds);
  bool *placed = cli_alloc(top->bonds, sizeof *placed);
  enf_status status = ENF_ERR_NOMEM;
  if (zmatrix != NULL && text != NULL && placed != NULL) {
    status = enf_get_text(flow, "model.zmatrix", zmatrix, needed, NULL);
    memset(placed, 0, top->bonds * sizeof *placed);
    mark_placed(zmatrix, top, placed);
    size_t used = 0;
    for (size_t b = 0; b < top->bonds; b++) {
      cut of = {.i = top->bond[b][0], .j = top->bond[b][1]};
      if (placed[b])
        continue;
      measure(rows->n, top->N, rows->x, &of);
      used += (size_t)snprintf(text + used, TEXT, "%s%zu-%zu %.6g %.6g", used > 0 ? "; " : "", of.i,
                               of.j, of.mean, of.deviation);
    }
    if (used > 0)
      status = enf_meta_set(c->ctx, flow, "rings", text);
  }
  free(zmatrix), free(text), free(placed);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}

/* ---- saying ---------------------------------------------------------------------------------- */

static void print_cut(report *r, const cut *rows, const cut *samples, bool first) {
  if (r->json) {
    printf("%s{\"atoms\": [%zu, %zu], \"rows\": ", first ? "" : ", ", rows->i, rows->j);
    json_real(stdout, rows->mean);
    fputs(", \"rows_width\": ", stdout);
    json_real(stdout, rows->deviation);
    fputs(", \"samples\": ", stdout);
    json_real(stdout, samples->mean);
    fputs(", \"samples_width\": ", stdout);
    json_real(stdout, samples->deviation);
    putchar('}');
  } else
    printf("a ring is cut at bond %zu-%zu, which is no coordinate: %.4g +- %.2g in the rows, "
           "%.4g +- %.2g in %d samples\n",
           rows->i, rows->j, rows->mean, rows->deviation, samples->mean, samples->deviation,
           SAMPLES);
}

static void print_cuts(report *r, const char *text, size_t N, const double *x) {
  cut rows;
  bool first = true;
  if (r->json)
    fputs(", \"rings\": [", stdout);
  for (const char *at = text; at != NULL; at = strchr(at, ';'), first = false) {
    at += *at == ';';
    if (sscanf(at, "%zu-%zu %lf %lf", &rows.i, &rows.j, &rows.mean, &rows.deviation) != 4 ||
        rows.i >= N || rows.j >= N)
      continue; /* of another program */
    cut samples = rows;
    measure(SAMPLES, N, x, &samples);
    print_cut(r, &rows, &samples, first);
  }
  if (r->json)
    putchar(']');
}

int rings_print(const cli *c, report *r, const enf_flow *flow) {
  int64_t particles = 0;
  size_t needed = 0;
  if (enf_meta_get(flow, "rings", NULL, 0, &needed) == ENF_ERR_ARG)
    return SUCCESS;
  enf_get_int(flow, "particles", &particles);
  const size_t N = (size_t)particles;
  char *text = take_text(needed);
  double *x = cli_alloc(SAMPLES * N * 3, sizeof *x);
  enf_status status = ENF_ERR_NOMEM;
  if (text != NULL && x != NULL)
    status = enf_meta_get(flow, "rings", text, needed, NULL);
  if (status == ENF_OK)
    status = enf_sample(c->ctx, flow, 0, 0, SAMPLES, x, NULL);
  if (status == ENF_OK)
    print_cuts(r, text, N, x);
  free(text), free(x);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}
