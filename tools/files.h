/* files.h - the files of the command, in two layers: a handle with calls that return 0 or an errno, on POSIX and on plain
 * stdio; above it an input that is mapped where that works, and an output that lives under a temporary name until everything
 * is done, so that a failure or a signal leaves nothing behind. Include after smash.h. */
#ifndef FILES_H
#define FILES_H

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(_WIN32)
#include <direct.h>
#include <fcntl.h>
#include <io.h>
#include <process.h>
#define getpid _getpid
#define isatty _isatty
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

enum { OUTPUTS = 3, COPY_BYTES = 1 << 20 };

static char *volatile pending[OUTPUTS];   /* temporary files to remove if a signal ends the program */

#if defined(_WIN32)
typedef FILE *handle;
#define NO_FILE NULL
static handle standard_input(void)  { _setmode(_fileno(stdin), _O_BINARY); return stdin; }
static handle standard_output(void) { _setmode(_fileno(stdout), _O_BINARY); return stdout; }

static int file_open(const char *path, handle *out) { *out = fopen(path, "rb"); return *out ? 0 : errno; }
static int file_open_to_write(const char *path, handle *out) { *out = fopen(path, "wb"); return *out ? 0 : errno; }
static int file_same(const char *a, const char *b) { return strcmp(a, b) == 0; }
static void file_copy_mode(const char *from, handle to) { (void)from; (void)to; }
static int file_create(const char *path, handle *out)
{
    if ((*out = fopen(path, "rb")) != NULL) { fclose(*out); *out = NULL; return EEXIST; }
    *out = fopen(path, "wb+");
    return *out ? 0 : errno;
}
static int file_spool(handle *out) { *out = tmpfile(); return *out ? 0 : errno; }
static int file_close(handle f) { return fclose(f) ? errno : 0; }
static int file_make_folder(const char *path) { return _mkdir(path) && errno != EEXIST ? errno : 0; }

/* 1: a plain file, *bytes is its size; 0: something to be read to its end */
static int file_size(handle f, uint64_t *bytes)
{
    __int64 end;
    if (f == stdin || _fseeki64(f, 0, SEEK_END) || (end = _ftelli64(f)) < 0 || _fseeki64(f, 0, SEEK_SET)) return 0;
    *bytes = (uint64_t)end;
    return 1;
}
static int file_read_at(handle f, uint64_t offset, void *data, size_t bytes)
{
    return _fseeki64(f, (__int64)offset, SEEK_SET) || fread(data, 1, bytes, f) != bytes ? EIO : 0;
}
static int file_write_at(handle f, uint64_t offset, const void *data, size_t bytes)
{
    return _fseeki64(f, (__int64)offset, SEEK_SET) || fwrite(data, 1, bytes, f) != bytes ? (errno ? errno : EIO) : 0;
}
static int file_read_some(handle f, void *data, size_t bytes, size_t *got) { *got = fread(data, 1, bytes, f); return ferror(f) ? EIO : 0; }
static int file_write_all(handle f, const void *data, size_t bytes) { return fwrite(data, 1, bytes, f) != bytes ? EIO : 0; }
static const void *file_map(handle f, size_t bytes) { (void)f; (void)bytes; return NULL; }
static void file_unmap(const void *data, size_t bytes) { (void)data; (void)bytes; }
static char *file_target(const char *path, int *error) { *error = 0; return _strdup(path); }
static int file_rename(const char *from, const char *to) { remove(to); return rename(from, to) ? errno : 0; }
static void catch_signals(void) { }

#else
typedef int handle;
#define NO_FILE (-1)
static handle standard_input(void)  { return 0; }
static handle standard_output(void) { return 1; }

static int file_open(const char *path, handle *out) { *out = open(path, O_RDONLY); return *out < 0 ? errno : 0; }
static int file_open_to_write(const char *path, handle *out) { *out = open(path, O_WRONLY); return *out < 0 ? errno : 0; }
/* 1 if both name one regular file, there already or still to be made. */
static int file_same(const char *a, const char *b)
{
    const char *path[2], *name[2];
    struct stat at[2];
    int i;

    if (stat(a, &at[0]) == 0 && stat(b, &at[1]) == 0) return S_ISREG(at[0].st_mode) && at[0].st_dev == at[1].st_dev && at[0].st_ino == at[1].st_ino;
    path[0] = a;
    path[1] = b;
    for (i = 0; i < 2; i++) {
        const char *slash = strrchr(path[i], '/');
        char *folder = (char *)malloc(strlen(path[i]) + 2);
        int there;
        if (!folder) return 0;
        name[i] = slash ? slash + 1 : path[i];
        if (slash) { memcpy(folder, path[i], (size_t)(slash - path[i]) + 1); folder[slash - path[i] + 1] = '\0'; }
        else strcpy(folder, ".");
        there = stat(folder, &at[i]) == 0;
        free(folder);
        if (!there) return 0;
    }
    return strcmp(name[0], name[1]) == 0 && at[0].st_dev == at[1].st_dev && at[0].st_ino == at[1].st_ino;
}

/* A file that takes another one's place gets its permissions, too. */
static void file_copy_mode(const char *from, handle to)
{
    struct stat at;
    if (stat(from, &at) == 0 && fchmod(to, at.st_mode & 0777) != 0) { }
}

static int file_create(const char *path, handle *out) { *out = open(path, O_RDWR | O_CREAT | O_EXCL, 0666); return *out < 0 ? errno : 0; }

static int file_make_folder(const char *path) { return mkdir(path, 0777) && errno != EEXIST ? errno : 0; }

/* A file without a name: it is gone when it is closed. */
static int file_spool(handle *out)
{
    const char *folder = getenv("TMPDIR");
    char path[4096];
    if (!folder || !*folder) folder = "/tmp";
    if ((size_t)snprintf(path, sizeof(path), "%s/smash.XXXXXX", folder) >= sizeof(path)) return ENAMETOOLONG;
    if ((*out = mkstemp(path)) < 0) return errno;
    unlink(path);
    return 0;
}
static int file_close(handle f) { return close(f) ? errno : 0; }

/* 1: a plain file, *bytes is its size; 0: something to be read to its end */
static int file_size(handle f, uint64_t *bytes)
{
    struct stat s;
    if (fstat(f, &s) || !S_ISREG(s.st_mode) || (f == 0 && lseek(f, 0, SEEK_CUR) != 0)) return 0;
    *bytes = (uint64_t)s.st_size;
    return 1;
}

static int file_read_at(handle f, uint64_t offset, void *data, size_t bytes)
{
    char *p = (char *)data;
    while (bytes > 0) {
        ssize_t n = pread(f, p, bytes, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? errno : EIO;
        p += n;
        offset += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return 0;
}

static int file_write_at(handle f, uint64_t offset, const void *data, size_t bytes)
{
    const char *p = (const char *)data;
    while (bytes > 0) {
        ssize_t n = pwrite(f, p, bytes, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? errno : ENOSPC;
        p += n;
        offset += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return 0;
}

static int file_read_some(handle f, void *data, size_t bytes, size_t *got)
{
    ssize_t n;
    do n = read(f, data, bytes); while (n < 0 && errno == EINTR);
    *got = n > 0 ? (size_t)n : 0;
    return n < 0 ? errno : 0;
}

static int file_write_all(handle f, const void *data, size_t bytes)
{
    const char *p = (const char *)data;
    while (bytes > 0) {
        ssize_t n = write(f, p, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? errno : ENOSPC;
        p += n;
        bytes -= (size_t)n;
    }
    return 0;
}

static const void *file_map(handle f, size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, f, 0);
    return p == MAP_FAILED ? NULL : p;
}
static void file_unmap(const void *data, size_t bytes) { munmap((void *)(uintptr_t)data, bytes); }

/* The name a finished file will get, links followed, from malloc; NULL with *error = 0 if there is a device, pipe or
 * socket of that name, which must be written to and not replaced. */
static char *file_target(const char *path, int *error)
{
    struct stat s;
    char *real;
    *error = 0;
    if (stat(path, &s)) {
        if (errno == ENOENT && (real = strdup(path)) != NULL) return real;
        *error = errno;
        return NULL;
    }
    if (S_ISDIR(s.st_mode)) { *error = EISDIR; return NULL; }
    if (!S_ISREG(s.st_mode)) return NULL;
    if ((real = realpath(path, NULL)) == NULL) *error = errno;
    return real;
}
static int file_rename(const char *from, const char *to) { return rename(from, to) ? errno : 0; }

static void on_signal(int number)
{
    int i;
    for (i = 0; i < OUTPUTS; i++) if (pending[i]) unlink(pending[i]);
    signal(number, SIG_DFL);
    raise(number);
}

/* A full disk must come back from write() as an error, not as a signal. What was ignored stays ignored. */
static void catch_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGBUS };
    size_t i;
    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) if (signal(numbers[i], on_signal) == SIG_IGN) signal(numbers[i], SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}
#endif

static double seconds_now(void)
{
#if defined(_WIN32)
    return (double)clock() / CLOCKS_PER_SEC;
#else
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
#endif
}

/* A file to read: mapped where that works, in memory if it is a pipe or has to be text, else read piece by piece. */
typedef struct input {
    const char *name;        /* for messages */
    handle      file;
    const void *data;        /* all of it, or NULL */
    uint64_t    bytes;
    int         is_mapped;
    int         error;       /* errno of the last read that failed */
} input;

static int input_read(void *user, uint64_t offset, void *data, size_t bytes)
{
    input *in = (input *)user;
    return in->error = file_read_at(in->file, offset, data, bytes);
}

static int input_slurp(input *in)
{
    char *data = NULL, *more;
    size_t used = 0, room = 0, got;
    for (;;) {
        if (used == room) {
            if (room > SIZE_MAX / 2 || (more = (char *)realloc(data, room = room ? 2 * room : 65536)) == NULL) { free(data); return ENOMEM; }
            data = more;
        }
        if ((in->error = file_read_some(in->file, data + used, room - used, &got)) != 0) { free(data); return in->error; }
        if (got == 0) break;
        used += got;
    }
    in->data = data;
    in->bytes = used;
    return 0;
}

static int input_open(input *in, const char *path)
{
    memset(in, 0, sizeof(*in));
    in->file = NO_FILE;
    in->name = strcmp(path, "-") == 0 ? "<stdin>" : path;
    if (in->name != path) in->file = standard_input();
    else if ((in->error = file_open(path, &in->file)) != 0) return in->error;
    if (!file_size(in->file, &in->bytes)) return input_slurp(in);
    if (in->bytes > 0 && in->bytes <= SIZE_MAX && (in->data = file_map(in->file, (size_t)in->bytes)) != NULL) in->is_mapped = 1;
    return 0;
}

/* All of it in memory. */
static int input_open_text(input *in, const char *path)
{
    int error = input_open(in, path);
    return error || in->data ? error : input_slurp(in);
}

static void input_close(input *in)
{
    if (in->is_mapped) file_unmap(in->data, (size_t)in->bytes);
    else free((void *)(uintptr_t)in->data);
    if (in->file != NO_FILE && in->file != standard_input()) file_close(in->file);
    in->data = NULL;
    in->file = NO_FILE;
}

static smash_io input_io(input *in)
{
    smash_io io;
    if (in->data) return smash_io_memory(in->data, (size_t)in->bytes);
    memset(&io, 0, sizeof(io));
    io.read = input_read;
    io.bytes = in->bytes;
    io.user = in;
    return io;
}

/* A file to write. */
typedef struct output {
    const char *path;        /* as the user said it; NULL: not wanted */
    char       *target;      /* the temporary file is renamed to this; NULL: it is copied to path */
    char       *temp;
    handle      file;
    int         error;       /* errno of the first failure */
    int         no_spool;    /* 1: the error is that there is no place for a temporary file */
    int         slot;        /* in pending */
} output;

static int output_write(void *user, uint64_t offset, const void *data, size_t bytes)
{
    output *o = (output *)user;
    if (!o->error) o->error = file_write_at(o->file, offset, data, bytes);
    return o->error;
}

static int output_read(void *user, uint64_t offset, void *data, size_t bytes)
{
    output *o = (output *)user;
    if (!o->error) o->error = file_read_at(o->file, offset, data, bytes);
    return o->error;
}

static int output_open(output *o, const char *path, int slot)
{
    unsigned attempt = 0;

    memset(o, 0, sizeof(*o));
    o->file = NO_FILE;
    o->slot = slot;
    o->path = path;
    if (strcmp(path, "-") != 0) o->target = file_target(path, &o->error);
    if (o->error) return o->error;
    if (!o->target) {
        o->error = file_spool(&o->file);
        o->no_spool = o->error != 0;
        return o->error;
    }
    if ((o->temp = (char *)malloc(strlen(o->target) + 40)) == NULL) return o->error = ENOMEM;
    do {
        sprintf(o->temp, "%s.tmp%ld.%u", o->target, (long)getpid(), attempt);
        o->error = file_create(o->temp, &o->file);
    } while (o->error == EEXIST && ++attempt < 100);
    if (o->error) { free(o->temp); o->temp = NULL; }
    else file_copy_mode(o->target, o->file);
    pending[slot] = o->temp;
    return o->error;
}

/* Close, and throw away what is not finished. */
static void output_close(output *o)
{
    if (o->file != NO_FILE) file_close(o->file);
    o->file = NO_FILE;
    pending[o->slot] = NULL;
    if (o->temp) remove(o->temp);
    free(o->temp);
    free(o->target);
    o->temp = o->target = NULL;
}

/* First half of finishing: everything that may find the disk full. */
static int output_flush(output *o, uint64_t bytes)
{
    if (!o->error && !o->target) {
        handle to = NO_FILE;
        char *buffer = (char *)malloc(COPY_BYTES);
        uint64_t at;
        size_t n;
        if (strcmp(o->path, "-") == 0) to = standard_output();
        else o->error = file_open_to_write(o->path, &to);
        if (!buffer && !o->error) o->error = ENOMEM;
        for (at = 0; at < bytes && !o->error; at += n) {
            n = bytes - at < COPY_BYTES ? (size_t)(bytes - at) : COPY_BYTES;
            if ((o->error = file_read_at(o->file, at, buffer, n)) == 0) o->error = file_write_all(to, buffer, n);
        }
        free(buffer);
        if (to != NO_FILE && to != standard_output()) { int error = file_close(to); if (!o->error) o->error = error; }
    } else if (!o->error) {
        o->error = file_close(o->file);
        o->file = NO_FILE;
    }
    return o->error;
}

/* Second half: the name. */
static int output_finish(output *o)
{
    if (!o->target) return 0;
    if ((o->error = file_rename(o->temp, o->target)) == 0) {
        pending[o->slot] = NULL;
        free(o->temp);
        o->temp = NULL;
    }
    return o->error;
}

#endif
