/* layout.h -- links of a lattice in the order of another program (--layout), there and back. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

/* A row of the library has the links by (mu, x0, x1), the last the fastest; one of another program
   by the axes in `axis`. */
typedef struct {
  size_t sides[2];       /* of the lattice; 0: there is none */
  size_t group;          /* n of SU(n), 1: U(1) */
  unsigned char axis[3]; /* the slowest first: 0 is x0, 1 is x1, 2 is mu */
  bool pairs;            /* angles are written as (cos, sin) */
} layout;

enum { LAYOUT_WHY = 160 };

/* The order of a text as "x1 x0 mu", which may end with `complex`; what is wrong with it in `why`. */
bool layout_parse(const char *text, layout *l, char why[LAYOUT_WHY]);
size_t layout_links(const layout *l);
const char *layout_axis_name(const layout *l, size_t place);
/* Length of the axis that stands in that place. */
size_t layout_length(const layout *l, size_t place);
/* One row of `width` numbers a link: to the library's order, or from it. */
void layout_take(const layout *l, size_t width, const double *theirs, double *ours);
void layout_give(const layout *l, size_t width, const double *ours, double *theirs);

#endif
