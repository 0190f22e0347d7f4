/* check_draw.c -- the picture of `enf check`, as SVG: twelve molecules as balls and sticks, each
   seen along its shortest axis, and two histograms, of distances and of sizes.

   The axes are those of the positions' second moments, by Jacobi's rotations. Balls and sticks are
   drawn from back to front. */
#include "check.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CELL = 190, ACROSS = 4, PLOT_WIDTH = 380, PLOT_HEIGHT = 240, MARGIN = 40 };

/* ---- molecules ------------------------------------------------------------------------------- */

static const struct {
  int32_t number;
  const char *colour, *edge;
  double radius; /* angstrom, as drawn */
} balls[] = {{1, "#f4f4f4", "#888888", 0.26},
             {6, "#555555", "#222222", 0.40},
             {7, "#4a78d0", "#23407a", 0.39},
             {8, "#d8433b", "#7a1f1a", 0.38},
             {9, "#58b368", "#2b6636", 0.36}};

static size_t ball_of(int32_t element) {
  size_t k = 0;
  while (k + 1 < sizeof balls / sizeof *balls && balls[k].number != element)
    k++;
  return k;
}

static void rotate(double a[3][3], double v[3][3], int p, int q) {
  if (fabs(a[p][q]) < 1e-14)
    return;
  const double angle = 0.5 * atan2(2 * a[p][q], a[q][q] - a[p][p]), c = cos(angle), s = sin(angle);
  for (int k = 0; k < 3; k++) {
    const double kp = a[k][p], kq = a[k][q];
    a[k][p] = c * kp - s * kq;
    a[k][q] = s * kp + c * kq;
  }
  for (int k = 0; k < 3; k++) {
    const double pk = a[p][k], qk = a[q][k], vp = v[k][p], vq = v[k][q];
    a[p][k] = c * pk - s * qk;
    a[q][k] = s * pk + c * qk;
    v[k][p] = c * vp - s * vq;
    v[k][q] = s * vp + c * vq;
  }
}

/* Positions (N,3) along the longest, the middle and the shortest axis. */
static void project(const check_molecule *m, double (*y)[3]) {
  double mean[3] = {0}, a[3][3] = {{0}}, v[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  int axis[3] = {0, 1, 2};
  for (size_t i = 0; i < 3 * m->N; i++)
    mean[i % 3] += m->x[i] / (double)m->N;
  for (size_t i = 0; i < m->N; i++)
    for (int p = 0; p < 3; p++)
      for (int q = 0; q < 3; q++)
        a[p][q] += (m->x[3 * i + (size_t)p] - mean[p]) * (m->x[3 * i + (size_t)q] - mean[q]);
  for (int sweep = 0; sweep < 30; sweep++)
    for (int p = 0; p < 2; p++)
      for (int q = p + 1; q < 3; q++)
        rotate(a, v, p, q);
  for (int k = 0; k < 3; k++)
    for (int i = 0; i < 2; i++)
      if (a[axis[i]][axis[i]] < a[axis[i + 1]][axis[i + 1]]) {
        const int kept = axis[i];
        axis[i] = axis[i + 1];
        axis[i + 1] = kept;
      }
  for (size_t i = 0; i < m->N; i++)
    for (int k = 0; k < 3; k++) {
      y[i][k] = 0;
      for (int d = 0; d < 3; d++)
        y[i][k] += (m->x[3 * i + (size_t)d] - mean[d]) * v[d][axis[k]];
    }
}

typedef struct {
  FILE *file;
  const check_molecule *m;
  double (*y)[3];
  double left, top, scale; /* pixels; pixels of an angstrom */
} drawing;

static double across(const drawing *d, size_t i) { return d->left + d->scale * d->y[i][0]; }
static double down(const drawing *d, size_t i) { return d->top - d->scale * d->y[i][1]; }

static void draw_bond(const drawing *d, size_t i, size_t j, int order) {
  const double dx = across(d, j) - across(d, i), dy = down(d, j) - down(d, i);
  const double length = sqrt(dx * dx + dy * dy) + 1e-9, gap = 0.13 * d->scale;
  for (int k = 0; k < order; k++) {
    const double off = (k - (order - 1) / 2.0) * gap, ox = -dy / length * off,
                 oy = dx / length * off;
    fprintf(d->file,
            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#777777\" "
            "stroke-width=\"%.1f\"/>\n",
            across(d, i) + ox, down(d, i) + oy, across(d, j) + ox, down(d, j) + oy,
            (order == 1 ? 0.12 : 0.08) * d->scale);
  }
}

static void draw_ball(const drawing *d, size_t i) {
  const size_t k = ball_of(d->m->element[i]);
  fprintf(d->file,
          "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\" stroke=\"%s\" "
          "stroke-width=\"1\"/>\n",
          across(d, i), down(d, i), balls[k].radius * d->scale, balls[k].colour, balls[k].edge);
}

/* Atoms from back to front, each behind its bonds to those that are farther still. */
static void draw_atoms(const drawing *d) {
  bool done[CHECK_ATOMS] = {false};
  for (size_t n = 0; n < d->m->N; n++) {
    size_t next = CHECK_ATOMS;
    for (size_t i = 0; i < d->m->N; i++)
      if (!done[i] && (next == CHECK_ATOMS || d->y[i][2] < d->y[next][2]))
        next = i;
    for (size_t j = 0; j < d->m->N; j++)
      if (!done[j] && d->m->order[next * d->m->N + j] > 0)
        draw_bond(d, next, j, d->m->order[next * d->m->N + j]);
    draw_ball(d, next);
    done[next] = true;
  }
}

/* In the middle of its cell, as large as fits. */
static void draw_molecule(FILE *file, const check_molecule *m, size_t place) {
  double y[CHECK_ATOMS][3], reach = 2;
  project(m, y);
  for (int k = 0; k < 2; k++) {
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < m->N; i++) {
      least = fmin(least, y[i][k]);
      most = fmax(most, y[i][k]);
    }
    for (size_t i = 0; i < m->N; i++)
      y[i][k] -= (least + most) / 2;
    reach = fmax(reach, (most - least) / 2 + 0.5);
  }
  const double left = (double)(place % ACROSS) * CELL, top = (double)(place / ACROSS) * CELL;
  const drawing d = {file, m, y, left + CELL / 2, top + CELL / 2 + 6, (CELL / 2 - 12) / reach};
  fprintf(file, "<text x=\"%.0f\" y=\"%.0f\" fill=\"%s\">%zu atoms, %s</text>\n", left + 8,
          top + 14, m->stable ? "#2b6636" : "#a03020", m->N, m->stable ? "stable" : "not stable");
  draw_atoms(&d);
}

/* ---- histograms ------------------------------------------------------------------------------ */

typedef struct {
  const char *title;
  size_t n;
  double range, tick, middle;  /* of the axis; between labels; of what they stand below */
  const double *value, *other; /* (n) counts; other may be NULL */
} histogram;

static double total(size_t n, const double *value) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += value[i];
  return sum > 0 ? sum : 1;
}

static void draw_steps(FILE *file, const histogram *h, const double *value, double most,
                       double left, double bottom, const char *style) {
  const double all = total(h->n, value), width = PLOT_WIDTH - 2 * MARGIN;
  fprintf(file, "<path d=\"M%.1f %.1f", left, bottom);
  for (size_t i = 0; i < h->n; i++)
    fprintf(file, "V%.1fH%.1f", bottom - (PLOT_HEIGHT - 2 * MARGIN) * value[i] / all / most,
            left + width * (double)(i + 1) / (double)h->n);
  fprintf(file, "V%.1f\" %s/>\n", bottom, style);
}

static void draw_histogram(FILE *file, const histogram *h, double left, double top) {
  const double x0 = left + MARGIN, bottom = top + PLOT_HEIGHT - MARGIN;
  const double width = PLOT_WIDTH - 2 * MARGIN;
  double most = 0;
  for (size_t i = 0; i < h->n; i++) {
    most = fmax(most, h->value[i] / total(h->n, h->value));
    if (h->other != NULL)
      most = fmax(most, h->other[i] / total(h->n, h->other));
  }
  most = most > 0 ? most : 1;
  draw_steps(file, h, h->value, most, x0, bottom, "fill=\"#9fc5cf\" stroke=\"none\"");
  if (h->other != NULL)
    draw_steps(file, h, h->other, most, x0, bottom,
               "fill=\"none\" stroke=\"#d1495b\" stroke-width=\"1.3\"");
  fprintf(file, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#222222\" fill=\"none\"/>\n", x0, bottom,
          x0 + width);
  for (double tick = 0; tick + h->middle <= h->range; tick += h->tick)
    fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.3g</text>\n",
            x0 + width * (tick + h->middle) / h->range, bottom + 15, tick);
  fprintf(file, "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n", x0, top + 22, h->title);
}

static void draw_histograms(FILE *file, const check_found *f, const check_found *train) {
  double size[CHECK_SIZES], other[CHECK_SIZES];
  size_t last = 4;
  for (size_t i = 0; i < CHECK_SIZES; i++) {
    size[i] = (double)f->size[i];
    other[i] = train != NULL ? (double)train->size[i] : 0;
    if (size[i] + other[i] > 0)
      last = (i / 4 + 1) * 4;
  }
  const bool both = train != NULL;
  const histogram distances = {both ? "distances (angstrom); line: training file"
                                    : "distances (angstrom)",
                               CHECK_BINS,
                               CHECK_RANGE,
                               2,
                               0,
                               f->distance,
                               both ? train->distance : NULL},
                  sizes = {both ? "atoms of a molecule; line: training file"
                                : "atoms of a molecule",
                           last,
                           (double)last,
                           4,
                           0.5,
                           size,
                           both ? other : NULL};
  const double top = CELL * (CHECK_SHOWN / ACROSS);
  draw_histogram(file, &distances, 0, top);
  draw_histogram(file, &sizes, PLOT_WIDTH, top);
}

int check_draw(const char *path, const check_found *f, const check_found *train) {
  const int width = CELL * ACROSS, height = CELL * (CHECK_SHOWN / ACROSS) + PLOT_HEIGHT;
  FILE *file = fopen(path, "w");
  if (file == NULL)
    return cli_fail("cannot write %s: %s", path, strerror(errno));
  fprintf(file,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d "
          "%d\" font-family=\"sans-serif\" font-size=\"11\">\n"
          "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n",
          width, height, width, height, width, height);
  for (size_t i = 0; i < f->shown && i < CHECK_SHOWN; i++)
    draw_molecule(file, &f->show[i * f->shown / (f->shown < CHECK_SHOWN ? f->shown : CHECK_SHOWN)],
                  i);
  draw_histograms(file, f, train);
  fputs("</svg>\n", file);
  const bool written = !ferror(file);
  return fclose(file) == 0 && written ? SUCCESS : cli_fail("cannot write %s", path);
}
