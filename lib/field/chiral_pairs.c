/* chiral_pairs.c -- sums over pairs of the part that tells left from right: p, p_dot and S of all
   particles, and the way back: see chiral.h. */
#include "field/chiral_work.h"

/* Of a pair: r, r_dot, q_dot, and the Gaussians with their first and second derivatives by q. */
typedef struct {
  double r[3], r_dot[3], q_dot, u[3][K];
} pair;

static pair make_pair(const sample *s, size_t i, size_t j) {
  pair e = {0};
  for (size_t a = 0; a < 3; a++) {
    e.r[a] = s->x[3 * i + a] - s->x[3 * j + a];
    e.r_dot[a] = s->eps ? s->eps[3 * i + a] - s->eps[3 * j + a] : 0;
  }
  e.q_dot = 2 * dot(e.r, e.r_dot);
  /* the exponent of the widest is q/32, of every other four times the next one's */
  double y = exp(-dot(e.r, e.r) / 32), width = 4;
  for (size_t k = K; k-- > 0; width /= 2) {
    const double slope = -0.5 / (width * width);
    e.u[0][k] = s->norm * y / width;
    e.u[1][k] = slope * e.u[0][k];
    e.u[2][k] = slope * e.u[1][k];
    y *= y;
    y *= y;
  }
  return e;
}

/* (N-1)^-1/2 f_c, or its derivative of an order, of a sender's kind. */
static void charge_sums(const sample *s, const pair *e, int order, size_t kind, heads f[3]) {
  const heads *A = (const heads *)(s->f->A + kind * CHARGES);
  memset(f, 0, 3 * sizeof *f);
  for (size_t k = 0; k < K; k++)
    for (size_t c = 0; c < 3; c++)
      for (size_t h = 0; h < H; h++)
        f[c][h] += e->u[order][k] * A[3 * k + c][h];
}

/* What the sender's kind gives to a receiver; sign -1: r is that of the other direction. */
static void receive(const sample *s, const pair *e, size_t kind, double sign, node *to) {
  heads f[3], f1[3];
  charge_sums(s, e, 0, kind, f);
  for (size_t c = 0; c < 3; c++)
    for (size_t a = 0; a < 3; a++)
      for (size_t h = 0; h < H; h++)
        to->p[c][a][h] += sign * e->r[a] * f[c][h];
  if (!s->eps && !s->slopes)
    return;
  charge_sums(s, e, 1, kind, f1);
  for (size_t c = 0; c < 3; c++)
    for (size_t a = 0; a < 3; a++) {
      for (size_t h = 0; h < H; h++)
        to->p_dot[c][a][h] += sign * (f[c][h] * e->r_dot[a] + f1[c][h] * e->q_dot * e->r[a]);
      for (size_t b = 0; s->slopes && b < 3; b++)
        for (size_t h = 0; h < H; h++)
          to->S[c][a][b][h] += (a == b ? f[c][h] : 0) + 2 * e->r[a] * e->r[b] * f1[c][h];
    }
}

void enf__chiral_gather(sample *s) {
  memset(s->value, 0, s->shape->particles * sizeof *s->value);
  for (enf__pair at = enf__pair_first(s->shape); enf__pair_is(&at); enf__pair_next(&at)) {
    const pair e = make_pair(s, at.i, at.j);
    receive(s, &e, kind_of(s, at.j), 1, &s->value[at.i]);
    receive(s, &e, kind_of(s, at.i), -1, &s->value[at.j]);
  }
}

/* dA += of derivatives of the loss by f, or by one of its derivatives by q. */
static void charge_grad(const pair *e, int order, heads f_bar[3], double *dA) {
  heads *to = (heads *)dA;
  for (size_t k = 0; dA && k < K; k++)
    for (size_t c = 0; c < 3; c++)
      for (size_t h = 0; h < H; h++)
        to[3 * k + c][h] += f_bar[c][h] * e->u[order][k];
}

/* The part of p_dot and S: f_bar and r_bar gain, returned is the derivative by q through f'. */
static double rates_grad(const sample *s, const pair *e, size_t kind, double sign, node *bar,
                         heads f1[3], heads f_bar[3], double *r_bar, double *dA) {
  heads f2[3], f1_bar[3];
  double q_bar = 0;
  charge_sums(s, e, 2, kind, f2);
  for (size_t c = 0; c < 3; c++) {
    vectors along = {{0}};
    heads across = {0}, rates = {0}, twice = {0};
    for (size_t a = 0; a < 3; a++)
      add_along(e->r, bar->S[c][a], along[a]);
    add_along(e->r_dot, bar->p_dot[c], rates);
    add_along(e->r, bar->p_dot[c], across);
    add_along(e->r, along, twice);
    for (size_t h = 0; h < H; h++) {
      f_bar[c][h] +=
          sign * rates[h] + bar->S[c][0][0][h] + bar->S[c][1][1][h] + bar->S[c][2][2][h];
      f1_bar[c][h] = sign * e->q_dot * across[h] + 2 * twice[h];
      q_bar += f1_bar[c][h] * f2[c][h];
      for (size_t a = 0; a < 3; a++)
        r_bar[a] += f1[c][h] * (sign * (e->q_dot * bar->p_dot[c][a][h] +
                                        2 * across[h] * e->r_dot[a]) +
                                4 * along[a][h]);
    }
  }
  charge_grad(e, 1, f1_bar, dA);
  return q_bar;
}

/* `receive` backwards: from the receiver's bar to r_bar (of the pair's r) and dA, or NULL. */
static void receive_grad(const sample *s, const pair *e, size_t kind, double sign, node *bar,
                         double *r_bar, double *dA) {
  heads f[3], f1[3], f_bar[3] = {{0}};
  double q_bar = 0, *to = dA ? dA + kind * CHARGES : NULL;
  charge_sums(s, e, 0, kind, f);
  charge_sums(s, e, 1, kind, f1);
  for (size_t c = 0; c < 3; c++) {
    add_along(e->r, bar->p[c], f_bar[c]);
    for (size_t h = 0; h < H; h++)
      f_bar[c][h] *= sign;
    for (size_t a = 0; a < 3; a++)
      for (size_t h = 0; h < H; h++)
        r_bar[a] += sign * f[c][h] * bar->p[c][a][h];
  }
  if (s->eps || s->slopes)
    q_bar = rates_grad(s, e, kind, sign, bar, f1, f_bar, r_bar, to);
  charge_grad(e, 0, f_bar, to);
  for (size_t c = 0; c < 3; c++)
    for (size_t h = 0; h < H; h++)
      q_bar += f_bar[c][h] * f1[c][h];
  for (size_t a = 0; a < 3; a++)
    r_bar[a] += 2 * q_bar * e->r[a];
}

void enf__chiral_gather_grad(const sample *s, double *dx, double *dA) {
  for (enf__pair at = enf__pair_first(s->shape); enf__pair_is(&at); enf__pair_next(&at)) {
    const pair e = make_pair(s, at.i, at.j);
    double r_bar[3] = {0};
    receive_grad(s, &e, kind_of(s, at.j), 1, &s->bar[at.i], r_bar, dA);
    receive_grad(s, &e, kind_of(s, at.i), -1, &s->bar[at.j], r_bar, dA);
    for (size_t a = 0; dx && a < 3; a++) {
      dx[3 * at.i + a] += r_bar[a];
      dx[3 * at.j + a] -= r_bar[a];
    }
  }
}
