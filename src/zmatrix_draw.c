/* zmatrix_draw.c -- a picture of a Z-matrix as SVG: the tree of atoms, from the root's middle atom
   outwards, an arrow from every atom to the one that its distance is to, and one to the atom of its
   dihedral.

   Atoms stand in columns by their bonds from the root; those without others behind them take the
   lines one after another, the others the middle of theirs. */
#include "zmatrix.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMN = 130, LINE = 36, LEFT = 40, TOP = 80, RADIUS = 13 };
#define BOND "#333333"
#define TURNS "#d55e00"
#define STIFF "#4a90c8"

typedef struct {
  const zmatrix *z;
  int *parent;   /* (N) */
  double *x, *y; /* (N) */
  double next;   /* the next free line */
  double rightmost;
} picture;

/* Rows come after those of their references: the root's middle atom is the only one without. */
static void find_parents(picture *p) {
  const zmatrix_row *row = p->z->row;
  for (size_t i = 0; i < p->z->N; i++)
    p->parent[row[i].atom] = row[i].a;
  p->parent[row[1].atom] = -1;
  p->parent[row[0].atom] = row[1].atom;
}

/* Atoms behind the rows' order: the tree is walked with a stack of its own path, the parents. */
static int next_child(const picture *p, int atom, size_t *place) {
  for (; *place < p->z->N; ++*place)
    if (p->parent[p->z->row[*place].atom] == atom)
      return p->z->row[(*place)++].atom;
  return -1;
}

static bool is_leaf(const picture *p, int atom) {
  size_t place = 0;
  return next_child(p, atom, &place) < 0;
}

/* Lines of leaves, in the order of a walk through the tree; place (N) is where each atom's walk is.
 */
static void place_leaves(picture *p, size_t *place) {
  int atom = p->z->row[1].atom;
  p->x[atom] = LEFT;
  while (atom >= 0) {
    const int child = next_child(p, atom, &place[atom]);
    if (is_leaf(p, atom))
      p->y[atom] = TOP + LINE * p->next++;
    if (child >= 0)
      p->x[child] = p->x[atom] + COLUMN;
    if (child >= 0 && p->x[child] > p->rightmost)
      p->rightmost = p->x[child];
    atom = child >= 0 ? child : p->parent[atom];
  }
}

/* The middle of the first and the last child; children have later rows, but for the root's first.
 */
static void place_parents(picture *p) {
  for (size_t back = p->z->N; back-- > 0;) {
    const int atom = p->z->row[back == 0 ? 1 : back == 1 ? 0 : back].atom;
    double lowest = 1e300, highest = -1e300;
    size_t place = 0;
    for (int child; (child = next_child(p, atom, &place)) >= 0;) {
      lowest = p->y[child] < lowest ? p->y[child] : lowest;
      highest = p->y[child] > highest ? p->y[child] : highest;
    }
    if (lowest <= highest)
      p->y[atom] = (lowest + highest) / 2;
  }
}

static void put_text(FILE *out, const char *text) {
  for (; *text != '\0'; text++)
    switch (*text) {
    case '<':
      fputs("&lt;", out);
      break;
    case '&':
      fputs("&amp;", out);
      break;
    default:
      fputc(*text, out);
    }
}

/* The head of an arrow that comes to (x,y) from the direction of (fx,fy). */
static void put_head(FILE *out, double x, double y, double fx, double fy, const char *colour) {
  const double length = hypot(x - fx, y - fy), ux = (x - fx) / length, uy = (y - fy) / length;
  fprintf(out, "<polygon points='%.1f,%.1f %.1f,%.1f %.1f,%.1f' fill='%s'/>\n", x, y,
          x - 7 * ux - 3 * uy, y - 7 * uy + 3 * ux, x - 7 * ux + 3 * uy, y - 7 * uy - 3 * ux,
          colour);
}

static void put_bond(FILE *out, const picture *p, int from, int to) {
  const double x = p->x[from] - RADIUS, X = p->x[to] + RADIUS, middle = (x + X) / 2;
  fprintf(out,
          "<path d='M%.0f %.1f C%.0f %.1f %.0f %.1f %.0f %.1f' fill='none' stroke='%s' "
          "stroke-width='1.4'/>\n",
          x, p->y[from], middle, p->y[from], middle, p->y[to], X, p->y[to], BOND);
  put_head(out, X, p->y[to], X + 1, p->y[to], BOND);
}

/* Bowed to the left, so that those within a column can be told apart. */
static void put_reference(FILE *out, const picture *p, const zmatrix_row *row) {
  const bool down = p->y[row->c] > p->y[row->atom];
  const double x = p->x[row->atom], X = p->x[row->c];
  const double y = p->y[row->atom] + (down ? RADIUS : -RADIUS);
  const double Y = p->y[row->c] + (down ? -RADIUS : RADIUS);
  const double bow_x = (x + X) / 2 - 16, bow_y = (y + Y) / 2;
  const char *colour = row->kind == 't' ? TURNS : STIFF;
  fprintf(out,
          "<path d='M%.0f %.1f Q%.0f %.1f %.0f %.1f' fill='none' stroke='%s' "
          "stroke-width='%s'/>\n",
          x, y, bow_x, bow_y, X, Y, colour, row->kind == 't' ? "1.6" : "1");
  put_head(out, X, Y, bow_x, bow_y, colour);
}

static void begin_text(FILE *out, double x, double y, const char *colour) {
  fprintf(out, "<text x='%.0f' y='%.0f' fill='%s'>", x, y, colour);
}

static void put_atom(FILE *out, const picture *p, const zmatrix_row *row) {
  const double x = p->x[row->atom], y = p->y[row->atom];
  fprintf(out, "<circle cx='%.0f' cy='%.1f' r='%d' fill='%s' stroke='%s'/>", x, y, RADIUS,
          row->kind == 't'   ? "#fbe0cc"
          : row->kind == 'i' ? "#e3eff9"
                             : "#ffffff",
          BOND);
  fprintf(out, "<text x='%.0f' y='%.1f' text-anchor='middle'>%d</text>", x, y + 4, row->atom);
  begin_text(out, x + RADIUS + 3, y - 5, "#444444");
  put_text(out, p->z->label[row->atom]);
  fputs("</text>", out);
  begin_text(out, x + RADIUS + 3, y + 14, TURNS);
  fprintf(out, "%s</text>\n", row->name);
}

static void put_legend(FILE *out) {
  static const char *const lines[][2] = {
      {BOND, "black: placed by the distance to"},
      {TURNS, "orange: by a torsion that turns freely, with"},
      {STIFF, "blue: by a stiff dihedral, with"},
  };
  for (int k = 0; k < 3; k++) {
    begin_text(out, 14, 18 + 15 * k, lines[k][0]);
    fprintf(out, "%s</text>\n", lines[k][1]);
  }
}

static void put_picture(FILE *out, const picture *p) {
  const zmatrix *z = p->z;
  fprintf(out,
          "<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%.0f' font-size='11' "
          "font-family='Helvetica,Arial,sans-serif'>\n"
          "<rect width='100%%' height='100%%' fill='#ffffff'/>\n",
          p->rightmost + COLUMN, TOP + LINE * p->next);
  put_legend(out);
  for (size_t i = 3; i < z->N; i++)
    put_reference(out, p, &z->row[i]);
  for (size_t i = 0; i < z->N; i++)
    if (p->parent[z->row[i].atom] >= 0)
      put_bond(out, p, z->row[i].atom, p->parent[z->row[i].atom]);
  for (size_t i = 0; i < z->N; i++)
    put_atom(out, p, &z->row[i]);
  fputs("</svg>\n", out);
}

static int write_picture(const char *path, const picture *p) {
  FILE *out = fopen(path, "w");
  if (out == NULL)
    return cli_fail("cannot write %s: %s", path, strerror(errno));
  put_picture(out, p);
  const bool well = ferror(out) == 0;
  return fclose(out) == 0 && well ? SUCCESS
                                  : cli_fail("cannot write %s: %s", path, strerror(errno));
}

int zmatrix_draw(const char *path, const zmatrix *z) {
  size_t *place = cli_alloc(z->N, sizeof *place);
  picture p = {.z = z,
               .parent = cli_alloc(z->N, sizeof *p.parent),
               .x = cli_alloc(z->N, sizeof *p.x),
               .y = cli_alloc(z->N, sizeof *p.y),
               .rightmost = LEFT};
  int result = FAILURE;
  if (place != NULL && p.parent != NULL && p.x != NULL && p.y != NULL) {
    find_parents(&p);
    place_leaves(&p, place);
    place_parents(&p);
    result = write_picture(path, &p);
  }
  free(place);
  free(p.parent);
  free(p.x);
  free(p.y);
  return result;
}
