/* frames.c -- whether configurations are of the molecule and in the unit of length of a flow.

   A flow of particles knows the size of what it was trained on (the root mean square of its
   coordinates). One in internal coordinates gives any configuration of as many atoms a density, which is next to nothing for a
   mirror image, for lengths in another unit and for another order of the atoms: so frames are
   compared with the flow's centres wherever a file meets it (enf_frames_compare). */
#include "frames.h"

#include <stdlib.h>
#include <string.h>

static bool space_is(const enf_flow *flow, const char *space) {
  char text[16];
  return enf_get_text(flow, "model.space", text, sizeof text, NULL) == ENF_OK &&
         strcmp(text, space) == 0;
}

bool flow_is_molecule(const enf_flow *flow) { return space_is(flow, "molecule"); }

bool flow_has_a_hand(const enf_flow *flow) {
  char text[16];
  return enf_get_text(flow, "model.reflections", text, sizeof text, NULL) == ENF_OK &&
         strcmp(text, "0") == 0;
}

bool flow_is_of_particles(const enf_flow *flow) { return space_is(flow, "particles"); }

bool flow_is_of_matrices(const enf_flow *flow) {
  return space_is(flow, "group") || space_is(flow, "lattice");
}

/* ---- size ------------------------------------------------------------------------------------ */

int frames_fit_size(const cli *c, const enf_flow *flow, const char *name, const dataset *data,
                    const char *path) {
  char text[32];
  double size = 0;
  if (data->n == 0 || enf_meta_get(flow, "rms", text, sizeof text, NULL) != ENF_OK ||
      enf_data_scale(c->ctx, flow, data->n, data->x, &size, NULL) != ENF_OK)
    return SUCCESS;
  const double times = size / strtod(text, NULL);
  if (times > 3 || times < 1.0 / 3)
    return cli_fail("%s: coordinates are %.2g times as large as those that %s was trained on; are "
                    "lengths in another unit (nm, angstrom, bohr)?",
                    path, times, name);
  if (times > 1.5 || times < 1 / 1.5)
    cli_note("%s: coordinates are %.2g times as large as those that %s was trained on; is it the "
             "same system, in the same unit of length?",
             path, times, name);
  return SUCCESS;
}

/* ---- molecules ------------------------------------------------------------------------------- */

static bool has_centres(const enf_flow *flow) {
  int64_t fixed = 0;
  enf_get_int(flow, "data_scale_fixed", &fixed);
  return fixed != 0;
}

static int judge(const char *name, size_t n, const char *path, const enf_frames *found) {
  if (found->bad == n)
    return cli_fail("%s: no configuration has internal coordinates: atoms are in one place, or on "
                    "a line",
                    path);
  if (found->scale > 3 || found->scale < 1.0 / 3)
    return cli_fail("%s: distances are %.3g times as long as in %s; are lengths in another unit "
                    "(nm, angstrom, bohr)?",
                    path, found->scale, name);
  if (2 * found->broken > n)
    return cli_fail("%s: %zu of %zu configurations have a distance 3 times as long or as short as "
                    "in %s; is it another molecule, or are the atoms in another order?",
                    path, found->broken, n, name);
  if (2 * found->other_hand > n)
    return cli_fail("%s: %zu of %zu configurations are mirror images, in whole or in part, of the "
                    "molecule of %s; reflect them (x -> -x) if both hands are alike to you",
                    path, found->other_hand, n, name);
  if (2 * found->turned > n)
    return cli_fail("%s: %zu of %zu configurations have a stiff dihedral more than 90 degrees from "
                    "that of %s, as a cis peptide bond from a trans one; is it another isomer?",
                    path, found->turned, n, name);
  return SUCCESS;
}

static void tell(size_t n, const char *path, const enf_frames *found, const char *what) {
  if (found->bad + found->broken + found->other_hand > 0)
    cli_note("%s: of %zu configurations %zu are mirror images, in whole or in part, %zu have a "
             "broken bond and %zu no internal coordinates: %s",
             path, n, found->other_hand, found->broken, found->bad, what);
  if (found->turned > 0)
    cli_note("%s: of %zu configurations %zu have a dihedral that is stiff in the others turned by "
             "more than 90 degrees, as a peptide bond from trans to cis: %s (--keep lets it turn)",
             path, n, found->turned, what);
}

/* SUCCESS also where there is nothing to compare. */
static int compare(const cli *c, const enf_flow *flow, const char *name, const dataset *data,
                   const char *path, int32_t *verdict, enf_frames *found) {
  const enf_status status = enf_frames_compare(c->ctx, flow, data->n, data->x, verdict, found);
  return status == ENF_OK ? judge(name, data->n, path, found) : cli_fail_status(c, status);
}

int frames_fit_flow(const cli *c, const enf_flow *flow, const char *name, const dataset *data,
                    const char *path) {
  enf_frames found = ENF_FRAMES_INIT;
  if (data->n == 0 || !flow_is_molecule(flow) || !has_centres(flow))
    return SUCCESS;
  const int result = compare(c, flow, name, data, path, NULL, &found);
  if (result == SUCCESS)
    tell(data->n, path, &found, "the flow gives them next to no density");
  return result;
}

static void drop(dataset *data, const int32_t *verdict) {
  const size_t n = data->n;
  data->n = 0;
  for (size_t i = 0; i < n; i++)
    if (verdict[i] == ENF_FRAME_GOOD)
      data_move(data, data->n++, i);
}

int frames_keep_good(const cli *c, const enf_flow *flow, const char *name, dataset *data,
                     const char *path) {
  enf_frames found = ENF_FRAMES_INIT;
  if (data->n == 0 || !flow_is_molecule(flow))
    return SUCCESS;
  int32_t *verdict = cli_alloc(data->n, sizeof *verdict);
  int result = verdict != NULL ? compare(c, flow, name, data, path, verdict, &found) : FAILURE;
  if (result == SUCCESS) {
    tell(data->n, path, &found, "they are left out");
    if (found.constrained > 0)
      cli_note("%s: %zu distances are the same in all configurations (constraints?): the density "
               "is that of the molecule without constraints, over a width of 0.1 %%",
               path, found.constrained);
    drop(data, verdict);
  }
  free(verdict);
  return result;
}
