/* scratch.h -- what the tests of files share: a directory of their own, a context whose allocator
   counts and can be told to fail, and damage.

   open_scratch and close_scratch are an unchecked fixture: they run outside the tests, so the
   directory is removed even when a test fails. */
#ifndef ENF_TEST_SCRATCH_H
#define ENF_TEST_SCRATCH_H

#include "io/io.h"
#include "suite.h"
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch[64];
static enf_ctx *ctx;
static long live;      /* blocks that are allocated */
static long countdown; /* allocations before the one that fails; negative: none fails */

static inline void *count_alloc(void *user, size_t bytes) {
  (void)user;
  if (countdown >= 0 && countdown-- == 0)
    return NULL;
  void *p = malloc(bytes);
  live += p != NULL;
  return p;
}

static inline void count_free(void *user, void *p) {
  (void)user;
  live -= p != NULL;
  free(p);
}

static inline void open_scratch(void) {
  const enf_alloc alloc = {count_alloc, count_free, NULL};
  countdown = -1;
  strcpy(scratch, "/tmp/enf-test-XXXXXX");
  if (!mkdtemp(scratch) || enf_ctx_create(&ctx, &alloc) != ENF_OK)
    exit(2);
}

/* Number of files in the scratch directory; they are removed if asked. */
static inline int count_files(bool clear) {
  int count = 0;
  DIR *directory = opendir(scratch);
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    char path[400];
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
      continue;
    snprintf(path, sizeof path, "%s/%s", scratch, entry->d_name);
    count++;
    if (clear && unlink(path) != 0)
      rmdir(path);
  }
  if (directory)
    closedir(directory);
  return count;
}

static inline void close_scratch(void) {
  count_files(true);
  rmdir(scratch);
  enf_ctx_destroy(ctx);
}

/* A path in the scratch directory, good until the next call. */
static inline const char *at(const char *name) {
  static char path[400];
  snprintf(path, sizeof path, "%s/%s", scratch, name);
  return path;
}

static inline void make_file(const char *name, const void *data, size_t bytes) {
  FILE *file = fopen(at(name), "wb");
  ck_assert_ptr_nonnull(file);
  ck_assert_uint_eq(fwrite(data, 1, bytes, file), bytes);
  fclose(file);
}

/* The sentence of the last failure must hold this fragment. */
static inline void expect_sentence(const char *fragment) {
  ck_assert_msg(strstr(enf_ctx_errmsg(ctx), fragment) != NULL, "'%s' is not in '%s'", fragment,
                enf_ctx_errmsg(ctx));
}

/* Change 1 to 4 bytes, differently for every seed. */
static inline void damage(char *data, size_t bytes, uint64_t seed) {
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (uint64_t i = 0; i <= seed % 4; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const uint64_t r = state >> 20;
    const char digit = "0123456789{}[]()\",:\\'<> \n"[(r >> 8) % 25];
    data[(r >> 16) % bytes] = r & 1 ? digit : (char)(r >> 1);
  }
}

/* run_suite with the scratch directory around it. */
static inline int run_case(const char *name, TCase *tests) {
  tcase_add_unchecked_fixture(tests, open_scratch, close_scratch);
  return run_suite(name, tests);
}

#endif
