/* clang-format off */
/* dynamics.c -- alanine dipeptide by replica exchange of Langevin dynamics: the simulation whose
   rows a flow learns from, and what its samples are compared with.

     cc -O3 -fno-math-errno -o dynamics dynamics.c $(pkg-config --cflags --libs enf) -lm
     ./dynamics alanine.pdb rows.npy FRAMES SEED [RUNGS [COLDEST [HOTTEST]]]

   RUNGS temperatures (1) from COLDEST (300 K) to HOTTEST (600 K) in a geometric row, splitting BAOAB
   (Leimkuhler and Matthews 2013, Appl. Math. Res. Express 2013, 34) with 1 fs and friction 1/ps, an
   exchange every 0.5 ps, a frame of the coldest every 0.2 ps after 0.2 ns. It prints processor seconds
   and -kT log of P(0 < phi < 2)/P(rest) with its error from ten blocks. */
/* clang-format on */
#include "alanine.c"
#include <enf/enf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MOST_RUNGS = 32, STRIDE = 200, EXCHANGE = 500, BURN_IN = 200000, BLOCKS = 10 };
static const double STEP = 1e-3, FRICTION = 1, BOLTZMANN = 0.00831446261815324; /* ps, 1/ps */

typedef struct {
  double kT, u; /* kJ/mol */
  vectors x, v, grad;
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

static void find_forces(const pair_table *table, replica *r) {
  memset(r->grad, 0, sizeof r->grad);
  r->u = molecule(table, r->x, r->grad);
}

static void half_kick(replica *r) {
  for (int i = 0; i < N; i++)
    add(r->v[i], -0.5 * STEP / type[atom[i].type].mass, r->grad[i]);
}

static void step(const pair_table *table, replica *r) {
  const double keep = exp(-FRICTION * STEP), kick = sqrt((1 - keep * keep) * r->kT);
  half_kick(r);
  for (int i = 0; i < N; i++) {
    const double random = kick / sqrt(type[atom[i].type].mass);
    add(r->x[i], 0.5 * STEP, r->v[i]);
    for (int k = 0; k < D; k++)
      r->v[i][k] = keep * r->v[i][k] + random * normal();
    add(r->x[i], 0.5 * STEP, r->v[i]);
  }
  find_forces(table, r);
  half_kick(r);
}

/* The neighbours r and r + 1 change temperatures, that is everything else. */
static void exchange(replica *r) {
  const double gain = (r[0].u - r[1].u) * (1 / r[0].kT - 1 / r[1].kT);
  if (gain < 0 && uniform() >= exp(gain))
    return;
  const replica other = r[0];
  const double slower = sqrt(r[0].kT / r[1].kT);
  r[0] = r[1], r[0].kT = other.kT;
  const double kT = r[1].kT;
  r[1] = other, r[1].kT = kT;
  for (int i = 0; i < N; i++)
    for (int k = 0; k < D; k++)
      r[0].v[i][k] *= slower, r[1].v[i][k] /= slower;
}

/* Without its mean, so that single precision loses nothing. */
static void store(vectors x, double *row) {
  double mean[D] = {0};
  for (int i = 0; i < N; i++)
    add(mean, 1.0 / N, x[i]);
  for (int i = 0; i < N; i++)
    difference(x[i], mean, row + i * D);
}

static int read_pdb(const char *path, vectors x) {
  char line[128];
  int count = 0;
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, "ATOM", 4) == 0 && count < N) {
      count += sscanf(line + 30, "%8lf%8lf%8lf", &x[count][0], &x[count][1], &x[count][2]) == 3;
      for (int k = 0; k < D; k++)
        x[count - 1][k] /= 10; /* angstrom */
    }
  if (file)
    fclose(file);
  return count == N;
}

/* ---- the states of phi ----------------------------------------------------------------------- */

static int is_left(const double *x) {
  double f[D], g[D], h[D], a[D], b[D], sine[D];
  difference(x + 3 * 4, x + 3 * 6, f), difference(x + 3 * 6, x + 3 * 8, g);
  difference(x + 3 * 14, x + 3 * 8, h);
  cross(f, g, a), cross(h, g, b), cross(b, a, sine);
  const double phi = atan2(dot(sine, g) / sqrt(dot(g, g)), dot(a, b));
  return phi > 0 && phi < 2;
}

static void print_states(size_t n, const double *x) {
  double share[BLOCKS], mean = 0, square = 0;
  for (size_t b = 0; b < BLOCKS; b++) {
    const size_t first = n * b / BLOCKS, end = n * (b + 1) / BLOCKS;
    size_t left = 0;
    for (size_t s = first; s < end; s++)
      left += (size_t)is_left(x + s * N * D);
    share[b] = (double)left / (double)(end - first);
    mean += share[b] / BLOCKS;
  }
  for (int b = 0; b < BLOCKS; b++)
    square += (share[b] - mean) * (share[b] - mean);
  const double error = sqrt(square / BLOCKS / (BLOCKS - 1));
  printf("states of phi: %.3f +- %.3f kT\n", log((1 - mean) / mean), error / mean / (1 - mean));
}

/* ---------------------------------------------------------------------------------------------- */

int main(int count, char **word) {
  static replica r[MOST_RUNGS];
  pair_table table;
  const long frames = count > 4 ? strtol(word[3], NULL, 10) : 0;
  const int rungs = count > 5 ? atoi(word[5]) : 1;
  const double cold = count > 6 ? strtod(word[6], NULL) : 300;
  const double hot = count > 7 ? strtod(word[7], NULL) : 600;
  if (frames < BLOCKS || rungs < 1 || rungs > MOST_RUNGS || !(cold > 0) || !(hot >= cold)) {
    fprintf(stderr, "usage: dynamics START.pdb ROWS.npy FRAMES SEED [RUNGS [COLDEST [HOTTEST]]]\n");
    return 2;
  }
  double *rows = malloc((size_t)frames * N * D * sizeof *rows);
  if (!rows || !read_pdb(word[1], r[0].x)) {
    fprintf(stderr, "no memory, or no %d atoms in %s\n", N, word[1]);
    return 1;
  }
  seed((uint64_t)strtoll(word[4], NULL, 10));
  fill(&table);
  for (int k = 0; k < rungs; k++) {
    memcpy(r[k].x, r[0].x, sizeof r[k].x);
    r[k].kT = BOLTZMANN * cold * (rungs > 1 ? pow(hot / cold, (double)k / (rungs - 1)) : 1);
    find_forces(&table, &r[k]);
  }
  for (long s = 1 - BURN_IN; s <= frames * STRIDE; s++) {
    for (int k = 0; k < rungs; k++)
      step(&table, &r[k]);
    for (int k = s / EXCHANGE % 2 != 0; s % EXCHANGE == 0 && k + 1 < rungs; k += 2)
      exchange(&r[k]);
    if (s > 0 && s % STRIDE == 0)
      store(r[0].x, rows + (s / STRIDE - 1) * N * D);
  }
  printf("%ld frames of %.1f ns, %d rungs: %.1f processor seconds\n", frames,
         (double)frames * STRIDE * STEP / 1000, rungs, (double)clock() / CLOCKS_PER_SEC);
  print_states((size_t)frames, rows);
  enf_ctx *ctx;
  const size_t shape[] = {(size_t)frames, N, D};
  if (enf_ctx_create(&ctx, NULL) != ENF_OK ||
      enf_array_write(ctx, word[2], "f4", 3, shape, NULL, rows) != ENF_OK) {
    fprintf(stderr, "%s\n", enf_ctx_errmsg(ctx));
    return 1;
  }
  enf_ctx_destroy(ctx);
  free(rows);
  return 0;
}
