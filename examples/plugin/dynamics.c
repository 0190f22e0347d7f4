/* clang-format off */
/* dynamics.c -- replica exchange of Langevin dynamics for one molecule whose energy is a plugin: the
   simulation whose rows a flow learns from, and what its samples are compared with.

     cc -O3 -o dynamics dynamics.c $(pkg-config --cflags --libs enf) -lm -ldl
     ./dynamics PLUGIN.so START.pdb nm ROWS.npy FRAMES SEED [RUNGS [COLDEST [HOTTEST [TORSION]]]]

   The plugin's energies are in units of kT at 300 K, its lengths in nm or angstrom. RUNGS temperatures
   (1) from COLDEST (300 K) to HOTTEST (600 K) in a geometric row, splitting BAOAB (Leimkuhler and
   Matthews 2013, Appl. Math. Res. Express 2013, 34) with 1 fs and friction 1/ps, an exchange every
   0.5 ps, a frame of the coldest every 0.2 ps after 0.2 ns. With TORSION, four atoms such as 4,6,8,14,
   it prints -log of P(0 < torsion < 2)/P(rest) with its error from ten blocks. A name ROWS with a
   star, rows-*.npy, is that of a file for every rung, rows-0.npy the coldest; their temperatures, over
   300 K, states and mean energies (kT at 300 K) are printed, too. */
/* clang-format on */
#include <dlfcn.h>
#include <enf/enf.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_ATOMS = 256, MOST_RUNGS = 32, STRIDE = 200, EXCHANGE = 500, BURN_IN = 200000 };
enum { BLOCKS = 10 };
static const double STEP = 1e-3, FRICTION = 1;      /* ps, 1/ps */
static const double KT = 0.00831446261815324 * 300; /* kJ/mol, of the plugin's energies */

static size_t atoms;
static double unit; /* lengths of the plugin in a nm */
static double mass[MOST_ATOMS];
static enf_energy_fn energy;

typedef struct {
  double kT, u;                                                      /* in KT */
  double x[3 * MOST_ATOMS], v[3 * MOST_ATOMS], grad[3 * MOST_ATOMS]; /* the plugin's unit */
} replica;

/* ---- random numbers: xoshiro256+ (Blackman and Vigna), polar method ----------------------------
 */

static uint64_t state[4];

static void seed(uint64_t number) {
  for (int i = 0; i < 4; i++) { /* splitmix64 */
    uint64_t z = number += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    state[i] = z ^ z >> 31;
  }
}

static double uniform(void) {
  const uint64_t sum = state[0] + state[3], t = state[1] << 17;
  state[2] ^= state[0], state[3] ^= state[1], state[1] ^= state[2], state[0] ^= state[3];
  state[2] ^= t, state[3] = state[3] << 45 | state[3] >> 19;
  return (double)(sum >> 11) * 0x1p-53;
}

static double normal(void) {
  static double spare;
  static int kept;
  if (kept) {
    kept = 0;
    return spare;
  }
  double a, b, r;
  do {
    a = 2 * uniform() - 1, b = 2 * uniform() - 1, r = a * a + b * b;
  } while (r >= 1 || r == 0);
  const double factor = sqrt(-2 * log(r) / r);
  kept = 1, spare = factor * b;
  return factor * a;
}

/* ---- dynamics -------------------------------------------------------------------------------- */

static void find_forces(replica *r) {
  if (energy(NULL, 1, r->x, &r->u, r->grad) != 0 || !isfinite(r->u)) {
    fprintf(stderr, "dynamics: no energy\n");
    exit(1);
  }
}

/* Velocities in the plugin's unit per ps: kJ/mol = atomic mass unit nm^2/ps^2. */
static void half_kick(replica *r) {
  for (size_t k = 0; k < 3 * atoms; k++)
    r->v[k] -= 0.5 * STEP * KT * unit * unit * r->grad[k] / mass[k / 3];
}

static void step(replica *r) {
  const double keep = exp(-FRICTION * STEP), kick = unit * sqrt((1 - keep * keep) * r->kT * KT);
  half_kick(r);
  for (size_t k = 0; k < 3 * atoms; k++) {
    r->x[k] += 0.5 * STEP * r->v[k];
    r->v[k] = keep * r->v[k] + kick / sqrt(mass[k / 3]) * normal();
    r->x[k] += 0.5 * STEP * r->v[k];
  }
  find_forces(r);
  half_kick(r);
}

/* The neighbours r[0] and r[1] change places, each taking the other's temperature. */
static void exchange(replica *r) {
  const double gain = (r[0].u - r[1].u) * (1 / r[0].kT - 1 / r[1].kT);
  if (gain < 0 && uniform() >= exp(gain))
    return;
  const replica was = r[0];
  const double cold = r[0].kT, hot = r[1].kT;
  r[0] = r[1], r[1] = was;
  r[0].kT = cold, r[1].kT = hot;
  for (size_t k = 0; k < 3 * atoms; k++)
    r[0].v[k] *= sqrt(cold / hot), r[1].v[k] *= sqrt(hot / cold);
}

/* Without its mean, so that single precision loses nothing. */
static void store(const double *x, double *row) {
  double mean[3] = {0};
  for (size_t k = 0; k < 3 * atoms; k++)
    mean[k % 3] += x[k] / (double)atoms;
  for (size_t k = 0; k < 3 * atoms; k++)
    row[k] = x[k] - mean[k % 3];
}

/* ---- the molecule ---------------------------------------------------------------------------- */

static double mass_of(const char *element) {
  static const struct {
    const char *name;
    double mass;
  } known[] = {{"H", 1.008},  {"C", 12.011}, {"N", 14.007}, {"O", 15.999},
               {"F", 18.998}, {"P", 30.974}, {"S", 32.06},  {"CL", 35.45}};
  while (*element == ' ')
    element++;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strncmp(element, known[i].name, strlen(known[i].name)) == 0 &&
        strchr(" \r\n", element[strlen(known[i].name)]))
      return known[i].mass;
  return 0;
}

/* Coordinates, in angstrom, and elements of ATOM and HETATM lines. */
static int read_pdb(const char *path, double *x) {
  char line[128];
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file)) {
    double *at = x + 3 * atoms;
    if (strncmp(line, "ATOM", 4) != 0 && strncmp(line, "HETATM", 6) != 0)
      continue;
    if (atoms == MOST_ATOMS || strlen(line) < 78 ||
        sscanf(line + 30, "%8lf%8lf%8lf", at, at + 1, at + 2) != 3 ||
        !((mass[atoms] = mass_of(line + 76)) > 0)) {
      fclose(file);
      return 0;
    }
    for (int k = 0; k < 3; k++)
      at[k] *= unit / 10;
    atoms++;
  }
  if (file)
    fclose(file);
  return atoms > 1;
}

/* ---- the states of a torsion ----------------------------------------------------------------- */

/* Mean over all frames and its error from blocks. */
static void find_mean(size_t n, const double *value, double *mean, double *error) {
  double square = 0;
  *mean = 0;
  for (size_t s = 0; s < n; s++)
    *mean += value[s] / (double)n;
  for (size_t b = 0; b < BLOCKS; b++) {
    const size_t first = n * b / BLOCKS, end = n * (b + 1) / BLOCKS;
    double sum = 0;
    for (size_t s = first; s < end; s++)
      sum += value[s] / (double)(end - first);
    square += (sum - *mean) * (sum - *mean);
  }
  *error = sqrt(square / BLOCKS / (BLOCKS - 1));
}

static void print_states(enf_ctx *ctx, const char *text, size_t n, const double *x) {
  int32_t of[1][4];
  double *torsion = malloc(n * sizeof *torsion), mean, error;
  if (!torsion || sscanf(text, "%d,%d,%d,%d", of[0], of[0] + 1, of[0] + 2, of[0] + 3) != 4 ||
      enf_dihedrals(ctx, n, atoms, x, 1, (const int32_t(*)[4])of, torsion) != ENF_OK) {
    fprintf(stderr, "dynamics: %s is no torsion\n", text);
    exit(1);
  }
  for (size_t s = 0; s < n; s++)
    torsion[s] = torsion[s] > 0 && torsion[s] < 2;
  find_mean(n, torsion, &mean, &error);
  printf("states: %.3f +- %.3f kT\n", log((1 - mean) / mean), error / mean / (1 - mean));
  free(torsion);
}

/* ---------------------------------------------------------------------------------------------- */

/* The plugin's function, from an object pointer as dlsym gives it. */
static int load(const char *path) {
  void *library = dlopen(path, RTLD_NOW), *symbol = NULL;
  if (library)
    symbol = dlsym(library, "enf_plugin_energy");
  memcpy(&energy, &symbol, sizeof energy);
  return symbol != NULL;
}

/* rows and u: of the first `kept` rungs, one behind the other. */
static void run(replica *r, int rungs, int kept, long frames, double *rows, double *u) {
  for (long s = 1 - BURN_IN; s <= frames * STRIDE; s++) {
    for (int k = 0; k < rungs; k++)
      step(&r[k]);
    for (int k = s / EXCHANGE % 2 != 0; s % EXCHANGE == 0 && k + 1 < rungs; k += 2)
      exchange(&r[k]);
    for (int k = 0; s > 0 && s % STRIDE == 0 && k < kept; k++) {
      const size_t row = (size_t)(k * frames + s / STRIDE - 1);
      store(r[k].x, rows + row * 3 * atoms);
      u[row] = r[k].u;
    }
  }
}

/* The name of rung k: with its number in the place of the star, if there is one. */
static void name_rows(const char *pattern, int k, size_t size, char *name) {
  const char *star = strchr(pattern, '*');
  if (star)
    snprintf(name, size, "%.*s%d%s", (int)(star - pattern), pattern, k, star + 1);
  else
    snprintf(name, size, "%s", pattern);
}

int main(int count, char **word) {
  static replica r[MOST_RUNGS];
  const long frames = count > 6 ? strtol(word[5], NULL, 10) : 0;
  const int rungs = count > 7 ? atoi(word[7]) : 1;
  const double cold = count > 8 ? strtod(word[8], NULL) : 300;
  const double hot = count > 9 ? strtod(word[9], NULL) : 600;
  if (frames < BLOCKS || rungs < 1 || rungs > MOST_RUNGS || !(cold > 0) || !(hot >= cold)) {
    fprintf(stderr, "usage: dynamics PLUGIN.so START.pdb nm|angstrom ROWS.npy FRAMES SEED "
                    "[RUNGS [COLDEST [HOTTEST [TORSION]]]]\n");
    return 2;
  }
  unit = strcmp(word[3], "nm") == 0 ? 1 : 10;
  if (!load(word[1]) || !read_pdb(word[2], r[0].x)) {
    fprintf(stderr, "dynamics: no energy in %s, or no molecule in %s\n", word[1], word[2]);
    return 1;
  }
  enf_ctx *ctx;
  const size_t n = (size_t)frames, shape[] = {n, atoms, 3};
  const int kept = strchr(word[4], '*') ? rungs : 1;
  double *rows = malloc((size_t)kept * n * (3 * atoms + 1) * sizeof *rows);
  double *u = rows + (size_t)kept * n * 3 * atoms;
  if (!rows || enf_ctx_create(&ctx, NULL) != ENF_OK)
    return 1;
  seed((uint64_t)strtoll(word[6], NULL, 10));
  for (int k = 0; k < rungs; k++) {
    memcpy(r[k].x, r[0].x, sizeof r[k].x);
    r[k].kT = cold / 300 * (rungs > 1 ? pow(hot / cold, (double)k / (rungs - 1)) : 1);
    find_forces(&r[k]);
  }
  run(r, rungs, kept, frames, rows, u);
  printf("%ld frames of %.1f ns, %d rungs: %.1f processor seconds\n", frames,
         (double)frames * STRIDE * STEP / 1000, rungs, (double)clock() / CLOCKS_PER_SEC);
  for (int k = 0; k < kept; k++) {
    char name[4096];
    double mean, error;
    find_mean(n, u + (size_t)k * n, &mean, &error);
    if (kept > 1)
      printf("rung %d, temperature %.4f: energy %.3f +- %.3f\n", k, r[k].kT, mean, error);
    if (count > 10)
      print_states(ctx, word[10], n, rows + (size_t)k * n * 3 * atoms);
    name_rows(word[4], k, sizeof name, name);
    if (enf_array_write(ctx, name, "f4", 3, shape, NULL, rows + (size_t)k * n * 3 * atoms) != ENF_OK) {
      fprintf(stderr, "%s\n", enf_ctx_errmsg(ctx));
      return 1;
    }
  }
  enf_ctx_destroy(ctx);
  free(rows);
  return 0;
}
