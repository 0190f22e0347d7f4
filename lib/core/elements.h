/* elements.h -- symbols of the chemical elements. */
#ifndef ENF__ELEMENTS_H
#define ENF__ELEMENTS_H

#include <stddef.h>

/* The symbol of this atomic number, "X" for 0 (an atom of no element), NULL beyond 118. */
const char *enf__element_symbol(size_t number);
/* The atomic number of the element of this symbol (length), -1 if there is none. */
int enf__element_number(const char *symbol, size_t length);

#endif
