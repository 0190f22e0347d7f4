/* memory.c -- the one door for memory: aligned blocks and bump arenas over the host's allocator.

   A block starts at a multiple of 64 bytes (a cache line, an AVX-512 vector); the host's pointer
   is kept in the word before it. An arena hands out consecutive multiples of 64 bytes. The same
   layout code run on an arena without memory gives the size to reserve, so sizes are written
   once. Sizes that overflow become SIZE_MAX, which no allocation meets. Nothing is initialised. */
#include "core/core.h"

void *enf__alloc(const enf_alloc *alloc, size_t bytes) {
  const size_t extra = ENF__ALIGN - 1 + sizeof(void *);
  if (bytes > SIZE_MAX - extra)
    return NULL;
  void *raw = alloc->alloc(alloc->user, bytes + extra);
  if (!raw)
    return NULL;
  uintptr_t aligned = ((uintptr_t)raw + extra) & ~(uintptr_t)(ENF__ALIGN - 1);
  ((void **)aligned)[-1] = raw;
  return (void *)aligned;
}

void *enf__alloc_array(const enf_alloc *alloc, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes))
    return NULL;
  return enf__alloc(alloc, bytes);
}

void enf__free(const enf_alloc *alloc, void *p) {
  if (p)
    alloc->free(alloc->user, ((void **)p)[-1]);
}

void *enf__arena_take(enf__arena *arena, size_t bytes) {
  size_t end;
  if (__builtin_add_overflow(bytes, ENF__ALIGN - 1, &bytes) ||
      __builtin_add_overflow(arena->used, bytes & ~(ENF__ALIGN - 1), &end))
    end = SIZE_MAX;
  if (arena->base && end > arena->capacity)
    return NULL;
  void *p = arena->base ? arena->base + arena->used : NULL;
  arena->used = end;
  return p;
}

void *enf__arena_take_array(enf__arena *arena, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes))
    bytes = SIZE_MAX;
  return enf__arena_take(arena, bytes);
}

bool enf__arena_reserve(const enf_alloc *alloc, enf__arena *arena, size_t bytes) {
  if (bytes <= arena->capacity)
    return true;
  /* Old contents are not kept: free first, so that both never exist at once. */
  enf__arena_free(alloc, arena);
  if (__builtin_add_overflow(bytes, ENF__ALIGN - 1, &bytes))
    return false;
  bytes &= ~(ENF__ALIGN - 1);
  arena->base = enf__alloc(alloc, bytes);
  if (!arena->base)
    return false;
  arena->capacity = bytes;
  return true;
}

void enf__arena_free(const enf_alloc *alloc, enf__arena *arena) {
  enf__free(alloc, arena->base);
  *arena = (enf__arena){NULL, 0, 0};
}
