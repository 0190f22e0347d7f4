/* The autoregressive map against golden vectors: z, log-determinant, density under a normal prior and
   under those of the copula paper, and the gradients of the mean of -log q under independent t_2. */
#include "flows.h"

enum { CASES = 2, MOST = 600 };
static const char *const cases[CASES][4] = {{"paper.", "2", "4", "autoregressive*3"},
                                            {"wide.", "5", "8", "autoregressive*2"}};

static void open_case_with(int i, const char *prior, const char *margins) {
  const char *rows[][2] = {{"model.space", "vector"},
                           {"model.prior", prior},
                           {"model.margins", margins},
                           {"model.dimensions", cases[i][1]},
                           {"model.hidden", cases[i][2]},
                           {"model.map", cases[i][3]},
                           {NULL, NULL}};
  open_flow("families_maf", rows);
  golden_case = cases[i][0];
  for (size_t k = 0; k < flow->params.count; k++)
    if (!strncmp(flow->params.tensor[k].name, "maf.", 4))
      set(flow->params.tensor[k].name, flow->params.tensor[k].name);
}

static void open_case(int i) { open_case_with(i, "gaussian", ""); }

START_TEST(map_agrees_with_golden_vectors) {
  open_case(_i);
  size_t count;
  double *x = numbers("x", &count), z[MOST], logdet[MOST], back[MOST], logq[MOST];
  const size_t n = count / enf__space_state(&flow->space);
  ck_assert_int_eq(enf_transport(g.ctx, flow, n, 1, 0, x, z, logdet), ENF_OK);
  expect("z", count, z);
  expect("logdet", n, logdet);
  ck_assert_int_eq(enf_log_prob(g.ctx, flow, n, x, logq), ENF_OK);
  expect("logp_normal", n, logq);
  ck_assert_int_eq(enf_transport(g.ctx, flow, n, 0, 1, z, back, logdet), ENF_OK);
  expect_within(1e-9, "x", count, back);
  free(x);
  close_flow();
}
END_TEST

START_TEST(gradients_agree_with_golden_vectors) {
  open_case(_i);
  size_t count;
  double *x = numbers("x", &count), *z = numbers("z", NULL), dlogdet[MOST], dx[MOST];
  double *gradient = calloc(flow->params.size, sizeof *gradient);
  const size_t n = count / enf__space_state(&flow->space);
  for (size_t k = 0; k < count; k++)
    z[k] = 3 * z[k] / (2 + z[k] * z[k]) / (double)n;
  for (size_t i = 0; i < n; i++)
    dlogdet[i] = -1 / (double)n;
  there_and_back(n, 1, 0, x, z, dlogdet, NULL, NULL, dx, gradient);
  expect_within(1e-10, "grad.x", count, dx);
  for (size_t k = 0; k < flow->params.count; k++) {
    char name[96];
    snprintf(name, sizeof name, "grad.%s", flow->params.tensor[k].name);
    expect_part(1e-10, name, gradient, flow->params.tensor[k].name);
  }
  free(gradient);
  free(z);
  free(x);
  close_flow();
}
END_TEST

/* Case, tensor, margins. */
static const struct {
  int which;
  const char *tensor, *margins;
} bases[] = {{0, "logp_t2", "student-t:df=2"},
             {1, "logp_t2", "student-t:df=2"},
             {0, "logp_heavier", "laplace:scale=4; student-t:df=5,scale=2"},
             {0, "logp_family", "student-t:df=5"}};

START_TEST(densities_over_other_bases_agree_with_golden_vectors) {
  open_case_with(bases[_i].which, "copula", bases[_i].margins);
  size_t count;
  double *x = numbers("x", &count), logq[MOST], mean = 0;
  const size_t n = count / enf__space_state(&flow->space);
  ck_assert_int_eq(enf_log_prob(g.ctx, flow, n, x, logq), ENF_OK);
  expect(bases[_i].tensor, n, logq);
  for (size_t i = 0; i < n; i++)
    mean -= logq[i] / (double)n;
  if (!strcmp(bases[_i].tensor, "logp_t2"))
    expect("nll_t2", 1, &mean);
  free(x);
  close_flow();
}
END_TEST

int main(void) {
  TCase *c = tcase_create("golden autoregressive");
  tcase_add_loop_test(c, map_agrees_with_golden_vectors, 0, CASES);
  tcase_add_loop_test(c, gradients_agree_with_golden_vectors, 0, CASES);
  tcase_add_loop_test(c, densities_over_other_bases_agree_with_golden_vectors, 0, 4);
  return run_suite("golden autoregressive", c);
}
