/* check.c -- `enf check`: are the molecules of a file chemistry? Bonds are told by their lengths
   (enf_molecule_check): stable atoms and molecules, valid ones (in one piece, no atom above its
   valence), different ones, those that a training file does not have; distances and sizes beside
   the training file's. */
#include "check.h"
#include "ending.h"
#include "report.h"

#include <math.h>
#include <stdlib.h>

/* Jensen-Shannon divergence of two histograms, in nats. */
static double divergence(size_t n, const double *a, const double *b) {
  double all_a = 0, all_b = 0, sum = 0;
  for (size_t i = 0; i < n; i++) {
    all_a += a[i];
    all_b += b[i];
  }
  for (size_t i = 0; i < n; i++) {
    const double p = a[i] / all_a, q = b[i] / all_b, mean = (p + q) / 2;
    sum += (p > 0 ? p * log(p / mean) : 0) + (q > 0 ? q * log(q / mean) : 0);
  }
  return sum / 2;
}

static double size_divergence(const check_found *a, const check_found *b) {
  double of_a[CHECK_SIZES], of_b[CHECK_SIZES];
  for (size_t i = 0; i < CHECK_SIZES; i++) {
    of_a[i] = (double)a->size[i];
    of_b[i] = (double)b->size[i];
  }
  return divergence(CHECK_SIZES, of_a, of_b);
}

static uint64_t count_novel(const check_found *f, const check_found *train) {
  uint64_t novel = 0, at = 0;
  for (uint64_t i = 0; i < f->hashes; i++) {
    while (at < train->hashes && train->hash[at] < f->hash[i])
      at++;
    novel += at == train->hashes || train->hash[at] != f->hash[i];
  }
  return novel;
}

static void print_share(report *r, const char *key, const char *label, uint64_t part,
                        uint64_t all) {
  report_real(r, key, label, all > 0 ? (double)part / (double)all : (double)NAN);
}

static void print_found(const cli *c, const check_found *f, const check_found *train) {
  report r = report_begin(c);
  report_text(&r, "file", "file", c->operand[0]);
  report_count(&r, "molecules", "molecules", f->molecules);
  report_count(&r, "atoms", "atoms", f->atoms);
  report_count(&r, "stable_molecules", "stable molecules", f->stable_molecules);
  report_count(&r, "stable_atoms", "stable atoms", f->stable_atoms);
  print_share(&r, "molecule_stability", "molecule stability", f->stable_molecules, f->molecules);
  print_share(&r, "atom_stability", "atom stability", f->stable_atoms, f->atoms);
  print_share(&r, "connected", "in one piece", f->whole, f->molecules);
  report_count(&r, "valid_molecules", "valid molecules", f->valid);
  print_share(&r, "validity", "valid", f->valid, f->molecules);
  report_count(&r, "unique_molecules", "different valid ones", f->unique);
  print_share(&r, "uniqueness", "unique, of the valid", f->unique, f->valid);
  if (f->other > 0)
    report_count(&r, "without_rule", "without a rule", f->other);
  if (train != NULL) {
    const double js = divergence(CHECK_BINS, f->distance, train->distance);
    report_count(&r, "novel_molecules", "not in the training file", f->novel);
    print_share(&r, "novelty", "novel, of the different", f->novel, f->unique);
    report_real(&r, "distance_js_divergence", "JS divergence of distances", js);
    report_real(&r, "distance_js_distance", "JS distance of distances", sqrt(js > 0 ? js : 0));
    report_real(&r, "size_js_divergence", "JS divergence of sizes", size_divergence(f, train));
  }
  report_numbers(&r, "distance_counts", CHECK_BINS, f->distance);
  report_end(&r);
}

static int check_flags(const cli *c) {
  const char *picture = c->value[FLAG_PLOT];
  if (picture != NULL && !ends_with(picture, ".svg"))
    return cli_usage(c, "the picture of molecules is .svg, not '%s'", picture);
  return SUCCESS;
}

static int check_both(cli *c, check_found *f, check_found *train) {
  const char *path = c->value[FLAG_TRAIN], *picture = c->value[FLAG_PLOT];
  if (picture != NULL && (f->show = cli_alloc(2 * CHECK_SHOWN, sizeof *f->show)) == NULL)
    return FAILURE;
  int result = check_read(c, c->operand[0], f);
  if (result == SUCCESS && path != NULL)
    result = check_read(c, path, train);
  f->novel = count_novel(f, train);
  if (result == SUCCESS && picture != NULL)
    result = check_draw(picture, f, path != NULL ? train : NULL);
  if (result == SUCCESS)
    print_found(c, f, path != NULL ? train : NULL);
  return result;
}

int run_check(cli *c) {
  check_found found = {0}, train = {0};
  int result = check_flags(c);
  if (result == SUCCESS)
    result = check_both(c, &found, &train);
  check_free(&found);
  check_free(&train);
  return result;
}
