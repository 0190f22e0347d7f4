/* extxyz_write.c -- extended XYZ, written: every number so that it reads back the same, z = 0 for
   configurations in the plane, no cell. What extxyz.c cannot read (a coordinate that is not finite,
   unless all of its frame are nan) is written nevertheless: a host may want to see it. */
#include "io/io.h"
#include <stdio.h>
#include <string.h>

/* A label must be one word: a reader would take a space for the next column. */
static bool writable(const char *label) {
  if (!label || !*label)
    return false;
  while ((unsigned char)*label > ' ' && *label != '\x7f')
    label++;
  return *label == '\0';
}

static enf_status check_view(enf_ctx *ctx, const char *path, const enf__array_view *view) {
  const size_t N = view->ndim == 3 ? view->shape[1] : 0, D = view->shape[2];
  if (view->type)
    return enf__file_refuse(ctx, ENF_ERR_ARG, path, "XYZ has no types; type must be NULL");
  if (view->ndim != 3 || (D != 2 && D != 3))
    return enf__file_refuse(ctx, ENF_ERR_SHAPE, path,
                            "XYZ needs an array of shape (n,N,2) or (n,N,3)");
  if (view->count == 0)
    return enf__file_refuse(ctx, ENF_ERR_SHAPE, path, "XYZ needs at least one frame and one atom");
  for (size_t i = 0; view->labels && i < N; i++)
    if (!writable(view->labels[i]))
      return enf__file_refuse(ctx, ENF_ERR_ARG, path, "label %zu is not a word", i);
  return ENF_OK;
}

static enf_status put_text(enf__writer *file, const char *text) {
  return enf__writer_put(file, text, strlen(text));
}

enf_status enf__xyz_put_head(enf__writer *file, size_t N, size_t G, const double *context) {
  enf_status status;
  char head[96];
  snprintf(head, sizeof head, "%zu\nProperties=species:S:1:pos:R:3 pbc=\"F F F\"", N);
  TRY(put_text(file, head));
  for (size_t c = 0; c < G; c++) {
    char number[32];
    enf__dtoa(context[c], number);
    TRY(put_text(file, c ? " " : " context=\""));
    TRY(put_text(file, number));
  }
  TRY(put_text(file, G ? "\"\n" : "\n"));
out:
  return status;
}

enf_status enf__xyz_put_atom(enf__writer *file, const char *label, const double *x, size_t D) {
  enf_status status = ENF_OK;
  TRY(put_text(file, label));
  for (size_t d = 0; d < 3; d++) {
    char number[32] = "0";
    if (d < D)
      enf__dtoa(x[d], number);
    TRY(put_text(file, " "));
    TRY(put_text(file, number));
  }
  TRY(put_text(file, "\n"));
out:
  return status;
}

enf_status enf__xyz_write(enf_ctx *ctx, const char *path, const enf__array_view *view) {
  const size_t n = view->shape[0], N = view->shape[1], D = view->shape[2];
  enf_status status = ENF_OK;
  enf__writer file = {0};
  TRY(check_view(ctx, path, view));
  TRY(enf__writer_open(ctx, &file, path));
  for (size_t i = 0; i < n * N; i++) {
    const char *label = view->labels ? view->labels[i % N] : "X";
    if (i % N == 0)
      TRY(enf__xyz_put_head(&file, N, 0, NULL));
    TRY(enf__xyz_put_atom(&file, label, view->data + D * i, D));
  }
  TRY(enf__writer_commit(&file));
out:
  enf__writer_abandon(&file);
  return status;
}
