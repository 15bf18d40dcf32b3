/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target on each file of the directories given: the corpus as a test without libFuzzer.
 * An empty directory is a failure: it would test nothing.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

enum { REPLAY_MAX_FILE_BYTES = 1 << 20 };

/* In memory of its own size, so that a sanitizer sees a read behind the end. */
static bool replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat stat;
    uint8_t *data = NULL;
    size_t size = 0;
    bool is_read = false;

    if (file == NULL)
        return false;
    if (fstat(fileno(file), &stat) == 0 && stat.st_size <= REPLAY_MAX_FILE_BYTES) {
        size = (size_t)stat.st_size;
        data = malloc(size == 0 ? 1 : size);
        is_read = data != NULL && fread(data, 1, size, file) == size;
    }
    (void)fclose(file);
    if (is_read)
        (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    return is_read;
}

/* The number of files, or -1. */
static int replay_directory(const char *directory)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;
    int n = 0;

    if (dir == NULL)
        return -1;
    while (n >= 0 && (entry = readdir(dir)) != NULL) {
        char path[4096];

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        n = replay_file(path) ? n + 1 : -1;
        if (n < 0)
            (void)fprintf(stderr, "%s: cannot be read\n", path);
    }
    (void)closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: %s DIRECTORY...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        int n = replay_directory(argv[i]);

        if (n <= 0) {
            (void)fprintf(stderr, "%s: no files to replay\n", argv[i]);
            return 1;
        }
        (void)printf("%s: %d files\n", argv[i], n);
    }
    return 0;
}
