/* test_parallel.c -- the parallel loop: every task once, failures and cancelling the same for any
   number of threads, callbacks and the allocator on the caller's thread, forked children. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* feenableexcept */
#endif
#include "core/options.h"
#include "core/parallel.h"
#include "failing_alloc.h"
#include "suite.h"
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TASKS = 1000 };

static enf_ctx *context_of(const enf_alloc *alloc, int64_t threads) {
  enf_ctx *ctx;
  enf_opts *opts;
  ck_assert_int_eq(enf_ctx_create(&ctx, alloc), ENF_OK);
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set_int(opts, "run.threads", threads), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  enf_opts_destroy(opts);
  return ctx;
}

/* ---- tasks ---------------------------------------------------------------------------------- */

typedef struct {
  int runs[TASKS];  /* of each task */
  size_t fail_from; /* tasks from here on fail, each with a status of its own */
  long nap_ns;      /* of every task */
  atomic_int together, most_together;
  pthread_t caller;
  atomic_int on_workers; /* tasks not on the caller's thread */
} work;

static void nap(long ns) {
  const struct timespec t = {0, ns};
  nanosleep(&t, NULL);
}

static enf_status count_task(void *user, size_t task, enf__arena *arena) {
  work *w = user;
  const int now = atomic_fetch_add(&w->together, 1) + 1;
  int most = atomic_load(&w->most_together);
  while (now > most && !atomic_compare_exchange_weak(&w->most_together, &most, now))
    continue;
  if (!pthread_equal(pthread_self(), w->caller))
    atomic_fetch_add(&w->on_workers, 1);
  w->runs[task]++;
  enf_status status = ENF_OK;
  if (arena->used != 0)
    status = ENF_ERR_INTERNAL;
  unsigned char *mine = ENF__TAKE(arena, unsigned char, 100);
  if (!mine)
    status = ENF_ERR_INTERNAL;
  if (mine)
    memset(mine, (int)task, 100);
  if (w->nap_ns)
    nap(w->nap_ns); /* time for another task to disturb what is not its own */
  for (int i = 0; mine && i < 100; i++)
    if (mine[i] != (unsigned char)task)
      status = ENF_ERR_INTERNAL;
  atomic_fetch_sub(&w->together, 1);
  return task >= w->fail_from ? -1000 - (enf_status)task : status;
}

static work *work_of(size_t fail_from, long nap_ns) {
  static work w;
  memset(&w, 0, sizeof w);
  w.fail_from = fail_from;
  w.nap_ns = nap_ns;
  w.caller = pthread_self();
  return &w;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static const int64_t thread_counts[] = {1, 2, 3, 8};
enum { COUNTS = sizeof thread_counts / sizeof *thread_counts };

START_TEST(every_task_runs_once) {
  const size_t counts[] = {0, 1, 2, 7, TASKS};
  enf_ctx *ctx = context_of(NULL, thread_counts[_i]);
  ck_assert_int_eq(enf__reserve(ctx, 0, 128), ENF_OK);
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
    for (int repeat = 0; repeat < 20; repeat++) {
      work *w = work_of(SIZE_MAX, 0);
      ck_assert_int_eq(enf__parallel_for(ctx, counts[c], count_task, w, 1, 0), ENF_OK);
      for (size_t i = 0; i < TASKS; i++)
        ck_assert_int_eq(w->runs[i], i < counts[c]);
    }
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "");
  enf_ctx_destroy(ctx);
}
END_TEST

START_TEST(tasks_run_together_on_as_many_threads_as_asked) {
  const int threads = (int)thread_counts[_i];
  enf_ctx *ctx = context_of(NULL, threads);
  ck_assert_int_eq(enf__reserve(ctx, 0, 128), ENF_OK);
  work *w = work_of(SIZE_MAX, 5000000);
  ck_assert_int_eq(enf__parallel_for(ctx, 40, count_task, w, 1, 0), ENF_OK);
  ck_assert_int_le(w->most_together, threads);
  if (threads == 1)
    ck_assert_int_eq(w->on_workers, 0);
  else
    ck_assert_int_ge(w->most_together, 2);
  ck_assert_int_lt(w->on_workers, 40); /* the caller works too */
  enf_ctx_destroy(ctx);
}
END_TEST

START_TEST(the_lowest_failed_task_is_reported) {
  enf_ctx *ctx = context_of(NULL, thread_counts[_i]);
  ck_assert_int_eq(enf__reserve(ctx, 0, 128), ENF_OK);
  for (size_t first = 0; first < 200; first += 7) {
    work *w = work_of(first, first % 2 ? 10000 : 0);
    enf_status status = enf__parallel_for(ctx, 200, count_task, w, 1, 0);
    ck_assert_int_eq(status, -1000 - (enf_status)first);
    for (size_t i = 0; i <= first; i++)
      ck_assert_int_eq(w->runs[i], 1);
    ck_assert_int_eq(w->runs[first + 8], 0); /* each thread fails at most once, then all stop */
    char sentence[80];
    snprintf(sentence, sizeof sentence, "unknown status (piece %zu of 200)", first + 1);
    ck_assert_str_eq(enf_ctx_errmsg(ctx), sentence);
  }
  enf_ctx_destroy(ctx);
}
END_TEST

typedef struct {
  uint64_t last, calls, cancel_at;
  pthread_t caller;
  enf_ctx *ctx;
} watcher;

static int watch(void *user, uint64_t done, uint64_t total) {
  watcher *w = user;
  ck_assert(pthread_equal(pthread_self(), w->caller));
  ck_assert_uint_eq(total, 2 * 200 - 1);
  ck_assert_uint_ge(done, w->last);
  ck_assert_uint_le(done, total);
  ENF__ENTRY;
  ck_assert_int_eq(enf__enter(w->ctx), ENF_ERR_STATE);
  w->last = done;
  w->calls++;
  return w->cancel_at && done >= w->cancel_at;
}

START_TEST(progress_is_told_on_the_callers_thread) {
  enf_ctx *ctx = context_of(NULL, thread_counts[_i]);
  ck_assert_int_eq(enf__reserve(ctx, 0, 128), ENF_OK);
  watcher seen = {.caller = pthread_self(), .ctx = ctx};
  enf_ctx_set_progress(ctx, watch, &seen);
  work *w = work_of(SIZE_MAX, 0);
  ck_assert_int_eq(enf__parallel_for(ctx, 200, count_task, w, 2, 399), ENF_OK);
  ck_assert_uint_eq(seen.last, 399);
  ck_assert_uint_ge(seen.calls, 1);
  if (thread_counts[_i] == 1)
    ck_assert_uint_eq(seen.calls, 200);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "");
  const uint64_t before = seen.calls; /* no total: no reports */
  ck_assert_int_eq(enf__parallel_for(ctx, 200, count_task, w, 2, 0), ENF_OK);
  ck_assert_uint_eq(seen.calls, before);
  enf_ctx_destroy(ctx);
}
END_TEST

START_TEST(progress_cancels) {
  enf_ctx *ctx = context_of(NULL, thread_counts[_i]);
  ck_assert_int_eq(enf__reserve(ctx, 0, 128), ENF_OK);
  const uint64_t at[] = {1, 100, 399};
  for (size_t c = 0; c < 3; c++) {
    watcher seen = {.caller = pthread_self(), .ctx = ctx, .cancel_at = at[c]};
    enf_ctx_set_progress(ctx, watch, &seen);
    work *w = work_of(SIZE_MAX, 20000);
    ck_assert_int_eq(enf__parallel_for(ctx, 200, count_task, w, 2, 399), ENF_ERR_CANCELLED);
    ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "cancelled"));
    if (c == 0 && thread_counts[_i] == 1) /* others might finish before the caller reports */
      ck_assert_int_eq(w->runs[199], 0);
    enf_ctx_set_progress(ctx, NULL, NULL);
    w = work_of(SIZE_MAX, 0);
    ck_assert_int_eq(enf__parallel_for(ctx, 200, count_task, w, 2, 399), ENF_OK);
    for (size_t i = 0; i < 200; i++)
      ck_assert_int_eq(w->runs[i], 1);
  }
  enf_ctx_destroy(ctx);
}
END_TEST

START_TEST(workers_can_be_changed_and_work_does_not_allocate) {
  failing_alloc a = {0};
  const enf_alloc alloc = failing_alloc_of(&a);
  enf_ctx *ctx = context_of(&alloc, 1);
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  const int64_t sizes[] = {4, 2, 2, 1, 3};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    ck_assert_int_eq(enf_opts_set_int(opts, "run.threads", sizes[s]), ENF_OK);
    ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
    ck_assert_int_eq(enf__reserve(ctx, 0, 128), ENF_OK);
    const size_t calls = a.calls;
    for (int repeat = 0; repeat < 10; repeat++) {
      work *w = work_of(SIZE_MAX, 0);
      ck_assert_int_eq(enf__reserve(ctx, 0, 128), ENF_OK);
      ck_assert_int_eq(enf__parallel_for(ctx, 100, count_task, w, 1, 0), ENF_OK);
    }
    ck_assert_uint_eq(a.calls, calls);
  }
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
  ck_assert_uint_eq(a.live, 0);
  ck_assert(!a.foreign);
}
END_TEST

/* Workers compute in the caller's rounding mode: 1 + tiny tells which it is. */
static enf_status round_task(void *user, size_t task, enf__arena *arena) {
  (void)arena;
  volatile double one = 1, tiny = 1e-30;
  nap(1000000);
  ((double *)user)[task] = one + tiny;
  return ENF_OK;
}

START_TEST(workers_round_as_the_caller_does) {
  enf_ctx *ctx = context_of(NULL, 4);
  const struct {
    int mode;
    double sum;
  } modes[] = {{FE_UPWARD, 1 + 0x1p-52}, {FE_TONEAREST, 1}};
  for (int m = 0; m < 2; m++) {
    double sums[20];
    fesetround(modes[m].mode);
    enf_status status = enf__parallel_for(ctx, 20, round_task, sums, 1, 0);
    const int mode = fegetround();
    fesetround(FE_TONEAREST);
    ck_assert_int_eq(status, ENF_OK);
    ck_assert_int_eq(mode, modes[m].mode);
    for (int i = 0; i < 20; i++)
      ck_assert_double_eq(sums[i], modes[m].sum);
  }
  enf_ctx_destroy(ctx);
}
END_TEST

/* A product below the smallest normal number: 0 where such are flushed. */
static double tiny_product(void) {
  volatile double small = DBL_MIN, half = 0.5, product = small * half;
  return product;
}

static enf_status tiny_task(void *user, size_t task, enf__arena *arena) {
  (void)arena;
  nap(1000000);
  ((double *)user)[task] = tiny_product();
  return ENF_OK;
}

static int tiny_report(void *user, uint64_t done, uint64_t total) {
  (void)done, (void)total;
  if (tiny_product() == 0)
    ++*(int *)user;
  return 0;
}

/* The host's state comes back after every task: callbacks and what follows the loop have it. */
START_TEST(denormals_are_flushed_in_tasks_and_nowhere_else) {
  const uint64_t state = enf__fp_give(ENF__FP_FLUSH, ENF__FP_FLUSH);
  const bool obeyed = tiny_product() == 0; /* not under valgrind */
  enf__fp_set(state);
  for (int64_t threads = 1; threads <= 4 && obeyed; threads += 3) {
    enf_ctx *ctx = context_of(NULL, threads);
    double products[20];
    int flushed = 0;
    enf_ctx_set_progress(ctx, tiny_report, &flushed);
    ck_assert_double_eq(tiny_product(), DBL_MIN / 2);
    ck_assert_int_eq(enf__parallel_for(ctx, 20, tiny_task, products, 1, 20), ENF_OK);
    ck_assert_double_eq(tiny_product(), DBL_MIN / 2);
    ck_assert_int_eq(flushed, 0);
    for (int i = 0; i < 20; i++)
      ck_assert_double_eq(products[i], 0);
    enf_ctx_destroy(ctx);
  }
}
END_TEST

#if defined __SSE2__ && defined __GLIBC__
static enf_status invalid_task(void *user, size_t task, enf__arena *arena) {
  (void)arena;
  volatile double infinite = INFINITY;
  ((double *)user)[task] = infinite - infinite;
  return ENF_OK;
}

static enf_status call_with_loop(enf_ctx *ctx, double *results) {
  ENF__ENTRY;
  return enf__parallel_for(ctx, 20, invalid_task, results, 1, 0);
}

/* A host's traps spring neither in tasks nor by what tasks have left, and are set afterwards. */
START_TEST(a_host_that_traps_is_not_killed) {
  const int traps = FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW;
  for (int64_t threads = 1; threads <= 4; threads += 3) {
    enf_ctx *ctx = context_of(NULL, threads);
    double results[20];
    feclearexcept(FE_ALL_EXCEPT);
    feenableexcept(traps);
    const enf_status status = call_with_loop(ctx, results);
    const int after = fegetexcept();
    fedisableexcept(FE_ALL_EXCEPT);
    ck_assert_int_eq(status, ENF_OK);
    ck_assert_int_eq(after, traps);
    for (int i = 0; i < 20; i++)
      ck_assert(isnan(results[i]));
    enf_ctx_destroy(ctx);
  }
}
END_TEST
#endif

typedef struct {
  pthread_t caller;
  atomic_int open; /* workers that would take a signal meant for the process */
  atomic_int shut; /* workers that a crash handler or a profiler would miss */
} signals;

static enf_status signal_task(void *user, size_t task, enf__arena *arena) {
  (void)task, (void)arena;
  signals *s = user;
  sigset_t blocked;
  nap(1000000);
  pthread_sigmask(SIG_SETMASK, NULL, &blocked);
  const int asked[] = {SIGINT, SIGTERM, SIGALRM, SIGUSR1, SIGCHLD, SIGHUP};
  const int own[] = {SIGSEGV, SIGFPE, SIGBUS, SIGILL, SIGTRAP, SIGSYS, SIGPROF, SIGABRT};
  if (pthread_equal(pthread_self(), s->caller))
    return ENF_OK;
  for (int i = 0; i < 6; i++)
    s->open += !sigismember(&blocked, asked[i]);
  for (int i = 0; i < 8; i++)
    s->shut += sigismember(&blocked, own[i]);
  return ENF_OK;
}

START_TEST(signals_stay_with_the_host) {
  sigset_t before, after;
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  enf_ctx *ctx = context_of(NULL, 3);
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  for (int s = 1; s < 32; s++)
    ck_assert_int_eq(sigismember(&before, s), sigismember(&after, s));
  signals seen = {.caller = pthread_self()};
  ck_assert_int_eq(enf__parallel_for(ctx, 20, signal_task, &seen, 1, 0), ENF_OK);
  ck_assert_int_eq(seen.open, 0);
  ck_assert_int_eq(seen.shut, 0);
  enf_ctx_destroy(ctx);
}
END_TEST

/* What a child finds wrong: 0 for nothing. */
static int child(enf_ctx *ctx, bool restart) {
  work *w = work_of(SIZE_MAX, 100000);
  if (enf__parallel_for(ctx, 50, count_task, w, 1, 0) != ENF_OK)
    return 1;
  for (size_t i = 0; i < 50; i++)
    if (w->runs[i] != 1)
      return 2;
  if (w->on_workers)
    return 3;
  if (restart) {
    enf_opts *opts;
    if (enf_opts_create(ctx, &opts) != ENF_OK)
      return 4;
    if (enf_ctx_configure(ctx, opts) != ENF_OK)
      return 5;
    enf_opts_destroy(opts);
    w = work_of(SIZE_MAX, 1000000);
    if (enf__parallel_for(ctx, 50, count_task, w, 1, 0) != ENF_OK)
      return 6;
    if (!w->on_workers)
      return 7;
  }
  enf_ctx_destroy(ctx);
  return 0;
}

START_TEST(a_forked_child_works_alone_and_may_configure_anew) {
  bool restart = true;
#ifdef __SANITIZE_THREAD__
  restart = false; /* which cannot follow threads started after a fork */
#endif
  enf_ctx *ctx = context_of(NULL, 3);
  ck_assert_int_eq(enf__reserve(ctx, 0, 128), ENF_OK);
  for (int repeat = 0; repeat < 5; repeat++) {
    pid_t pid = fork();
    if (pid == 0)
      _exit(child(ctx, restart));
    int status = -1;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child: %d", status);
  }
  work *w = work_of(SIZE_MAX, 1000000);
  ck_assert_int_eq(enf__parallel_for(ctx, 50, count_task, w, 1, 0), ENF_OK);
  ck_assert_int_ge(w->on_workers, 1);
  enf_ctx_destroy(ctx);
}
END_TEST

/* Two contexts on two threads share nothing. */
static void *many_loops(void *unused) {
  (void)unused;
  enf_ctx *ctx = context_of(NULL, 2);
  work *w = calloc(1, sizeof *w);
  ck_assert_ptr_nonnull(w);
  w->caller = pthread_self();
  w->fail_from = SIZE_MAX;
  ck_assert_int_eq(enf__reserve(ctx, 0, 128), ENF_OK);
  for (int repeat = 0; repeat < 50; repeat++)
    ck_assert_int_eq(enf__parallel_for(ctx, 20, count_task, w, 1, 0), ENF_OK);
  for (int i = 0; i < 20; i++)
    ck_assert_int_eq(w->runs[i], 50);
  free(w);
  enf_ctx_destroy(ctx);
  return NULL;
}

START_TEST(contexts_on_different_threads_are_independent) {
  pthread_t threads[3];
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, many_loops, NULL), 0);
  for (int i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("parallel");
  tcase_add_loop_test(c, every_task_runs_once, 0, COUNTS);
  tcase_add_loop_test(c, tasks_run_together_on_as_many_threads_as_asked, 0, COUNTS);
  tcase_add_loop_test(c, the_lowest_failed_task_is_reported, 0, COUNTS);
  tcase_add_loop_test(c, progress_is_told_on_the_callers_thread, 0, COUNTS);
  tcase_add_loop_test(c, progress_cancels, 0, COUNTS);
  tcase_add_test(c, workers_can_be_changed_and_work_does_not_allocate);
  tcase_add_test(c, workers_round_as_the_caller_does);
  tcase_add_test(c, denormals_are_flushed_in_tasks_and_nowhere_else);
#if defined __SSE2__ && defined __GLIBC__
  tcase_add_test(c, a_host_that_traps_is_not_killed);
#endif
  tcase_add_test(c, signals_stay_with_the_host);
  tcase_add_test(c, a_forked_child_works_alone_and_may_configure_anew);
  tcase_add_test(c, contexts_on_different_threads_are_independent);
  return run_suite("parallel", c);
}
