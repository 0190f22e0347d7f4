/* ranks.c -- the processes that share the work of a command, by MPI.

   MPI is begun only where mpirun has started the process: alone the tool begins as fast as without.
   A rank that fails alone would leave the others waiting, so at the end all are expected for a few
   seconds, in a communicator of their own since they may be in the middle of another meeting. */
#include "ranks.h"

#ifdef ENF_MPI
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SENTENCE = 1024, END_SECONDS = 5 };

static struct {
  bool shared;
  int number, count, errors; /* errors: standard error, of ranks that print nothing */
  MPI_Comm ending;
  char sentence[SENTENCE];
} ranks = {.count = 1, .errors = -1};

const char *ranks_library(void) {
  static char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  text[strcspn(text, ",\n")] = '\0';
  return text;
}

static bool started_by_mpirun(void) {
  static const char *const signs[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMI_RANK", "PMIX_RANK",
                                      "MPI_LOCALNRANKS"};
  for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
    if (getenv(signs[i]) != NULL)
      return true;
  return false;
}

/* Rank 0 says what all would. */
static void fall_silent(void) {
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  fflush(stdout);
  ranks.errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (nowhere < 0 || ranks.errors < 0)
    return;
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
  close(nowhere);
}

int ranks_begin(int *argc, char ***argv) {
  if (!started_by_mpirun())
    return 0;
  if (MPI_Init(argc, argv) != MPI_SUCCESS)
    return 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &ranks.number);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks.count);
  MPI_Comm_dup(MPI_COMM_WORLD, &ranks.ending);
  ranks.shared = true;
  if (ranks.number > 0)
    fall_silent();
  return 0;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* All ranks have come to their end, or the time is over. */
static bool all_end(double seconds) {
  const struct timespec pause = {0, 1000000};
  const double start = now();
  MPI_Request request;
  int done = 0;
  MPI_Ibarrier(ranks.ending, &request);
  for (;;) {
    MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (done || now() - start > seconds)
      return done;
    nanosleep(&pause, NULL);
  }
}

/* The lowest rank that has something to say about its failure. */
static int speaker(void) {
  int mine = ranks.sentence[0] != '\0' ? ranks.number : INT_MAX, lowest = mine;
  MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, ranks.ending);
  return lowest;
}

/* One that has not failed waits for the others as long as they need. Rank 0 has spoken already. */
int ranks_end(int result) {
  if (!ranks.shared)
    return result;
  fflush(stdout);
  const bool met = all_end(result == 0 ? HUGE_VAL : END_SECONDS);
  if ((!met || speaker() == ranks.number) && ranks.errors >= 0)
    dprintf(ranks.errors, "enf: rank %d: %s\n", ranks.number, ranks.sentence);
  if (!met)
    MPI_Abort(MPI_COMM_WORLD, result);
  MPI_Finalize();
  return result;
}

bool ranks_shared(void) { return ranks.shared; }
size_t ranks_count(void) { return (size_t)ranks.count; }
size_t ranks_number(void) { return (size_t)ranks.number; }

void ranks_remember(const char *sentence) {
  snprintf(ranks.sentence, sizeof ranks.sentence, "%s", sentence);
}

/* In pieces that MPI can count. */
static void hand_out(double *rows, size_t numbers, int from) {
  for (size_t at = 0; at < numbers;) {
    const size_t left = numbers - at, piece = left < INT_MAX ? left : INT_MAX;
    MPI_Bcast(rows + at, (int)piece, MPI_DOUBLE, from, MPI_COMM_WORLD);
    at += piece;
  }
}

void ranks_gather(size_t n, size_t width, double *rows) {
  for (int r = 0; ranks.count > 1 && r < ranks.count; r++) {
    const size_t from = ranks_from(n, (size_t)r), to = ranks_from(n, (size_t)r + 1);
    hand_out(rows + from * width, (to - from) * width, r);
  }
}

int ranks_worst(int value) {
  int worst = value;
  if (ranks.count > 1)
    MPI_Allreduce(&value, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return worst;
}

int ranks_add(void *user, size_t n, double *sum) {
  (void)user;
  for (size_t at = 0; at < n && ranks.count > 1;) {
    const size_t left = n - at, piece = left < INT_MAX ? left : INT_MAX;
    if (MPI_Allreduce(MPI_IN_PLACE, sum + at, (int)piece, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD) !=
        MPI_SUCCESS)
      return 1;
    at += piece;
  }
  return 0;
}

#else

const char *ranks_library(void) { return "no"; }
int ranks_begin(int *argc, char ***argv) { return (void)argc, (void)argv, 0; }
int ranks_end(int result) { return result; }
bool ranks_shared(void) { return false; }
size_t ranks_count(void) { return 1; }
size_t ranks_number(void) { return 0; }
void ranks_remember(const char *sentence) { (void)sentence; }
void ranks_gather(size_t n, size_t width, double *rows) { (void)n, (void)width, (void)rows; }
int ranks_worst(int value) { return value; }
int ranks_add(void *user, size_t n, double *sum) { return (void)user, (void)n, (void)sum, 0; }

#endif

bool ranks_first(void) { return ranks_number() == 0; }

size_t ranks_from(size_t n, size_t rank) {
  return n / ranks_count() * rank + n % ranks_count() * rank / ranks_count();
}
