/* failing_alloc.h -- an allocator for tests: counts live blocks and bytes, fails when told, watches
   threads.

   failing_alloc a = {.fail_at = k}; enf_alloc alloc = failing_alloc_of(&a); allocation number k
   (from 1) and all later ones fail, or only number k if `once`; fail_at 0 never fails. `live` must
   be 0 at the end, `peak` is the most bytes at a time, `foreign` must stay false: it tells that
   another thread than the first one called. */
#ifndef FAILING_ALLOC_H
#define FAILING_ALLOC_H

#include <enf/enf.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  size_t calls, live, bytes, peak, fail_at;
  bool once, known, foreign;
  pthread_t thread;
} failing_alloc;

/* In front of every block, which keeps its alignment. */
typedef union {
  size_t bytes;
  max_align_t align;
} failing_alloc_head;

static inline void failing_alloc_watch(failing_alloc *a) {
  if (!a->known)
    a->thread = pthread_self();
  a->known = true;
  if (!pthread_equal(a->thread, pthread_self()))
    a->foreign = true;
}

static inline void *failing_alloc_take(void *user, size_t bytes) {
  failing_alloc *a = (failing_alloc *)user;
  failing_alloc_watch(a);
  a->calls++;
  if (a->fail_at && (a->once ? a->calls == a->fail_at : a->calls >= a->fail_at))
    return NULL;
  failing_alloc_head *head = (failing_alloc_head *)malloc(sizeof *head + bytes);
  if (!head)
    return NULL;
  memset(head + 1, 0xA5, bytes); /* nobody may count on zeros */
  head->bytes = bytes;
  a->live++;
  a->bytes += bytes;
  a->peak = a->peak > a->bytes ? a->peak : a->bytes;
  return head + 1;
}

static inline void failing_alloc_free(void *user, void *p) {
  failing_alloc *a = (failing_alloc *)user;
  failing_alloc_watch(a);
  if (!p)
    return;
  failing_alloc_head *head = (failing_alloc_head *)p - 1;
  a->live--;
  a->bytes -= head->bytes;
  free(head);
}

static inline enf_alloc failing_alloc_of(failing_alloc *a) {
  enf_alloc alloc = {failing_alloc_take, failing_alloc_free, a};
  return alloc;
}

#endif
