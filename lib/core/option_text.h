/* option_text.h -- what the options that are texts may say: checked when they are set, read by the
   same rules by those who use them. */
#ifndef ENF__OPTION_TEXT_H
#define ENF__OPTION_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A column of options.def: false, with the reason in why (size), for a text that is refused. */
typedef bool (*enf__text_check)(const char *text, char *why, size_t size);
bool enf__check_species(const char *text, char *why, size_t size);
bool enf__check_data_scale(const char *text, char *why, size_t size);
bool enf__check_any(const char *text, char *why, size_t size); /* what is read elsewhere */
bool enf__check_symmetry(const char *text, char *why, size_t size);
bool enf__check_map(const char *text, char *why, size_t size);
bool enf__check_lattice(const char *text, char *why, size_t size); /* or empty */
bool enf__check_temperatures(const char *text, char *why, size_t size); /* or empty */

bool enf__check_elements(const char *text, char *why, size_t size); /* or empty */
bool enf__check_sizes(const char *text, char *why, size_t size);    /* or empty */

enum { ENF__SPECIES = 256 }; /* numbers of model.species are below it */

/* The next particle of model.species: its number, an element's is the atomic one. Returns what
   follows; NULL at the end, and of a text that would be refused. */
const char *enf__species_next(const char *text, int *number);

/* The next size of model.sizes, "particles:count" between blanks. Returns what follows; NULL at the
   end, and of a text that would be refused. */
const char *enf__sizes_next(const char *text, size_t *particles, double *count);

/* The next map of model.map, "name" or "name*layers" between plus signs: its number and its layers.
   Returns what follows; NULL at the end, and of a text that would be refused. */
const char *enf__map_next(const char *text, int *map, size_t *layers);

bool enf__check_margins(const char *text, char *why, size_t size); /* or empty */

/* A margin of model.margins: a number of the choices LAW, its numbers, and which of df, loc and scale
   the text sets. */
typedef struct {
  int law;
  double df, loc, scale;
  bool set[3];
} enf__margin;

/* The next margin. Returns what follows; NULL at the end, where the margin stays, and of a text that
   would be refused. */
const char *enf__margins_next(const char *text, enf__margin *margin);
size_t enf__margins_count(const char *text);

/* model.lattice: how many sides the text has, of which two are read; 0 for a text that would be refused,
   and for an empty one. */
size_t enf__read_lattice(const char *text, size_t side[2]);

/* model.temperatures: the coldest and the hottest, 0 for none; false for a text that would be refused. */
bool enf__read_temperatures(const char *text, double range[2]);

/* model.data_scale, 0 for auto; false for a text that would be refused. */
bool enf__read_data_scale(const char *text, double *scale);

#endif
