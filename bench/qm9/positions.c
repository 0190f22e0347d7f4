/* positions.c DATA N -- the molecules of N atoms of a set, as extended XYZ with atoms all alike: what a flow
   of positions alone is trained on. DATA as everywhere: extended XYZ, or the prefix of .npy arrays. */
#include <enf/enf.h>

#include <stdio.h>
#include <stdlib.h>

static void copy(const enf_batch *piece, size_t wanted) {
  for (size_t i = 0; i < enf_batch_count(piece); i++) {
    size_t N;
    const double *x;
    enf_batch_get(piece, i, &N, NULL, NULL, NULL, &x);
    if (N != wanted)
      continue;
    printf("%zu\nProperties=species:S:1:pos:R:3\n", N);
    for (size_t a = 0; a < N; a++, x += 3)
      printf("C %.6f %.6f %.6f\n", x[0], x[1], x[2]);
  }
}

int main(int argc, char **argv) {
  enum { PIECE = 1000 };
  enf_ctx *ctx = NULL;
  enf_batch_reader *reader = NULL;
  enf_batch *piece = NULL;
  if (argc != 3) {
    fprintf(stderr, "usage: positions DATA N\n");
    return 2;
  }
  enf_status status = enf_ctx_create(&ctx, NULL);
  if (status == ENF_OK)
    status = enf_batch_reader_open(ctx, &reader, NULL, argv[1]);
  if (status == ENF_OK)
    status = enf_batch_create(ctx, &piece, 3);
  while (status == ENF_OK && (status = enf_batch_reader_next(ctx, reader, PIECE, piece)) == ENF_OK &&
         enf_batch_count(piece) > 0)
    copy(piece, strtoul(argv[2], NULL, 10));
  if (status != ENF_OK)
    fprintf(stderr, "positions: %s\n", enf_ctx_errmsg(ctx));
  enf_batch_destroy(piece);
  enf_batch_reader_close(reader);
  enf_ctx_destroy(ctx);
  return status == ENF_OK ? 0 : 1;
}
