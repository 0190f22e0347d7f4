/* texts.c -- enf_meta_set and enf_meta_get: free text that travels with a flow. */
#include "flow/flow.h"
#include <string.h>

enum { MOST_KEY = 63 };
static const size_t MOST_TEXT = (size_t)1 << 24;

/* Letters, digits, dot, dash and underscore. */
static bool is_key(const char *key) {
  const size_t length = strlen(key);
  return length > 0 && length <= MOST_KEY &&
         strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

static bool is_utf8(const char *text) {
  const unsigned char *c = (const unsigned char *)text;
  while (*c) {
    const int more = *c < 0x80 ? 0 : *c >= 0xf0 ? 3 : *c >= 0xe0 ? 2 : *c >= 0xc2 ? 1 : -1;
    if (more < 0 || *c > 0xf4)
      return false;
    for (int k = 1; k <= more; k++)
      if ((c[k] & 0xc0) != 0x80)
        return false;
    c += more + 1;
  }
  return true;
}

enf_status enf_meta_set(enf_ctx *ctx, enf_flow *flow, const char *key, const char *text) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(enf__flow_check(ctx, flow));
  if (!key || !is_key(key))
    TRY(enf__fail(ctx, ENF_ERR_ARG,
                  "a key is 1 to %d letters, digits, dots, dashes and underscores, not \"%.80s\"",
                  (int)MOST_KEY, key ? key : ""));
  if (text && strlen(text) > MOST_TEXT)
    TRY(enf__fail(ctx, ENF_ERR_RANGE, "the text of \"%s\" has %zu bytes, %zu are the most", key,
                  strlen(text), MOST_TEXT));
  if (text && !is_utf8(text))
    TRY(enf__fail(ctx, ENF_ERR_ARG, "the text of \"%s\" is not UTF-8", key));
  TRY(enf__meta_put(ctx, flow, key, text));
out:
  return status;
}

enf_status enf_meta_get(const enf_flow *flow, const char *key, char *text, size_t size,
                        size_t *needed) {
  ENF__ENTRY;
  if (enf__flow_check(NULL, flow) != ENF_OK || !key || (!text && size > 0))
    return ENF_ERR_ARG;
  const size_t i = enf__meta_find(flow, key);
  if (needed)
    *needed = 0;
  if (i == flow->metas)
    return ENF_ERR_ARG;
  return enf__text_give(flow->meta[i].text, text, size, needed);
}
