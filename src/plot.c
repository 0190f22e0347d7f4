/* plot.c -- pictures through gnuplot, started without a shell.

   gnuplot reads its script with the data inline from a pipe and writes the picture to its standard
   output, which is the file: no name ever passes through gnuplot's or a shell's quoting. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "plot.h"
#include "ending.h"
#include "place.h"
#include "ranks.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

bool plot_can(const char *path) { return ends_with(path, ".svg") || ends_with(path, ".png"); }

/* ---- the script ---------------------------------------------------------------------------- */

static void put_text(FILE *out, const char *text) {
  fputc('"', out);
  for (const char *p = text; *p != '\0'; p++) {
    if (*p == '"' || *p == '\\')
      fputc('\\', out);
    fputc(*p == '\n' ? ' ' : *p, out);
  }
  fputc('"', out);
}

/* A logarithmic axis just as long as the data, with more marks where it spans little. */
static void put_log_axis(FILE *out, const plot *p) {
  static const double marks[] = {1, 2, 5, 1.5, 3, 4, 7};
  double lowest = INFINITY, highest = 0;
  for (size_t s = 0; s < p->series; s++)
    for (size_t i = 0; i < p->curve[s].n && !p->curve[s].right; i++)
      if (p->curve[s].y[i] > 0 && isfinite(p->curve[s].y[i])) {
        lowest = fmin(lowest, p->curve[s].y[i]);
        highest = fmax(highest, p->curve[s].y[i]);
      }
  if (!(lowest < highest)) {
    fputs("\n", out);
    return;
  }
  fprintf(out, "\nset logscale y\nset yrange [%.4g:%.4g]\nset ytics (", 0.95 * lowest,
          1.05 * highest);
  const int used = highest / lowest < 30 ? 7 : 3;
  for (double decade = floor(log10(lowest)); decade <= log10(highest); decade++)
    for (int m = 0; m < used; m++)
      fprintf(out, "%.4g,", marks[m] * pow(10, decade));
  fprintf(out, "%.4g)\n", pow(10, ceil(log10(highest))));
}

/* An axis that leaves out the highest twentieth of the first series: a loss that begins with
   colliding particles is a hundred times what it ends with. */
static void put_robust_axis(FILE *out, const plot *p) {
  const plot_series *c = &p->curve[0];
  double *y = malloc((c->n + 1) * sizeof *y);
  size_t n = 0;
  for (size_t i = 0; i < c->n && y != NULL; i++)
    if (isfinite(c->y[i]))
      y[n++] = c->y[i];
  fputs("\n", out);
  if (n > 1) {
    qsort(y, n, sizeof *y, ascending);
    const double lowest = y[0], highest = y[n - 1 - n / 20], margin = 0.05 * (highest - lowest);
    if (margin > 0)
      fprintf(out, "set yrange [%.6g:%.6g]\n", lowest - margin, highest + margin);
  }
  free(y);
}

static void put_frame(FILE *out, const char *path, const plot *p) {
  if (ends_with(path, ".png"))
    fputs("set terminal pngcairo noenhanced size 1200,760 font 'Sans,17' linewidth 1.6\n", out);
  else
    fputs("set terminal svg noenhanced size 760,480 font 'Helvetica,Arial,sans-serif,14' "
          "background rgb 'white'\n",
          out);
  fputs("set border 3 lc rgb '#444444'\nset tics nomirror out textcolor rgb '#444444'\n"
        "set grid lc rgb '#dddddd' lw 1 lt 1\nset key top right noautotitle samplen 2\n"
        "set style fill solid 0.45 noborder\nset boxwidth 1 relative\nset title ",
        out);
  put_text(out, p->title);
  fputs("\nset xlabel ", out);
  put_text(out, p->xlabel);
  fputs("\nset ylabel ", out);
  put_text(out, p->ylabel);
  if (p->right != NULL) {
    fputs(
        "\nset border 11\nset ytics nomirror\nset y2tics out textcolor rgb '#444444'\nset y2label ",
        out);
    put_text(out, p->right);
  }
  if (p->y == AXIS_LOG)
    put_log_axis(out, p);
  else if (p->y == AXIS_ROBUST)
    put_robust_axis(out, p);
  else
    fputs("\nset yrange [0:*]\nset key above\nset autoscale xfix\n",
          out); /* peaks may be anywhere */
}

/* Colours up to 8 kT; cells without samples stay white. */
static void put_surface(FILE *out, const plot *p) {
  double step[2];
  for (int a = 0; a < 2; a++) {
    step[a] = (p->high[a] - p->low[a]) / PLOT_CELLS;
    fprintf(out, "set %srange [%.6g:%.6g]\n", a == 0 ? "x" : "y", p->low[a], p->high[a]);
    if (p->high[a] - p->low[a] > 300) /* degrees */
      fprintf(out, "set %stics 60\n", a == 0 ? "x" : "y");
  }
  fputs("set size square\nset cbrange [0:8]\nset palette rgbformulae 33,13,10\n$s << EOD\n", out);
  for (int y = 0; y < PLOT_CELLS; y++)
    for (int x = 0; x < PLOT_CELLS; x++)
      if (isfinite(p->surface[y * PLOT_CELLS + x]))
        fprintf(out, "%.6g %.6g %.4g\n", p->low[0] + (x + 0.5) * step[0],
                p->low[1] + (y + 0.5) * step[1], p->surface[y * PLOT_CELLS + x]);
  fprintf(out,
          "EOD\nset style fill solid noborder\nplot $s using 1:2:(%g):(%g):3 with boxxyerror lc "
          "palette notitle\n",
          step[0] / 2, step[1] / 2);
}

static void put_script(FILE *out, const char *path, const plot *p) {
  put_frame(out, path, p);
  if (p->surface != NULL) {
    put_surface(out, p);
    return;
  }
  for (size_t s = 0; s < p->series; s++) {
    fprintf(out, "$d%zu << EOD\n", s);
    for (size_t i = 0; i < p->curve[s].n; i++)
      if (isfinite(p->curve[s].x[i]) && isfinite(p->curve[s].y[i]))
        fprintf(out, "%.8g %.8g\n", p->curve[s].x[i], p->curve[s].y[i]);
    fputs("EOD\n", out);
  }
  for (size_t s = 0; s < p->series; s++) {
    fprintf(out, "%s $d%zu using 1:2%s with %s title ", s == 0 ? "plot" : ",", s,
            p->curve[s].right ? " axes x1y2" : "", p->curve[s].style);
    put_text(out, p->curve[s].title);
  }
  fputs("\n", out);
}

/* ---- the process --------------------------------------------------------------------------- */

static int start_gnuplot(int script, int other_end, const char *picture, pid_t *child) {
  static char *const argv[] = {"gnuplot", "-", NULL};
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGXFSZ);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, script, STDIN_FILENO);
  posix_spawn_file_actions_addclose(&actions, script);
  posix_spawn_file_actions_addclose(&actions, other_end);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, picture, flags, 0666);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  const int error = posix_spawnp(child, argv[0], &actions, &attributes, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error;
}

/* 0, or an errno of starting gnuplot; EIO where it ran and failed. */
static int run_gnuplot(const char *path, const char *picture, const plot *p) {
  int ends[2], exit_status = 0;
  pid_t child = 0;
  if (pipe(ends) != 0)
    return errno;
  const int error = start_gnuplot(ends[0], ends[1], picture, &child);
  close(ends[0]);
  FILE *out = error == 0 ? fdopen(ends[1], "w") : NULL;
  if (out == NULL) {
    close(ends[1]);
  } else {
    put_script(out, path, p);
    fclose(out);
  }
  if (error != 0)
    return error;
  while (waitpid(child, &exit_status, 0) < 0 && errno == EINTR)
    continue;
  return out != NULL && WIFEXITED(exit_status) && WEXITSTATUS(exit_status) == 0 ? 0 : EIO;
}

bool plot_write(const char *path, const plot *p) {
  char picture[PLACE_NAME];
  if (!ranks_first())
    return false;
  const place target = place_of(path);
  const int length = snprintf(picture, sizeof picture, "%s.%ld.tmp", target.path, (long)getpid());
  if (length < 0 || (size_t)length >= sizeof picture)
    return cli_note("the name of the picture is too long"), false;
  const int error = run_gnuplot(path, picture, p);
  if (error == 0 && rename(picture, target.path) == 0)
    return true;
  unlink(picture);
  if (error == ENOENT)
    cli_note("no picture %s: gnuplot is not installed, or the folder is missing", path);
  else
    cli_note("no picture %s: gnuplot failed (%s)", path, strerror(error != 0 ? error : errno));
  return false;
}
