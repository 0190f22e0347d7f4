/* links.c -- configurations of a lattice in files: the only place where rows of another order
   (layout.h) and angles that are written as exp(i theta) come in and go out. */
#include "links.h"
#include "lattice.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double FARTHEST = 1e-6; /* from modulus 1, as of matrices from their group */

/* ---- which lattice --------------------------------------------------------------------------- */

static int read_layout(cli *c) {
  layout *l = &c->links;
  const char *text = cli_has(c, FLAG_LAYOUT) ? c->value[FLAG_LAYOUT] : "mu x0 x1";
  char why[LAYOUT_WHY];
  if (!links_known(c))
    return cli_has(c, FLAG_LAYOUT)
               ? cli_usage(c, "--layout orders the links of a lattice, and this is none")
               : SUCCESS;
  if (!layout_parse(text, l, why))
    return cli_usage(c, "--layout \"%.60s\": %s", text, why);
  if (l->pairs && l->group > 1)
    return cli_usage(c, "--layout: complex is for angles of u1, matrices of su%zu are complex anyway",
                     l->group);
  return SUCCESS;
}

static int know(cli *c, const char *space, const char *group, const char *sides) {
  c->links = (layout){.group = 0};
  if (space != NULL && strcmp(space, "lattice") == 0 && sides != NULL &&
      sscanf(sides, "%zu %zu", &c->links.sides[0], &c->links.sides[1]) == 2)
    c->links.group = group != NULL ? strtoul(group + strcspn(group, "0123456789"), NULL, 10) : 3;
  return read_layout(c);
}

int links_of_flow(cli *c, const enf_flow *flow) {
  char space[16] = "", group[16] = "", sides[40] = "";
  enf_get_text(flow, "model.space", space, sizeof space, NULL);
  enf_get_text(flow, "model.group", group, sizeof group, NULL);
  enf_get_text(flow, "model.lattice", sides, sizeof sides, NULL);
  return know(c, space, group, sides);
}

int links_of_target(cli *c, const target *t) {
  const int result = lattice_options(c, t);
  return result == SUCCESS ? know(c, cli_setting(c, "model.space"), cli_setting(c, "model.group"),
                                  cli_setting(c, "model.lattice"))
                           : result;
}

bool links_known(const cli *c) { return c->links.group > 0; }

static size_t width_of(const layout *l) { return l->group > 1 ? 2 * l->group * l->group : 1; }

/* ---- reading --------------------------------------------------------------------------------- */

/* Axes that the file has for itself are those of the order. */
static int check_axes(const layout *l, const char *path, const enf_array *array) {
  if (enf_array_ndim(array) < 4 || enf_array_shape(array, 1) == layout_links(l))
    return SUCCESS;
  for (size_t i = 0; i < 3; i++)
    if (enf_array_shape(array, i + 1) != layout_length(l, i))
      return cli_fail("%s: axis %zu (from 0) has length %zu, but %s of the lattice has %zu (--layout "
                      "tells the order of axes)",
                      path, i + 1, enf_array_shape(array, i + 1), layout_axis_name(l, i),
                      layout_length(l, i));
  return SUCCESS;
}

/* Numbers of a link in the file: width_of, or 2 of angles that stand as (cos, sin). */
static int find_width(const layout *l, const char *path, const enf_array *array, size_t *width) {
  size_t row = 1;
  if (enf_array_ndim(array) < 2 || enf_array_shape(array, 0) == 0)
    return cli_fail("%s holds no configuration", path);
  for (size_t d = 1; d < enf_array_ndim(array); d++)
    row *= enf_array_shape(array, d);
  *width = row / layout_links(l);
  if (row != *width * layout_links(l) || (*width != width_of(l) && (l->group > 1 || *width != 2)))
    return cli_fail("%s has %zu numbers in a configuration, not %zu: 2 x %zu x %zu links of %zu",
                    path, row, layout_links(l) * width_of(l), l->sides[0], l->sides[1],
                    width_of(l));
  return check_axes(l, path, array);
}

/* The links of configuration i, pairs -> angles. */
static int take_angles(const char *path, size_t i, size_t links, const double *pairs,
                       double *angles) {
  for (size_t k = 0; k < links; k++) {
    const double modulus = hypot(pairs[2 * k], pairs[2 * k + 1]);
    if (fabs(modulus - 1) > FARTHEST)
      return cli_fail("%s: link %zu of configuration %zu (from 0) has modulus %.9g, not 1 to within %g",
                      path, k, i, modulus, FARTHEST);
    angles[k] = atan2(pairs[2 * k + 1], pairs[2 * k]);
  }
  return SUCCESS;
}

int links_take(const cli *c, const char *path, const enf_array *array, dataset *data) {
  const layout *l = &c->links;
  const size_t links = layout_links(l), ours = width_of(l), n = enf_array_shape(array, 0);
  size_t width = 0;
  int result = find_width(l, path, array, &width);
  if (result != SUCCESS)
    return result;
  *data = (dataset){.n = n, .N = links, .D = ours, .x = cli_alloc(n * links, ours * sizeof(double))};
  double *angles = cli_alloc(links, sizeof *angles);
  result = data->x != NULL && angles != NULL ? SUCCESS : FAILURE;
  for (size_t i = 0; i < n && result == SUCCESS; i++) {
    const double *row = enf_array_data(array) + i * links * width;
    if (width != ours)
      result = take_angles(path, i, links, row, angles);
    layout_take(l, ours, width != ours ? angles : row, data->x + i * links * ours);
  }
  free(angles);
  return result;
}

/* ---- writing --------------------------------------------------------------------------------- */

int links_give(const cli *c, const dataset *data, double **x, size_t *ndim, size_t shape[5]) {
  const layout *l = &c->links;
  const size_t links = data->n * data->N, ours = data->D, theirs = l->pairs ? 2 : ours;
  shape[0] = data->n;
  for (size_t i = 0; i < 3; i++)
    shape[i + 1] = layout_length(l, i);
  shape[4] = theirs;
  *ndim = theirs > 1 ? 5 : 4;
  *x = cli_alloc(links, theirs * sizeof **x);
  if (*x == NULL)
    return FAILURE;
  for (size_t i = 0; i < data->n; i++)
    layout_give(l, ours, data->x + i * data->N * ours, *x + i * data->N * ours);
  for (size_t k = links; l->pairs && k-- > 0;) { /* from the end: an angle is where a pair goes */
    const double angle = (*x)[k];
    (*x)[2 * k] = cos(angle);
    (*x)[2 * k + 1] = sin(angle);
  }
  return SUCCESS;
}
