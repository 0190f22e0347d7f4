/* bonds.c -- the bonds of one molecule as a list and by neighbours, from text or pairs.

   Internal coordinates are of one molecule: every atom must be reached from atom 0. Rings are
   welcome. */
#include "space/bonds.h"
#include <string.h>

#define BLANKS " \t\r\n"

/* ---- walking -------------------------------------------------------------------------------- */

bool enf__bonds_has(const enf__bonds *bonds, int32_t a, int32_t b) {
  for (size_t k = bonds->start[a]; k < bonds->start[a + 1]; k++)
    if (bonds->neighbour[k] == b)
      return true;
  return false;
}

void enf__bonds_distances(const enf__bonds *bonds, int32_t from, int32_t past, int32_t *queue,
                          int32_t *distance) {
  for (size_t i = 0; i < bonds->atoms; i++)
    distance[i] = -1;
  size_t queued = 0;
  queue[queued++] = from;
  distance[from] = 0;
  for (size_t first = 0; first < queued; first++) {
    const int32_t atom = queue[first];
    for (size_t k = bonds->start[atom]; k < bonds->start[atom + 1]; k++) {
      const int32_t next = bonds->neighbour[k];
      if (next == past || distance[next] >= 0)
        continue;
      distance[next] = distance[atom] + 1;
      queue[queued++] = next;
    }
  }
}

/* ---- making --------------------------------------------------------------------------------- */

static enf_status check_pairs(enf_ctx *ctx, const char *option, size_t atoms, size_t count,
                              const size_t (*pair)[2]) {
  for (size_t k = 0; k < count; k++) {
    const size_t a = pair[k][0], b = pair[k][1], larger = a > b ? a : b;
    if (larger >= atoms)
      return enf__fail(ctx, ENF_ERR_OPTION,
                       "%s, bond %zu-%zu: there is no atom %zu, numbers are 0 to %zu", option, a, b,
                       larger, atoms - 1);
    if (a == b)
      return enf__fail(ctx, ENF_ERR_OPTION, "%s, bond %zu-%zu: an atom is bonded to itself", option,
                       a, b);
  }
  return ENF_OK;
}

/* Put `atom` into a rising list of `count`. */
static void insert(int32_t *list, size_t count, int32_t atom) {
  for (; count > 0 && list[count - 1] > atom; count--)
    list[count] = list[count - 1];
  list[count] = atom;
}

/* filled: work of (atoms). */
static void list_neighbours(enf__bonds *bonds, int32_t *filled) {
  size_t *start = bonds->start;
  memset(start, 0, (bonds->atoms + 1) * sizeof *start);
  memset(filled, 0, bonds->atoms * sizeof *filled);
  for (size_t k = 0; k < bonds->count; k++)
    for (size_t end = 0; end < 2; end++)
      start[bonds->pair[k][end] + 1]++;
  for (size_t i = 0; i < bonds->atoms; i++)
    start[i + 1] += start[i];
  for (size_t k = 0; k < bonds->count; k++)
    for (size_t end = 0; end < 2; end++) {
      const size_t atom = bonds->pair[k][end];
      insert(bonds->neighbour + start[atom], (size_t)filled[atom]++,
             (int32_t)bonds->pair[k][1 - end]);
    }
}

static enf_status check_twice(enf_ctx *ctx, const char *option, const enf__bonds *bonds) {
  for (size_t i = 0; i < bonds->atoms; i++)
    for (size_t k = bonds->start[i] + 1; k < bonds->start[i + 1]; k++)
      if (bonds->neighbour[k] == bonds->neighbour[k - 1])
        return enf__fail(ctx, ENF_ERR_OPTION, "%s: bond %zu-%d is there twice", option, i,
                         bonds->neighbour[k]);
  return ENF_OK;
}

static enf_status check_in_one_piece(enf_ctx *ctx, const char *option, const enf__bonds *bonds,
                                     int32_t *queue, int32_t *distance) {
  size_t apart = 0, first = 0;
  enf__bonds_distances(bonds, 0, -1, queue, distance);
  for (size_t i = bonds->atoms; i-- > 0;)
    if (distance[i] < 0)
      apart++, first = i;
  if (apart == 0)
    return ENF_OK;
  return enf__fail(
      ctx, ENF_ERR_OPTION,
      "%s: no way of bonds leads from atom 0 to atom %zu (nor to %zu others): internal "
      "coordinates are of one molecule in one piece",
      option, first, apart - 1);
}

enf_status enf__bonds_create(enf_ctx *ctx, const enf_alloc *alloc, const char *option, size_t atoms,
                             size_t count, const size_t (*pair)[2], enf__bonds *bonds) {
  enf_status status = ENF_OK;
  int32_t *work = NULL;
  *bonds = (enf__bonds){.atoms = atoms, .count = count};
  if (atoms == 0)
    TRY(enf__fail(ctx, ENF_ERR_OPTION, "%s: there are no atoms", option));
  TRY(check_pairs(ctx, option, atoms, count, pair));
  work = enf__alloc_array(alloc, 2 * atoms, sizeof *work);
  bonds->pair = enf__alloc_array(alloc, count, sizeof *bonds->pair);
  bonds->start = enf__alloc_array(alloc, atoms + 1, sizeof *bonds->start);
  bonds->neighbour = enf__alloc_array(alloc, 2 * count, sizeof *bonds->neighbour);
  if (!work || !bonds->pair || !bonds->start || !bonds->neighbour)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu bonds", count));
  if (count)
    memcpy(bonds->pair, pair, count * sizeof *pair);
  list_neighbours(bonds, work);
  TRY(check_twice(ctx, option, bonds));
  TRY(check_in_one_piece(ctx, option, bonds, work, work + atoms));
out:
  enf__free(alloc, work);
  if (status != ENF_OK)
    enf__bonds_free(alloc, bonds);
  return status;
}

void enf__bonds_free(const enf_alloc *alloc, enf__bonds *bonds) {
  enf__free(alloc, bonds->pair);
  enf__free(alloc, bonds->start);
  enf__free(alloc, bonds->neighbour);
  *bonds = (enf__bonds){0};
}

/* ---- text ----------------------------------------------------------------------------------- */

/* One number of "12-34"; NULL if there is none. What is too large for an atom stays too large. */
static const char *read_number(const char *text, size_t *number) {
  const size_t digits = strspn(text, "0123456789");
  *number = 0;
  for (size_t i = 0; i < digits && *number < 100000000; i++)
    *number = 10 * *number + (size_t)(text[i] - '0');
  return digits ? text + digits : NULL;
}

static const char *read_pair(const char *text, size_t pair[2]) {
  text = read_number(text, &pair[0]);
  if (!text || *text != '-')
    return NULL;
  text = read_number(text + 1, &pair[1]);
  return text && strchr(BLANKS, *text) ? text : NULL;
}

enf_status enf__bonds_read(enf_ctx *ctx, const enf_alloc *alloc, const char *option,
                           const char *text, size_t *count, size_t (**pair)[2]) {
  const size_t most = strlen(text) / 4 + 1; /* "0-1 " */
  *count = 0;
  *pair = enf__alloc_array(alloc, most, sizeof **pair);
  if (!*pair)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu bonds", most);
  for (text += strspn(text, BLANKS); *text; text += strspn(text, BLANKS)) {
    const char *end = read_pair(text, (*pair)[*count]);
    if (!end) {
      enf__free(alloc, *pair);
      *pair = NULL;
      return enf__fail(ctx, ENF_ERR_OPTION, "%s: \"%.*s\" is not a bond, such as 0-1", option,
                       (int)strcspn(text, BLANKS), text);
    }
    ++*count;
    text = end;
  }
  return ENF_OK;
}

enf_status enf__bonds_parse(enf_ctx *ctx, const enf_alloc *alloc, const char *option, size_t atoms,
                            const char *text, enf__bonds *bonds) {
  size_t count;
  size_t(*pair)[2];
  *bonds = (enf__bonds){0};
  enf_status status = enf__bonds_read(ctx, alloc, option, text, &count, &pair);
  if (status == ENF_OK)
    status = enf__bonds_create(ctx, alloc, option, atoms, count, (const size_t(*)[2])pair, bonds);
  enf__free(alloc, pair);
  return status;
}

size_t enf__bonds_print(const enf__bonds *bonds, char *out, size_t size) {
  char text[64];
  size_t used = 0;
  if (size)
    *out = 0;
  for (size_t k = 0; k < bonds->count; k++) {
    enf__format(text, sizeof text, "%s%zu-%zu", k ? " " : "", bonds->pair[k][0], bonds->pair[k][1]);
    if (used < size)
      enf__format(out + used, size - used, "%s", text);
    used += strlen(text);
  }
  return used + 1;
}
