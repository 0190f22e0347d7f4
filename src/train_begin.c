/* train_begin.c -- how a training begins: flags, the flow and trainer of before, data, new ones. */
#include "atoms.h"
#include "files.h"
#include "frames.h"
#include "kept.h"
#include "lattice.h"
#include "links.h"
#include "progress.h"
#include "ranks.h"
#include "temperatures.h"
#include "train.h"
#include "train_kinds.h"
#include "train_molecule.h"
#include "trajectory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = sizeof((training *)0)->trainer_path };

static const objective objectives[] = {
    {"flow-matching", "flow-matching loss", true, false, true},
    {"likelihood", "negative log-likelihood", true, false, false},
    {"energy", "mean of u + log q", false, true, false},
    {"mixed", "lambda (-log q) + (1 - lambda) (u + log q)", true, true, false},
    {"path-gradient", "mean of u + log q", false, true, false},
    {"refine", "mean of u + log q", false, true, false},
    {"least-squares", "share of Var u that is left", false, true, true},
    {"energy-matching", "flow-matching loss", false, true, false},
};
enum { OBJECTIVES = sizeof objectives / sizeof objectives[0] };

/* ---- names and options --------------------------------------------------------------------- */

/* Their length is checked with the others of the command. */
static void name_files(training *t, const char *path) {
  files_beside(path, "trainer", NAME, t->trainer_path);
  files_beside(path, "train.csv", NAME, t->csv_path);
  files_beside(path, "train.svg", NAME, t->svg_path);
}

static int read_budget(training *t) {
  double seconds = 0, minutes = 0;
  int result = cli_real(t->c, FLAG_SECONDS, 0, INFINITY, &seconds);
  if (result == SUCCESS)
    result = cli_real(t->c, FLAG_MINUTES, 0, INFINITY, &minutes);
  t->budget = fmin(seconds, 60 * minutes);
  t->timed = isfinite(t->budget) && cli_setting(t->c, "train.steps") == NULL;
  if (result == SUCCESS && t->timed && ranks_shared())
    return cli_usage(t->c, "ranks cannot plan a schedule by their clocks, which differ: --steps is "
                           "needed, and the time is a limit");
  return result;
}

/* --seed is that of the weights and of the training; with --init there are weights. */
static int set_seeds(cli *c) {
  int result = SUCCESS;
  if (cli_has(c, FLAG_SEED) && !cli_has(c, FLAG_INIT))
    result = cli_set(c, "model.seed", c->value[FLAG_SEED]);
  if (cli_has(c, FLAG_SEED) && result == SUCCESS)
    result = cli_set(c, "train.seed", c->value[FLAG_SEED]);
  return result;
}

static int check_needs(const training *t) {
  if (cli_has(t->c, FLAG_TEMPERATURES) && t->c->operands == 0)
    return cli_usage(t->c, "--temperatures are those of the files of DATA: they are needed");
  if (t->objective->needs_data && t->c->operands == 0)
    return cli_usage(t->c, "the objective %s needs DATA", t->objective->name);
  if (t->c->operands == 0 &&
      (cli_has(t->c, FLAG_SKIP) || cli_has(t->c, FLAG_LAST) || cli_has(t->c, FLAG_STRIDE)))
    return cli_usage(t->c, "--skip, --last and --stride choose configurations of DATA: it is "
                           "needed");
  if (cli_has(t->c, FLAG_ROWS) && !cli_has(t->c, FLAG_VALIDATION))
    return cli_usage(t->c, "--rows is of the validation: it needs --validation FILE");
  if (t->objective->needs_energy && !cli_has(t->c, FLAG_ENERGY))
    return cli_usage(t->c, "the objective %s needs --energy", t->objective->name);
  return SUCCESS;
}

/* Of a new training; a resumed one has its own. */
static int read_objective(training *t) {
  const char *name = cli_setting(t->c, "train.objective");
  if (cli_has(t->c, FLAG_RESUME))
    return SUCCESS;
  t->objective = &objectives[0];
  for (int i = 0; i < OBJECTIVES && name != NULL; i++)
    if (strcmp(name, objectives[i].name) == 0)
      t->objective = &objectives[i];
  return check_needs(t);
}

static int read_flags(training *t) {
  cli *c = t->c;
  int result = cli_require(c, FLAG_OUTPUT);
  if (result != SUCCESS)
    return result;
  name_files(t, c->value[FLAG_OUTPUT]);
  result = read_budget(t);
  if (result == SUCCESS)
    result = set_seeds(c);
  if (result == SUCCESS)
    result = kept_check(c);
  if (result == SUCCESS && !cli_has(c, FLAG_INIT) && !cli_has(c, FLAG_RESUME))
    result = temperatures_of_data(c);
  if (result == SUCCESS)
    result = read_objective(t);
  if (result == SUCCESS)
    result = cli_configure(c);
  return result == SUCCESS ? target_make(c, c->value[FLAG_ENERGY], &t->target) : result;
}

/* ---- a flow from before -------------------------------------------------------------------- */

uint64_t trainer_number(const training *t, const char *name) {
  int64_t value = 0;
  enf_trainer_get_int(t->trainer, name, &value);
  return (uint64_t)value;
}

/* The row of the word that train.objective has in that place; NULL: not known here. */
static const objective *objective_at(uint64_t place) {
  enf_opt_info option = ENF_OPT_INFO_INIT;
  for (size_t i = 0; enf_opts_info(i, &option) == ENF_OK; i++)
    if (strcmp(option.name, "train.objective") == 0)
      break;
  const char *word = option.choices;
  for (; place > 0 && *word != '\0'; place--)
    word += strcspn(word, "|") + strspn(word + strcspn(word, "|"), "| ");
  for (int i = 0; i < OBJECTIVES; i++)
    if (strlen(objectives[i].name) == strcspn(word, " ") &&
        strncmp(word, objectives[i].name, strcspn(word, " ")) == 0)
      return &objectives[i];
  return NULL;
}

static int load_trainer(training *t) {
  const enf_status status = enf_trainer_load(t->c->ctx, &t->trainer, t->flow, t->trainer_path);
  if (status != ENF_OK)
    return cli_fail_status(t->c, status);
  t->objective = objective_at(trainer_number(t, "objective"));
  if (t->objective == NULL)
    return cli_fail("%s has an objective that is not known here", t->trainer_path);
  return check_needs(t);
}

/* The flow to go on with: of --resume, with its trainer, or of --init. */
static int load(training *t) {
  const bool resumes = cli_has(t->c, FLAG_RESUME);
  const char *path = t->c->value[resumes ? FLAG_OUTPUT : FLAG_INIT];
  if (path == NULL)
    return SUCCESS;
  const enf_status status = enf_load(t->c->ctx, &t->flow, path);
  if (status != ENF_OK)
    return cli_fail_status(t->c, status);
  flow_shape(t->flow, &t->N, &t->D);
  const size_t D = cli_setting_or(t->c, "model.dimensions", t->D);
  if (D != t->D)
    return cli_fail("%s has %zu dimensions, not %zu", path, t->D, D);
  return resumes ? load_trainer(t) : SUCCESS;
}

/* ---- data ---------------------------------------------------------------------------------- */

/* Are samples of a new flow vectors, one to a row? */
static bool is_vector(cli *c) {
  const char *space = cli_setting(c, "model.space");
  return space != NULL && strcmp(space, "vector") == 0;
}

/* The shape is that of the flow; of a new one, what the options, the energy or the data say. */
static int read_data(training *t) {
  const int known_links =
      t->flow == NULL ? links_of_target(t->c, &t->target) : links_of_flow(t->c, t->flow);
  if (known_links != SUCCESS)
    return known_links;
  if (t->flow == NULL) {
    const size_t known = lattice_is(&t->target) ? t->target.N
                         : is_vector(t->c)      ? 1
                         : t->c->operands > 0 ? t->target.N
                                              : molecule_size(t);
    t->N = cli_setting_or(t->c, "model.particles", known);
    t->D = cli_setting_or(t->c, "model.dimensions", t->target.D);
  }
  if (t->c->operands > 0) {
    const int result = trajectory_read(t->c, t->c->operands, t->c->operand, t->N, t->D, &t->data);
    if (result != SUCCESS)
      return result;
    t->N = t->data.N;
    t->D = t->data.D;
    if (data_is_planar(&t->data))
      return cli_usage(t->c, "every z of %s is 0: train in the plane with -d 2", t->c->operand[0]);
  }
  if (t->N == 0)
    return cli_usage(t->c, "neither DATA nor the energy says how many particles there are: "
                           "--set model.particles=N is needed");
  t->D = t->D > 0 ? t->D : 3;
  return target_check(&t->target, t->data.n > 0 ? "the configurations" : "the flow", t->N, t->D);
}

/* DATA and the validation with the flow, if there is one yet, and with each other. */
static int compare_atoms(training *t) {
  const char *data = t->c->operand[0], *validation = t->c->value[FLAG_VALIDATION];
  const bool resumes = cli_has(t->c, FLAG_RESUME);
  const char *name = cli_has(t->c, FLAG_INIT) ? t->c->value[FLAG_INIT]
                     : resumes                ? t->c->value[FLAG_OUTPUT]
                                              : "model.species";
  int result = atoms_fit_file(&t->data, data, &t->watch.data, validation);
  if (result == SUCCESS && t->flow != NULL)
    result = atoms_fit_flow(t->c, t->flow, name, &t->data, data);
  if (result == SUCCESS && t->flow != NULL)
    result = atoms_fit_flow(t->c, t->flow, name, &t->watch.data, validation);
  return result;
}

static void set_number(cli *c, const char *name, double value) {
  char text[32];
  snprintf(text, sizeof text, "%.9g", value);
  enf_opts_set(c->opts, name, text);
}

/* ---- flow and trainer ---------------------------------------------------------------------- */

static int create_flow(training *t) {
  enf_opts *opts = t->c->opts;
  if (!lattice_is(&t->target) && (enf_opts_set_int(opts, "model.particles", (int64_t)t->N) != ENF_OK ||
       enf_opts_set_int(opts, "model.dimensions", (int64_t)t->D) != ENF_OK))
    return cli_usage(t->c, "%s", enf_opts_errmsg(opts));
  const enf_status status = enf_create(t->c->ctx, &t->flow, opts);
  return status == ENF_OK ? SUCCESS : cli_fail_status(t->c, status);
}

/* A prior with a covariance, or a copula with a correlation, takes it from all of the data. */
static int fit_prior(training *t) {
  const char *covariance = cli_setting(t->c, "model.prior_covariance");
  const char *copula = cli_setting(t->c, "model.copula");
  const bool correlated = copula != NULL && strcmp(copula, "independent") != 0;
  if (!correlated && (covariance == NULL || strcmp(covariance, "data") != 0))
    return SUCCESS;
  const enf_status status = enf_prior_fit(t->c->ctx, t->flow, t->data.n, t->data.x);
  return status == ENF_OK ? SUCCESS : cli_fail_status(t->c, status);
}

/* Make a new flow in the unit of the data; the flow of --init has its own, and only whether the
   data are finite is looked at. */
static int fix_scale(training *t, bool fresh) {
  const char *text = cli_setting(t->c, "model.data_scale"), *path = t->c->operand[0];
  const bool open = fresh && (text == NULL || strcmp(text, "auto") == 0) && !flow_is_of_matrices(t->flow);
  double scale = 0;
  if (flow_is_molecule(t->flow)) /* which has centres and widths in the place of a scale */
    return fresh ? molecule_fix_centres(t) : SUCCESS;
  if (t->data.n == 0)
    return SUCCESS;
  const int result = data_scale(t->c, t->flow, &t->data, path, open ? &scale : NULL);
  if (result != SUCCESS || !open)
    return result == SUCCESS && fresh ? fit_prior(t) : result;
  set_number(t->c, "model.data_scale", scale);
  enf_destroy(t->flow);
  return create_flow(t) == SUCCESS ? fit_prior(t) : FAILURE;
}

/* Where no objective is given, it is the trainer's choice for this flow. */
static int create_trainer(training *t) {
  const enf_status status = enf_trainer_create(t->c->ctx, &t->trainer, t->flow, t->c->opts);
  if (status != ENF_OK)
    return cli_fail_status(t->c, status);
  t->objective = objective_at(trainer_number(t, "objective"));
  return check_needs(t);
}

/* At one of the flow's own samples, by steps small beside its size. */
static int check_gradient(training *t) {
  double scale = 1, *x = cli_alloc(t->N * t->D, sizeof *x);
  int result = x != NULL ? SUCCESS : FAILURE;
  enf_get_real(t->flow, "data_scale", &scale);
  if (result == SUCCESS && enf_sample(t->c->ctx, t->flow, 0, 0, 1, x, NULL) == ENF_OK)
    result = target_check_gradient(&t->target, t->N, t->D, x, 1e-5 * scale);
  free(x);
  return result;
}

/* A resumed training goes on with the data it began with. */
static int fix_data(training *t) {
  if (!t->objective->needs_data)
    return SUCCESS;
  const enf_status status = enf_trainer_data(t->c->ctx, t->trainer, t->data.n, t->data.x);
  if (status == ENF_ERR_STATE)
    return cli_fail("%s: %s", t->c->operand[0], enf_ctx_errmsg(t->c->ctx));
  return status == ENF_OK ? SUCCESS : cli_fail_status(t->c, status);
}

/* The mixture that the flow is to be the next part of. */
static int join_mixture(training *t) {
  const char *path = t->c->value[FLAG_BOOST];
  if (path == NULL)
    return SUCCESS;
  enf_status status = enf_load(t->c->ctx, &t->beside, path);
  if (status != ENF_OK)
    return cli_fail_status(t->c, status);
  status = enf_trainer_set_mixture(t->trainer, t->beside);
  if (status == ENF_ERR_SHAPE)
    return cli_fail("%s is of another shape than the flow", path);
  return status == ENF_OK
             ? SUCCESS
             : cli_usage(t->c, "--boost is of one flow with --objective likelihood or energy");
}

/* The trainer's energy is not in its file, nor is the mixture. */
static int ready_trainer(training *t) {
  if (join_mixture(t) != SUCCESS)
    return FAILURE;
  if (t->objective->needs_energy)
    enf_trainer_set_energy(t->trainer, t->target.fn, t->target.user);
  if (t->objective->needs_energy && check_gradient(t) != SUCCESS)
    return FAILURE;
  t->batch = (size_t)trainer_number(t, "batch");
  if (ranks_shared() && enf_trainer_set_reduce(t->trainer, ranks_add, NULL, (int)ranks_number(),
                                               (int)ranks_count()) != ENF_OK)
    return cli_fail("a training takes 1, 2, 4, ... 64 ranks, not %zu", ranks_count());
  return fix_data(t);
}

/* ---- the beginning --------------------------------------------------------------------------- */

/* Rows of the other hand are turned before anything is taken from them. */
static int settle_hands(training *t, bool fresh) {
  int result = SUCCESS;
  if (!fresh || flow_is_molecule(t->flow)) /* which has none and takes no --chiral */
    result = hands_of_flow(t->c, t->flow, &t->hands);
  return result == SUCCESS ? kinds_settle_data(t) : result;
}

/* What the flow's file is to tell, and whether the validation is of its molecule. */
static int settle_meta(training *t, bool fresh) {
  const char *path = t->c->value[cli_has(t->c, FLAG_INIT) ? FLAG_INIT : FLAG_OUTPUT];
  target_check_kT(&t->target, t->flow, path);
  int result = target_keep_kT(t->c, &t->target, t->flow);
  if (result == SUCCESS && !flow_is_molecule(t->flow))
    result = fresh ? kinds_keep(t) : hands_keep(t->c, t->flow, &t->hands);
  if (result == SUCCESS)
    result = molecule_check_data(t);
  return result == SUCCESS ? hands_fit_flow(t->c, t->flow, t->c->value[FLAG_OUTPUT],
                                            &t->watch.data, t->c->value[FLAG_VALIDATION])
                           : result;
}

static int start_fresh(training *t) {
  const bool fresh = t->flow == NULL;
  int result = SUCCESS;
  if (fresh)
    result = molecule_wanted(t) ? molecule_set_options(t) : kinds_set_options(t);
  if (result == SUCCESS && fresh)
    result = create_flow(t);
  if (result == SUCCESS && fresh)
    result = compare_atoms(t);
  if (result == SUCCESS)
    result = settle_hands(t, fresh);
  if (result == SUCCESS)
    result = fix_scale(t, fresh);
  if (result == SUCCESS)
    result = settle_meta(t, fresh);
  if (result == SUCCESS)
    result = temperatures_settle(t->c, t->flow);
  if (result == SUCCESS)
    result = create_trainer(t);
  return result == SUCCESS ? ready_trainer(t) : result;
}

static int start_again(training *t) {
  int result = settle_hands(t, false);
  if (result == SUCCESS)
    result = settle_meta(t, false);
  if (result == SUCCESS)
    result = temperatures_settle(t->c, t->flow);
  return result == SUCCESS ? ready_trainer(t) : result;
}

/* The flow and its trainer hold at least one and four numbers for every parameter. */
static int check_room(const training *t) {
  int64_t parameters = 0;
  enf_get_int(t->flow, "parameters", &parameters);
  const double bytes = (double)parameters * sizeof(double);
  const file_need needs[] = {{FLAG_OUTPUT, bytes}, {FLAG_OUTPUT, 4 * bytes}};
  return files_room(t->c, sizeof needs / sizeof needs[0], needs);
}

int training_begin(training *t) {
  cli *c = t->c;
  int result = read_flags(t);
  if (result == SUCCESS)
    result = load(t);
  if (result == SUCCESS)
    result = kinds_check_flags(t);
  if (result == SUCCESS)
    result = molecule_open(t);
  if (result == SUCCESS)
    result = read_data(t);
  if (result == SUCCESS)
    result = watch_open(c, t->N, t->D, &t->watch);
  if (result == SUCCESS)
    result = compare_atoms(t);
  interrupts_catch();
  if (result == SUCCESS)
    result = cli_has(c, FLAG_RESUME) ? start_again(t) : start_fresh(t);
  return result == SUCCESS ? check_room(t) : result;
}

void training_free(training *t) {
  enf_trainer_destroy(t->trainer);
  enf_destroy(t->flow);
  enf_destroy(t->beside);
  molecule_close(t);
  hands_free(&t->hands);
  watch_free(&t->watch);
  data_free(&t->data);
  target_free(&t->target);
}
