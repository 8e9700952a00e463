/* A disk that takes its time: with LD_PRELOAD, fsync and fdatasync take $SLOW_FSYNC_SECONDS longer while the file
 * $SLOW_FSYNC_WHILE exists. Built by the tests that need it: cc -shared -fPIC. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wait_for_the_disk(void) {
  const char *file = getenv("SLOW_FSYNC_WHILE");
  const char *seconds = getenv("SLOW_FSYNC_SECONDS");
  if (file == NULL || seconds == NULL || access(file, F_OK) != 0) return;
  struct timespec left = {.tv_sec = atol(seconds)};
  while (nanosleep(&left, &left) != 0) {
  }
}

int fsync(int file) {
  wait_for_the_disk();
  return (int)syscall(SYS_fsync, file);
}

int fdatasync(int file) {
  wait_for_the_disk();
  return (int)syscall(SYS_fdatasync, file);
}
