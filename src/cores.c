/* cores.c -- how many threads this process should start.

   Batch systems and containers give a process some of the machine in two ways: a mask of processors
   (taskset, numactl, cpusets), and a quota of processor time per period in a control group, its own
   or one above it:
     version 2   cpu.max: "QUOTA PERIOD" or "max PERIOD"
     version 1   cpu.cfs_quota_us (-1: none), cpu.cfs_period_us
   Inside a container the groups above may be out of sight: what cannot be read sets no limit. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cores.h"

#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH = 4096, MOST = 1024 };

/* ---- the mask ------------------------------------------------------------------------------ */

/* The mask may be longer than its usual type: try longer ones. */
static int count_mask(void) {
  int count = 0;
  for (size_t bits = CPU_SETSIZE; bits <= 1 << 20 && count == 0; bits *= 2) {
    cpu_set_t *mask = CPU_ALLOC(bits);
    const size_t bytes = CPU_ALLOC_SIZE(bits);
    if (mask != NULL && sched_getaffinity(0, bytes, mask) == 0)
      count = CPU_COUNT_S(bytes, mask);
    CPU_FREE(mask);
  }
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? count : online > 0 && online < MOST ? (int)online : MOST;
}

/* ---- the quota ----------------------------------------------------------------------------- */

static bool read_line(const char *folder, const char *name, char *line, int size) {
  char path[PATH];
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
    return false;
  FILE *file = fopen(path, "r");
  const bool found = file != NULL && fgets(line, size, file) != NULL;
  if (file != NULL)
    fclose(file);
  return found;
}

/* Processors' worth of time in one group; infinite where it has no quota. */
static double group_quota(const char *folder) {
  char line[128], period_line[128];
  double quota = 0, period = 0;
  if (read_line(folder, "cpu.max", line, sizeof line))
    sscanf(line, "%lf %lf", &quota, &period);
  else if (read_line(folder, "cpu.cfs_quota_us", line, sizeof line) &&
           read_line(folder, "cpu.cfs_period_us", period_line, sizeof period_line)) {
    quota = strtod(line, NULL);
    period = strtod(period_line, NULL);
  }
  return quota > 0 && period > 0 ? quota / period : INFINITY;
}

/* The least quota of a group and those above it, up to `mount`. */
static double path_quota(const char *mount, const char *group) {
  char folder[PATH];
  const size_t root = strlen(mount);
  if (snprintf(folder, sizeof folder, "%s%s", mount, group) >= (int)sizeof folder)
    return INFINITY;
  double least = group_quota(folder);
  while (strlen(folder) > root) {
    *strrchr(folder, '/') = '\0';
    least = fmin(least, group_quota(folder));
  }
  return least;
}

static bool has_cpu(const char *controllers) {
  char list[256];
  snprintf(list, sizeof list, ",%s,", controllers);
  return strstr(list, ",cpu,") != NULL;
}

/* One line of /proc/self/cgroup: NUMBER:CONTROLLERS:GROUP, no controllers for version 2. */
static double line_quota(char *line) {
  char *controllers = strchr(line, ':'), *group;
  if (controllers == NULL || (group = strchr(controllers + 1, ':')) == NULL)
    return INFINITY;
  *controllers++ = *group++ = '\0';
  group[strcspn(group, "\n")] = '\0';
  if (controllers[0] == '\0')
    return fmin(path_quota("/sys/fs/cgroup", group), path_quota("/sys/fs/cgroup/unified", group));
  if (!has_cpu(controllers))
    return INFINITY;
  return fmin(path_quota("/sys/fs/cgroup/cpu", group),
              path_quota("/sys/fs/cgroup/cpu,cpuacct", group));
}

static double quota(void) {
  char line[PATH];
  double least = INFINITY;
  FILE *file = fopen("/proc/self/cgroup", "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL)
    least = fmin(least, line_quota(line));
  if (file != NULL)
    fclose(file);
  return least;
}

int cores_allowed(void) {
  const int mask = count_mask();
  const double allowed = fmin(fmin(mask, ceil(quota())), MOST);
  return allowed > 1 ? (int)allowed : 1;
}
