/* Picks the variant that this processor can run, and shares the rows of a job among threads.
 *
 * Threads live for one call: nothing is left behind that a fork could lose or an idle process could pay for.
 */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "jobs.h"

#define SHARE 8192 /* rows taken at a time: a thread that loses its core holds up the others by this much */
#define MOST_THREADS 64

#ifdef __x86_64__
#include <cpuid.h>

/* Bits of the processor that are of use, less those whose registers the operating system does not keep. */
static int x86_has(unsigned first_c, unsigned leaf_7_b, unsigned long long state) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || (c & first_c) != first_c) return 0;
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((((unsigned long long)high << 32 | low) & state) != state) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & leaf_7_b) == leaf_7_b;
}

static int has_avx2(void) { return x86_has(bit_FMA | bit_AVX, bit_AVX2, 0x6); }

static int has_avx512(void) {
    return x86_has(bit_FMA | bit_AVX, bit_AVX2 | bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL, 0xE6);
}
#endif

static int always(void) { return 1; }

#define DECLARE(name)                                                        \
    int difference_##name(const struct difference *, int64_t, int64_t);      \
    int lab_##name(const struct lab *, int64_t, int64_t);
#ifdef __x86_64__
DECLARE(avx512)
DECLARE(avx2)
DECLARE(sse2)
static const struct variant variants[] = {
    {"avx512", has_avx512, difference_avx512, lab_avx512},
    {"avx2", has_avx2, difference_avx2, lab_avx2},
    {"sse2", always, difference_sse2, lab_sse2},
};
#else
DECLARE(neon)
static const struct variant variants[] = {{"neon", always, difference_neon, lab_neon}};
#endif
#define VARIANTS (int)(sizeof variants / sizeof *variants)

#define EXPORT __attribute__((visibility("default")))

/* Of the sources this library was made from: Python refuses another's. */
EXPORT const char *assay_digest(void) { return SOURCE_DIGEST; }

/* The name of a variant, fastest first; NULL past the last. */
EXPORT const char *assay_variant(int index) { return index >= 0 && index < VARIANTS ? variants[index].name : NULL; }

EXPORT int assay_usable(int index) { return index >= 0 && index < VARIANTS && variants[index].usable(); }

struct work {
    int (*rows)(const void *job, int64_t begin, int64_t end);
    const struct variant *variant;
    const void *job;
    int64_t count;
    atomic_llong next;
    atomic_int flags;
};

static int rows_of_difference(const void *work, int64_t begin, int64_t end) {
    const struct work *w = work;
    return w->variant->difference(w->job, begin, end);
}

static int rows_of_lab(const void *work, int64_t begin, int64_t end) {
    const struct work *w = work;
    return w->variant->lab(w->job, begin, end);
}

static void *take_shares(void *given) {
    struct work *work = given;
    for (;;) {
        int64_t begin = atomic_fetch_add(&work->next, SHARE);
        if (begin >= work->count) return NULL;
        int64_t end = begin + SHARE < work->count ? begin + SHARE : work->count;
        atomic_fetch_or(&work->flags, work->rows(work, begin, end));
    }
}

/* The calling thread works too; a thread that cannot be had is done without. */
static int share_out(struct work *work, int threads) {
    pthread_t others[MOST_THREADS];
    int64_t shares = (work->count + SHARE - 1) / SHARE;
    int started = 0, wanted = threads < shares ? threads : (int)shares;
    if (wanted > MOST_THREADS) wanted = MOST_THREADS;
    if (wanted > 1) {
        /* Signals are the process's business; they must not land in a thread that lives for milliseconds. */
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        while (started < wanted - 1 && pthread_create(&others[started], NULL, take_shares, work) == 0) started++;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    take_shares(work);
    for (int i = 0; i < started; i++) pthread_join(others[i], NULL);
    return atomic_load(&work->flags);
}

static int64_t rows_in(const struct shape *shape) {
    int64_t count = 1;
    for (int64_t axis = 0; axis < shape->axes; axis++) count *= shape->lengths[axis];
    return count;
}

EXPORT int assay_difference(const struct difference *job, int variant, int threads) {
    struct work work = {rows_of_difference, &variants[variant], job, rows_in(&job->shape), 0, 0};
    return share_out(&work, threads);
}

EXPORT int assay_lab(const struct lab *job, int variant, int threads) {
    struct work work = {rows_of_lab, &variants[variant], job, rows_in(&job->shape), 0, 0};
    return share_out(&work, threads);
}
