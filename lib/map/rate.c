/* rate.c -- states (x, scalars) taken apart for the field and put together again. */
#include "map/rate.h"
#include <string.h>

void enf__rate_take(enf__rate *rate, size_t rows, enf__arena *arena) {
  const size_t dim = enf__shape_size(rate->shape);
  if (!rate->scalars)
    return;
  rate->x = ENF__TAKE(arena, double, rows *dim);
  rate->v = ENF__TAKE(arena, double, rows *dim);
  rate->scalar = ENF__TAKE(arena, double, rows * rate->scalars);
}

/* x and the closed divergence, in place. */
static void rate_in_place(const enf__rate *rate, const enf__points *at, double *dy) {
  const size_t dim = enf__shape_size(rate->shape);
  enf__field_divergence_apart(rate->field, rate->run, rate->arena, at, dim + 1, dy, rate->scalar);
  for (size_t i = 0; i < at->S; i++)
    dy[i * (dim + 1) + dim] = rate->scalar[i];
}

void enf__rate_of(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                  double *dy) {
  const enf__rate *rate = user;
  const size_t dim = enf__shape_size(rate->shape), more = rate->scalars, width = dim + more;
  const bool in_place = rate->evaluate == enf__rate_divergence && enf__field_closed(rate->field);
  const enf__points at = {rate->shape, S, t, more && !in_place ? rate->x : y};
  if (in_place) {
    rate_in_place(rate, &at, dy);
    return;
  }
  for (size_t i = 0; more && i < S; i++)
    memcpy(rate->x + i * dim, y + i * width, dim * sizeof *y);
  rate->evaluate(rate, &at, sample, more ? rate->v : dy, rate->scalar);
  for (size_t i = 0; more && i < S; i++) {
    memcpy(dy + i * width, rate->v + i * dim, dim * sizeof *dy);
    memcpy(dy + i * width + dim, rate->scalar + i * more, more * sizeof *dy);
  }
}

void enf__rate_velocity(const enf__rate *rate, const enf__points *at, const size_t *sample,
                        double *v, double *scalar) {
  (void)sample;
  enf__field_velocity(rate->field, rate->run, rate->arena, at, v);
  if (rate->scalars)
    memset(scalar, 0, at->S * rate->scalars * sizeof *scalar);
}

void enf__rate_divergence(const enf__rate *rate, const enf__points *at, const size_t *sample,
                          double *v, double *scalar) {
  (void)sample;
  enf__field_divergence(rate->field, rate->run, rate->arena, at, v, scalar);
}
