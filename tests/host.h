/* host.h -- what tests that see libenf as a host does begin with: a context, calls that must succeed or
   must be refused with a sentence, and options from a line of text. */
#ifndef ENF_TEST_HOST_H
#define ENF_TEST_HOST_H

#include "suite.h"
#include <enf/enf.h>
#include <stdio.h>
#include <string.h>

static enf_ctx *ctx;

static inline void setup(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static inline void teardown(void) { enf_ctx_destroy(ctx); }

#define OK(call)                                                                                   \
  do {                                                                                             \
    const enf_status got = (call);                                                                 \
    ck_assert_msg(got == ENF_OK, "%s: %d %s", #call, (int)got, enf_ctx_errmsg(ctx));               \
  } while (0)

#define REFUSED(status, words, call)                                                               \
  do {                                                                                             \
    ck_assert_int_eq((call), (status));                                                            \
    ck_assert_msg(strstr(enf_ctx_errmsg(ctx), (words)) != NULL, "%s", enf_ctx_errmsg(ctx));        \
  } while (0)

/* Of a list of names and values. */
typedef const char *const option[2];

static inline enf_opts *options_of(size_t count, option *list) {
  enf_opts *opts;
  OK(enf_opts_create(ctx, &opts));
  for (size_t i = 0; i < count; i++)
    ck_assert_msg(enf_opts_set(opts, list[i][0], list[i][1]) == ENF_OK, "%s",
                  enf_opts_errmsg(opts));
  return opts;
}

/* Of "name=value,name=value". */
static inline enf_opts *options(const char *text) {
  enf_opts *opts;
  char copy[400], *rest = copy;
  OK(enf_opts_create(ctx, &opts));
  snprintf(copy, sizeof copy, "%s", text);
  for (char *item; (item = strtok_r(rest, ",", &rest)) != NULL;) {
    char *equals = strchr(item, '=');
    *equals = '\0';
    ck_assert_msg(enf_opts_set(opts, item, equals + 1) == ENF_OK, "%s", enf_opts_errmsg(opts));
  }
  return opts;
}

#endif
