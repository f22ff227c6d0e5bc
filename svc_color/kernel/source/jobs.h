/* What Python hands over and what the compiled variants share. Mirrored in ../library.py. */
#ifndef ASSAY_JOBS_H
#define ASSAY_JOBS_H

#include <stdint.h>

#define MOST_AXES 8
#define BLOCK 256 /* rows at a time: the buffers of a block stay in a core's first-level cache */

enum number { NUMBER_FLOAT32 = 0, NUMBER_FLOAT64 = 1, NUMBER_UINT8 = 2 };
enum curve { CURVE_NONE = 0, CURVE_SRGB = 1 };

/* Rows of three channels, walked through `shape` of the job with these steps in bytes (0 repeats a row). */
struct rows {
    const char *data;
    int64_t steps[MOST_AXES];
    int64_t channel_step;
    int64_t number; /* enum number */
};

struct shape {
    int64_t axes; /* at least 1 */
    int64_t lengths[MOST_AXES];
};

/* CIEDE2000 of pairs: `out` is contiguous, one float64 for each row. */
struct difference {
    struct shape shape;
    struct rows first, second;
    double k_l, k_c, k_h;
    int64_t single; /* 1: float32 arithmetic */
    double *out;
};

/* RGB to CIELAB: `out` is contiguous, three numbers for each row, float32 or float64 as `out_number` says;
 * arithmetic is done in that type. */
struct lab {
    struct shape shape;
    struct rows rgb;
    int64_t curve;       /* enum curve: of float input; bytes always go through `decoded` */
    double decoded[256]; /* linear light of each byte */
    double matrix[9];    /* linear light to X/Xn, Y/Yn, Z/Zn, by rows */
    double low, high;    /* encoded floats outside are a mistake of the caller; infinities are let through */
    int64_t out_number;
    char *out;
};

/* Rows [begin, end) of a job; nonzero when an encoded value lay outside low..high. */
typedef int (*difference_rows)(const struct difference *, int64_t begin, int64_t end);
typedef int (*lab_rows)(const struct lab *, int64_t begin, int64_t end);

struct variant {
    const char *name;
    int (*usable)(void);
    difference_rows difference;
    lab_rows lab;
};

#endif
