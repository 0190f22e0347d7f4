/* hands.c -- the hand of a chiral molecule whose flow, of particles, does not know left from right.

   Such a flow gives mirror images the same density. Kept to one hand, its samples are those of the
   molecule and their density is twice as high (enf_reflect). Which atoms are stereocentres follows
   from the bonds: they have four neighbours, no two of which stand in the same surroundings; these
   are told apart by numbers that are refined by those of their neighbours until they stay (as in
   Morgan's algorithm). */
#include "hands.h"
#include "frames.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- as text: "8,6,14,10:+ 20,18,22,26:-" ---------------------------------------------------- */

static bool alloc_hands(size_t most, hands *h) {
  h->centre = cli_alloc(most, sizeof *h->centre);
  h->wanted = cli_alloc(most, sizeof *h->wanted);
  return h->centre != NULL && h->wanted != NULL;
}

void hands_free(hands *h) {
  free(h->centre);
  free(h->wanted);
  *h = (hands){0};
}

static int read_text(const cli *c, const char *what, const char *text, hands *h) {
  *h = (hands){0};
  if (!alloc_hands(strlen(text) / 9 + 1, h))
    return FAILURE;
  for (const char *at = text; *(at += strspn(at, " ")) != '\0'; h->count++) {
    size_t *a = h->centre[h->count];
    char sign = '\0';
    int length = 0;
    if (sscanf(at, "%5zu,%5zu,%5zu,%5zu:%c%n", &a[0], &a[1], &a[2], &a[3], &sign, &length) != 5 ||
        (sign != '+' && sign != '-') || (at[length] != ' ' && at[length] != '\0'))
      return cli_usage(c, "%s takes centres as C,A,B,D:+ or C,A,B,D:- (atoms from 0), not '%s'",
                       what, text);
    h->wanted[h->count] = sign == '+' ? 1 : -1;
    at += length;
  }
  return SUCCESS;
}

int hands_keep(const cli *c, enf_flow *flow, const hands *h) {
  const size_t size = 32 * h->count + 1;
  char *text = cli_alloc(size, 1);
  size_t used = 0;
  if (text == NULL || h->count == 0)
    return free(text), text != NULL ? SUCCESS : FAILURE;
  for (size_t k = 0; k < h->count; k++) {
    const size_t *a = h->centre[k];
    used += (size_t)snprintf(text + used, size - used, "%s%zu,%zu,%zu,%zu:%c", k > 0 ? " " : "",
                             a[0], a[1], a[2], a[3], h->wanted[k] > 0 ? '+' : '-');
  }
  const int result = flow_keep_meta(c, flow, "centres", text);
  free(text);
  return result;
}

/* The text of --chiral with centres, or NULL. */
static const char *asked(const cli *c) {
  const char *text = c->value[FLAG_CHIRAL];
  const bool word = text != NULL && (strcmp(text, "auto") == 0 || strcmp(text, "none") == 0);
  return word ? NULL : text;
}

static bool unwanted(const cli *c) {
  return cli_has(c, FLAG_CHIRAL) && strcmp(c->value[FLAG_CHIRAL], "none") == 0;
}

static int read_asked(const cli *c, size_t D, hands *h) {
  if (D != 3)
    return cli_usage(c, "--chiral is for molecules in 3 dimensions, not %zu", D);
  return read_text(c, "--chiral", asked(c), h);
}

/* Samples of a flow that tells left from right are of the hand that it says. */
static int refuse_chiral(const cli *c) {
  if (!cli_has(c, FLAG_CHIRAL) || unwanted(c))
    return SUCCESS;
  return cli_usage(c, "--chiral is for flows that do not know left from right: this one does "
                      "(model.reflections off)");
}

int hands_of_flow(const cli *c, const enf_flow *flow, hands *h) {
  size_t N, D;
  *h = (hands){0};
  flow_shape(flow, &N, &D);
  if (cli_has(c, FLAG_CHIRAL) && flow_is_molecule(flow))
    return cli_usage(c, "--chiral is for flows of particles: the molecule of this one has a hand");
  if (flow_has_a_hand(flow))
    return refuse_chiral(c);
  if (asked(c) != NULL)
    return read_asked(c, D, h);
  if (unwanted(c))
    return SUCCESS;
  char *text = flow_meta(flow, "centres");
  if (text == NULL)
    return FAILURE;
  const int result = *text != '\0' ? read_text(c, "the flow's file", text, h) : SUCCESS;
  free(text);
  return result;
}

/* ---- from bonds ------------------------------------------------------------------------------ */

static uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

/* After as many rounds as there are atoms a number knows the whole molecule. */
static void number_surroundings(const topology *t, uint64_t *number, uint64_t *next) {
  for (size_t i = 0; i < t->N; i++)
    number[i] = mixed((uint64_t)t->element[i]);
  for (size_t round = 0; round < t->N; round++) {
    for (size_t i = 0; i < t->N; i++)
      next[i] = 3 * number[i];
    for (size_t k = 0; k < t->bonds; k++) {
      const size_t i = t->bond[k][0], j = t->bond[k][1];
      next[i] += mixed(number[j] + 1);
      next[j] += mixed(number[i] + 1);
    }
    for (size_t i = 0; i < t->N; i++)
      number[i] = mixed(next[i]);
  }
}

/* The four neighbours of atom i, the heaviest first; false if it has another number of them, or two
   that are alike. */
static bool is_centre(const topology *t, const uint64_t *number, size_t i, size_t neighbour[4]) {
  size_t found = 0;
  for (size_t k = 0; k < t->bonds; k++) {
    const size_t *b = t->bond[k];
    if (b[0] != i && b[1] != i)
      continue;
    if (found == 4)
      return false;
    size_t place = found++;
    const size_t other = b[0] == i ? b[1] : b[0];
    for (; place > 0 && t->element[neighbour[place - 1]] < t->element[other]; place--)
      neighbour[place] = neighbour[place - 1];
    neighbour[place] = other;
  }
  for (size_t a = 0; a < found; a++)
    for (size_t b = 0; b < a; b++)
      if (number[neighbour[a]] == number[neighbour[b]])
        return false;
  return found == 4;
}

static int find_centres(const topology *t, hands *h) {
  uint64_t *number = cli_alloc(2 * t->N, sizeof *number);
  const bool room = number != NULL && alloc_hands(t->N, h);
  if (room)
    number_surroundings(t, number, number + t->N);
  for (size_t i = 0; i < t->N && room; i++) {
    size_t neighbour[4];
    if (!is_centre(t, number, i, neighbour))
      continue;
    h->centre[h->count][0] = i;
    memcpy(h->centre[h->count++] + 1, neighbour, 3 * sizeof *neighbour);
  }
  free(number);
  return room ? SUCCESS : FAILURE;
}

static bool set_off(const cli *c, const char *name) {
  const char *text = cli_setting(c, name);
  return text != NULL &&
         (strcmp(text, "0") == 0 || strcmp(text, "off") == 0 || strcmp(text, "false") == 0);
}

int hands_of_topology(const cli *c, const topology *t, const double *x, size_t N, size_t D,
                      hands *h) {
  *h = (hands){0};
  if (set_off(c, "model.reflections"))
    return refuse_chiral(c);
  if (asked(c) != NULL)
    return read_asked(c, D, h);
  if (unwanted(c))
    return SUCCESS;
  if (t->N == 0 || x == NULL || D != 3)
    return cli_has(c, FLAG_CHIRAL) ? cli_usage(c, "--chiral auto needs the bonds of a molecule: "
                                                  "DATA with elements and --kinds auto")
                                   : SUCCESS;
  const int result = find_centres(t, h);
  if (result != SUCCESS || h->count == 0)
    return result;
  const enf_status status = enf_chirality(c->ctx, 1, N, x, h->count,
                                          (const size_t(*)[4])h->centre, h->wanted);
  for (size_t k = 0; k < h->count && status == ENF_OK; k++)
    if (h->wanted[k] == 0)
      return cli_fail("the stereocentre at atom %zu is flat in the first row, so its hand is not "
                      "known: --chiral names it, or is none",
                      h->centre[k][0]);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}

/* ---- samples and rows ------------------------------------------------------------------------ */

static int reflect(const cli *c, const hands *h, size_t n, size_t N, double *x, double *logp,
                   int *state) {
  const enf_status status = enf_reflect(c->ctx, n, N, x, logp, h->count,
                                        (const size_t(*)[4])h->centre, h->wanted, state);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}

int hands_settle(const cli *c, const hands *h, size_t n, size_t N, double *x, double *logp) {
  if (h->count == 0)
    return SUCCESS;
  int *state = cli_alloc(n, sizeof *state);
  const int result = state != NULL ? reflect(c, h, n, N, x, logp, state) : FAILURE;
  free(state);
  return result;
}

int hands_compare(const cli *c, const hands *h, const dataset *data, bool *wrong, size_t *count) {
  *count = 0;
  if (h->count == 0)
    return SUCCESS;
  int *hand = cli_alloc(data->n * h->count, sizeof *hand);
  if (hand == NULL)
    return FAILURE;
  const enf_status status = enf_chirality(c->ctx, data->n, data->N, data->x, h->count,
                                          (const size_t(*)[4])h->centre, hand);
  for (size_t i = 0; i < data->n && status == ENF_OK; i++) {
    for (size_t k = 0; k < h->count; k++)
      wrong[i] = wrong[i] || hand[i * h->count + k] != h->wanted[k];
    wrong[i] = wrong[i] && isfinite(data->x[i * data->N * data->D]);
    *count += wrong[i];
  }
  free(hand);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}

static int judge(const char *name, const char *path, size_t wrong, size_t n) {
  if (2 * wrong > n)
    return cli_fail("%s: %zu of %zu configurations are mirror images, in whole or in part, of the "
                    "molecule of %s; reflect them (x -> -x), or give --chiral none if both hands "
                    "are alike to you",
                    path, wrong, n, name);
  if (wrong > 0)
    cli_note("%s: %zu of %zu configurations are mirror images, in whole or in part: the flow, kept "
             "to one hand, gives them no density",
             path, wrong, n);
  return SUCCESS;
}

int hands_fit_flow(const cli *c, const enf_flow *flow, const char *name, const dataset *data,
                   const char *path) {
  hands h;
  size_t count = 0;
  if (data->n == 0)
    return SUCCESS;
  int result = hands_of_flow(c, flow, &h);
  bool *wrong = cli_alloc(data->n, sizeof *wrong);
  if (result == SUCCESS)
    result = wrong != NULL ? hands_compare(c, &h, data, wrong, &count) : FAILURE;
  if (result == SUCCESS)
    result = judge(name, path, count, data->n);
  free(wrong);
  hands_free(&h);
  return result;
}

static void drop(dataset *data, const int *state, size_t *mirrored) {
  const size_t width = data->N * data->D, n = data->n;
  data->n = 0;
  for (size_t i = 0; i < n; i++) {
    *mirrored += state[i] < 0;
    if (state[i] != 0)
      memmove(data->x + data->n++ * width, data->x + i * width, width * sizeof *data->x);
  }
}

int hands_keep_good(const cli *c, const hands *h, dataset *data, const char *path) {
  const size_t n = data->n;
  size_t mirrored = 0;
  if (h->count == 0 || n == 0)
    return SUCCESS;
  int *state = cli_alloc(n, sizeof *state);
  const int result =
      state != NULL ? reflect(c, h, n, data->N, data->x, NULL, state) : FAILURE;
  if (result == SUCCESS)
    drop(data, state, &mirrored);
  free(state);
  if (result != SUCCESS)
    return result;
  if (2 * data->n < n)
    return cli_fail("%s: in %zu of %zu configurations some stereocentres have one hand and some "
                    "the other: they are no stable centres; --chiral names those that are, or is "
                    "none",
                    path, n - data->n, n);
  if (mirrored > 0 || data->n < n)
    cli_note("%s: of %zu configurations %zu are mirror images and were turned, %zu have both hands "
             "or neither and are left out",
             path, n, mirrored, n - data->n);
  return SUCCESS;
}
