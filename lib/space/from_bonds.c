/* from_bonds.c -- a Z-matrix from the bonds of a molecule, and from frames of it where there are
   some.

   Root b: the heavy atom (with two bonds) whose greatest bond distance to another heavy atom is
   least; a and c: its two neighbours with most heavy atoms behind them. Then a queue of placed
   atoms a, b, c: take the first, place its unplaced neighbours, heavy before hydrogen, then by
   number, and append each. Of a new atom
     a = its placed neighbour,   b = that one's own a (of the root's atoms: b, a, b),
     c = the first placed atom bonded to a other than b: an improper; if there is none,
         the first placed atom bonded to b other than a: a torsion.
   Ties: the lower number. Rings are thereby cut at one bond.

   Frames make a torsion with |mean e^{iP}| >= 0.9 a dihedral on the line (rings, double bonds),
   unless it is about a bond to keep; and an angle of the atom or of its frame that is near 0 or 180
   degrees sends us to other references, the nearest by bonds first, or to another root. */
#include "space/bonds.h"
#include "space/geometry.h"
#include <enf/molecule.h>
#include <string.h>

/* Sine of 10 degrees; and one frame of so many may be nearer to a line. */
#define STRAIGHT 0.17364817766693033
enum { FRAMES_TO_ONE_STRAIGHT = 1000 };
#define STIFF 0.9

typedef struct {
  enf_ctx *ctx;
  const enf__bonds *bonds;
  const enf__knowledge *known;
  enf__zmatrix *z;
  bool *heavy, *placed;
  int32_t *order, *parent; /* placed atoms in their order; of every atom its own a */
  size_t count;            /* placed */
  int32_t *queue, *distance, *near;
} builder;

static size_t bonds_of(const builder *w, int32_t atom) {
  return w->bonds->start[atom + 1] - w->bonds->start[atom];
}

/* ---- what the frames say -------------------------------------------------------------------- */

static bool is_straight(const builder *w, int32_t i, int32_t j, int32_t k) {
  const enf__knowledge *known = w->known;
  size_t straight = 0;
  for (size_t f = 0; f < known->frames; f++) {
    const enf__bend g = enf__measure_bend(known->x + f * 3 * w->bonds->atoms, i, j, k);
    straight += g.area < STRAIGHT * g.r * g.s;
  }
  return straight > known->frames / FRAMES_TO_ONE_STRAIGHT;
}

/* |mean e^{iP}| */
static double resultant(const builder *w, const enf__zrow *row) {
  const enf__knowledge *known = w->known;
  double cosine = 0, sine = 0;
  size_t used = 0;
  for (size_t f = 0; f < known->frames; f++) {
    const double *x = known->x + f * 3 * w->bonds->atoms;
    const enf__bend g = enf__measure_bend(x, row->atom, row->a, row->b);
    const enf__turn t = enf__measure_turn(x, &g, row->b, row->c);
    if (!(t.size > 0 && isfinite(t.size)))
      continue;
    cosine += t.cosine / t.size, sine += t.sine / t.size;
    used++;
  }
  return used ? hypot(cosine, sine) / (double)used : 0;
}

static bool is_about(const enf__zrow *row, const size_t bond[2]) {
  const size_t a = (size_t)row->a, b = (size_t)row->b;
  return (bond[0] == a && bond[1] == b) || (bond[0] == b && bond[1] == a);
}

static bool is_kept(const builder *w, const enf__zrow *row) {
  for (size_t k = 0; k < w->known->keep; k++)
    if (is_about(row, w->known->kept[k]))
      return true;
  return false;
}

static bool is_bad(const builder *w, const enf__zrow *row) {
  return is_straight(w, row->atom, row->a, row->b) || is_straight(w, row->a, row->b, row->c);
}

/* ---- the root ------------------------------------------------------------------------------- */

static void find_heavy(builder *w) {
  size_t heavy = 0;
  for (size_t i = 0; i < w->bonds->atoms; i++) {
    const int32_t atom = (int32_t)i;
    w->heavy[i] = w->known->element ? w->known->element[i] != 1 : bonds_of(w, atom) > 1;
    heavy += w->heavy[i];
  }
  if (heavy == 0)
    memset(w->heavy, true, w->bonds->atoms * sizeof *w->heavy);
}

/* Greatest bond distance to another heavy atom. */
static int32_t eccentricity(builder *w, int32_t atom) {
  int32_t greatest = 0;
  enf__bonds_distances(w->bonds, atom, -1, w->queue, w->distance);
  for (size_t i = 0; i < w->bonds->atoms; i++)
    if (w->heavy[i] && w->distance[i] > greatest)
      greatest = w->distance[i];
  return greatest;
}

/* Heavy atoms that are reached by `atom` from b. */
static int32_t heavy_behind(builder *w, int32_t atom, int32_t b) {
  int32_t count = 0;
  enf__bonds_distances(w->bonds, atom, b, w->queue, w->distance);
  for (size_t i = 0; i < w->bonds->atoms; i++)
    count += w->heavy[i] && w->distance[i] >= 0;
  return count;
}

/* Sort list (count) by key, stably: least first. */
static void sort_by(const int32_t *key, int32_t *list, size_t count) {
  for (size_t i = 1; i < count; i++) {
    const int32_t atom = list[i];
    size_t k = i;
    for (; k > 0 && key[list[k - 1]] > key[atom]; k--)
      list[k] = list[k - 1];
    list[k] = atom;
  }
}

/* Atoms that may be the root's b, best first, into order; their number. */
static size_t list_centres(builder *w, int32_t *key) {
  size_t count = 0;
  for (int want_heavy = 1; want_heavy >= 0 && count == 0; want_heavy--)
    for (size_t i = 0; i < w->bonds->atoms; i++)
      if (bonds_of(w, (int32_t)i) > 1 && (w->heavy[i] || !want_heavy))
        w->order[count++] = (int32_t)i;
  for (size_t k = 0; k < count; k++)
    key[w->order[k]] = eccentricity(w, w->order[k]);
  sort_by(key, w->order, count);
  return count;
}

/* Two neighbours of b that are not on a line with it. */
static bool find_ends(builder *w, int32_t b, int32_t *key) {
  const size_t count = bonds_of(w, b);
  memcpy(w->near, w->bonds->neighbour + w->bonds->start[b], count * sizeof *w->near);
  for (size_t k = 0; k < count; k++)
    key[w->near[k]] = -heavy_behind(w, w->near[k], b);
  sort_by(key, w->near, count);
  for (size_t i = 0; i < count; i++)
    for (size_t j = i + 1; j < count; j++) {
      const int32_t root[3] = {w->near[i], b, w->near[j]};
      if (is_straight(w, root[0], root[1], root[2]))
        continue;
      memcpy(w->z->root, root, sizeof root);
      return true;
    }
  return false;
}

static enf_status find_root(builder *w) {
  int32_t *key = w->parent; /* free until atoms are placed */
  const size_t centres = list_centres(w, key);
  for (size_t k = 0; k < centres; k++)
    if (find_ends(w, w->order[k], key))
      return ENF_OK;
  return enf__fail(w->ctx, ENF_ERR_OPTION,
                   "atom %d and its neighbours %d and %d are within 10 degrees of a line in the "
                   "frames, as is every other atom with two bonds: no root for a Z-matrix",
                   w->order[0], w->bonds->neighbour[w->bonds->start[w->order[0]]],
                   w->bonds->neighbour[w->bonds->start[w->order[0]] + 1]);
}

/* ---- the rows ------------------------------------------------------------------------------- */

static void place(builder *w, int32_t atom, int32_t parent) {
  w->order[w->count++] = atom;
  w->placed[atom] = true;
  w->parent[atom] = parent;
}

/* The first placed atom bonded to `atom` other than `except`; -1: none. */
static int32_t first_bonded(const builder *w, int32_t atom, int32_t except) {
  for (size_t k = 0; k < w->count; k++)
    if (w->order[k] != except && enf__bonds_has(w->bonds, atom, w->order[k]))
      return w->order[k];
  return -1;
}

static enf__zrow usual_row(const builder *w, int32_t atom, int32_t parent) {
  enf__zrow row = {atom, parent, w->parent[parent], 0, ENF__IMPROPER};
  row.c = first_bonded(w, row.a, row.b);
  if (row.c < 0) {
    row.c = first_bonded(w, row.b, row.a);
    row.kind = ENF__TORSION;
  }
  return row;
}

/* Other references b and c, from the placed atoms nearest to a. */
static bool find_other(builder *w, enf__zrow *row) {
  enum { NEAREST = 12 };
  enf__bonds_distances(w->bonds, row->a, -1, w->queue, w->distance);
  memcpy(w->near, w->order, w->count * sizeof *w->near);
  sort_by(w->distance, w->near, w->count);
  const size_t count = w->count < NEAREST ? w->count : NEAREST;
  for (size_t i = 1; i < count; i++) /* near[0] is a */
    for (size_t j = 1; j < count; j++) {
      const enf__zrow other = {row->atom, row->a, w->near[i], w->near[j], ENF__TORSION};
      if (i == j || is_bad(w, &other))
        continue;
      *row = other;
      return true;
    }
  return false;
}

static enf_status add_row(builder *w, int32_t atom, int32_t parent) {
  enf__zrow row = usual_row(w, atom, parent);
  if (is_bad(w, &row) && !find_other(w, &row))
    return enf__fail(w->ctx, ENF_ERR_OPTION,
                     "atoms %d, %d, %d and %d: an angle of theirs is within 10 degrees of 0 or 180 "
                     "in the frames, and no other references for atom %d avoid it",
                     row.atom, row.a, row.b, row.c, row.atom);
  if (row.kind == ENF__TORSION && !is_kept(w, &row) && resultant(w, &row) >= STIFF)
    row.kind = ENF__IMPROPER;
  w->z->row[w->count - 3] = row;
  place(w, atom, parent);
  return ENF_OK;
}

static enf_status add_rows(builder *w) {
  enf_status status = ENF_OK;
  const int32_t *root = w->z->root;
  place(w, root[0], root[1]);
  place(w, root[1], root[0]);
  place(w, root[2], root[1]);
  for (size_t first = 0; first < w->count; first++) {
    const int32_t parent = w->order[first];
    for (int heavy = 1; heavy >= 0; heavy--)
      for (size_t k = w->bonds->start[parent]; k < w->bonds->start[parent + 1]; k++) {
        const int32_t atom = w->bonds->neighbour[k];
        if (!w->placed[atom] && w->heavy[atom] == heavy)
          TRY(add_row(w, atom, parent));
      }
  }
out:
  return status;
}

static bool has_torsion(const enf__zmatrix *z, const size_t bond[2]) {
  for (size_t k = 0; k + 3 < z->atoms; k++)
    if (z->row[k].kind == ENF__TORSION && is_about(&z->row[k], bond))
      return true;
  return false;
}

static enf_status check_kept(const builder *w) {
  for (size_t k = 0; k < w->known->keep; k++)
    if (!has_torsion(w->z, w->known->kept[k]))
      return enf__fail(w->ctx, ENF_ERR_OPTION, "no torsion is about the bond %zu-%zu",
                       w->known->kept[k][0], w->known->kept[k][1]);
  return ENF_OK;
}

/* ---- the call ------------------------------------------------------------------------------- */

static enf_status take_memory(builder *w, const enf_alloc *alloc, int32_t **numbers, bool **flags) {
  const size_t N = w->bonds->atoms;
  w->z->row = enf__alloc_array(alloc, N - 3, sizeof *w->z->row);
  *numbers = enf__alloc_array(alloc, 5 * N, sizeof **numbers);
  *flags = enf__alloc_array(alloc, 2 * N, sizeof **flags);
  if (!w->z->row || !*numbers || !*flags)
    return enf__fail(w->ctx, ENF_ERR_NOMEM, "no memory for a Z-matrix of %zu atoms", N);
  memset(*flags, 0, 2 * N * sizeof **flags);
  w->heavy = *flags, w->placed = *flags + N;
  w->order = *numbers, w->parent = *numbers + N, w->queue = *numbers + 2 * N;
  w->distance = *numbers + 3 * N, w->near = *numbers + 4 * N;
  return ENF_OK;
}

enf_status enf__zmatrix_from_bonds(enf_ctx *ctx, const enf_alloc *alloc, const enf__bonds *bonds,
                                   const enf__knowledge *known, enf__zmatrix *z) {
  enf_status status = ENF_OK;
  int32_t *numbers = NULL;
  bool *flags = NULL;
  builder w = {.ctx = ctx, .bonds = bonds, .known = known, .z = z};
  *z = (enf__zmatrix){.atoms = bonds->atoms};
  if (bonds->atoms < 3)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "a molecule in internal coordinates has 3 atoms or more, this one has %zu",
                     bonds->atoms);
  TRY(take_memory(&w, alloc, &numbers, &flags));
  find_heavy(&w);
  TRY(find_root(&w));
  TRY(add_rows(&w));
  TRY(check_kept(&w));
out:
  enf__free(alloc, numbers);
  enf__free(alloc, flags);
  if (status != ENF_OK)
    enf__zmatrix_free(alloc, z);
  return status;
}

static enf_status check_arguments(enf_ctx *ctx, size_t N, size_t bonds, const size_t (*bond)[2],
                                  const enf__knowledge *known, const char *text) {
  const char *null = bonds && !bond                ? "bond"
                     : known->frames && !known->x  ? "x"
                     : known->keep && !known->kept ? "kept"
                     : !text                       ? "text"
                                                   : NULL;
  if (null)
    return enf__fail(ctx, ENF_ERR_ARG, "enf_zmatrix_from_bonds: %s is NULL", null);
  if (N > INT32_MAX / 3 || (known->frames && N > SIZE_MAX / 24 / known->frames))
    return enf__fail(ctx, ENF_ERR_ARG, "enf_zmatrix_from_bonds: N = %zu atoms are too many", N);
  return ENF_OK;
}

enf_status enf_zmatrix_from_bonds(enf_ctx *ctx, size_t N, const int32_t *element, size_t bonds,
                                  const size_t (*bond)[2], size_t n, const double *x, size_t keep,
                                  const size_t (*kept)[2], size_t size, char *text) {
  ENF__ENTRY;
  enf_status status = ENF_OK;
  enf__bonds list = {0};
  enf__zmatrix z = {0};
  const enf__knowledge known = {element, n, x, keep, kept};
  TRY(enf__enter(ctx));
  TRY(check_arguments(ctx, N, bonds, bond, &known, text));
  TRY(enf__bonds_create(ctx, &ctx->alloc, "enf_zmatrix_from_bonds", N, bonds, bond, &list));
  TRY(enf__zmatrix_from_bonds(ctx, &ctx->alloc, &list, &known, &z));
  const size_t needed = enf__zmatrix_print(&z, text, size);
  if (needed > size)
    TRY(enf__fail(ctx, ENF_ERR_RANGE, "the Z-matrix needs %zu bytes, text has %zu", needed, size));
out:
  enf__zmatrix_free(&ctx->alloc, &z);
  enf__bonds_free(&ctx->alloc, &list);
  return status;
}
