/* memory.c -- peak resident memory of log_prob, in a process of its own, so that nothing else that
   was timed is counted. The child runs this program again; the kernel says how large it became. */
#include "bench.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __APPLE__
static const double UNIT = 1; /* of ru_maxrss, in bytes */
#else
static const double UNIT = 1024;
#endif

static const bench_spec *spec_named(const char *name) {
  for (size_t i = 0; bench_spec_at(i); i++)
    if (!strcmp(bench_spec_at(i)->name, name))
      return bench_spec_at(i);
  return NULL;
}

/* One sample for every thread; a batch of any size is worked on in the same space. */
int bench_memory_child(const bench_args *args, const char *name) {
  bench_system s;
  double logp[64];
  const bench_spec *spec = spec_named(name);
  const size_t n = args->threads < 64 ? args->threads : 64;
  if (!spec)
    return 1;
  enf_ctx *ctx = bench_context(args, args->threads);
  bench_system_fresh(args, ctx, spec, n, &s);
  bench_check(enf_log_prob(ctx, s.flow, n, s.x, logp), enf_ctx_errmsg(ctx));
  bench_system_close(&s);
  enf_ctx_destroy(ctx);
  return 0;
}

double bench_memory_peak(const bench_args *args, const char *system, size_t threads) {
  char count[32], child[64];
  struct rusage used;
  int state = 0;
  snprintf(count, sizeof count, "%zu", threads);
  snprintf(child, sizeof child, "--memory-child=%s", system);
  char *argv[40] = {(char *)args->program, child, "--threads", count};
  for (size_t i = 0; i < args->sets; i++) {
    argv[4 + 2 * i] = "--set";
    argv[5 + 2 * i] = (char *)args->set[i];
  }
  const pid_t pid = fork();
  if (pid == 0) {
    execvp(args->program, argv);
    _exit(127);
  }
  if (pid < 0 || wait4(pid, &state, 0, &used) != pid || state != 0)
    return NAN;
  return (double)used.ru_maxrss * UNIT;
}
