/* fuzz_load.h -- any bytes as a file that a public call loads: what the call allocates is bounded
   by the file's length, for a file of some bytes must not cost what its options promise. Weights
   are padded to 32 columns in copies for both precisions, which for the narrowest networks is a
   hundred times their part of a file. */
#ifndef ENF_FUZZ_LOAD_H
#define ENF_FUZZ_LOAD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include <enf/enf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { PER_BYTE = 128, FREE_BYTES = 16 << 20, HEAD = 64 };

typedef struct {
  size_t live, most;
} meter;

/* Every block remembers its size. */
static void *meter_alloc(void *user, size_t bytes) {
  meter *m = user;
  if (bytes > m->most - m->live) {
    fprintf(stderr, "%zu bytes beside %zu: more than the %zu that this file may cost\n", bytes,
            m->live, m->most);
    abort();
  }
  char *block = malloc(bytes + HEAD);
  if (!block)
    return NULL;
  memcpy(block, &bytes, sizeof bytes);
  m->live += bytes;
  return block + HEAD;
}

static void meter_free(void *user, void *p) {
  meter *m = user;
  size_t bytes;
  memcpy(&bytes, (char *)p - HEAD, sizeof bytes);
  m->live -= bytes;
  free((char *)p - HEAD);
}

/* `load` with a metered context and the name of a file of these bytes. */
static int fuzz_load(void (*load)(enf_ctx *ctx, const char *path), const uint8_t *data,
                     size_t bytes) {
  meter m = {.most = FREE_BYTES + PER_BYTE * bytes};
  const enf_alloc alloc = {meter_alloc, meter_free, &m};
  enf_ctx *ctx = NULL;
  char path[64];
  const int file = memfd_create("fuzz", 0);
  if (file >= 0 && (bytes == 0 || write(file, data, bytes) == (ssize_t)bytes) &&
      enf_ctx_create(&ctx, &alloc) == ENF_OK) {
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    load(ctx, path);
  }
  enf_ctx_destroy(ctx);
  if (file >= 0)
    close(file);
  return 0;
}

#endif
