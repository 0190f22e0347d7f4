/* A written file is whole or not there: the target changes at commit and only then, no failure
   leaves a temporary file, and every refusal names the path and what the system says. */
#include "unit/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void expect_content(const char *name, const void *data, size_t bytes) {
  char *read;
  size_t length;
  ck_assert_int_eq(enf__file_read(ctx, at(name), &read, &length), ENF_OK);
  ck_assert_uint_eq(length, bytes);
  ck_assert_int_eq(memcmp(read, data, bytes), 0);
  ck_assert_int_eq(read[bytes], 0);
  enf__free(&ctx->alloc, read);
}

START_TEST(the_target_changes_only_at_commit) {
  const long before = live;
  enf__writer w;
  char path[400];
  strcpy(path, at("a"));
  make_file("a", "old", 3);
  ck_assert_int_eq(enf__writer_open(ctx, &w, path), ENF_OK);
  ck_assert_int_eq(enf__writer_put(&w, "new text", 8), ENF_OK);
  expect_content("a", "old", 3);
  ck_assert_int_eq(count_files(false), 2);
  ck_assert_int_eq(enf__writer_commit(&w), ENF_OK);
  expect_content("a", "new text", 8);
  ck_assert_int_eq(count_files(true), 1);
  enf__writer_abandon(&w);
  ck_assert_int_eq(live, before);
}
END_TEST

START_TEST(abandoning_leaves_the_old_file_and_nothing_else) {
  const long before = live;
  enf__writer w = {0};
  enf__writer_abandon(&w);
  char path[400];
  strcpy(path, at("a"));
  make_file("a", "old", 3);
  ck_assert_int_eq(enf__writer_open(ctx, &w, path), ENF_OK);
  ck_assert_int_eq(enf__writer_put(&w, "new text", 8), ENF_OK);
  enf__writer_abandon(&w);
  expect_content("a", "old", 3);
  ck_assert_int_eq(count_files(true), 1);
  ck_assert_int_eq(live, before);
}
END_TEST

START_TEST(pieces_of_every_size_come_out_in_order) {
  enum { BYTES = 400000 };
  char *data = malloc(BYTES), path[400];
  for (size_t i = 0; i < BYTES; i++)
    data[i] = (char)(i * i >> 3);
  enf__writer w;
  strcpy(path, at("a"));
  ck_assert_int_eq(enf__writer_open(ctx, &w, path), ENF_OK);
  for (size_t done = 0, piece = 0; done < BYTES; done += piece, piece = piece * 3 / 2 + 1) {
    if (piece > BYTES - done)
      piece = BYTES - done;
    ck_assert_int_eq(enf__writer_put(&w, data + done, piece), ENF_OK);
  }
  ck_assert_int_eq(enf__writer_commit(&w), ENF_OK);
  expect_content("a", data, BYTES);
  ck_assert_int_eq(count_files(true), 1);
  free(data);
}
END_TEST

static enf_status write_text(const char *path, const char *text) {
  enf__writer w;
  enf_status status = enf__writer_open(ctx, &w, path);
  if (status == ENF_OK)
    status = enf__writer_put(&w, text, strlen(text));
  if (status == ENF_OK)
    status = enf__writer_commit(&w);
  enf__writer_abandon(&w);
  return status;
}

START_TEST(the_new_file_has_the_old_ones_permissions) {
  struct stat info;
  make_file("a", "old", 3);
  ck_assert_int_eq(chmod(at("a"), 0640), 0);
  umask(077);
  ck_assert_int_eq(write_text(at("a"), "new"), ENF_OK);
  ck_assert_int_eq(stat(at("a"), &info), 0);
  ck_assert_uint_eq(info.st_mode & 0777, 0640);
  ck_assert_int_eq(write_text(at("b"), "new"), ENF_OK);
  ck_assert_int_eq(stat(at("b"), &info), 0);
  ck_assert_uint_eq(info.st_mode & 0777, 0600);
  count_files(true);
}
END_TEST

START_TEST(longest_and_bare_names_can_be_written) {
  char name[256];
  memset(name, 'n', 255);
  name[255] = '\0';
  ck_assert_int_eq(write_text(at(name), "long"), ENF_OK);
  expect_content(name, "long", 4);
  ck_assert_int_eq(chdir(scratch), 0);
  ck_assert_int_eq(write_text("bare", "here"), ENF_OK);
  expect_content("bare", "here", 4);
  ck_assert_int_eq(count_files(true), 2);
}
END_TEST

static void make_link(const char *name, const char *target) {
  ck_assert_int_eq(symlink(target, at(name)), 0);
}

static void expect_link(const char *name) {
  struct stat info;
  ck_assert_int_eq(lstat(at(name), &info), 0);
  ck_assert(S_ISLNK(info.st_mode));
}

/* Links of links, relative and absolute, from another folder, and one that leads to no file yet. */
START_TEST(a_symbolic_link_stays_and_what_it_leads_to_is_replaced) {
  static const char *const names[] = {"near", "far", "over"};
  const long before = live;
  char absolute[400];
  make_file("a", "old", 3);
  ck_assert_int_eq(mkdir(at("folder"), 0777), 0);
  make_link("near", "a");
  make_link("folder/up", "../a");
  strcpy(absolute, at("near"));
  make_link("far", absolute);
  make_link("over", "folder/up");
  for (size_t i = 0; i < 3; i++) {
    ck_assert_int_eq(write_text(at(names[i]), names[i]), ENF_OK);
    expect_link(names[i]);
    expect_content("a", names[i], strlen(names[i]));
  }
  expect_link("folder/up");
  make_link("ahead", "folder/new");
  ck_assert_int_eq(write_text(at("ahead"), "made"), ENF_OK);
  expect_link("ahead");
  expect_content("folder/new", "made", 4);
  ck_assert_int_eq(count_files(false), 6);
  unlink(at("folder/new"));
  unlink(at("folder/up"));
  count_files(true);
  ck_assert_int_eq(live, before);
}
END_TEST

START_TEST(links_that_lead_nowhere_are_refused) {
  const long before = live;
  make_link("loop", "pool");
  make_link("pool", "loop");
  make_link("lost", "missing/a");
  ck_assert_int_eq(write_text(at("loop"), "new"), ENF_ERR_IO);
  expect_sentence(strerror(ELOOP));
  ck_assert_int_eq(write_text(at("lost"), "new"), ENF_ERR_IO);
  expect_sentence(strerror(ENOENT));
  ck_assert_int_eq(count_files(true), 3);
  ck_assert_int_eq(live, before);
}
END_TEST

START_TEST(what_cannot_be_written_is_refused) {
  static const struct {
    const char *path;
    int error;
  } cases[] = {{"directory", EISDIR},
               {"missing/a", ENOENT},
               {"file/a", ENOTDIR},
               {"sealed/a", EACCES},
               {"readonly", EACCES}};
  const long before = live;
  make_file("file", "old", 3);
  make_file("readonly", "old", 3);
  ck_assert_int_eq(chmod(at("readonly"), 0444), 0);
  ck_assert_int_eq(mkdir(at("directory"), 0777), 0);
  ck_assert_int_eq(mkdir(at("sealed"), 0555), 0);
  ck_assert_int_eq(chmod(scratch, 0777), 0);
  /* Permissions do not bind root. */
  if (geteuid() == 0) {
    ck_assert_int_eq(setgid(65534), 0);
    ck_assert_int_eq(setuid(65534), 0);
  }
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ck_assert_int_eq(write_text(at(cases[i].path), "new"), ENF_ERR_IO);
    expect_sentence(cases[i].path);
    expect_sentence(strerror(cases[i].error));
    ck_assert_int_eq(count_files(false), 4);
    ck_assert_int_eq(live, before);
  }
  expect_content("file", "old", 3);
  expect_content("readonly", "old", 3);
}
END_TEST

START_TEST(a_pipe_is_refused_and_not_waited_for) {
  char *data;
  size_t bytes;
  count_files(true);
  ck_assert_int_eq(mkfifo(at("pipe"), 0666), 0);
  ck_assert_int_eq(write_text(at("pipe"), "new"), ENF_ERR_IO);
  expect_sentence("not a regular file");
  ck_assert_int_eq(enf__file_read(ctx, at("pipe"), &data, &bytes), ENF_ERR_IO);
  expect_sentence("pipe");
  ck_assert_ptr_null(data);
  ck_assert_int_eq(count_files(true), 1);
}
END_TEST

START_TEST(a_full_disk_leaves_the_old_file_and_nothing_else) {
  static char text[300001];
  const long before = live;
  struct rlimit limit = {100000, 100000};
  memset(text, 'x', 300000);
  make_file("a", "old", 3);
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  for (int whole = 0; whole < 2; whole++) {
    enf__writer w;
    char path[400];
    enf_status status = ENF_OK;
    strcpy(path, at("a"));
    ck_assert_int_eq(enf__writer_open(ctx, &w, path), ENF_OK);
    for (int i = 0; status == ENF_OK && i < (whole ? 1 : 1000); i++)
      status = enf__writer_put(&w, text, whole ? 300000 : 300);
    ck_assert_int_eq(status, ENF_ERR_IO);
    expect_sentence(strerror(EFBIG));
    enf__writer_abandon(&w);
    ck_assert_int_eq(live, before);
    expect_content("a", "old", 3);
    ck_assert_int_eq(count_files(false), 1);
  }
  /* The last bytes meet the limit in commit. */
  text[100010] = '\0';
  enf__writer w;
  char path[400];
  strcpy(path, at("a"));
  ck_assert_int_eq(enf__writer_open(ctx, &w, path), ENF_OK);
  ck_assert_int_eq(enf__writer_put(&w, text, 60000), ENF_OK);
  ck_assert_int_eq(enf__writer_put(&w, text, 60000), ENF_OK);
  ck_assert_int_eq(enf__writer_commit(&w), ENF_ERR_IO);
  expect_sentence(strerror(EFBIG));
  ck_assert_int_eq(live, before);
  expect_content("a", "old", 3);
  ck_assert_int_eq(count_files(true), 1);
}
END_TEST

START_TEST(every_failing_allocation_is_nomem) {
  const long before = live;
  enf_status status = ENF_ERR_NOMEM;
  for (long k = 0; status != ENF_OK; k++) {
    ck_assert_int_lt(k, 10);
    countdown = k;
    status = write_text(at("a"), "text");
    countdown = -1;
    ck_assert(status == ENF_OK || status == ENF_ERR_NOMEM);
    ck_assert_int_eq(live, before);
    ck_assert_int_eq(count_files(true), status == ENF_OK);
  }
}
END_TEST

START_TEST(what_cannot_be_read_is_refused) {
  char *data;
  size_t bytes;
  ck_assert_int_eq(enf__file_read(ctx, at("missing"), &data, &bytes), ENF_ERR_IO);
  expect_sentence(strerror(ENOENT));
  expect_sentence("missing");
  ck_assert_int_eq(enf__file_read(ctx, scratch, &data, &bytes), ENF_ERR_IO);
  expect_sentence(strerror(EISDIR));
  make_file("empty", "", 0);
  expect_content("empty", "", 0);
  count_files(true);
}
END_TEST

START_TEST(a_sentence_cannot_talk_to_the_terminal_and_keeps_its_end) {
  char path[2000];
  memset(path, 'p', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  ck_assert_int_eq(enf__file_refuse(ctx, ENF_ERR_FORMAT, path, "'%s' is %s", "\x1b[2J\xff", "bad"),
                   ENF_ERR_FORMAT);
  expect_sentence("pp: '?[2J?' is bad");
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("writer");
  tcase_add_test(tests, the_target_changes_only_at_commit);
  tcase_add_test(tests, abandoning_leaves_the_old_file_and_nothing_else);
  tcase_add_test(tests, pieces_of_every_size_come_out_in_order);
  tcase_add_test(tests, the_new_file_has_the_old_ones_permissions);
  tcase_add_test(tests, longest_and_bare_names_can_be_written);
  tcase_add_test(tests, a_symbolic_link_stays_and_what_it_leads_to_is_replaced);
  tcase_add_test(tests, links_that_lead_nowhere_are_refused);
  tcase_add_test(tests, what_cannot_be_read_is_refused);
  tcase_add_test(tests, a_pipe_is_refused_and_not_waited_for);
  tcase_add_test(tests, a_full_disk_leaves_the_old_file_and_nothing_else);
  tcase_add_test(tests, every_failing_allocation_is_nomem);
  tcase_add_test(tests, a_sentence_cannot_talk_to_the_terminal_and_keeps_its_end);
  tcase_add_test(tests, what_cannot_be_written_is_refused);
  return run_case("writer", tests);
}
