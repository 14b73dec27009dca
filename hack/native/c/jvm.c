/* Stand-in for libjvm.a: those JVM_* entry points which the JDK's C libraries
 * call and a native image truly reaches. builder.sh adds a stub that throws an
 * InternalError for each further one the libraries name. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <jni.h>

void initialize(void) {}  /* what the builder names to make sure of this library */

static JavaVM *machine;

void JVM_Use(JavaVM *vm) { machine = vm; }  /* onload.c tells */

/* Nothing for whoever called, and an error for the thread: a daemon serves many, and goes on. */
void *JVM_Stub(const char *name) {
    char message[200];
    snprintf(message, sizeof message, "not available in a native executable: %s", name);
    JNIEnv *env;
    if (machine == NULL || (*machine)->GetEnv(machine, (void **) &env, JNI_VERSION_1_8) != JNI_OK) {
        fprintf(stderr, "%s\n", message);
        abort();
    }
    if (!(*env)->ExceptionCheck(env)) {
        jclass error = (*env)->FindClass(env, "java/lang/InternalError");
        if (error != NULL)
            (*env)->ThrowNew(env, error, message);
    }
    return NULL;
}

jint JVM_ActiveProcessorCount(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    return (jint) sysconf(_SC_NPROCESSORS_ONLN);
}

jlong JVM_CurrentTimeMillis(JNIEnv *env, jclass ignored) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (jlong) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

jlong JVM_NanoTime(JNIEnv *env, jclass ignored) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (jlong) now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Nanoseconds since the given second of the epoch, -1 where that is far off. */
jlong JVM_GetNanoTimeAdjustment(JNIEnv *env, jclass ignored, jlong from) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    jlong seconds = (jlong) now.tv_sec - from;
    if (seconds >= (jlong) 1 << 32 || seconds <= -((jlong) 1 << 32))
        return -1;
    return seconds * 1000000000 + now.tv_nsec;
}

void JVM_Halt(jint status) { exit(status); }
void JVM_BeforeHalt(void) {}

void JVM_ArrayCopy(JNIEnv *env, jclass system, jobject from, jint i, jobject to, jint j, jint n) {
    jclass cls = (*env)->FindClass(env, "java/lang/System");
    jmethodID copy = cls == NULL ? NULL : (*env)->GetStaticMethodID(env, cls,
            "arraycopy", "(Ljava/lang/Object;ILjava/lang/Object;II)V");
    if (copy != NULL)
        (*env)->CallStaticVoidMethod(env, cls, copy, from, i, to, j, n);
}

jint JVM_GetLastErrorString(char *buffer, int length) {
    if (errno == 0 || length <= 0)
        return 0;
    snprintf(buffer, length, "%s", strerror(errno));
    return (jint) strlen(buffer);
}

jstring JVM_GetTemporaryDirectory(JNIEnv *env) { return (*env)->NewStringUTF(env, "/tmp"); }
void *JVM_FindLibraryEntry(void *library, const char *name) { return dlsym(library, name); }
void *JVM_LoadLibrary(const char *name, jboolean fatal) { return dlopen(name, RTLD_LAZY); }
void JVM_UnloadLibrary(void *library) { dlclose(library); }
jboolean JVM_IsStaticallyLinked(void) { return JNI_TRUE; }
jboolean JVM_IsUseContainerSupport(void) { return JNI_FALSE; }
jboolean JVM_IsContainerized(void) { return JNI_FALSE; }
jint JVM_InitializeSocketLibrary(void) { return 0; }

/* The virtual machine's own native method: whether a shared arena may be closed, which is so where
 * no other thread is just reading or writing its memory. Nothing here can tell; netty, which alone
 * has such arenas, counts references. */
jboolean Java_jdk_internal_misc_ScopedMemoryAccess_closeScope0(JNIEnv *env, jobject access, jobject session) {
    return JNI_TRUE;
}

int jio_vfprintf(FILE *out, const char *format, va_list args) {
    return vfprintf(out, format, args);
}

int jio_vsnprintf(char *to, size_t size, const char *format, va_list args) {
    int n = size == 0 ? -1 : vsnprintf(to, size, format, args);
    return n >= 0 && (size_t) n < size ? n : -1;
}

int jio_snprintf(char *to, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = jio_vsnprintf(to, size, format, args);
    va_end(args);
    return n;
}

int jio_fprintf(FILE *out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vfprintf(out, format, args);
    va_end(args);
    return n;
}
