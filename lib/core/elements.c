/* elements.c -- symbols of the chemical elements by atomic number (IUPAC, 2016). */
#include "core/elements.h"
#include "core/core.h"
#include <enf/molecule.h>
#include <string.h>

static const char symbols[][3] = {
    "X",  "H",  "He", "Li", "Be", "B",  "C",  "N",  "O",  "F",  "Ne", "Na", "Mg", "Al", "Si",
    "P",  "S",  "Cl", "Ar", "K",  "Ca", "Sc", "Ti", "V",  "Cr", "Mn", "Fe", "Co", "Ni", "Cu",
    "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr", "Rb", "Sr", "Y",  "Zr", "Nb", "Mo", "Tc", "Ru",
    "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I",  "Xe", "Cs", "Ba", "La", "Ce", "Pr",
    "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Hf", "Ta", "W",
    "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At", "Rn", "Fr", "Ra", "Ac",
    "Th", "Pa", "U",  "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No", "Lr", "Rf",
    "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh", "Fl", "Mc", "Lv", "Ts", "Og",
};

enum { SYMBOLS = sizeof symbols / sizeof *symbols };
_Static_assert(SYMBOLS == 119, "the elements up to 118");

const char *enf__element_symbol(size_t number) { return number < SYMBOLS ? symbols[number] : NULL; }

int enf__element_number(const char *symbol, size_t length) {
  for (int z = 1; z < SYMBOLS; z++)
    if (strlen(symbols[z]) == length && memcmp(symbols[z], symbol, length) == 0)
      return z;
  return -1;
}

int32_t enf_element_number(const char *symbol) {
  ENF__ENTRY;
  return symbol ? enf__element_number(symbol, strlen(symbol)) : -1;
}
