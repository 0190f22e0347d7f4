/* progress.h -- progress on standard error, and Ctrl-C.

   On a terminal one line is redrawn four times a second; otherwise a plain line is printed every
   ten seconds. After the first SIGINT or SIGTERM interrupted() is true and long calls end through
   the library's progress callback; a second one ends the process as usual. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "cli.h"

typedef struct {
  const char *label, *unit; /* "sampling", "samples" */
  bool quiet, terminal, drawn;
  double start, shown; /* seconds */
  uint64_t first;      /* done when it began */
} progress;

void interrupts_catch(void);
bool interrupted(void);

progress progress_begin(const cli *c, const char *label, const char *unit, uint64_t first);
/* scale: units per count (samples per step); loss NaN if there is none; left < 0: estimate. */
void progress_show(progress *p, uint64_t done, uint64_t total, double scale, double loss,
                   double left);
void progress_end(progress *p);

/* An enf_progress_fn with a progress as user. */
int progress_callback(void *user, uint64_t done, uint64_t total);

#endif
