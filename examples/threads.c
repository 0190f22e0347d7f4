/* threads.c -- one flow, many threads: each host thread has its own context and its own part of the
   stream of samples. The result is the same, bit for bit, as that of a single call.

   A host with threads of its own does this; others set run.threads and let one context do it.
   usage: threads      reads dw4.safetensors */
#include <enf/enf.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 4, EACH = 25, COORDINATES = 4 * 2, SEED = 3 };

static double parts[THREADS * EACH * COORDINATES], parts_logp[THREADS * EACH];
static double whole[THREADS * EACH * COORDINATES], whole_logp[THREADS * EACH];

typedef struct {
  const enf_flow *flow; /* const: shared by all threads */
  size_t index;
  int failed;
  char message[256];
} job;

static void *run_job(void *argument) {
  job *j = argument;
  const size_t first = j->index * EACH;
  enf_ctx *ctx = NULL;
  j->failed =
      enf_ctx_create(&ctx, NULL) ||
      enf_sample(ctx, j->flow, SEED, first, EACH, parts + first * COORDINATES, parts_logp + first);
  snprintf(j->message, sizeof j->message, "%s", enf_ctx_errmsg(ctx));
  enf_ctx_destroy(ctx);
  return NULL;
}

static int run_threads(const enf_flow *flow) {
  pthread_t thread[THREADS];
  job jobs[THREADS];
  size_t started = 0, failed = 0;
  for (; started < THREADS; ++started) {
    jobs[started] = (job){flow, started, 0, ""};
    if (pthread_create(&thread[started], NULL, run_job, &jobs[started]) != 0)
      break;
  }
  for (size_t i = 0; i < started; ++i) {
    pthread_join(thread[i], NULL);
    if (!jobs[i].failed)
      continue;
    fprintf(stderr, "thread %zu: %s\n", i, jobs[i].message);
    ++failed;
  }
  return started < THREADS || failed > 0;
}

int main(void) {
  enf_ctx *ctx = NULL;
  enf_flow *flow = NULL;
  const int failed = enf_ctx_create(&ctx, NULL) || enf_load(ctx, &flow, "dw4.safetensors") ||
                     run_threads(flow) ||
                     enf_sample(ctx, flow, SEED, 0, THREADS * EACH, whole, whole_logp);
  if (failed)
    fprintf(stderr, "threads: %s\n", enf_ctx_errmsg(ctx));
  enf_destroy(flow);
  enf_ctx_destroy(ctx);
  if (failed)
    return 1;

  const int same = memcmp(parts, whole, sizeof whole) == 0 &&
                   memcmp(parts_logp, whole_logp, sizeof whole_logp) == 0;
  printf("%d samples by %d threads: %s the bits of one call\n", THREADS * EACH, THREADS,
         same ? "exactly" : "NOT");
  return !same;
}
