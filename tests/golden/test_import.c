/* enf_import: golden files are state dicts of published networks, too; the flows made of them have
   their velocities. What weights do not tell is asked for. */
#include "golden.h"
#include <enf/flow.h>
#include <unistd.h>

static enf_status import(golden *g, const char *name, enf_flow **flow) {
  char path[256];
  snprintf(path, sizeof path, GOLDEN_DIR "/%s.safetensors", name);
  return enf_import(g->ctx, flow, path, NULL);
}

static void use_double(enf_ctx *ctx) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "run.precision", "float64"), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  enf_opts_destroy(opts);
}

START_TEST(imported_networks_have_the_published_velocities) {
  golden g;
  enf_flow *flow;
  size_t count;
  golden_open(&g, golden_files[_i]);
  use_double(g.ctx);
  ck_assert_msg(import(&g, golden_files[_i], &flow) == ENF_OK, "%s", enf_ctx_errmsg(g.ctx));
  double *x = golden_doubles(&g, "x", &count), *want = golden_doubles(&g, "v", NULL);
  double *t0 = golden_doubles(&g, "t", NULL), *v = malloc(count * sizeof *v), t[64];
  for (size_t i = 0; i < g.B; i++)
    t[i] = t0[0];
  ck_assert_int_eq(enf_velocity(g.ctx, flow, g.B, t, x, v, NULL), ENF_OK);
  ck_assert_double_le(golden_error(count, v, want), 1e-10);
  enf_destroy(flow);
  free(x), free(want), free(t0), free(v);
  golden_close(&g);
}
END_TEST

/* A state dict without metadata: the tensors of a golden file's network alone. */
static void write_bare(golden *g, const char *path) {
  enf__st_tensor *tensor = calloc(g->params.count, sizeof *tensor);
  size_t count = 0;
  for (size_t i = 0; i < g->params.count; i++) {
    char name[128];
    snprintf(name, sizeof name, "weights.%s", g->params.tensor[i].name);
    tensor[count] = *enf__st_find(&g->file, name);
    tensor[count++].name = g->params.tensor[i].name;
  }
  ck_assert_int_eq(enf__st_write(g->ctx, path, 0, NULL, count, tensor), ENF_OK);
  free(tensor);
}

START_TEST(what_weights_do_not_tell_is_asked_for) {
  golden g;
  enf_flow *flow;
  enf_opts *opts;
  char path[] = "/tmp/enf-import-XXXXXX";
  close(mkstemp(path));
  golden_open(&g, "egnn_species");
  write_bare(&g, path);
  ck_assert_int_eq(enf_opts_create(g.ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_import(g.ctx, &flow, path, opts), ENF_ERR_OPTION);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(g.ctx), "model.particles must be given"));
  ck_assert_int_eq(enf_opts_set(opts, "model.particles", "6"), ENF_OK);
  ck_assert_int_eq(enf_import(g.ctx, &flow, path, opts), ENF_ERR_OPTION);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(g.ctx), "for 4 kinds"));
  ck_assert_int_eq(enf_opts_set(opts, "model.species", "0 0 1 1 1 2"), ENF_OK);
  ck_assert_int_eq(enf_import(g.ctx, &flow, path, opts), ENF_ERR_FORMAT);
  ck_assert_int_eq(enf_opts_set(opts, "model.species", "0 0 1 2 1 3"), ENF_OK);
  ck_assert_msg(enf_import(g.ctx, &flow, path, opts) == ENF_OK, "%s", enf_ctx_errmsg(g.ctx));
  enf_destroy(flow);
  ck_assert_int_eq(import(&g, "families_prior", &flow), ENF_ERR_FORMAT);
  ck_assert_ptr_null(flow);
  enf_opts_destroy(opts);
  unlink(path);
  golden_close(&g);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("import");
  tcase_add_loop_test(c, imported_networks_have_the_published_velocities, 0, GOLDEN_FILES);
  tcase_add_test(c, what_weights_do_not_tell_is_asked_for);
  return run_suite("import", c);
}
