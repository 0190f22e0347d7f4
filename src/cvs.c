/* cvs.c -- collective variables of a flow's samples: torsions, angles, distances, the radius of
   gyration (of equal masses); by weights the free-energy difference of two states of one of them
   (enf_free_energy). */
#include "cvs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double DEGREES = 180 / 3.14159265358979323846;

static const struct {
  const char *word;
  size_t atoms;
} kinds[] = {[CV_TORSION] = {"torsion", 4},
             [CV_ANGLE] = {"angle", 3},
             [CV_DISTANCE] = {"distance", 2},
             [CV_RG] = {"rg", 0}};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* ---- flags ----------------------------------------------------------------------------------- */

/* ":4,6,8,14" with as many atoms as the kind has; what follows it, NULL where it is not so. */
static const char *read_atoms(const char *text, cv *one) {
  for (size_t k = 0; k < kinds[one->kind].atoms; k++) {
    int length = 0;
    if (*text++ != (k == 0 ? ':' : ',') || sscanf(text, "%5zu%n", &one->atom[k], &length) != 1)
      return NULL;
    text += length;
  }
  return text;
}

static const char *read_kind(const char *text, cv *one) {
  for (size_t k = 0; k < KINDS; k++) {
    const size_t length = strlen(kinds[k].word);
    if (strncmp(text, kinds[k].word, length) != 0)
      continue;
    one->kind = (cv_kind)k;
    return read_atoms(text + length, one);
  }
  return NULL;
}

static int read_one(const cli *c, const char *text, int length, cvs *v) {
  int end = 0;
  if (v->count == CVS)
    return cli_usage(c, "--cv takes %d variables at most", CVS);
  cv *one = &v->of[v->count];
  const bool named = sscanf(text, "%15[^=:, ]=%n", one->name, &end) == 1 && end > 0;
  if (!named || read_kind(text + end, one) != text + length)
    return cli_usage(c,
                     "--cv takes NAME=torsion:I,J,K,L, angle:I,J,K, distance:I,J (atoms from 0) or "
                     "rg, not '%.*s'",
                     length, text);
  v->count++;
  return SUCCESS;
}

static int read_list(const cli *c, cvs *v) {
  int result = SUCCESS;
  for (const char *at = c->value[FLAG_CV]; at != NULL && *at != '\0' && result == SUCCESS;) {
    const int length = (int)strcspn(at, " ");
    if (length > 0)
      result = read_one(c, at, length, v);
    at += length + (at[length] == ' ');
  }
  return result;
}

size_t cvs_find(const cvs *v, const char *name, size_t length) {
  size_t i = 0;
  while (i < v->count &&
         (strlen(v->of[i].name) != length || strncmp(v->of[i].name, name, length) != 0))
    i++;
  return i;
}

static int read_states(const cli *c, cvs *v) {
  char name[CV_NAME] = "";
  const char *text = c->value[FLAG_STATES];
  int end = -1;
  v->states = v->count;
  if (text == NULL)
    return SUCCESS;
  if (sscanf(text, "%15[^:]:%lf:%lf%n", name, &v->lowest, &v->highest, &end) != 3 ||
      text[end] != '\0' || !(v->lowest < v->highest))
    return cli_usage(c, "--states takes NAME:LOWEST:HIGHEST in degrees or lengths, not '%s'", text);
  v->states = cvs_find(v, name, strlen(name));
  if (v->states == v->count)
    return cli_usage(c, "--cv has no variable '%s'", name);
  if (v->of[v->states].kind == CV_TORSION && !(v->highest - v->lowest < 360))
    return cli_usage(c, "--states %s is the whole circle", text);
  return SUCCESS;
}

int cvs_flags(const cli *c, cvs *v) {
  static const flag own[] = {FLAG_STATES, FLAG_PLOT_2D, FLAG_COLVAR, FLAG_FES};
  *v = (cvs){.count = 0};
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
    if (cli_has(c, own[i]) && !cli_has(c, FLAG_CV))
      return cli_usage(c, "--states, --plot-2d, --colvar and --fes are of variables: they need "
                          "--cv");
  const int result = read_list(c, v);
  return result == SUCCESS ? read_states(c, v) : result;
}

/* ---- values ---------------------------------------------------------------------------------- */

static double distance(const double *a, const double *b) {
  return hypot(hypot(a[0] - b[0], a[1] - b[1]), a[2] - b[2]);
}

/* At b; by the sines of the half angles, exact where it is small or nearly pi. */
static double angle(const double *a, const double *b, const double *d) {
  const double one = distance(a, b), other = distance(d, b);
  double sum = 0, difference = 0;
  for (int k = 0; k < 3; k++) {
    const double e = (a[k] - b[k]) / one, f = (d[k] - b[k]) / other;
    sum += (e + f) * (e + f);
    difference += (e - f) * (e - f);
  }
  return 2 * atan2(sqrt(difference), sqrt(sum));
}

static double gyration(size_t N, const double *x) {
  double square = 0;
  for (int d = 0; d < 3; d++) {
    double mean = 0;
    for (size_t i = 0; i < N; i++)
      mean += x[3 * i + (size_t)d] / (double)N;
    for (size_t i = 0; i < N; i++)
      square += pow(x[3 * i + (size_t)d] - mean, 2) / (double)N;
  }
  return sqrt(square);
}

static double value_of(const cv *one, size_t N, const double *x) {
  const double *a = x + 3 * one->atom[0], *b = x + 3 * one->atom[1];
  switch (one->kind) {
  case CV_ANGLE:
    return angle(a, b, x + 3 * one->atom[2]);
  case CV_DISTANCE:
    return distance(a, b);
  default:
    return gyration(N, x);
  }
}

static int measure_torsion(const cli *c, const dataset *samples, size_t k, cvs *v) {
  int32_t atom[1][4];
  double *value = cli_alloc(samples->n, sizeof *value);
  if (value == NULL)
    return FAILURE;
  for (int i = 0; i < 4; i++)
    atom[0][i] = (int32_t)v->of[k].atom[i];
  const enf_status status = enf_dihedrals(c->ctx, samples->n, samples->N, samples->x, 1,
                                          (const int32_t(*)[4])atom, value);
  for (size_t i = 0; i < samples->n; i++)
    v->value[i * v->count + k] = value[i];
  free(value);
  return status == ENF_OK ? SUCCESS
                          : cli_fail("--cv %s: %s", v->of[k].name, enf_ctx_errmsg(c->ctx));
}

static int measure_one(const cli *c, const dataset *samples, size_t k, cvs *v) {
  const cv *one = &v->of[k];
  if (one->kind == CV_TORSION)
    return measure_torsion(c, samples, k, v);
  for (size_t i = 0; i < kinds[one->kind].atoms; i++)
    if (one->atom[i] >= samples->N)
      return cli_fail("--cv %s is of atom %zu: there are %zu, numbered from 0", one->name,
                      one->atom[i], samples->N);
  for (size_t i = 0; i < samples->n; i++)
    v->value[i * v->count + k] = value_of(one, samples->N, samples->x + i * samples->N * 3);
  return SUCCESS;
}

/* ---- states ---------------------------------------------------------------------------------- */

/* Between the two, of a torsion round the circle; one that is no number is in neither. */
static int state_of(const cvs *v, double value) {
  const cv_kind kind = v->of[v->states].kind;
  const double at = kind == CV_TORSION || kind == CV_ANGLE ? value * DEGREES : value;
  const double above = at - v->lowest;
  const double turned = kind == CV_TORSION ? above - 360 * floor(above / 360) : above;
  return isnan(value) ? -1 : turned >= 0 && turned < v->highest - v->lowest;
}

static int compare_states(const cli *c, size_t n, const double *logw, cvs *v) {
  int *state = cli_alloc(n, sizeof *state);
  if (state == NULL)
    return FAILURE;
  for (size_t i = 0; i < n; i++)
    state[i] = state_of(v, v->value[i * v->count + v->states]);
  const enf_status status = enf_free_energy(c->ctx, n, logw, state, &v->difference, &v->error);
  free(state);
  if (status == ENF_ERR_NONFINITE) /* a state without samples: the rest of the report stands */
    v->difference = v->error = (double)NAN;
  return status == ENF_OK || status == ENF_ERR_NONFINITE ? SUCCESS : cli_fail_status(c, status);
}

int cvs_measure(const cli *c, const dataset *samples, const double *logw, cvs *v) {
  int result = SUCCESS;
  if (v->count == 0)
    return SUCCESS;
  if (samples->D != 3)
    return cli_fail("--cv is of atoms in 3 dimensions, not %zu", samples->D);
  v->value = cli_alloc(samples->n * v->count, sizeof *v->value);
  if (v->value == NULL)
    return FAILURE;
  for (size_t k = 0; k < v->count && result == SUCCESS; k++)
    result = measure_one(c, samples, k, v);
  return result == SUCCESS && v->states < v->count ? compare_states(c, samples->n, logw, v)
                                                   : result;
}

bool cvs_have_states(const cvs *v) { return v->count > 0 && v->states < v->count; }

void cvs_report(report *r, const cvs *v) {
  char label[64];
  if (!cvs_have_states(v))
    return;
  snprintf(label, sizeof label, "F of %s %.4g:%.4g, less the rest's", v->of[v->states].name,
           v->lowest, v->highest);
  report_measured(r, "free_energy", label, v->difference, v->error, (double)NAN, 0);
}

void cvs_free(cvs *v) {
  free(v->value);
  v->value = NULL;
}
