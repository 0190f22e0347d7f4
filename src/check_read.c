/* check_read.c -- a file of molecules, counted piece by piece: memory is that of a piece and of
   eight bytes for every valid molecule. */
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1000 };

static bool keep_hash(check_found *f, uint64_t hash) {
  if (f->hashes == f->room) {
    const uint64_t room = 2 * f->room + 1024;
    uint64_t *grown = realloc(f->hash, room * sizeof *grown);
    if (grown == NULL)
      return false;
    f->hash = grown;
    f->room = room;
  }
  f->hash[f->hashes++] = hash;
  return true;
}

static void count_distances(check_found *f, size_t N, const double *x) {
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < i; j++) {
      double square = 0;
      for (size_t d = 0; d < 3; d++)
        square += (x[3 * i + d] - x[3 * j + d]) * (x[3 * i + d] - x[3 * j + d]);
      const double bin = sqrt(square) / CHECK_RANGE * CHECK_BINS;
      f->distance[bin < CHECK_BINS - 1 ? (size_t)bin : CHECK_BINS - 1]++;
    }
}

/* Every so many molecules are kept; where there are too many, every other one of them goes. */
static void keep_for_picture(check_found *f, size_t N, const int32_t *element, const double *x,
                             const int32_t *order, bool stable) {
  if (f->show == NULL || N > CHECK_ATOMS || (f->molecules - 1) % f->every != 0)
    return;
  if (f->shown == 2 * CHECK_SHOWN) {
    f->shown = CHECK_SHOWN;
    f->every *= 2;
    for (size_t i = 1; i < CHECK_SHOWN; i++)
      f->show[i] = f->show[2 * i];
    if ((f->molecules - 1) % f->every != 0)
      return;
  }
  check_molecule *m = &f->show[f->shown++];
  m->N = N;
  m->stable = stable;
  memcpy(m->element, element, N * sizeof *element);
  memcpy(m->order, order, N * N * sizeof *order);
  memcpy(m->x, x, 3 * N * sizeof *x);
}

/* A molecule that has no rule is counted with its atoms as unstable. */
static int count_molecule(cli *c, check_found *f, size_t N, const int32_t *element,
                          const double *x) {
  enf_molecule_facts facts = ENF_MOLECULE_FACTS_INIT;
  int32_t *order = cli_alloc(N * N, sizeof *order);
  if (order == NULL)
    return FAILURE;
  const enf_status status =
      element != NULL ? enf_molecule_check(c->ctx, N, element, x, 1, order, &facts) : ENF_ERR_RANGE;
  f->molecules++;
  f->atoms += N;
  f->size[N < CHECK_SIZES ? N : CHECK_SIZES - 1]++;
  f->other += status != ENF_OK;
  bool kept = true;
  if (status == ENF_OK) {
    const bool stable = facts.stable_atoms == N, valid = !facts.crowded_atoms && facts.pieces == 1;
    f->stable_atoms += facts.stable_atoms;
    f->stable_molecules += stable;
    f->whole += facts.pieces == 1;
    f->valid += valid;
    kept = !valid || keep_hash(f, facts.hash);
    count_distances(f, N, x);
    keep_for_picture(f, N, element, x, order, stable);
  }
  free(order);
  if (status != ENF_OK && status != ENF_ERR_RANGE && status != ENF_ERR_NONFINITE)
    return cli_fail_status(c, status);
  return kept ? SUCCESS : cli_fail("no memory for %llu hashes", (unsigned long long)f->hashes);
}

static int compare(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* Sorted, each once. */
static void sort_hashes(check_found *f) {
  uint64_t kept = 0;
  if (f->hashes > 0)
    qsort(f->hash, f->hashes, sizeof *f->hash, compare);
  for (uint64_t i = 0; i < f->hashes; i++)
    if (i == 0 || f->hash[i] != f->hash[i - 1])
      f->hash[kept++] = f->hash[i];
  f->unique = f->hashes = kept;
}

static int read_all(cli *c, enf_batch_reader *reader, enf_batch *piece, check_found *f) {
  int result = SUCCESS;
  do {
    const enf_status status = enf_batch_reader_next(c->ctx, reader, PIECE, piece);
    if (status != ENF_OK)
      return cli_fail_status(c, status);
    for (size_t i = 0; i < enf_batch_count(piece) && result == SUCCESS; i++) {
      size_t N;
      const int32_t *element;
      const double *x;
      enf_batch_get(piece, i, &N, &element, NULL, NULL, &x);
      result = count_molecule(c, f, N, element, x);
    }
  } while (enf_batch_count(piece) > 0 && result == SUCCESS);
  return result;
}

int check_read(cli *c, const char *path, check_found *f) {
  enf_batch_reader *reader = NULL;
  enf_batch *piece = NULL;
  f->every = 1;
  enf_status status = enf_batch_reader_open(c->ctx, &reader, NULL, path);
  if (status == ENF_OK)
    status = enf_batch_create(c->ctx, &piece, 3);
  const int result = status == ENF_OK ? read_all(c, reader, piece, f) : cli_fail_status(c, status);
  enf_batch_reader_close(reader);
  enf_batch_destroy(piece);
  sort_hashes(f);
  return result;
}

void check_free(check_found *f) {
  free(f->hash);
  free(f->show);
}
