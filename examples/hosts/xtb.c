/* clang-format off */
/* xtb.c -- energies of xtb (GFN2-xTB, GFN1-xTB, GFN-FF) for the `enf` tool, through xtb's C API.

     cc -O2 -fPIC -shared -o xtb.so xtb.c $(pkg-config --cflags --libs enf xtb) -lm
     export OMP_NUM_THREADS=1 GFORTRAN_UNBUFFERED_ALL=y
     XTB_MOLECULE=molecule.pdb XTB_METHOD=gfnff enf reweight FLOW --energy ./xtb.so

   XTB_MOLECULE (.pdb) has the elements, XTB_METHOD is gfn2 (default), gfn1 or gfnff, whose bonds are
   those of the file's configuration, XTB_SOLVENT a solvent of GBSA such as water, XTB_UNIT angstrom
   (default) or nm, XTB_KELVIN the temperature (300). Energies are in kT, from that of the file's
   configuration. One that xtb cannot do is impossible: its energy is infinite. GFN-FF leaves two
   files, gfnff_*, where it runs. */
/* clang-format on */
#include <enf/molecule.h>
#include <enf/plugin.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xtb.h>

enum { MOST = 1000 };
static const double BOHR = 0.529177210903, HARTREE_KELVIN = 315775.02480407; /* angstrom; in k_B */

static struct {
  int atoms, element[MOST];
  double x[3 * MOST], length, kelvin; /* bohr; bohr in a host's unit */
  double zero;                        /* hartree */
  const char *method;
  char *solvent;
  xtb_TEnvironment env;
  xtb_TMolecule molecule;
  xtb_TCalculator calculator;
  xtb_TResults results;
} xtb;

static const char *setting(const char *name, const char *otherwise) {
  const char *value = getenv(name);
  return value && *value ? value : otherwise;
}

static int read_pdb(const char *path) {
  char line[128], name[3] = "";
  FILE *file = path ? fopen(path, "r") : NULL;
  xtb.atoms = 0;
  while (file && fgets(line, sizeof line, file) && xtb.atoms < MOST) {
    double *x = xtb.x + 3 * xtb.atoms;
    if (strncmp(line, "ATOM", 4) != 0 && strncmp(line, "HETATM", 6) != 0)
      continue;
    if (strlen(line) < 78 || sscanf(line + 30, "%8lf%8lf%8lf", x, x + 1, x + 2) != 3 ||
        sscanf(line + 76, "%2s", name) != 1 ||
        (xtb.element[xtb.atoms] = enf_element_number(name)) <= 0)
      break;
    for (int k = 0; k < 3; k++)
      x[k] /= BOHR;
    xtb.atoms++;
  }
  if (file)
    fclose(file);
  return xtb.atoms > 1;
}

static int failed(const char *what) {
  fprintf(stderr, "xtb: %s\n", what);
  return 1;
}

static void load_method(void) {
  if (strcmp(xtb.method, "gfnff") == 0)
    xtb_loadGFNFF(xtb.env, xtb.molecule, xtb.calculator, NULL);
  else if (strcmp(xtb.method, "gfn1") == 0)
    xtb_loadGFN1xTB(xtb.env, xtb.molecule, xtb.calculator, NULL);
  else
    xtb_loadGFN2xTB(xtb.env, xtb.molecule, xtb.calculator, NULL);
  if (xtb.solvent && *xtb.solvent)
    xtb_setSolvent(xtb.env, xtb.calculator, xtb.solvent, NULL, NULL, NULL);
}

/* GFN-FF writes its set-up to standard output whatever the verbosity, at once if Fortran does not
   buffer it. */
static void load_silently(void) {
  fflush(stdout);
  const int out = dup(1), nowhere = open("/dev/null", O_WRONLY);
  if (out >= 0 && nowhere >= 0)
    dup2(nowhere, 1);
  load_method();
  fflush(stdout);
  if (out >= 0)
    dup2(out, 1), close(out);
  if (nowhere >= 0)
    close(nowhere);
}

static int begin(void) {
  const double charge = 0;
  const int unpaired = 0;
  xtb.method = setting("XTB_METHOD", "gfn2");
  xtb.solvent = getenv("XTB_SOLVENT");
  xtb.kelvin = strtod(setting("XTB_KELVIN", "300"), NULL);
  xtb.length = strcmp(setting("XTB_UNIT", "angstrom"), "nm") == 0 ? BOHR / 10 : BOHR;
  if (!read_pdb(getenv("XTB_MOLECULE")) || !(xtb.kelvin > 0))
    return failed("XTB_MOLECULE is no .pdb file with elements, or XTB_KELVIN no temperature");
  xtb.env = xtb_newEnvironment();
  xtb_setVerbosity(xtb.env, XTB_VERBOSITY_MUTED);
  xtb.molecule =
      xtb_newMolecule(xtb.env, &xtb.atoms, xtb.element, xtb.x, &charge, &unpaired, NULL, NULL);
  xtb.calculator = xtb_newCalculator();
  xtb.results = xtb_newResults();
  load_silently();
  xtb_singlepoint(xtb.env, xtb.molecule, xtb.calculator, xtb.results);
  if (!xtb_checkEnvironment(xtb.env))
    xtb_getEnergy(xtb.env, xtb.results, &xtb.zero);
  return xtb_checkEnvironment(xtb.env) ? failed("no energy of the molecule by this method") : 0;
}

/* After an error old results spoil what follows. */
static void forget(void) {
  char text[512];
  const int size = sizeof text;
  xtb_getError(xtb.env, text, &size);
  xtb_delResults(&xtb.results);
  xtb.results = xtb_newResults();
}

/* x (N,3) -> u and grad (N,3) unless NULL, infinite where xtb finds none. */
static double one(const double *x, double *grad) {
  double hartree, slope[3 * MOST];
  const double beta = HARTREE_KELVIN / xtb.kelvin;
  for (int k = 0; k < 3 * xtb.atoms; k++)
    xtb.x[k] = x[k] / xtb.length;
  xtb_updateMolecule(xtb.env, xtb.molecule, xtb.x, NULL);
  xtb_singlepoint(xtb.env, xtb.molecule, xtb.calculator, xtb.results);
  if (!xtb_checkEnvironment(xtb.env)) {
    xtb_getEnergy(xtb.env, xtb.results, &hartree);
    xtb_getGradient(xtb.env, xtb.results, slope);
    if (!xtb_checkEnvironment(xtb.env)) {
      for (int k = 0; grad && k < 3 * xtb.atoms; k++)
        grad[k] = beta * slope[k] / xtb.length;
      return beta * (hartree - xtb.zero);
    }
  }
  forget();
  for (int k = 0; grad && k < 3 * xtb.atoms; k++)
    grad[k] = 0;
  return INFINITY;
}

/* x (n,N,D) -> u (n), grad (n,N,D) unless NULL. Anything but 0 stops the tool. */
int enf_plugin_energy(void *user, size_t n, const double *x, double *u, double *grad) {
  (void)user;
  if (xtb.atoms == 0 && begin() != 0)
    return 1;
  const size_t size = 3 * (size_t)xtb.atoms;
  for (size_t s = 0; s < n; s++)
    u[s] = one(x + s * size, grad ? grad + s * size : NULL);
  return 0;
}
