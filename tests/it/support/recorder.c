/* Writes down what a process does to the files of one folder, in the order in which it happens: preloaded into rosterd by the
 * power cut test, which rebuilds from the record what a disk may hold. C, because whoever can build rosterd has a C compiler
 * (aws-lc needs one), while strace or a file system of one's own cannot be had everywhere.
 *
 * A record is "letter number number length\n", then so many bytes: W inode offset data, S inode (synced), T inode length,
 * O inode created path, D inode path (folder made), R from NUL to, U path (file removed), V path (folder removed).
 * RECORDER_STOP kills the process right after so many records. A record is written after the call returned, under one lock, so that nothing is ever noted as durable that is not. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int record_fd = -1;
static const char *folder;
static long left = -1;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("RECORDER_LOG");
    folder = getenv("RECORDER_FOLDER");
    const char *stop = getenv("RECORDER_STOP");
    if (stop) left = atol(stop);
    if (path && folder) record_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void note(char letter, unsigned long long a, unsigned long long b, const void *data, size_t length) {
    char head[96];
    int size = snprintf(head, sizeof head, "%c %llu %llu %zu\n", letter, a, b, length);
    struct iovec parts[2] = {{head, (size_t)size}, {(void *)data, length}};
    syscall(SYS_writev, record_fd, parts, length ? 2 : 1);
    if (--left == 0) kill(getpid(), SIGKILL);
}

static int ours(const char *path) {
    return record_fd >= 0 && path && strncmp(path, folder, strlen(folder)) == 0;
}

/* The inode of a file that a record is kept of, or 0. What lies outside the folder is left out by whoever reads the record. */
static unsigned long long inode(int fd) {
    struct stat found;
    if (record_fd < 0 || fd == record_fd || fstat(fd, &found) != 0) return 0;
    return S_ISREG(found.st_mode) || S_ISDIR(found.st_mode) ? found.st_ino : 0;
}

#define RECORDED(call)                                                                                                         \
    pthread_mutex_lock(&lock);                                                                                                 \
    long result = (call);                                                                                                      \
    int kept = errno;

#define DONE                                                                                                                   \
    pthread_mutex_unlock(&lock);                                                                                               \
    errno = kept;                                                                                                              \
    return result;

ssize_t write(int fd, const void *data, size_t length) {
    RECORDED(syscall(SYS_write, fd, data, length))
    unsigned long long node = result > 0 ? inode(fd) : 0;
    if (node) note('W', node, (unsigned long long)(lseek(fd, 0, SEEK_CUR) - result), data, (size_t)result);
    DONE
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
    RECORDED(syscall(SYS_pwrite64, fd, data, length, at))
    unsigned long long node = result > 0 ? inode(fd) : 0;
    if (node) note('W', node, (unsigned long long)at, data, (size_t)result);
    DONE
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return pwrite64(fd, data, length, at); }

/* Nothing here writes files so; a short answer makes the caller fall back to plain writes, which are recorded. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (inode(fd) && count > 0) return write(fd, parts[0].iov_base, parts[0].iov_len);
    return syscall(SYS_writev, fd, parts, count);
}

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t length, unsigned flags) {
    (void)in, (void)in_at, (void)out, (void)out_at, (void)length, (void)flags;
    errno = ENOSYS;
    return -1;
}

static int synced(int fd, long number) {
    unsigned long long node = inode(fd);
    RECORDED(syscall(number, fd))
    if (node && result == 0) note('S', node, 0, NULL, 0);
    DONE
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

int ftruncate64(int fd, off64_t length) {
    RECORDED(syscall(SYS_ftruncate, fd, length))
    unsigned long long node = result == 0 ? inode(fd) : 0;
    if (node) note('T', node, (unsigned long long)length, NULL, 0);
    DONE
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int opened(int at, const char *path, int flags, mode_t mode) {
    RECORDED(syscall(SYS_openat, at, path, flags, mode))
    if (result >= 0 && ours(path) && (flags & (O_CREAT | O_TRUNC))) {
        unsigned long long node = inode((int)result);
        if (node) note('O', node, (flags & O_TRUNC) != 0, path, strlen(path));
    }
    DONE
}

#define MODE                                                                                                                   \
    mode_t mode = 0;                                                                                                           \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                                                       \
        va_list more;                                                                                                          \
        va_start(more, flags);                                                                                                 \
        mode = va_arg(more, mode_t);                                                                                           \
        va_end(more);                                                                                                          \
    }

int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE return opened(at, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE return opened(at, path, flags, mode); }

int mkdir(const char *path, mode_t mode) {
    RECORDED(syscall(SYS_mkdirat, AT_FDCWD, path, mode))
    struct stat found;
    if (result == 0 && ours(path) && stat(path, &found) == 0) note('D', found.st_ino, 0, path, strlen(path));
    DONE
}

int rename(const char *from, const char *to) {
    RECORDED(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0))
    if (result == 0 && (ours(from) || ours(to))) {
        char both[2 * PATH_MAX];
        int length = snprintf(both, sizeof both, "%s%c%s", from, 0, to);
        note('R', 0, 0, both, (size_t)length);
    }
    DONE
}

int unlink(const char *path) {
    RECORDED(syscall(SYS_unlinkat, AT_FDCWD, path, 0))
    if (result == 0 && ours(path)) note('U', 0, 0, path, strlen(path));
    DONE
}

int rmdir(const char *path) {
    RECORDED(syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR))
    if (result == 0 && ours(path)) note('V', 0, 0, path, strlen(path));
    DONE
}
