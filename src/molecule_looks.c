/* molecule_looks.c -- see molecule_looks.h. Samples are always those of the same seed, made with the
   averaged weights; a look is a line on standard error and one of FLOW.train.csv. */
#include "molecule_looks.h"
#include "files.h"
#include "given.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 256, EVERY = 4000, SEED = 1 };

/* ---- what is held out ------------------------------------------------------------------------ */

static int read_rows(cli *c, const enf_flow *flow, molecule_looks *l) {
  enf_batch_reader *reader = NULL;
  enf_status status = enf_batch_reader_open(c->ctx, &reader, flow, c->value[FLAG_VALIDATION]);
  if (status == ENF_OK)
    status = given_keys(c, reader);
  if (status == ENF_OK)
    status = enf_batch_create(c->ctx, &l->held_out, 3);
  if (status == ENF_OK)
    status = enf_batch_reader_next(c->ctx, reader, l->rows, l->held_out);
  enf_batch_reader_close(reader);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}

static int begin_curve(const cli *c, const molecule_looks *l) {
  FILE *file = fopen(l->path, cli_has(c, FLAG_RESUME) ? "a" : "w");
  if (file == NULL)
    return cli_fail("cannot write %s", l->path);
  if (!cli_has(c, FLAG_RESUME))
    fputs("step,loss,stable_atoms,stable_molecules,bound,bound_err\n", file);
  return fclose(file) == 0 ? SUCCESS : cli_fail("cannot write %s", l->path);
}

int molecule_looks_open(cli *c, const enf_flow *flow, molecule_looks *l) {
  const bool asked = cli_has(c, FLAG_VALIDATION) || cli_has(c, FLAG_VALIDATE_EVERY);
  char word[32] = "";
  *l = (molecule_looks){.atoms = (double)NAN, .molecules = (double)NAN};
  if (cli_has(c, FLAG_ROWS) && !asked)
    return cli_usage(c, "--rows is of looks: it needs --validate-every N or --validation FILE");
  if (cli_count(c, FLAG_VALIDATE_EVERY, 0, asked ? EVERY : 0, &l->every) != SUCCESS ||
      cli_count(c, FLAG_ROWS, 1, ROWS, &l->rows) != SUCCESS)
    return USAGE;
  l->elements = element_numbers(flow, l->number);
  enf_get_text(flow, "model.dequantiser", word, sizeof word, NULL);
  l->bound = word[0] != '\0' && word[0] != 'n';
  if (l->every == 0)
    return SUCCESS;
  if (flow_is_given(flow) && !cli_has(c, FLAG_VALIDATION))
    return cli_usage(c, "looks at samples of a flow that is given something need --validation FILE");
  if (!files_beside(c->value[FLAG_OUTPUT], "train.csv", sizeof l->path, l->path))
    return cli_fail("the name of the flow is too long");
  const int result = cli_has(c, FLAG_VALIDATION) ? read_rows(c, flow, l) : SUCCESS;
  return result == SUCCESS ? begin_curve(c, l) : result;
}

void molecule_looks_free(molecule_looks *l) { enf_batch_destroy(l->held_out); }

/* ---- a look ---------------------------------------------------------------------------------- */

/* Shares of atoms and molecules of the samples that are stable; a failed sample is not. */
static void count_stable(cli *c, const enf_batch *samples, molecule_looks *l) {
  size_t stable = 0, whole = 0, atoms = 0;
  const size_t n = enf_batch_count(samples);
  for (size_t i = 0; i < n; i++) {
    enf_molecule_facts facts = ENF_MOLECULE_FACTS_INIT;
    size_t N;
    const int32_t *kind;
    const double *x;
    int32_t element[256];
    enf_batch_get(samples, i, &N, &kind, NULL, NULL, &x);
    for (size_t a = 0; a < N && a < 256; a++)
      element[a] = l->number[kind[a]];
    atoms += N;
    if (N <= 256 && enf_molecule_check(c->ctx, N, element, x, 1, NULL, &facts) == ENF_OK) {
      stable += facts.stable_atoms;
      whole += facts.stable_atoms == N;
    }
  }
  l->atoms = (double)stable / (double)atoms;
  l->molecules = (double)whole / (double)n;
}

static int sample_and_count(cli *c, const enf_flow *flow, molecule_looks *l) {
  enf_batch *samples = NULL;
  const enf_status status =
      flow_is_given(flow)
          ? enf_sample_given(c->ctx, flow, l->held_out, SEED, 0, &samples, NULL)
          : enf_sample_batch(c->ctx, flow, SEED, 0, l->rows, 0, &samples, NULL);
  if (samples == NULL)
    return cli_fail_status(c, status);
  count_stable(c, samples, l);
  enf_batch_destroy(samples);
  return SUCCESS;
}

/* Mean bound of the molecules that have one. */
static int find_bound(cli *c, const enf_flow *flow, const molecule_looks *l, double *mean,
                      double *error) {
  const size_t n = enf_batch_count(l->held_out);
  size_t used = 0;
  double *bound = cli_alloc(n, sizeof *bound), square = 0;
  if (bound == NULL)
    return FAILURE;
  for (size_t i = 0; i < n; i++)
    bound[i] = NAN; /* what fails is nan, be it the whole call */
  enf_log_prob_batch(c->ctx, flow, l->held_out, SEED, bound, NULL);
  *mean = 0;
  for (size_t i = 0; i < n; i++)
    if (isfinite(bound[i])) {
      *mean += bound[i];
      used++;
    }
  *mean /= (double)used;
  for (size_t i = 0; i < n; i++)
    square += isfinite(bound[i]) ? (bound[i] - *mean) * (bound[i] - *mean) : 0;
  *error = sqrt(square / (double)used / (double)(used - 1));
  free(bound);
  return SUCCESS;
}

static int tell(const cli *c, const molecule_looks *l, uint64_t step, double loss, double bound,
                double error) {
  FILE *file = fopen(l->path, "a");
  if (file == NULL)
    return cli_fail("cannot write %s", l->path);
  fprintf(file, "%llu,%.6g,%.6g,%.6g,%.6g,%.6g\n", (unsigned long long)step, loss, l->atoms,
          l->molecules, bound, error);
  fclose(file);
  if (cli_has(c, FLAG_QUIET))
    return SUCCESS;
  fprintf(stderr, "step %llu: stable %.1f %% of the atoms, %.1f %% of %llu molecules",
          (unsigned long long)step, 100 * l->atoms, 100 * l->molecules,
          (unsigned long long)l->rows);
  if (!isnan(bound))
    fprintf(stderr, "; bound %.3f +- %.3f", bound, error);
  fputc('\n', stderr);
  return SUCCESS;
}

int molecule_look(cli *c, const enf_flow *flow, molecule_looks *l, uint64_t step, double loss) {
  double bound = (double)NAN, error = (double)NAN;
  if (l->every == 0 || step % l->every != 0)
    return SUCCESS;
  int result = sample_and_count(c, flow, l);
  if (result == SUCCESS && l->held_out != NULL && l->bound)
    result = find_bound(c, flow, l, &bound, &error);
  return result == SUCCESS ? tell(c, l, step, loss, bound, error) : result;
}
