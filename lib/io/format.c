/* format.c -- what the metadata of libenf's own files begin with, and their options.

   "format" tells the kind of file, "format_version" how to read it, "libenf_version" who wrote it;
   then come options as text. A newer format_version is refused, so within one version a file may
   only gain: an option that did not exist when a file was written is read as what the library did
   then (table `later`), which stays so when the default improves. Every other option must be there:
   no default is ever assumed. An option that this library does not know comes from a newer one. */
#include "io/io.h"
#include <enf/version.h>
#include <string.h>

#define FORMAT_VERSION "1"

/* Options younger than the first files of this format version, and what a file without them means.
   Rows are added with the option, and never changed. */
static const struct {
  enf__opt id;
  const char *value;
} later[] = {
    {ENF__OPT_MODEL_EDGE_DEPTH, "2"},     {ENF__OPT_MODEL_NODE_DEPTH, "2"},
    {ENF__OPT_MODEL_SPACE, "particles"},  {ENF__OPT_MODEL_MAP, "cnf"},
    {ENF__OPT_MODEL_PRIOR_DF, "5"},       {ENF__OPT_MODEL_PRIOR_TRAIN, "0"},
    {ENF__OPT_MODEL_PRIOR_COVARIANCE, "isotropic"},
    {ENF__OPT_MODEL_ZMATRIX, ""},         {ENF__OPT_MODEL_BONDS, ""},
    {ENF__OPT_MODEL_SPLINE_DEPTH, "2"},   {ENF__OPT_MODEL_BINS, "8"},
    {ENF__OPT_MODEL_BOUND, "5"},          {ENF__OPT_MODEL_KERNELS, "30"},
    {ENF__OPT_MODEL_KERNEL_TIMES, "20"},  {ENF__OPT_MODEL_KERNEL_RANGE, "8"},
    {ENF__OPT_MODEL_SYMMETRY, "none"},    {ENF__OPT_MODEL_LINEAR_GRADIENT, "exact"},
    {ENF__OPT_MODEL_LINEAR_LAMBDA, "10"}, {ENF__OPT_MODEL_RESIDUAL, "monotone"}, {ENF__OPT_MODEL_EXPLICIT, "to-prior"},
    {ENF__OPT_MODEL_RESIDUAL_CELLS, "24"}, {ENF__OPT_MODEL_RESIDUAL_RANGE, "4"},
    {ENF__OPT_MODEL_ELEMENTS, ""},        {ENF__OPT_MODEL_CHARGES, "0"},
    {ENF__OPT_MODEL_FEATURES, "0"},       {ENF__OPT_MODEL_KIND_SCALE, "1"},
    {ENF__OPT_MODEL_CHARGE_SCALE, "1"},   {ENF__OPT_MODEL_REVERSED, "0"},
    {ENF__OPT_MODEL_DEQUANTISER, "none"}, {ENF__OPT_MODEL_DEQUANTISER_LAYERS, "4"},
    {ENF__OPT_MODEL_ACTNORM, "0"},        {ENF__OPT_MODEL_SIZES, ""},
    {ENF__OPT_TRAIN_REFLECT, "1"},        {ENF__OPT_TRAIN_ADJOINT, "discrete"},
    {ENF__OPT_TRAIN_TRACE, "hutchinson"}, {ENF__OPT_TRAIN_PROBES, "1"},
    {ENF__OPT_TRAIN_ENERGY_CAP, "1000"},  {ENF__OPT_TRAIN_FORCE_CLIP, "0"},
    {ENF__OPT_TRAIN_LAMBDA, "0.5"},       {ENF__OPT_TRAIN_LAMBDA_END, "0.5"},
    {ENF__OPT_TRAIN_KINETIC, "0"},        {ENF__OPT_TRAIN_FROBENIUS, "0"},
    {ENF__OPT_TRAIN_OPTIMIZER, "adamw"},
    {ENF__OPT_MODEL_GROUP, "su3"},        {ENF__OPT_MODEL_LATTICE, ""},
    {ENF__OPT_MODEL_DEGREE, "4"},         {ENF__OPT_MODEL_TIMES, "11"},
    {ENF__OPT_MODEL_PAIRS, "0"},          {ENF__OPT_TRAIN_RIDGE, "1e-08"},
    {ENF__OPT_TRAIN_SAMPLE_CLIP, "50"},   {ENF__OPT_TRAIN_WEIGHT_CUT, "0.002"},
    {ENF__OPT_TRAIN_BOOST_LAMBDA, "0.7"}, {ENF__OPT_TRAIN_BOOST_CLIP, "10"},
    {ENF__OPT_TRAIN_POOL, "2048"},        {ENF__OPT_TRAIN_POOL_STEPS, "400"},
    {ENF__OPT_TRAIN_POOL_GENERATIONS, "4"}, {ENF__OPT_TRAIN_POOL_ESS, "0.3"},
    {ENF__OPT_TRAIN_BOOST_CAP, "10"},     {ENF__OPT_MODEL_COPULA, "independent"},
    {ENF__OPT_MODEL_COPULA_DF, "5"},      {ENF__OPT_MODEL_MARGINS, ""},
    {ENF__OPT_TRAIN_BETA, "1"},           {ENF__OPT_TRAIN_BETA_END, "1"},
    {ENF__OPT_TRAIN_FEATURE_COST, "0"},   {ENF__OPT_MODEL_RESIDUAL_GRADIENT, "exact"},
    {ENF__OPT_MODEL_AUGMENT_STD, "0.5"},  {ENF__OPT_MODEL_TEMPERATURES, ""},
    {ENF__OPT_MODEL_TEMPERATURE, "1"},    {ENF__OPT_TRAIN_RUNGS, "8"},
    {ENF__OPT_MODEL_REFLECTIONS, "1"},
    {ENF__OPT_MODEL_KINDS, "generated"}, {ENF__OPT_MODEL_CONTEXT, "0"},
};

size_t enf__format_metas(const char *format, enf__st_meta meta[ENF__FORMAT_METAS]) {
  meta[0] = (enf__st_meta){"format", format};
  meta[1] = (enf__st_meta){"format_version", FORMAT_VERSION};
  meta[2] = (enf__st_meta){"libenf_version", enf_version()};
  return ENF__FORMAT_METAS;
}

static const char *writer_of(const enf__st_file *file) {
  const char *writer = enf__st_meta_find(file, "libenf_version");
  return writer ? writer : "unknown";
}

enf_status enf__format_check(enf_ctx *ctx, const enf__st_file *file, const char *path,
                             const char *format, const char *what) {
  const char *found = enf__st_meta_find(file, "format");
  const char *version = enf__st_meta_find(file, "format_version");
  if (!found || strcmp(found, format) != 0)
    return enf__file_refuse(ctx, ENF_ERR_FORMAT, path,
                            "not a libenf %s: its metadata \"format\" is %s%.40s%s, not \"%s\"",
                            what, found ? "\"" : "", found ? found : "missing", found ? "\"" : "",
                            format);
  if (!version || !*version || version[strspn(version, "0123456789")] || *version == '0')
    return enf__file_refuse(
        ctx, ENF_ERR_FORMAT, path, "metadata \"format_version\" is %s%.40s%s, not a version number",
        version ? "\"" : "", version ? version : "missing", version ? "\"" : "");
  if (strcmp(version, FORMAT_VERSION) == 0)
    return ENF_OK;
  return enf__file_refuse(ctx, ENF_ERR_VERSION, path,
                          "written by a newer libenf (%.40s) in format %.40s; this one, %s, reads "
                          "up to format " FORMAT_VERSION,
                          writer_of(file), version, enf_version());
}

const char *enf__format_option(const enf__st_file *file, enf__opt id) {
  const char *value = enf__st_meta_find(file, enf__opts_name(id));
  for (size_t i = 0; i < sizeof later / sizeof *later && !value; i++)
    if (later[i].id == id)
      value = later[i].value;
  return value;
}

static bool is_known(const char *name) {
  for (enf__opt id = 0; id < ENF__OPT_COUNT; id++)
    if (strcmp(name, enf__opts_name(id)) == 0)
      return true;
  return false;
}

/* An option nobody knows: of a newer library, or, in a file of this one, not from us. */
static enf_status check_names(enf_ctx *ctx, const enf__st_file *file, const char *path,
                              const char *group) {
  for (size_t i = 0; i < file->metas; i++) {
    const char *name = file->meta[i].key, *writer = writer_of(file);
    if (strncmp(name, group, strlen(group)) != 0 || is_known(name))
      continue;
    if (strcmp(writer, enf_version()) == 0)
      return enf__file_refuse(ctx, ENF_ERR_FORMAT, path, "there is no option \"%.60s\"", name);
    return enf__file_refuse(ctx, ENF_ERR_VERSION, path,
                            "written by libenf %.40s with option \"%.60s\", which this one, %s, "
                            "does not have",
                            writer, name, enf_version());
  }
  return ENF_OK;
}

enf_status enf__format_options(enf_ctx *ctx, const enf__st_file *file, const char *path,
                               const char *group, enf_opts *opts) {
  enf_status status = check_names(ctx, file, path, group);
  for (enf__opt id = 0; id < ENF__OPT_COUNT && status == ENF_OK; id++) {
    const char *name = enf__opts_name(id), *value = enf__format_option(file, id);
    if (strncmp(name, group, strlen(group)) != 0)
      continue;
    if (!value)
      return enf__file_refuse(ctx, ENF_ERR_FORMAT, path, "option %s is missing", name);
    status = enf_opts_set(opts, name, value);
    if (status != ENF_OK)
      status = enf__file_refuse(ctx, status == ENF_ERR_NOMEM ? status : ENF_ERR_FORMAT, path, "%s",
                                enf_opts_errmsg(opts));
  }
  return status;
}
