/* parallel.c -- the parallel loop, and the context's worker threads that run it.

   The calling thread is worker 0 and works too; it alone calls the progress callback. Tasks are
   taken from one atomic counter, in order; a thread that took a task always finishes it. So when a
   task fails, all tasks below it have been run, and the lowest failed task is the same for any
   number of threads. Between loops workers wait awake for some microseconds, for the next loop of
   the same call comes soon and waking a thread takes longer than many loops do; then they sleep.
   They block the signals meant for the process, and compute in the caller's rounding mode; denormal
   numbers are flushed while a task runs (fpstate.h). They never allocate. A forked child has no
   workers: its loops run on the caller's thread. With one thread there is no pool and no lock.
   Nested loops are not supported. */
#include "core/parallel.h"
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

/* Looks of a waiting thread before it sleeps, up to 50 microseconds. */
enum { LOOKS = 1000 };

typedef struct {
  enf_ctx *ctx;
  enf__task_fn fn;
  void *user;
  size_t count;
  uint64_t units_per_task, units_total;
  fenv_t fenv;
  atomic_size_t next;
  atomic_uint_fast64_t done; /* units */
  atomic_bool stop;
} loop;

/* How a thread's share of a loop ended: OK, or its first failed task. */
typedef struct {
  enf_status status;
  size_t task;
} outcome;

typedef struct {
  struct enf__pool *pool;
  size_t index;
  pthread_t thread;
} worker;

struct enf__pool {
  pid_t pid;
  pthread_mutex_t lock; /* guards everything below; atomic is what is also looked at without */
  pthread_cond_t wake, idle;
  loop *loop; /* NULL: nothing to do */
  outcome worst;
  bool quit;
  size_t started;
  /* On cache lines of their own, which others do not wait for: */
  _Alignas(ENF__ALIGN) atomic_uint_fast64_t generation;
  _Alignas(ENF__ALIGN) atomic_size_t running; /* workers inside the loop */
  worker workers[];
};

/* ---- running tasks ------------------------------------------------------------------------- */

static bool is_reported(const loop *l) { return l->units_total > 0; }

/* Reports lie strictly below the total until the loop has ended. */
static enf_status report_between(loop *l) {
  uint64_t done = atomic_load_explicit(&l->done, memory_order_relaxed);
  return done < l->units_total ? enf__report(l->ctx, done, l->units_total) : ENF_OK;
}

static enf_status run_task(const loop *l, size_t task, const enf__arena *memory) {
  enf__arena arena = {memory->base, 0, memory->capacity};
  const uint64_t state = enf__fp_give(ENF__FP_FLUSH, ENF__FP_FLUSH);
  const enf_status status = l->fn(l->user, task, &arena);
  enf__fp_give(ENF__FP_FLUSH, state);
  return status;
}

/* Take tasks until there are none, one fails, or another thread has met a failure. */
static outcome run_tasks(loop *l, size_t index) {
  outcome result = {ENF_OK, SIZE_MAX};
  while (result.status == ENF_OK && !atomic_load_explicit(&l->stop, memory_order_relaxed)) {
    size_t task = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);
    if (task >= l->count)
      break;
    result = (outcome){run_task(l, task, &l->ctx->workers[index]), task};
    atomic_fetch_add_explicit(&l->done, l->units_per_task, memory_order_relaxed);
    if (result.status != ENF_OK || index != 0 || !is_reported(l))
      continue;
    /* A cancelled loop loses against any failed task. */
    result = (outcome){report_between(l), SIZE_MAX};
  }
  if (result.status != ENF_OK)
    atomic_store_explicit(&l->stop, true, memory_order_relaxed);
  return result;
}

static outcome worse(outcome a, outcome b) {
  if (a.status == ENF_OK)
    return b;
  return b.status == ENF_OK || a.task <= b.task ? a : b;
}

/* The rounding mode is the caller's; exceptions do not trap. */
static void adopt_fenv(const fenv_t *env) {
  fenv_t ignored;
  fesetenv(env);
  feholdexcept(&ignored);
}

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

/* The loop opened after generation *seen, which moves on; NULL: the pool ends. The lock is held
   before and after, not meanwhile. A loop closed before it was seen is passed over. */
static loop *await_loop(struct enf__pool *pool, uint64_t *seen) {
  while (!pool->quit) {
    if (pool->generation != *seen) {
      *seen = pool->generation;
      if (pool->loop)
        return pool->loop;
    }
    pthread_mutex_unlock(&pool->lock);
    for (int k = 0; k < LOOKS && atomic_load(&pool->generation) == *seen; k++)
      pause_briefly();
    pthread_mutex_lock(&pool->lock);
    while (!pool->quit && pool->generation == *seen)
      pthread_cond_wait(&pool->wake, &pool->lock);
  }
  return NULL;
}

/* Until no worker is inside the loop. The lock is held before and after, not meanwhile. */
static void await_workers(struct enf__pool *pool) {
  pthread_mutex_unlock(&pool->lock);
  for (int k = 0; k < LOOKS && atomic_load(&pool->running) > 0; k++)
    pause_briefly();
  pthread_mutex_lock(&pool->lock);
  while (pool->running > 0)
    pthread_cond_wait(&pool->idle, &pool->lock);
}

static void *worker_main(void *arg) {
  const worker *self = arg;
  struct enf__pool *pool = self->pool;
  uint64_t seen = 0;
  loop *l;
  pthread_mutex_lock(&pool->lock);
  while ((l = await_loop(pool, &seen)) != NULL) {
    pool->running++;
    pthread_mutex_unlock(&pool->lock);

    adopt_fenv(&l->fenv);
    outcome result = run_tasks(l, self->index);

    pthread_mutex_lock(&pool->lock);
    pool->worst = worse(pool->worst, result);
    if (--pool->running == 0)
      pthread_cond_signal(&pool->idle);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

/* Open the loop to the workers, work along, close it, wait for those still inside. A worker that
   comes too late finds the loop closed and waits for the next. */
static outcome run_on_pool(struct enf__pool *pool, loop *l) {
  pthread_mutex_lock(&pool->lock);
  pool->loop = l;
  pool->generation++;
  pool->worst = (outcome){ENF_OK, SIZE_MAX};
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);

  outcome own = run_tasks(l, 0);

  pthread_mutex_lock(&pool->lock);
  pool->loop = NULL;
  await_workers(pool);
  outcome result = worse(own, pool->worst);
  pthread_mutex_unlock(&pool->lock);
  return result;
}

static bool has_workers(const struct enf__pool *pool) { return pool && pool->pid == getpid(); }

enf_status enf__parallel_for(enf_ctx *ctx, size_t count, enf__task_fn fn, void *user,
                             uint64_t units_per_task, uint64_t units_total) {
  loop l = {.ctx = ctx,
            .fn = fn,
            .user = user,
            .count = count,
            .units_per_task = units_per_task,
            .units_total = ctx->progress ? units_total : 0};
  fegetenv(&l.fenv);
  outcome result = {ENF_OK, SIZE_MAX};
  if (count > 1 && has_workers(ctx->pool))
    result = run_on_pool(ctx->pool, &l);
  else
    result = run_tasks(&l, 0);
  if (result.status == ENF_OK)
    return is_reported(&l) ? enf__report(ctx, units_total, units_total) : ENF_OK;
  if (result.task == SIZE_MAX)
    return result.status;
  return enf__fail(ctx, result.status, "%s (piece %zu of %zu)", enf_strerror(result.status),
                   result.task + 1, count);
}

/* ---- starting and ending ------------------------------------------------------------------- */

static void join_workers(struct enf__pool *pool) {
  pthread_mutex_lock(&pool->lock);
  pool->quit = true;
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
  for (size_t i = 0; i < pool->started; i++)
    pthread_join(pool->workers[i].thread, NULL);
  pthread_cond_destroy(&pool->idle);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->lock);
}

/* In a forked child the workers do not exist and the lock may be held for ever: only free. */
static void pool_free(const enf_alloc *alloc, struct enf__pool *pool) {
  if (has_workers(pool))
    join_workers(pool);
  enf__free(alloc, pool);
}

/* The signals that a worker blocks: those meant for the process, so that its handlers run on the
   host's threads. What a thread does itself, or is asked about itself (profilers), reaches it. */
static void fill_blocked(sigset_t *set) {
  static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF};
  sigfillset(set);
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    sigdelset(set, own[i]);
}

static int start_workers(struct enf__pool *pool, size_t count) {
  sigset_t blocked, before;
  fill_blocked(&blocked);
  /* New threads inherit the mask; what the host itself blocks stays blocked. */
  int error = pthread_sigmask(SIG_BLOCK, &blocked, &before);
  while (!error && pool->started < count) {
    worker *w = &pool->workers[pool->started];
    *w = (worker){.pool = pool, .index = pool->started + 1};
    error = pthread_create(&w->thread, NULL, worker_main, w);
    if (!error)
      pool->started++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error;
}

static int init_locks(struct enf__pool *pool) {
  int error = pthread_mutex_init(&pool->lock, NULL);
  if (error)
    return error;
  error = pthread_cond_init(&pool->wake, NULL);
  if (!error) {
    error = pthread_cond_init(&pool->idle, NULL);
    if (!error)
      return 0;
    pthread_cond_destroy(&pool->wake);
  }
  pthread_mutex_destroy(&pool->lock);
  return error;
}

static enf_status pool_create(enf_ctx *ctx, struct enf__pool **out, size_t threads) {
  *out = NULL;
  if (threads <= 1)
    return ENF_OK;
  const size_t bytes = sizeof(struct enf__pool) + (threads - 1) * sizeof(worker);
  struct enf__pool *pool = enf__alloc(&ctx->alloc, bytes);
  if (!pool)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu threads", threads);
  *pool = (struct enf__pool){.pid = getpid()};
  int error = init_locks(pool);
  if (error) {
    enf__free(&ctx->alloc, pool);
  } else {
    error = start_workers(pool, threads - 1);
    if (error)
      pool_free(&ctx->alloc, pool);
  }
  if (error)
    return enf__fail(ctx, ENF_ERR_THREAD, "%zu threads cannot be started (system error %d)",
                     threads, error);
  *out = pool;
  return ENF_OK;
}

static enf_status arenas_create(enf_ctx *ctx, enf__arena **out, size_t threads) {
  *out = NULL;
  if (!threads)
    return ENF_OK;
  enf__arena *arenas = enf__alloc_array(&ctx->alloc, threads, sizeof *arenas);
  if (!arenas)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu threads", threads);
  for (size_t i = 0; i < threads; i++)
    arenas[i] = i < ctx->run.threads ? ctx->workers[i] : (enf__arena){NULL, 0, 0};
  *out = arenas;
  return ENF_OK;
}

enf_status enf__pool_resize(enf_ctx *ctx, size_t threads) {
  struct enf__pool *pool = NULL;
  enf__arena *arenas = NULL;
  enf_status status = ENF_OK;
  if (threads && threads == ctx->run.threads && (threads == 1 || has_workers(ctx->pool)))
    return ENF_OK;
  TRY(pool_create(ctx, &pool, threads));
  TRY(arenas_create(ctx, &arenas, threads));

  pool_free(&ctx->alloc, ctx->pool);
  for (size_t i = threads; i < ctx->run.threads; i++)
    enf__arena_free(&ctx->alloc, &ctx->workers[i]);
  enf__free(&ctx->alloc, ctx->workers);
  ctx->pool = pool;
  ctx->workers = arenas;
  ctx->run.threads = threads;
  return ENF_OK;
out:
  pool_free(&ctx->alloc, pool);
  return status;
}
