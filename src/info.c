/* info.c -- `enf info`: what a flow file holds. The field is known by the names of its tensors. */
#include "build.h"
#include "ending.h"
#include "lattice.h"
#include "lines.h"
#include "links.h"
#include "report.h"
#include "rings.h"
#include "zmatrix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const integers[][2] = {
    {"particles", "particles"},
    {"dimensions", "dimensions"},
    {"degrees_of_freedom", "degrees of freedom"},
    {"species", "species"},
    {"parameters", "parameters"},
    {"tensors", "tensors"},
};
static const char *const egnn[][2] = {{"hidden", "hidden width"},
                                      {"layers", "layers"},
                                      {"edge_depth", "edge network's layers"},
                                      {"node_depth", "node network's layers"}};
/* A tensor with as many rows as there are functions. */
static const char *const pair_kernel[][3] = {
    {"kernels", "functions of distance", "pair_kernel.distance.centers"},
    {"kernel_times", "functions of time", "pair_kernel.time.centers"},
};
static const char *const reals[][2] = {
    {"data_scale", "data scale"},
    {"prior_std", "prior std (data scales)"},
};

/* Of molecules of any size. */
static const char *const molecules[][3] = {
    {"elements", "elements", "model.elements"},
    {"charges", "charges", "model.charges"},
    {"dequantiser", "dequantiser", "model.dequantiser"},
    {"sizes", "sizes, and how many", "model.sizes"},
};

static void print_molecules(report *r, const enf_flow *flow) {
  char *text = flow_text(flow, molecules[0][2]);
  const bool any = text != NULL && *text != '\0';
  free(text);
  for (size_t i = 0; any && i < sizeof molecules / sizeof *molecules; i++) {
    text = flow_text(flow, molecules[i][2]);
    if (text != NULL)
      report_text(r, molecules[i][0], molecules[i][1], text);
    free(text);
  }
}

static void print_temperatures(report *r, const enf_flow *flow) {
  double coldest = 1, hottest = 1, temperature = 1;
  char text[96];
  enf_get_real(flow, "coldest", &coldest);
  enf_get_real(flow, "hottest", &hottest);
  enf_get_real(flow, "temperature", &temperature);
  snprintf(text, sizeof text, "%.6g to %.6g, this is %.6g", coldest, hottest, temperature);
  if (hottest > coldest)
    report_text(r, "temperatures", "temperatures", text);
}

static void print_tensors(const enf_flow *flow, bool json) {
  const char *name = NULL;
  size_t rows = 0, columns = 0;
  fputs(json ? ", \"shapes\": {" : "\n", stdout);
  for (size_t i = 0; enf_params_info(flow, i, &name, &rows, &columns) == ENF_OK; i++) {
    if (!json) {
      printf("%-44s %4zu x %zu\n", name, rows, columns);
      continue;
    }
    fputs(i > 0 ? ", " : "", stdout);
    json_string(stdout, name);
    printf(": [%zu, %zu]", rows, columns);
  }
  fputs(json ? "}" : "", stdout);
}

static size_t rows_of(const enf_flow *flow, const char *tensor) {
  const char *name = NULL;
  size_t rows = 0;
  for (size_t i = 0; enf_params_info(flow, i, &name, &rows, NULL) == ENF_OK; i++)
    if (strcmp(name, tensor) == 0)
      return rows;
  return 0;
}

static void print_integer(report *r, const enf_flow *flow, const char *const row[2]) {
  int64_t value = 0;
  enf_get_int(flow, row[0], &value);
  report_count(r, row[0], row[1], (uint64_t)value);
}

/* Of every network, and of the copies. */
static void print_coupling(report *r, const enf_flow *flow) {
  char std[32];
  for (size_t i = 0; i < 2; i++)
    print_integer(r, flow, egnn[i]);
  if (enf_get_text(flow, "model.augment_std", std, sizeof std, NULL) == ENF_OK)
    report_text(r, "augment_std", "std of copies (data scales)", std);
}

static void print_field(report *r, const enf_flow *flow) {
  const bool pairs = rows_of(flow, pair_kernel[0][2]) > 0;
  char map[160];
  if (enf_get_text(flow, "model.map", map, sizeof map, NULL) == ENF_OK && strstr(map, "cnf") == NULL) {
    report_text(r, "map", "maps", map);
    if (strstr(map, "coupling"))
      print_coupling(r, flow);
    return;
  }
  if (rows_of(flow, "class") > 0) {
    report_text(r, "field", "field", "of matrices (class, drain or local)");
    return;
  }
  report_text(r, "field", "field", pairs ? "pair-kernel" : "egnn");
  for (size_t i = 0; pairs && i < sizeof pair_kernel / sizeof *pair_kernel; i++)
    report_count(r, pair_kernel[i][0], pair_kernel[i][1], rows_of(flow, pair_kernel[i][2]));
  for (size_t i = 0; !pairs && i < sizeof egnn / sizeof *egnn; i++)
    print_integer(r, flow, egnn[i]);
}

/* What configurations tell of a flow, or nothing. */
typedef struct {
  enf_lines lines;
  size_t n; /* configurations with singular values */
  double lowest, highest;
} standing;

enum { STRETCHED = 1000 };

static int find_stretch(const cli *c, const enf_flow *flow, const dataset *data, standing *s) {
  const size_t n = data->n < STRETCHED ? data->n : STRETCHED;
  double *lowest = cli_alloc(2 * n, sizeof *lowest);
  if (lowest == NULL)
    return FAILURE;
  const enf_status status =
      enf_singular_values(c->ctx, flow, n, data->x, lowest, lowest + n);
  s->lowest = INFINITY;
  for (size_t i = 0; i < n && status == ENF_OK; i++) {
    s->lowest = fmin(s->lowest, lowest[i]);
    s->highest = fmax(s->highest, lowest[n + i]);
    s->n++;
  }
  free(lowest);
  return status == ENF_OK || status == ENF_ERR_UNSUPPORTED ? SUCCESS : cli_fail_status(c, status);
}

static int find_standing(cli *c, const enf_flow *flow, standing *s) {
  dataset data = {0};
  size_t N, D;
  *s = (standing){.n = 0};
  if (c->operands < 2)
    return SUCCESS;
  flow_shape(flow, &N, &D);
  int result = data_read(c, c->operand[1], N, D, &data);
  if (result == SUCCESS)
    result = lines_find(c, flow, &data, &s->lines);
  if (result == SUCCESS)
    result = find_stretch(c, flow, &data, s);
  data_free(&data);
  return result;
}

static void print_standing(report *r, const standing *s) {
  lines_report(r, &s->lines, (double)NAN, (double)NAN);
  if (s->n == 0)
    return;
  report_real(r, "lowest_singular_value", "least stretch, data to prior", s->lowest);
  report_real(r, "highest_singular_value", "largest stretch", s->highest);
}

static int print_flow(cli *c, const enf_flow *flow, const zmatrix *z, const standing *s,
                      const target *t) {
  int result = SUCCESS;
  report r = report_begin(c);
  report_text(&r, "flow", "flow", c->operand[0]);
  if (z->N > 0)
    report_text(&r, "space", "space", "molecule");
  else
    print_field(&r, flow);
  for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++)
    print_integer(&r, flow, integers[i]);
  for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
    double value = 0;
    enf_get_real(flow, reals[i][0], &value);
    report_real(&r, reals[i][0], reals[i][1], value);
  }
  print_molecules(&r, flow);
  print_temperatures(&r, flow);
  if (z->N > 0) {
    zmatrix_print(&r, z);
    result = rings_print(c, &r, flow);
  }
  print_standing(&r, s);
  if (result == SUCCESS)
    result = lattice_report(&r, c, flow, t);
  print_tensors(flow, r.json);
  report_end(&r);
  return result;
}

static int draw(cli *c, const enf_flow *flow, const zmatrix *z, const target *t) {
  if (!cli_has(c, FLAG_PLOT))
    return SUCCESS;
  if (lattice_is(t))
    return lattice_plot(c, flow, t, c->value[FLAG_PLOT]);
  if (z->N == 0)
    return cli_usage(c, "--plot draws the Z-matrix of a molecule, and %s has none", c->operand[0]);
  if (!ends_with(c->value[FLAG_PLOT], ".svg"))
    return cli_usage(c, "the picture of a Z-matrix is .svg, not '%s'", c->value[FLAG_PLOT]);
  return zmatrix_draw(c->value[FLAG_PLOT], z);
}

/* Only gauge fields and matrices have something to measure. */
static int open_energy(cli *c, const enf_flow *flow, target *t) {
  size_t N, D;
  if (!cli_has(c, FLAG_ENERGY))
    return SUCCESS;
  const int result = target_make(c, c->value[FLAG_ENERGY], t);
  if (result != SUCCESS)
    return result;
  if (!lattice_is(t))
    return cli_usage(c, "--energy of info is wilson:... or class:..., not %s", t->spec);
  flow_shape(flow, &N, &D);
  return target_check(t, c->operand[0], N, D);
}

int run_info(cli *c) {
  enf_flow *flow = NULL;
  target t = {0};
  const bool build = cli_has(c, FLAG_BUILD);
  if (build == (c->operands > 0))
    return cli_usage(c, "info takes either FLOW or --build");
  if (build)
    return build_report(c);
  const enf_status status = enf_load(c->ctx, &flow, c->operand[0]);
  if (status != ENF_OK)
    return cli_fail_status(c, status);
  zmatrix z;
  int result = zmatrix_read(c, flow, &z);
  if (result == SUCCESS)
    result = links_of_flow(c, flow);
  if (result == SUCCESS)
    result = open_energy(c, flow, &t);
  if (result == SUCCESS)
    result = draw(c, flow, &z, &t);
  standing s = {.n = 0};
  if (result == SUCCESS)
    result = find_standing(c, flow, &s);
  if (result == SUCCESS)
    result = print_flow(c, flow, &z, &s, &t);
  target_free(&t);
  zmatrix_free(&z);
  enf_destroy(flow);
  return result;
}
