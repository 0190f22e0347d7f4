/* progress.h -- progress on standard error, and signals.

   On a terminal one line is redrawn four times a second; otherwise a plain line is printed every
   ten seconds. After the first SIGINT, SIGTERM or SIGHUP interrupted() is true and long calls end
   through the library's progress callback; a second one ends the process as usual. SIGUSR1, which
   batch systems send ahead of the end, asks to save and to go on. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "cli.h"

typedef struct {
  const char *label, *unit; /* "sampling", "samples" */
  bool quiet, terminal, drawn;
  double start, shown;    /* seconds */
  uint64_t first;         /* done when it began */
  uint64_t skipped;       /* shown if there are any */
  uint64_t before, whole; /* of a call that does a part: what was done before it, and all of it */
} progress;

void interrupts_catch(void);
bool interrupted(void);
/* From the beginning: a request that comes early is not the end. */
void save_requests_catch(void);
/* Whether SIGUSR1 has come since the last time this was asked. */
bool save_requested(void);

progress progress_begin(const cli *c, const char *label, const char *unit, uint64_t first);
/* total 0: not known. scale: units per count (samples per step); loss NaN if there is none; left < 0:
   estimate. */
void progress_show(progress *p, uint64_t done, uint64_t total, double scale, double loss,
                   double left);
void progress_end(progress *p);
/* The next calls report a part of `whole`, of which `before` is done. */
void progress_part(progress *p, uint64_t before, uint64_t whole);

/* An enf_progress_fn with a progress as user. */
int progress_callback(void *user, uint64_t done, uint64_t total);

#endif
