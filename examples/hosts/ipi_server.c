/* ipi_server.c -- energies by the i-PI protocol: libenf is the server, the client LAMMPS (fix ipi), ASE, CP2K, FHI-aims, ...
   ./ipi_server FLOW NAME KELVIN [SAMPLES]: weights of samples of a flow in angstrom; the client joins at /tmp/ipi_NAME. */
#define _DEFAULT_SOURCE
#include <enf/enf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const double bohr = 0.529177210903, boltzmann = 3.166811563e-6; /* angstrom, hartree/K */

typedef struct {
  int fd;
  size_t atoms;
  double kT;
  char *frame; /* cell, its inverse, count, positions */
} client;

static int put(int fd, const void *data, size_t bytes) {
  const char *at = data;
  for (ssize_t k; bytes > 0; at += k, bytes -= (size_t)k)
    if ((k = write(fd, at, bytes)) <= 0)
      return 1;
  return 0;
}

static int get(int fd, void *data, size_t bytes) {
  char *at = data;
  for (ssize_t k; bytes > 0; at += k, bytes -= (size_t)k)
    if ((k = read(fd, at, bytes)) <= 0)
      return 1;
  return 0;
}

static int say(const client *c, const char *word) {
  char message[13];
  snprintf(message, sizeof message, "%-12s", word);
  return put(c->fd, message, 12);
}

static int hear(const client *c, char word[13]) {
  const int failed = get(c->fd, word, 12);
  word[12] = '\0';
  word[strcspn(word, " ")] = '\0';
  return failed;
}

/* Hand it x (atoms,3); the energy in hartree and forces in hartree/bohr come back. */
static int ask(client *c, const double *x, double *energy, double *force) {
  char word[13], rest[256];
  double virial[9], *position = (double *)(c->frame + 152); /* the count is at 148, so that these are aligned */
  int32_t count = (int32_t)c->atoms, zero = 0, bytes;
  memcpy(c->frame + 148, &count, 4);
  for (size_t k = 0; k < 3 * c->atoms; k++)
    position[k] = x[k] / bohr;
  while (!say(c, "STATUS") && !hear(c, word) && strcmp(word, "HAVEDATA") != 0)
    if (strcmp(word, "NEEDINIT") == 0 ? say(c, "INIT") || put(c->fd, &zero, 4) || put(c->fd, &zero, 4)
                                      : say(c, "POSDATA") || put(c->fd, c->frame + 4, 148 + 24 * c->atoms))
      return 1;
  if (say(c, "GETFORCE") || hear(c, word) || strcmp(word, "FORCEREADY") != 0 || get(c->fd, energy, 8) || get(c->fd, &count, 4) ||
      (size_t)count != c->atoms || get(c->fd, force, 24 * c->atoms) || get(c->fd, virial, 72) || get(c->fd, &bytes, 4))
    return 1;
  for (; bytes > 0; bytes -= (int32_t)sizeof rest)
    if (get(c->fd, rest, bytes < (int32_t)sizeof rest ? (size_t)bytes : sizeof rest))
      return 1;
  return 0;
}

static int energy(void *user, size_t n, const double *x, double *u, double *grad) {
  client *c = user;
  const size_t width = 3 * c->atoms;
  double *force = malloc(width * sizeof *force);
  int failed = !force;
  for (size_t i = 0; i < n && !failed; i++) {
    failed = ask(c, x + i * width, &u[i], force);
    u[i] /= c->kT;
    for (size_t k = 0; grad && k < width; k++)
      grad[i * width + k] = -force[k] / (c->kT * bohr);
  }
  free(force);
  return failed;
}

static int listen_at(const char *name) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  snprintf(at.sun_path, sizeof at.sun_path, "/tmp/ipi_%s", name);
  unlink(at.sun_path);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  const int found = bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 1) ? -1 : accept(fd, NULL, NULL);
  close(fd), unlink(at.sun_path);
  return found;
}

int main(int argc, char **argv) {
  enf_ctx *ctx = NULL;
  enf_flow *flow = NULL;
  enf_weights w = ENF_WEIGHTS_INIT;
  int64_t atoms = 0;
  if (argc < 4 || enf_ctx_create(&ctx, NULL) || enf_load(ctx, &flow, argv[1]) || enf_get_int(flow, "particles", &atoms))
    return fprintf(stderr, "ipi_server FLOW NAME KELVIN [SAMPLES]: %s\n", enf_ctx_errmsg(ctx)), 2;
  client c = {.atoms = (size_t)atoms, .kT = boltzmann * atof(argv[3]), .frame = calloc(152 + 24 * (size_t)atoms, 1)};
  const size_t n = argc > 4 ? (size_t)atoi(argv[4]) : 50, width = 3 * c.atoms;
  const double box[18] = {1e3, 0, 0, 0, 1e3, 0, 0, 0, 1e3, 1e-3, 0, 0, 0, 1e-3, 0, 0, 0, 1e-3};
  double *x = malloc(n * width * sizeof *x), *logp = malloc(n * sizeof *logp), *u = malloc(n * sizeof *u);
  memcpy(c.frame + 4, box, sizeof box);
  c.fd = listen_at(argv[2]);
  const int failed = c.fd < 0 || enf_sample(ctx, flow, 1, 0, n, x, logp) || energy(&c, n, x, u, NULL) ||
                     enf_reweight(ctx, n, logp, u, NULL, &w) || enf_array_write(ctx, "u.npy", NULL, 1, &n, NULL, u);
  printf("%zu samples: ESS %.3f +- %.3f, log Z %.2f +- %.2f%s\n", n, w.ess, w.ess_err, w.log_z, w.log_z_err, failed ? ": failed" : "");
  say(&c, "EXIT"), close(c.fd), free(c.frame), free(x), free(logp), free(u), enf_destroy(flow), enf_ctx_destroy(ctx);
  return failed;
}
