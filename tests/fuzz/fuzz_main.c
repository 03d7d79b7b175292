/* Replays inputs without libFuzzer: the files and directories given as arguments, or the corpus that the program was built
 * with. Says "N passed, 0 failed"; a property that does not hold ends the program, after it has named the file. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#ifndef FUZZ_CORPUS
#define FUZZ_CORPUS ""
#endif

static const char *current = "";
static size_t passed;

static void name_current(void) { fprintf(stderr, "FAILED on the input %s\n", current); }

static void on_signal(int number)
{
    name_current();
    signal(number, SIG_DFL);
    raise(number);
}

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    long size;
    unsigned char *data;
    if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET)) { fprintf(stderr, "cannot read %s\n", path); return 1; }
    data = (unsigned char *)malloc(size ? (size_t)size : 1);
    if (!data || fread(data, 1, (size_t)size, f) != (size_t)size) { fprintf(stderr, "cannot read %s\n", path); return 1; }
    fclose(f);
    current = path;
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    passed++;
    return 0;
}

static int run(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char file[4096];
    int failed = 0;
    if (!dir) return run_file(path);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.') continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        failed += run_file(file);
    }
    closedir(dir);
    return failed;
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FUZZ_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FUZZ_SANITIZED 1
#endif
#ifdef FUZZ_SANITIZED
void __sanitizer_set_death_callback(void (*callback)(void));
#endif

int main(int argc, char **argv)
{
    int i, failed = 0;
    signal(SIGABRT, on_signal);
#ifdef FUZZ_SANITIZED
    __sanitizer_set_death_callback(name_current);
#else
    signal(SIGSEGV, on_signal);
#endif
    for (i = 1; i < argc; i++) failed += run(argv[i]);
    if (argc < 2) failed += run(FUZZ_CORPUS);
    printf("%lu passed, %d failed\n", (unsigned long)passed, failed);
    return failed || !passed;
}
