/* soap.c -- SOAP (Vyas et al. 2024, arXiv:2409.11321, algorithm 3): Adam in the eigenbases of
   Shampoo's second moments.

   For every parameter tensor, a matrix of m rows and n columns with gradient G, and L, R running
   averages of G G^T and G^T G whose eigenvectors are the rows of U_L and U_R:

     M = beta1 M + (1-beta1) G,  V = beta2 V + (1-beta2) (U_L G U_R^T)^2,  beta2 = 0.99 as for L, R,
     direction = U_L^T [ U_L M U_R^T c1 / (sqrt(V c2) + eps) ] U_R / max(1, s),  c = 1/(1 - beta^k),

   s the root mean square of U_L G U_R^T / sqrt(V c2): a tensor whose gradients outgrow what V knows
   of them makes a shorter step (update clipping: Shazeer and Stern 2018, arXiv:1804.04235, section
   6). Without it, now and then a step of a deep network is the first of some that ruin it.

   The bases begin as the identity, so the first updates are Adam's, and follow their second moments
   by one step of orthogonal iteration every tenth update: U becomes the orthonormalised U L. With
   a shift of 1e-12 of its trace a moment without full rank is no special case. V follows: a new
   component has the old ones' squares in the shares of B o B, B = U_new U_old^T. (Left as it is, a
   component with a small V would take over the momentum of a large one when two change places: a
   step without bound.) A side of length 1 has nothing to turn.

   One task does one tensor, in float64; products are the context's kernels, on copies whose
   columns are padded with zeros. */
#include "train/soap.h"
#include "core/parallel.h"
#include "math/kernels.h"
#include "train/optimiser.h"
#include <math.h>
#include <string.h>

#define BETA_SECOND 0.99
#define SHIFT 1e-12
enum { LEFT, RIGHT, SIDES, RENEWED_EVERY = 10 };

/* ---- making -------------------------------------------------------------------------------- */

static size_t side_size(const enf__side *s) { return s->n > 1 ? s->n * s->n : 0; }

static void set_shapes(enf__soap *soap, const enf__params *params) {
  for (size_t i = 0; i < soap->count; i++) {
    const enf__tensor *t = &params->tensor[i];
    soap->factor[i] = (enf__factor){.offset = t->offset, .side = {{.n = t->rows}, {.n = t->cols}}};
  }
}

static size_t block_size(const enf__soap *soap) {
  size_t size = 0;
  for (size_t i = 0; i < soap->count; i++)
    for (int s = 0; s < SIDES; s++)
      size += 2 * side_size(&soap->factor[i].side[s]);
  return size;
}

static void set_sides(enf__soap *soap) {
  double *next = soap->block;
  for (size_t i = 0; i < soap->count; i++)
    for (int k = 0; k < SIDES; k++) {
      enf__side *s = &soap->factor[i].side[k];
      const size_t size = side_size(s);
      if (size == 0)
        continue;
      s->second = next;
      s->basis = next + size;
      next += 2 * size;
      memset(s->second, 0, 2 * size * sizeof *s->second);
      for (size_t j = 0; j < s->n; j++)
        s->basis[j * s->n + j] = 1;
    }
}

enf_status enf__soap_create(enf_ctx *ctx, enf__soap *soap, const enf__params *params) {
  *soap = (enf__soap){.alloc = ctx->alloc, .count = params->count};
  soap->factor = enf__alloc_array(&ctx->alloc, soap->count, sizeof *soap->factor);
  if (soap->factor) {
    set_shapes(soap, params);
    soap->block = enf__alloc_array(&ctx->alloc, block_size(soap), sizeof *soap->block);
  }
  if (!soap->block) {
    enf__soap_free(soap);
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for the second moments of %zu tensors",
                     params->count);
  }
  set_sides(soap);
  return ENF_OK;
}

void enf__soap_free(enf__soap *soap) {
  enf__free(&soap->alloc, soap->factor);
  enf__free(&soap->alloc, soap->block);
  *soap = (enf__soap){0};
}

/* ---- one tensor ---------------------------------------------------------------------------- */

typedef struct {
  const enf__kernels_f64 *kernels;
  const enf__moments *moments;
  const enf__soap *soap;
  double *gradient;
} job;

/* Padded copies: of a matrix like the gradient (rows, columns), its transpose, a product; of a
   square matrix of each side, and what renewing a basis needs. */
typedef struct {
  size_t rows, columns, longest;
  double *G, *turned, *product; /* (longest,longest) */
  double *basis[SIDES];         /* (rows,rows), (columns,columns) */
  double *across;               /* (columns,columns) basis[RIGHT] transposed */
  double *dots, *row;           /* (longest) */
} room;

static room lay_out(const enf__factor *f, enf__arena *arena) {
  room r = {.rows = ENF__PADDED(f->side[LEFT].n), .columns = ENF__PADDED(f->side[RIGHT].n)};
  r.longest = r.rows > r.columns ? r.rows : r.columns;
  r.G = ENF__TAKE(arena, double, r.longest *r.longest);
  r.turned = ENF__TAKE(arena, double, r.longest *r.longest);
  r.product = ENF__TAKE(arena, double, r.longest *r.longest);
  r.basis[LEFT] = ENF__TAKE(arena, double, r.rows *r.rows);
  r.basis[RIGHT] = ENF__TAKE(arena, double, r.columns *r.columns);
  r.across = ENF__TAKE(arena, double, r.columns *r.columns);
  r.dots = ENF__TAKE(arena, double, r.longest);
  r.row = ENF__TAKE(arena, double, r.longest);
  return r;
}

/* to (padded rows, padded columns) = from (m,n) */
static void widen(size_t m, size_t n, const double *from, double *to) {
  const size_t stride = ENF__PADDED(n);
  memset(to, 0, ENF__PADDED(m) * stride * sizeof *to);
  for (size_t i = 0; i < m; i++)
    memcpy(to + i * stride, from + i * n, n * sizeof *to);
}

static void narrow(size_t m, size_t n, const double *from, double *to) {
  const size_t stride = ENF__PADDED(n);
  for (size_t i = 0; i < m; i++)
    memcpy(to + i * n, from + i * stride, n * sizeof *to);
}

/* to (columns,rows) = transpose of from (rows,columns); both padded */
static void transpose(size_t rows, size_t columns, const double *from, double *to) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++)
      to[j * rows + i] = from[i * columns + j];
}

/* The product is the new G. */
static void accept(room *r) {
  double *product = r->product;
  r->product = r->G;
  r->G = product;
}

/* G becomes G B, B (columns,columns). */
static void multiply(const enf__kernels_f64 *k, const double *B, room *r) {
  k->gemm(r->rows, r->columns, r->columns, r->G, r->columns, B, r->columns, NULL, 0, NULL, false,
          r->product, r->columns);
  accept(r);
}

/* G becomes U_L G U_R^T. */
static void turn(const enf__kernels_f64 *k, const enf__factor *f, room *r) {
  if (f->side[LEFT].n > 1) {
    k->gemm(r->rows, r->rows, r->columns, r->basis[LEFT], r->rows, r->G, r->columns, NULL, 0, NULL,
            false, r->product, r->columns);
    accept(r);
  }
  if (f->side[RIGHT].n > 1)
    multiply(k, r->across, r);
}

/* G becomes U_L^T G U_R. */
static void turn_back(const enf__kernels_f64 *k, const enf__factor *f, room *r) {
  if (f->side[LEFT].n > 1) {
    memset(r->product, 0, r->rows * r->columns * sizeof *r->product);
    k->gemm_grad(r->rows, r->rows, r->columns, r->basis[LEFT], r->rows, r->G, r->columns,
                 r->product, r->columns);
    accept(r);
  }
  if (f->side[RIGHT].n > 1)
    multiply(k, r->basis[RIGHT], r);
}

/* second = beta second + (1-beta) A^T A, A (rows,n) padded. */
static void gather(const enf__kernels_f64 *k, const enf__side *s, size_t rows, const double *A,
                   const room *r) {
  const size_t n = ENF__PADDED(s->n);
  memset(r->product, 0, n * n * sizeof *r->product);
  k->gemm_grad(rows, n, n, A, n, A, n, r->product, n);
  for (size_t i = 0; i < s->n; i++)
    for (size_t j = 0; j < s->n; j++)
      s->second[i * s->n + j] =
          BETA_SECOND * s->second[i * s->n + j] + (1 - BETA_SECOND) * r->product[i * n + j];
}

/* Row j of U (n,n) minus its part along the rows above; twice is enough (Giraud et al. 2005). */
static void make_orthogonal(const enf__kernels_f64 *k, size_t n, size_t j, double *U,
                            const room *r) {
  double *row = U + j * n;
  for (int pass = 0; pass < 2; pass++) {
    memset(r->dots, 0, n * sizeof *r->dots);
    k->dots(j, n, row, U, n, r->dots);
    for (size_t i = 0; i < j; i++)
      r->dots[i] = -r->dots[i];
    k->gemm(1, ENF__PADDED(j), n, r->dots, n, U, n, row, n, NULL, false, r->row, n);
    memcpy(row, r->row, n * sizeof *row);
  }
}

/* The rows of U (n,n), padded, become orthonormal; false where they have no length. */
static bool orthonormalise(const enf__kernels_f64 *k, const enf__side *s, double *U,
                           const room *r) {
  const size_t n = ENF__PADDED(s->n);
  for (size_t j = 0; j < s->n; j++) {
    double square, *row = U + j * n;
    make_orthogonal(k, n, j, U, r);
    k->dots(1, n, row, row, n, &square);
    if (!(square > 0) || isinf(square))
      return false;
    const double length = sqrt(square);
    for (size_t i = 0; i < n; i++)
      row[i] /= length;
  }
  return true;
}

/* The product becomes the next basis: one step of orthogonal iteration from U. False without a
   gradient so far, or where that fails. */
static bool iterate(const enf__kernels_f64 *k, const enf__side *s, const double *U, const room *r) {
  const size_t n = ENF__PADDED(s->n);
  double trace = 0;
  for (size_t i = 0; i < s->n; i++)
    trace += s->second[i * s->n + i];
  if (!(trace > 0))
    return false;
  widen(s->n, s->n, s->second, r->turned);
  for (size_t i = 0; i < n * n; i++)
    r->turned[i] /= trace;
  for (size_t i = 0; i < s->n; i++)
    r->turned[i * n + i] += SHIFT;
  k->gemm(n, n, n, U, n, r->turned, n, NULL, 0, NULL, false, r->product, n);
  return orthonormalise(k, s, r->product, r);
}

/* Before `turn`: the right side's matrix is needed transposed. */
static void lay_across(const enf__factor *f, const room *r) {
  if (f->side[RIGHT].n > 1)
    transpose(r->columns, r->columns, r->basis[RIGHT], r->across);
}

static void load_bases(const enf__factor *f, const room *r) {
  for (int i = 0; i < SIDES; i++)
    if (f->side[i].n > 1)
      widen(f->side[i].n, f->side[i].n, f->side[i].basis, r->basis[i]);
  lay_across(f, r);
}

/* U becomes the shares of its rows' squares in those of the next basis, the product. */
static void find_shares(const enf__kernels_f64 *k, size_t n, double *U, const room *r) {
  transpose(n, n, U, r->turned);
  k->gemm(n, n, n, r->product, n, r->turned, n, NULL, 0, NULL, false, U, n);
  for (size_t i = 0; i < n * n; i++)
    U[i] *= U[i];
}

/* The next bases, and V (m,n) in them. */
static void renew(const enf__kernels_f64 *k, const enf__factor *f, double *V, room *r) {
  const size_t m = f->side[LEFT].n, n = f->side[RIGHT].n;
  for (int i = 0; i < SIDES; i++) {
    const enf__side *s = &f->side[i];
    const size_t padded = ENF__PADDED(s->n);
    if (s->n == 1)
      continue;
    if (!iterate(k, s, r->basis[i], r))
      memcpy(r->product, r->basis[i], padded * padded * sizeof *r->product);
    narrow(s->n, s->n, r->product, s->basis);
    find_shares(k, padded, r->basis[i], r);
  }
  lay_across(f, r);
  widen(m, n, V, r->G);
  turn(k, f, r);
  narrow(m, n, r->G, V);
}

/* The second moments of the rows and columns of the gradient, G, which stays. */
static void follow(const enf__kernels_f64 *k, const enf__factor *f, const room *r) {
  if (f->side[LEFT].n > 1) {
    transpose(r->rows, r->columns, r->G, r->turned);
    gather(k, &f->side[LEFT], r->columns, r->turned, r);
  }
  if (f->side[RIGHT].n > 1)
    gather(k, &f->side[RIGHT], r->rows, r->G, r);
}

/* V (m,n) follows the squares of G, the gradient in the bases. Returns the RMS of G/sqrt(V). */
static double follow_squares(size_t m, size_t n, double correct, double *V, const room *r) {
  double sum = 0;
  for (size_t i = 0; i < m; i++)
    for (size_t l = 0; l < n; l++) {
      const double turned = r->G[i * r->columns + l];
      double *v = V + i * n + l;
      *v = BETA_SECOND * *v + (1 - BETA_SECOND) * turned * turned;
      const double ratio = turned / (sqrt(*v * correct) + ENF__EPS);
      sum += ratio * ratio;
    }
  return sqrt(sum / (double)(m * n));
}

static enf_status find_direction(void *user, size_t index, enf__arena *arena) {
  const job *j = user;
  const enf__factor *f = &j->soap->factor[index];
  room r = lay_out(f, arena);
  const size_t m = f->side[LEFT].n, n = f->side[RIGHT].n;
  const double number = (double)j->moments->number;
  const double c1 = 1 / (1 - pow(ENF__BETA1, number)), c2 = 1 / (1 - pow(BETA_SECOND, number));
  double *g = j->gradient + f->offset, *M = j->moments->moment1 + f->offset;
  double *V = j->moments->moment2 + f->offset;
  load_bases(f, &r);
  widen(m, n, g, r.G);
  follow(j->kernels, f, &r);
  turn(j->kernels, f, &r);
  const double factor = c1 / fmax(1, follow_squares(m, n, c2, V, &r));
  for (size_t i = 0; i < m * n; i++)
    M[i] = ENF__BETA1 * M[i] + (1 - ENF__BETA1) * g[i];
  widen(m, n, M, r.G);
  turn(j->kernels, f, &r);
  for (size_t i = 0; i < m; i++)
    for (size_t l = 0; l < n; l++)
      r.G[i * r.columns + l] *= factor / (sqrt(V[i * n + l] * c2) + ENF__EPS);
  turn_back(j->kernels, f, &r);
  narrow(m, n, r.G, g);
  if (j->moments->number % RENEWED_EVERY == 0)
    renew(j->kernels, f, V, &r);
  return ENF_OK;
}

/* ---- all of them --------------------------------------------------------------------------- */

size_t enf__soap_worker_bytes(const enf__soap *soap) {
  size_t most = 0;
  for (size_t i = 0; i < soap->count; i++) {
    enf__arena count = {0};
    lay_out(&soap->factor[i], &count);
    most = count.used > most ? count.used : most;
  }
  return most;
}

enf_status enf__soap_direction(enf_ctx *ctx, enf__soap *soap, const enf__moments *moments,
                               double *gradient) {
  job j = {enf__kernels_f64_of(ctx->run.kernel), moments, soap, gradient};
  return enf__parallel_for(ctx, soap->count, find_direction, &j, 0, 0);
}
