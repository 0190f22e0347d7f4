/* copula.c -- priors of vectors whose margins and whose dependence are chosen apart (Laszkiewicz,
   Lederer, Fischer 2021, arXiv:2107.07352; Sklar 1959).

   With t_i = (z_i/std - loc_i)/scale_i, f_i and F_i the density and distribution function of law i,
   u_i = F_i(t_i) and R the correlation:

     log p(z) = log c(u) + sum_i [ log f_i(t_i) - log scale_i ] - D log std
     independent  log c = 0
     gaussian     zeta_i = Phi^-1(u_i):  log c = -log|R|/2 - zeta^T (R^-1 - 1) zeta / 2
     student-t    zeta_i = T_nu^-1(u_i): log c = log t_(nu,R)(zeta) - sum_i log t_nu(zeta_i)
     d/dt_i       dlog c/dzeta_i f_i(t_i)/g(zeta_i) + (log f_i)'(t_i),   g the density of zeta_i
     d/dloc_i = -d/dt_i / scale_i,  d/dlog scale_i = -t_i d/dt_i - 1,  d/dlog nu_i = nu_i dlog f_i/dnu_i

   All laws are symmetric, so zeta has the sign of t and is found from the smaller tail alone. A draw
   is zeta, correlated, and from its tails t; of the independent copula uniforms. */
#include "core/option_text.h"
#include "core/random.h"
#include "math/cholesky.h"
#include "prior/prior.h"
#include <math.h>
#include <string.h>

/* Least pivot of a correlation, and how far its diagonal and its halves may be off. */
static const double LEAST = 1e-10, SLACK = 1e-8;

/* ---- making ---------------------------------------------------------------------------------- */

static enf_status check(enf_ctx *ctx, const enf__space *space) {
  if (space->ops != &enf__vector_ops)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.prior copula is of model.space vector alone: its margins know directions");
  if (space->shape.dimensions > ENF__COPULA_MOST)
    return enf__fail(ctx, ENF_ERR_OPTION, "model.prior copula has up to %d coordinates, not %zu",
                     (int)ENF__COPULA_MOST, space->shape.dimensions);
  return ENF_OK;
}

enf_status enf__copula_plan(enf_ctx *ctx, enf__copula *copula, const enf_opts *options,
                            const enf__space *space, bool trained, enf__params *params) {
  const size_t D = space->shape.dimensions;
  const char *text = enf__opts_text(options, ENF__OPT_MODEL_MARGINS);
  const size_t count = enf__margins_count(text);
  enf__margin margin;
  if (count > 1 && count != D)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.margins has %zu laws, must have one, or one for each of the %zu coordinates",
                     count, D);
  *copula = (enf__copula){.on = true,
                          .D = D,
                          .text = text,
                          .kind = (int)enf__opts_int(options, ENF__OPT_MODEL_COPULA),
                          .df = enf__opts_real(options, ENF__OPT_MODEL_COPULA_DF)};
  while ((text = enf__margins_next(text, &margin)) != NULL)
    copula->has_df = copula->has_df || margin.law == ENF__STUDENT_LAW;
  const bool independent = copula->kind == ENF__INDEPENDENT_COPULA;
  copula->trains_df = trained && independent && copula->has_df;
  const enf__tensor margins = {.rows = D, .cols = 1, .fixed = !trained};
  copula->loc = enf__params_add(params, margins, "prior.loc");
  copula->log_scale = enf__params_add(params, margins, "prior.log_scale");
  if (copula->has_df)
    copula->log_df = enf__params_add(
        params, (enf__tensor){.rows = D, .cols = 1, .fixed = !copula->trains_df}, "prior.log_df");
  if (!independent)
    copula->correlation = enf__params_add(
        params, (enf__tensor){.rows = D, .cols = D, .diagonal = 1, .fixed = true},
        "prior.correlation");
  return ENF_OK;
}

enf_status enf__copula_allocate(enf_ctx *ctx, enf__copula *c) {
  const size_t D = c->D;
  const bool independent = c->kind == ENF__INDEPENDENT_COPULA;
  if (!c->on)
    return ENF_OK;
  c->margin = enf__alloc_array(&ctx->alloc, D, sizeof *c->margin);
  if (!independent)
    c->matrix = enf__alloc_array(&ctx->alloc, 3 * D * D, sizeof *c->matrix);
  if (!c->margin || (!independent && !c->matrix))
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a copula of %zu coordinates", D);
  if (!independent) {
    memset(c->matrix, 0, 3 * D * D * sizeof *c->matrix);
    c->inverse = c->matrix + D * D;
    c->root = c->inverse + D * D;
  }
  const char *text = c->text;
  enf__margin margin = {.law = ENF__NORMAL_LAW, .df = 5, .scale = 1};
  for (size_t i = 0; i < D; i++) { /* the only one stays */
    if (text)
      text = enf__margins_next(text, &margin);
    c->margin[i] = (enf__copula_margin){{margin.law, margin.df}, margin.loc, margin.scale};
  }
  return ENF_OK;
}

void enf__copula_free(const enf_alloc *alloc, enf__copula *copula) {
  enf__free(alloc, copula->margin);
  enf__free(alloc, copula->matrix);
  *copula = (enf__copula){0};
}

void enf__copula_start(const enf__copula *c, double *params) {
  for (size_t i = 0; i < c->D; i++) {
    params[c->loc + i] = c->margin[i].loc;
    params[c->log_scale + i] = log(c->margin[i].scale);
    if (c->has_df)
      params[c->log_df + i] = log(c->margin[i].law.df);
  }
}

static bool set_correlation(enf__copula *c, const double *R) {
  const size_t D = c->D;
  if (!memcmp(c->matrix, R, D * D * sizeof *R))
    return true;
  memset(c->matrix, 0, D * D * sizeof *R);
  memcpy(c->root, R, D * D * sizeof *R);
  if (!enf__cholesky(D, LEAST, c->root))
    return false;
  enf__cholesky_inverse(D, c->root, c->inverse);
  c->log_det = enf__cholesky_log_det(D, c->root);
  memcpy(c->matrix, R, D * D * sizeof *R);
  return true;
}

bool enf__copula_pack(enf__copula *c, const double *params) {
  for (size_t i = 0; i < c->D; i++) {
    c->margin[i].loc = params[c->loc + i];
    c->margin[i].scale = exp(params[c->log_scale + i]);
    if (c->has_df)
      c->margin[i].law.df = exp(params[c->log_df + i]);
  }
  return !c->matrix || set_correlation(c, params + c->correlation);
}

enf_status enf__copula_admit(enf_ctx *ctx, const enf__copula *copula, const double *R) {
  const size_t D = copula->D;
  enf__copula trial = *copula;
  enf_status status;
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j <= i; j++)
      if (!(fabs(R[i * D + j] - (i == j ? 1 : R[j * D + i])) <= SLACK))
        return enf__fail(ctx, ENF_ERR_RANGE,
                         "prior.correlation is not symmetric with a diagonal of ones");
  trial.margin = NULL;
  TRY(enf__copula_allocate(ctx, &trial));
  if (!set_correlation(&trial, R))
    TRY(enf__fail(ctx, ENF_ERR_RANGE, "prior.correlation is not positive definite"));
out:
  enf__copula_free(&ctx->alloc, &trial);
  return status;
}

/* ---- density --------------------------------------------------------------------------------- */

/* Of zeta. */
static enf__law score_law(const enf__copula *c) {
  return (enf__law){c->kind == ENF__STUDENT_COPULA ? ENF__STUDENT_LAW : ENF__NORMAL_LAW, c->df};
}

/* Where the other law has the same tail. */
static double exchange(enf__law from, enf__law to, double t) {
  return copysign(enf__law_quantile(to, enf__law_log_tail(from, fabs(t))), t);
}

/* log c of zeta (D) and, in place of it, dlog c/dzeta. */
static double dependence(const enf__copula *c, double *zeta) {
  const size_t D = c->D;
  const bool student = c->kind == ENF__STUDENT_COPULA;
  const double nu = c->df, k = (double)D;
  double pull[ENF__COPULA_MOST], Q = 0, own = 0;
  int sign;
  for (size_t i = 0; i < D; i++) {
    pull[i] = 0;
    for (size_t j = 0; j < D; j++)
      pull[i] += c->inverse[i * D + j] * zeta[j];
    Q += zeta[i] * pull[i];
    own += student ? log1p(zeta[i] * zeta[i] / nu) : zeta[i] * zeta[i];
  }
  for (size_t i = 0; i < D; i++)
    zeta[i] = student ? (nu + 1) * zeta[i] / (nu + zeta[i] * zeta[i]) - (nu + k) / (nu + Q) * pull[i]
                      : zeta[i] - pull[i];
  if (!student)
    return -0.5 * (c->log_det + Q - own);
  return lgamma_r(0.5 * (nu + k), &sign) + (k - 1) * lgamma_r(0.5 * nu, &sign) -
         k * lgamma_r(0.5 * (nu + 1), &sign) -
         0.5 * (c->log_det + (nu + k) * log1p(Q / nu) - (nu + 1) * own);
}

double enf__copula_density(const enf__copula *c, const double *t, double *grad) {
  const size_t D = c->D;
  const enf__law law = score_law(c);
  double zeta[ENF__COPULA_MOST], stretch[ENF__COPULA_MOST], sum = 0;
  for (size_t i = 0; i < D; i++) {
    const double log_f = enf__law_log_density(c->margin[i].law, t[i]);
    sum += log_f;
    if (grad)
      grad[i] = enf__law_score(c->margin[i].law, t[i]);
    if (c->matrix) {
      zeta[i] = exchange(c->margin[i].law, law, t[i]);
      stretch[i] = exp(log_f - enf__law_log_density(law, zeta[i]));
    }
  }
  if (!c->matrix)
    return sum;
  sum += dependence(c, zeta);
  for (size_t i = 0; grad && i < D; i++)
    grad[i] += zeta[i] * stretch[i];
  return sum;
}

/* z in the margins' units. */
static void standardise(const enf__prior *prior, const double *z, double *t) {
  const enf__copula *c = &prior->copula;
  for (size_t i = 0; i < c->D; i++)
    t[i] = (z[i] / prior->std - c->margin[i].loc) / c->margin[i].scale;
}

static double log_density(const enf__prior *prior, const double *z) {
  const enf__copula *c = &prior->copula;
  double t[ENF__COPULA_MOST], sum = 0;
  standardise(prior, z, t);
  for (size_t i = 0; i < c->D; i++)
    sum += log(prior->std * c->margin[i].scale);
  return enf__copula_density(c, t, NULL) - sum;
}

static void gradient(const enf__prior *prior, const double *z, double *grad, double by_log[2]) {
  const enf__copula *c = &prior->copula;
  double t[ENF__COPULA_MOST];
  (void)by_log;
  standardise(prior, z, t);
  enf__copula_density(c, t, grad);
  for (size_t i = 0; i < c->D; i++)
    grad[i] /= prior->std * c->margin[i].scale;
}

void enf__copula_pull(const enf__prior *prior, const double *z, double weight, double *dparams) {
  const enf__copula *c = &prior->copula;
  double t[ENF__COPULA_MOST], grad[ENF__COPULA_MOST];
  standardise(prior, z, t);
  enf__copula_density(c, t, grad);
  for (size_t i = 0; i < c->D; i++) {
    const enf__copula_margin *m = &c->margin[i];
    dparams[c->loc + i] -= weight * grad[i] / m->scale;
    dparams[c->log_scale + i] -= weight * (t[i] * grad[i] + 1);
    if (c->trains_df)
      dparams[c->log_df + i] += weight * m->law.df * enf__law_by_df(m->law, t[i]);
  }
}

/* ---- draws ----------------------------------------------------------------------------------- */

/* zeta (D) of a copula with a correlation. */
static void draw_scores(const enf__copula *c, uint64_t seed, uint32_t stream, uint64_t index,
                        double *zeta) {
  const size_t D = c->D;
  enf__random_normal(seed, stream, index, D, zeta);
  for (size_t i = D; i-- > 0;) { /* from the last: what it needs is still normal */
    double sum = 0;
    for (size_t j = 0; j <= i; j++)
      sum += c->root[i * D + j] * zeta[j];
    zeta[i] = sum;
  }
  const double factor =
      c->kind == ENF__STUDENT_COPULA ? enf__student_factor(c->df, seed, stream, index) : 1;
  for (size_t i = 0; i < D; i++)
    zeta[i] *= factor;
}

static void sample(const enf__prior *prior, uint64_t seed, uint32_t stream, uint64_t index,
                   double *z) {
  const enf__copula *c = &prior->copula;
  if (c->matrix)
    draw_scores(c, seed, stream, index, z);
  else
    enf__random_uniform(seed, stream, index, c->D, z);
  for (size_t i = 0; i < c->D; i++) {
    const enf__copula_margin *m = &c->margin[i];
    const double u = z[i], tail = fmin(u, 1 - u);
    const double t = c->matrix ? exchange(score_law(c), m->law, u)
                               : copysign(enf__law_quantile(m->law, log(tail)), u - 0.5);
    z[i] = prior->std * (m->loc + m->scale * t);
  }
}

const enf__prior_ops enf__copula_ops = {check, sample, log_density, gradient, 0};
