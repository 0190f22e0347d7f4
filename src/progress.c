/* progress.c -- progress on standard error, and signals. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "progress.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 24 };
static const double TERMINAL_SECONDS = 0.25, PLAIN_SECONDS = 10;

static volatile sig_atomic_t signalled, asked_to_save;

static void remember(int number) {
  if (number == SIGUSR1)
    asked_to_save = 1;
  else
    signalled = number;
}

static void take(int number, unsigned flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = remember;
  action.sa_flags = (int)(flags | SA_RESTART);
  sigaction(number, &action, NULL);
}

/* A hangup that is ignored stays so: that is what nohup is for. */
void interrupts_catch(void) {
  struct sigaction hangup;
  take(SIGINT, SA_RESETHAND);
  take(SIGTERM, SA_RESETHAND);
  if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
    take(SIGHUP, SA_RESETHAND);
}

bool interrupted(void) { return signalled != 0; }

void save_requests_catch(void) { take(SIGUSR1, 0); }

bool save_requested(void) {
  const bool asked = asked_to_save != 0;
  asked_to_save = 0;
  return asked;
}

progress progress_begin(const cli *c, const char *label, const char *unit, uint64_t first) {
  const double now = cli_seconds();
  return (progress){.label = label,
                    .unit = unit,
                    .quiet = cli_has(c, FLAG_QUIET),
                    .terminal = isatty(STDERR_FILENO) == 1,
                    .start = now,
                    .shown = now,
                    .first = first};
}

static void print_time(double seconds) {
  const unsigned long s = seconds < 1e9 ? (unsigned long)(seconds + 0.5) : 0;
  if (s < 100)
    fprintf(stderr, "%lu s", s);
  else if (s < 3600)
    fprintf(stderr, "%lu:%02lu min", s / 60, s % 60);
  else
    fprintf(stderr, "%lu:%02lu h", s / 3600, s % 3600 / 60);
}

static void print_bar(double fraction) {
  char bar[BAR + 1];
  const int full = (int)(fraction * BAR);
  memset(bar, '.', BAR);
  memset(bar, '#', (size_t)full);
  bar[BAR] = '\0';
  fprintf(stderr, "[%s] ", bar);
}

void progress_show(progress *p, uint64_t done, uint64_t total, double scale, double loss,
                   double left) {
  const double now = cli_seconds(), elapsed = now - p->start;
  const double fraction = total > 0 && done < total ? (double)done / (double)total : 1;
  const double rate = elapsed > 0 ? (double)(done - p->first) / elapsed : 0;
  if (p->quiet || now - p->shown < (p->terminal ? TERMINAL_SECONDS : PLAIN_SECONDS))
    return;
  p->shown = now;
  p->drawn = true;
  fprintf(stderr, "%s%s ", p->terminal ? "\r" : "", p->label);
  if (p->terminal && total > 0)
    print_bar(fraction);
  if (total > 0)
    fprintf(stderr, "%3.0f%%", 100 * fraction);
  else
    fprintf(stderr, "%llu", (unsigned long long)done);
  fprintf(stderr, "  %.*f %s/s", rate * scale < 100 ? 1 : 0, rate * scale, p->unit);
  if (!isnan(loss))
    fprintf(stderr, "  loss %.4g", loss);
  if (p->skipped > 0)
    fprintf(stderr, "  %llu skipped", (unsigned long long)p->skipped);
  if (left < 0 && rate > 0 && total > 0)
    left = (double)(total - done) / rate;
  if (left >= 0) {
    fputs("  ", stderr);
    print_time(left);
    fputs(" left", stderr);
  }
  fputs(p->terminal ? "\033[K" : "\n", stderr);
  fflush(stderr);
}

void progress_end(progress *p) {
  if (p->terminal && p->drawn)
    fputs("\r\033[K", stderr);
  p->drawn = false;
}

void progress_part(progress *p, uint64_t before, uint64_t whole) {
  p->before = before;
  p->whole = whole;
}

int progress_callback(void *user, uint64_t done, uint64_t total) {
  progress *p = user;
  progress_show(p, p->before + done, p->whole > 0 ? p->whole : total, 1, (double)NAN, -1);
  return interrupted();
}
