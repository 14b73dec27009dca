/* How dev.buildd.base.linux.ImageLibC finds and calls functions of the C library: all of them in
 * the one way that LibC describes. errno is taken before anything else runs on this thread. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>

typedef int64_t (*function)(int64_t, int64_t, int64_t, int64_t, int64_t);

void *buildd_function(const char *name) { return dlsym(RTLD_DEFAULT, name); }

int64_t buildd_call(function call, int *error, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e) {
    int64_t result = call(a, b, c, d, e);
    *error = errno;
    return result;
}
