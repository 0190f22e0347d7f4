/* core.h -- failure, memory and the context: what every layer stands on.

   A function that can fail returns an enf_status and leaves through one `out:` label; TRY is the
   only macro that changes control flow. Memory comes from the context's allocator (enf__alloc)
   when an object is made, and from bump arenas during work: the sizes are found first by running
   the same layout code on an arena without memory (base NULL), which only counts. */
#ifndef ENF__CORE_H
#define ENF__CORE_H

#include "core/choices.h"
#include "core/fpstate.h"
#include <enf/context.h>
#include <enf/energy.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRY(call)                                                                                  \
  do {                                                                                             \
    status = (call);                                                                               \
    if (status != ENF_OK)                                                                          \
      goto out;                                                                                    \
  } while (0)

#define ENF__ALIGN ((size_t)64)

/* ---- memory -------------------------------------------------------------------------------- */

/* 64-byte aligned, or NULL; the arrays' sizes are checked for overflow. */
void *enf__alloc(const enf_alloc *alloc, size_t bytes);
void *enf__alloc_array(const enf_alloc *alloc, size_t count, size_t size);
void enf__free(const enf_alloc *alloc, void *p); /* NULL is fine */

typedef struct {
  char *base; /* NULL: count only */
  size_t used, capacity;
} enf__arena;

/* The next `bytes` bytes, aligned; NULL from a counting arena. Work sizes its arenas first, so a
   real arena is never too small; if it were, NULL is returned. Sizes that overflow make `used`
   SIZE_MAX, which reserve then refuses. */
void *enf__arena_take(enf__arena *arena, size_t bytes);
void *enf__arena_take_array(enf__arena *arena, size_t count, size_t size);
/* Make capacity at least `bytes` (used must be 0); keeps what it has if that is enough. */
bool enf__arena_reserve(const enf_alloc *alloc, enf__arena *arena, size_t bytes);
void enf__arena_free(const enf_alloc *alloc, enf__arena *arena);

static inline size_t enf__larger(size_t a, size_t b) { return a > b ? a : b; }

#define ENF__TAKE(arena, type, count)                                                              \
  ((type *)enf__arena_take_array((arena), (count), sizeof(type)))

/* ---- the context --------------------------------------------------------------------------- */

/* The run.*, ode.*, logdet.* and inverse.* options, resolved. */
typedef struct {
  size_t threads;
  int precision, kernel;
  int ode_method;
  double rtol, atol;
  size_t ode_steps, max_steps;
  int logdet_method;
  double logdet_tol;
  double density_tol; /* 0: tolerances are as they stand */
  unsigned own;       /* those of them that the host has set (context.c) */
  size_t probes, terms; /* of estimates; terms: map/series.h */
  double inverse_tol;
  size_t inverse_iterations;
  int probe; /* their distribution: map/probe.h */
  int rotation;
  size_t dequant_samples;
  size_t checks; /* flow/accuracy.h */
  bool float32;   /* run.precision was set to it, and not by default */
  bool again;    /* these are such checks: with probes of their own, and without checks */
} enf__run;

/* Numbers about the last call, read by enf_ctx_stat. */
typedef struct {
  double failed, steps, velocities, divergences, logdet_error, logdet_unmet, seconds;
} enf__stats;

/* What calls of one kind on one flow have shown of the error of log q: flow/accuracy.c. */
typedef struct {
  const void *flow;
  int kind;
  uint64_t seen, checked; /* samples */
  double square, weight;  /* sum of squared errors, and of how many */
} enf__accuracy;

enum { ENF__ACCURACIES = 8 };

struct enf__pool; /* parallel.c */

/* One public call that is running. */
typedef struct {
  uint64_t fp;  /* the host's floating-point state */
  enf_ctx *ctx; /* that this call entered, and no call around it */
} enf__entry;

struct enf_ctx {
  uint32_t magic;
  enf_alloc alloc;
  enf__run run;
  enf__stats stats;
  enf_progress_fn progress;
  void *progress_user;
  enf__entry *entry; /* the outermost call that is running */
  bool busy;         /* inside a host callback: calls on this context are refused (STATE) */
  enf__arena arena;  /* the calling thread's, for arrays of a whole call */
  enf__arena record; /* of integrations that are to be walked back: flow/pullback.h */
  enf__arena ended;  /* how the samples of the last call ended, (samples) statuses */
  size_t samples;
  enf__arena checked; /* samples that are checked, and what they say: flow/accuracy.h */
  enf__arena ended_again; /* `ended` meanwhile */
  enf__arena walkers_memory; /* what calls keep that sample and score on the way: infer/walkers.h */
  enf__accuracy accuracy[ENF__ACCURACIES];
  size_t oldest_accuracy; /* the next to be given up */
  enf__arena *workers; /* one per thread; [0] is the calling thread's */
  struct enf__pool *pool;
  char errmsg[512];
};

/* Magic words of the public objects. */
enum {
  ENF__MAGIC_CTX = 0x31786665,
  ENF__MAGIC_OPTS = 0x32786665,
  ENF__MAGIC_FLOW = 0x33786665,
  ENF__MAGIC_TRAINER = 0x34786665,
  ENF__MAGIC_ENERGY = 0x35786665,
  ENF__MAGIC_ARRAY = 0x36786665
};

/* The first declaration of every public function (checked: tests/project/check.sh): until it
   returns, no floating-point exception traps, whatever the host wants of its own numbers. */
#define ENF__ENTRY                                                                                 \
  __attribute__((unused, cleanup(enf__leave)))                                                     \
  enf__entry enf__this_entry = {enf__fp_give(ENF__FP_TRAPS, ENF__FP_QUIET), NULL}
void enf__leave(enf__entry *entry);

static inline bool enf__is_ctx(const enf_ctx *ctx) { return ctx && ctx->magic == ENF__MAGIC_CTX; }

/* At every public entry: NULL, magic and busy are checked, errmsg and stats are cleared. */
#define enf__enter(ctx) enf__enter_by(&enf__this_entry, ctx)
enf_status enf__enter_by(enf__entry *entry, enf_ctx *ctx);

/* Around a call of the host's: it has the host's floating-point state, on this context it may call
   nothing, and what it tried leaves no sentence. begin returns what end wants. */
bool enf__host_begin(enf_ctx *ctx);
void enf__host_end(enf_ctx *ctx, bool was_silent);
/* The host's energy of n samples, gradients unless NULL: CALLBACK if it fails. */
enf_status enf__host_energy(enf_ctx *ctx, enf_energy_fn fn, void *user, size_t n, const double *x,
                            double *u, double *grad);

/* Write the sentence (enf__format) and return the status; ctx may be NULL. Does not allocate. */
enf_status enf__fail(enf_ctx *ctx, enf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Ask the progress callback, if there is one: CANCELLED with its sentence if it says so. Only on
   the calling thread, outside parallel regions (enf__parallel_for calls it by itself). */
enf_status enf__report(enf_ctx *ctx, uint64_t done, uint64_t total);
/* Statuses, all OK, for the n samples of a call; NULL, with the sentence, without memory for them.
 */
enf_status *enf__ended_take(enf_ctx *ctx, size_t n);
/* Make the call's arena and every worker's at least this large and empty. */
enf_status enf__reserve(enf_ctx *ctx, size_t call_bytes, size_t worker_bytes);

double enf__seconds(void); /* monotonic clock */

/* ---- public structs that grow (structs.c) --------------------------------------------------- */

/* The size that a struct has up to this member: that of its first version, `least` below. */
#define ENF__SIZE_TO(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))

/* ARG if `out` (called `name`) has a struct_size below `least`; `init` is its ENF_*_INIT. */
enf_status enf__struct_check(enf_ctx *ctx, const char *name, const void *out, size_t least,
                             const char *init);
/* As much of `all` (`size` bytes) as the struct_size of `out`, at least that of a size_t, has room
   for; the struct_size stays. */
void enf__struct_give(void *out, const void *all, size_t size);
/* The other way: what a program has given, into the library's own with its fallbacks. */
void enf__struct_take(void *all, const void *given, size_t size);

/* Nearest of the names to `name` by edit distance, for error texts; NULL if none is near. next
   gives the names one by one and NULL behind the last. */
const char *enf__nearest(const char *name, const char *(*next)(const void *list, size_t index),
                         const void *list);

/* printf into a buffer of `size` >= 1, cut if need be, with '.' in every locale. Conversions:
   d i u x X o c s p e f g %, with flags, width, precision (also '*') and h l ll j z t. */
void enf__format(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void enf__vformat(char *out, size_t size, const char *format, va_list args);

/* Text to double with a point in every locale; *end as strtod; over 800 characters: no number. */
double enf__strtod(const char *text, char **end);
/* Shortest text that reads back to the same double, with '.'; buffer of 32. Used for files. */
void enf__dtoa(double value, char buffer[32]);

#endif
