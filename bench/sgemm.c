/* sgemm.c -- the yardstick: single-threaded cblas_sgemm on the shapes that the networks have, on
   one thread and on several threads at once with a product each.

   The program may set the number of BLAS threads; the library never does. Matrices stay in the
   first cache levels, as the library's own do: this is the rate of the processor's arithmetic, not
   of its memory. Built without a CBLAS there is no yardstick, and shares are not a number. */
#include "bench.h"
#include <math.h>
#ifdef BENCH_SGEMM
#include <cblas.h>
#include <pthread.h>
#include <stdlib.h>

extern void openblas_set_num_threads(int threads) __attribute__((weak));

typedef struct {
  const char *name;
  int64_t hidden; /* the network it stands for; 0: all others */
  int m, n, k;
} product;

static const product products[] = {
    {"156x32x32", 32, 156, 32, 32},
    {"64x64, depth 192", 0, 64, 64, 192},
    {"64x192, depth 64", 0, 64, 192, 64},
};
enum { PRODUCTS = sizeof products / sizeof *products, MOST_THREADS = 64 };

typedef struct {
  const product *p;
  size_t calls;
  float *a, *b, *c;
} worker;

static void *multiply(void *user) {
  const worker *w = user;
  const product *p = w->p;
  for (size_t i = 0; i < w->calls; i++)
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, p->m, p->n, p->k, 1, w->a, p->k, w->b,
                p->n, 0, w->c, p->n);
  return NULL;
}

static float *matrix(int rows, int cols) {
  const size_t count = (size_t)(rows * cols);
  float *a = aligned_alloc(64, (count * sizeof *a + 63) / 64 * 64);
  bench_check(a ? ENF_OK : ENF_ERR_NOMEM, "no memory for a matrix");
  for (size_t i = 0; i < count; i++)
    a[i] = (float)(i % 13) / 13 - 0.5f;
  return a;
}

static void open_worker(worker *w, const product *p, size_t calls) {
  *w = (worker){p, calls, matrix(p->m, p->k), matrix(p->k, p->n), matrix(p->m, p->n)};
}

static void close_worker(worker *w) {
  free(w->a);
  free(w->b);
  free(w->c);
}

/* GFLOP/s of `threads` threads together. */
static double rate(const bench_args *args, const product *p, size_t threads) {
  const double flops = 2.0 * p->m * p->n * p->k;
  const size_t calls = (size_t)(2e9 / flops); /* some 20 ms */
  worker w[MOST_THREADS];
  pthread_t id[MOST_THREADS];
  for (size_t i = 0; i < threads; i++)
    open_worker(w + i, p, calls);
  const double start = bench_seconds(args);
  for (size_t i = 1; i < threads; i++)
    bench_check(pthread_create(id + i, NULL, multiply, w + i) ? ENF_ERR_THREAD : ENF_OK,
                "cannot start a thread");
  multiply(w);
  for (size_t i = 1; i < threads; i++)
    pthread_join(id[i], NULL);
  const double seconds = bench_seconds(args) - start;
  for (size_t i = 0; i < threads; i++)
    close_worker(w + i);
  return (double)threads * (double)calls * flops / seconds / 1e9;
}

void bench_sgemm_run(const bench_args *args, int64_t hidden, bench_sgemm *sgemm) {
  const size_t threads = args->threads < MOST_THREADS ? args->threads : MOST_THREADS;
  if (openblas_set_num_threads)
    openblas_set_num_threads(1);
  sgemm->threads = threads;
  for (size_t i = 0; i < PRODUCTS; i++) {
    const product *p = products + i;
    if (p->hidden != (hidden == 32 ? 32 : 0))
      continue;
    const double one = rate(args, p, 1);
    if (one > sgemm->best[0]) {
      sgemm->best[0] = one;
      sgemm->shape = p->name;
    }
    sgemm->best[1] = fmax(sgemm->best[1], threads > 1 ? rate(args, p, threads) : one);
  }
}
#else
void bench_sgemm_run(const bench_args *args, int64_t hidden, bench_sgemm *sgemm) {
  (void)hidden;
  *sgemm = (bench_sgemm){"none, built without a CBLAS", {NAN, NAN}, args->threads};
}
#endif
