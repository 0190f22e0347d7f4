/* meta.c -- the free text that a flow has, by keys. */
#include "flow/flow.h"
#include <string.h>

size_t enf__meta_find(const enf_flow *flow, const char *key) {
  size_t i = 0;
  while (i < flow->metas && strcmp(flow->meta[i].key, key) != 0)
    i++;
  return i;
}

static char *copy_text(const enf_alloc *alloc, const char *text) {
  const size_t bytes = strlen(text) + 1;
  char *copy = enf__alloc(alloc, bytes);
  return copy ? memcpy(copy, text, bytes) : NULL;
}

static void take_away(enf_flow *flow, size_t i) {
  enf__free(&flow->alloc, flow->meta[i].key);
  enf__free(&flow->alloc, flow->meta[i].text);
  memmove(flow->meta + i, flow->meta + i + 1, (--flow->metas - i) * sizeof *flow->meta);
}

/* Room for one more. */
static bool grow(enf_flow *flow) {
  enf__meta *larger = enf__alloc_array(&flow->alloc, flow->metas + 1, sizeof *larger);
  if (!larger)
    return false;
  if (flow->metas)
    memcpy(larger, flow->meta, flow->metas * sizeof *larger);
  enf__free(&flow->alloc, flow->meta);
  flow->meta = larger;
  return true;
}

enf_status enf__meta_put(enf_ctx *ctx, enf_flow *flow, const char *key, const char *text) {
  const size_t i = enf__meta_find(flow, key);
  char *new_text = text ? copy_text(&flow->alloc, text) : NULL;
  char *new_key = text && i == flow->metas ? copy_text(&flow->alloc, key) : NULL;
  if (!text) {
    if (i < flow->metas)
      take_away(flow, i);
    return ENF_OK;
  }
  if (!new_text || (i == flow->metas && (!new_key || !grow(flow)))) {
    enf__free(&flow->alloc, new_text);
    enf__free(&flow->alloc, new_key);
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for the text of \"%s\"", key);
  }
  if (i == flow->metas)
    flow->meta[flow->metas++] = (enf__meta){new_key, NULL};
  enf__free(&flow->alloc, flow->meta[i].text);
  flow->meta[i].text = new_text;
  return ENF_OK;
}

void enf__meta_free(enf_flow *flow) {
  while (flow->metas)
    take_away(flow, flow->metas - 1);
  enf__free(&flow->alloc, flow->meta);
  flow->meta = NULL;
}

enf_status enf__text_give(const char *value, char *text, size_t size, size_t *needed) {
  const size_t bytes = strlen(value) + 1;
  if (needed)
    *needed = bytes;
  if (bytes <= size)
    memcpy(text, value, bytes);
  return bytes <= size ? ENF_OK : ENF_ERR_RANGE;
}
