/* The kernels for one instruction set, named by VARIANT: ../build.py compiles this file once for each.
 *
 * Rows are gathered into blocks, computed (formulas.h) and scattered. Which side of a jump of CIEDE2000 a pair
 * lies on is decided here, from products in float64 that are rounded one by one, never fused: numpy gets the
 * same bits, whatever the processor.
 */

#include <float.h>
#include <math.h>
#include <string.h>

#include "jobs.h"

/* c[0] + c[1] s + c[2] s^2 + ... */
#define POLYNOMIAL(type, terms)                                                    \
    static inline type polynomial_##type##_##terms(type s, const type *c) {       \
        type sum = c[terms - 1];                                                  \
        _Pragma("clang loop unroll(full)") for (int k = terms - 2; k >= 0; k--) sum = sum * s + c[k]; \
        return sum;                                                               \
    }

/* ---- float: 24 bits of mantissa ---- */
POLYNOMIAL(float, 4)
POLYNOMIAL(float, 6)
POLYNOMIAL(float, 9)
static const float ATAN_FLOAT[9] = {
    0.999999981788655726f, -0.333330367092862757f, 0.19991872029109072f, -0.141977977940851229f, 0.106183706369538489f,
    -0.0745685482600454737f, 0.0421376235891930407f, -0.0157312491221836528f, 0.00276628350176202596f};
static const float SIN_FLOAT[4] = {0.999999969467178515f, -0.166665775513519286f, 0.00832926369292461222f,
                                   -0.000192450279370884276f};
static const float EXP_FLOAT[6] = {1.00000007545489719f,  1.00000001077157014f,  0.499988693783033981f,
                                   0.166665052604081235f, 0.0419175072496152611f, 0.00836914849085634659f};

#define REAL float
#define UINT uint32_t
#define R(x) ((float)(x))
#define SQRT __builtin_sqrtf
#define FABS __builtin_fabsf
#define TINY 1e-30f
#define LARGEST FLT_MAX
#define NEAR_ZERO 1e-4f
#define SMALLEST_EXP -80.0f
#define ROUNDER 12582912.0f
#define EXPONENT_BIAS 127
#define MANTISSA_BITS 23
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440e-4f
#define ATAN_POLYNOMIAL(s) polynomial_float_9(s, ATAN_FLOAT)
#define SIN_POLYNOMIAL(s) polynomial_float_4(s, SIN_FLOAT)
#define EXP_POLYNOMIAL(s) polynomial_float_6(s, EXP_FLOAT)
#define INVERSE_CUBE_ROOT_GUESS(x) from_bits_float(0x54A1F671u - to_bits_float(x) / 3)
#define INVERSE_FIFTH_ROOT_GUESS(x) from_bits_float(0x4C2B4A23u - to_bits_float(x) / 5)
#include "formulas.h"
#undef REAL
#undef UINT
#undef R
#undef SQRT
#undef FABS
#undef TINY
#undef LARGEST
#undef NEAR_ZERO
#undef SMALLEST_EXP
#undef ROUNDER
#undef EXPONENT_BIAS
#undef MANTISSA_BITS
#undef LN2_HIGH
#undef LN2_LOW
#undef ATAN_POLYNOMIAL
#undef SIN_POLYNOMIAL
#undef EXP_POLYNOMIAL
#undef INVERSE_CUBE_ROOT_GUESS
#undef INVERSE_FIFTH_ROOT_GUESS

/* ---- double: 53 bits of mantissa ---- */
POLYNOMIAL(double, 7)
POLYNOMIAL(double, 11)
POLYNOMIAL(double, 19)
static const double ATAN_DOUBLE[19] = {
    0.999999999999999799, -0.333333333333187978, 0.199999999982444063, -0.142857142011534848, 0.111111089472156842,
    -0.090908751000999817, 0.0769195041879679528, -0.0666400760765404565, 0.0586777600170671886, -0.0520258292466982089,
    0.0456687247194499429, -0.0385260683461067363, 0.0299240529380271104, -0.0203308700330274606, 0.0114300236750545083,
    -0.00500036645373264916, 0.00157394932417557609, -0.000314200773668073358, 0.0000296963566016577922};
static const double SIN_DOUBLE[7] = {0.999999999999999824,   -0.166666666666650969,   0.00833333333310427865,
                                     -0.00019841269715905893, 2.75572865406891963e-6, -2.50477317622963178e-8,
                                     1.57680042716915034e-10};
static const double EXP_DOUBLE[11] = {
    1.0, 1.00000000000000674, 0.500000000000000562, 0.166666666665544045, 0.0416666666665731426, 0.00833333338566778247,
    0.00138888889324885982, 0.000198411702704400684, 0.0000248015043469976873, 2.76401807962098511e-6,
    2.76263572414472229e-7};

#define REAL double
#define UINT uint64_t
#define R(x) (x)
#define SQRT __builtin_sqrt
#define FABS __builtin_fabs
#define TINY 1e-290
#define LARGEST DBL_MAX
#define NEAR_ZERO 1e-4
#define SMALLEST_EXP -700.0
#define ROUNDER 6755399441055744.0
#define EXPONENT_BIAS 1023
#define MANTISSA_BITS 52
#define LN2_HIGH 0.69314718036912381649
#define LN2_LOW 1.9082149292705877e-10
#define ATAN_POLYNOMIAL(s) polynomial_double_19(s, ATAN_DOUBLE)
#define SIN_POLYNOMIAL(s) polynomial_double_7(s, SIN_DOUBLE)
#define EXP_POLYNOMIAL(s) polynomial_double_11(s, EXP_DOUBLE)
/* A third and a fifth of the upper half only, by multiplication: vectors have no division of integers. */
#define INVERSE_CUBE_ROOT_GUESS(x) \
    from_bits_double((0x553EE979ull - (((to_bits_double(x) >> 32) * 0xAAAAAAABull) >> 33)) << 32)
#define INVERSE_FIFTH_ROOT_GUESS(x) \
    from_bits_double((0x4CB89C78ull - (((to_bits_double(x) >> 32) * 0xCCCCCCCDull) >> 34)) << 32)
#include "formulas.h"
#undef REAL
#undef UINT
#undef R
#undef SQRT
#undef FABS
#undef TINY
#undef LARGEST
#undef NEAR_ZERO
#undef SMALLEST_EXP
#undef ROUNDER
#undef EXPONENT_BIAS
#undef MANTISSA_BITS
#undef LN2_HIGH
#undef LN2_LOW
#undef ATAN_POLYNOMIAL
#undef SIN_POLYNOMIAL
#undef EXP_POLYNOMIAL
#undef INVERSE_CUBE_ROOT_GUESS
#undef INVERSE_FIFTH_ROOT_GUESS

/* Where a walk over the rows of a shape stands. */
struct place {
    int64_t at[MOST_AXES];
};

static struct place locate(const struct shape *shape, int64_t row) {
    struct place place = {{0}};
    for (int64_t axis = shape->axes - 1; axis >= 0; axis--) {
        place.at[axis] = row % shape->lengths[axis];
        row /= shape->lengths[axis];
    }
    return place;
}

static const char *address(const struct rows *rows, const struct shape *shape, const struct place *place) {
    const char *data = rows->data;
    for (int64_t axis = 0; axis < shape->axes; axis++) data += place->at[axis] * rows->steps[axis];
    return data;
}

/* Rows left on the innermost axis, `most` at most; then moves on by that many. */
static int run_length(const struct shape *shape, const struct place *place, int most) {
    int64_t left = shape->lengths[shape->axes - 1] - place->at[shape->axes - 1];
    return left < most ? (int)left : most;
}

static void advance(const struct shape *shape, struct place *place, int rows) {
    place->at[shape->axes - 1] += rows;
    for (int64_t axis = shape->axes - 1; axis > 0 && place->at[axis] == shape->lengths[axis]; axis--) {
        place->at[axis] = 0;
        place->at[axis - 1]++;
    }
}

/* A run of `count` rows, `step` bytes apart, into three channels. Packed rows have steps that the compiler
 * knows, and become shuffles. */
#define GATHER(name, from, to, value)                                                                        \
    static void gather_##name(const char *data, int64_t step, int64_t channel, int count, const double *table, \
                              to *restrict x, to *restrict y, to *restrict z) {                              \
        (void)table;                                                                                         \
        if (step == 3 * sizeof(from) && channel == sizeof(from)) {                                           \
            const from *row = (const from *)data;                                                            \
            for (int i = 0; i < count; i++) {                                                                \
                x[i] = (to)value(row[3 * i]);                                                                \
                y[i] = (to)value(row[3 * i + 1]);                                                            \
                z[i] = (to)value(row[3 * i + 2]);                                                            \
            }                                                                                                \
            return;                                                                                          \
        }                                                                                                    \
        for (int i = 0; i < count; i++, data += step) {                                                      \
            x[i] = (to)value(*(const from *)data);                                                           \
            y[i] = (to)value(*(const from *)(data + channel));                                               \
            z[i] = (to)value(*(const from *)(data + 2 * channel));                                           \
        }                                                                                                    \
    }
#define ITSELF(value) (value)
#define LOOKED_UP(value) table[value]
GATHER(float_double, float, double, ITSELF)
GATHER(double_double, double, double, ITSELF)
GATHER(byte_double, uint8_t, double, LOOKED_UP)
GATHER(float_float, float, float, ITSELF)
GATHER(double_float, double, float, ITSELF)
GATHER(byte_float, uint8_t, float, LOOKED_UP)

/* A block of `count` rows from `place` on, in the type `to`; the rest of the block repeats zeros, so that
 * every row of every call goes through the same vector code. */
#define FILL(to)                                                                                             \
    static void fill_##to(const struct rows *rows, const struct shape *shape, struct place place, int count, \
                          const double *table, to *x, to *y, to *z) {                                        \
        int done = 0;                                                                                        \
        while (done < count) {                                                                               \
            int run = run_length(shape, &place, count - done);                                               \
            const char *data = address(rows, shape, &place);                                                 \
            int64_t step = rows->steps[shape->axes - 1], channel = rows->channel_step;                       \
            if (rows->number == NUMBER_UINT8)                                                                \
                gather_byte_##to(data, step, channel, run, table, x + done, y + done, z + done);             \
            else if (rows->number == NUMBER_FLOAT32)                                                         \
                gather_float_##to(data, step, channel, run, table, x + done, y + done, z + done);            \
            else                                                                                             \
                gather_double_##to(data, step, channel, run, table, x + done, y + done, z + done);           \
            done += run;                                                                                     \
            advance(shape, &place, run);                                                                     \
        }                                                                                                    \
        for (; done < BLOCK; done++) x[done] = y[done] = z[done] = 0;                                        \
    }
FILL(double)
FILL(float)

/* A pair is one long chain of operations: two vectors of them at a time keep the units busy. */
#define TWO_AT_A_TIME _Pragma("clang loop interleave_count(2)")

/* Above this a float32 no longer holds every difference to 1e-4. All of sRGB lies below. */
#define MOST_SINGLE 110.0

struct pairs {
    double l_1[BLOCK], a_1[BLOCK], b_1[BLOCK], l_2[BLOCK], a_2[BLOCK], b_2[BLOCK];
};

/* 1 where the second hue lies up to 180 degrees counterclockwise of the first, else -1. Hues exactly opposite
 * have their mean in [90, 270) degrees, as in the standard. */
static inline double side_of(double cross, double a_1, double b_1) {
    double opposite = ((b_1 > 0) | ((b_1 == 0) & (a_1 > 0))) ? 1.0 : -1.0;
    return cross > 0 ? 1.0 : (cross < 0 ? -1.0 : opposite);
}

static void exact_block(const struct difference *job, const struct pairs *restrict p, double *restrict out) {
    double k_l = job->k_l, k_c = job->k_c, k_h = job->k_h;
    TWO_AT_A_TIME
    for (int i = 0; i < BLOCK; i++) {
        double there = p->a_1[i] * p->b_2[i], back = p->a_2[i] * p->b_1[i];
        double cross = there - back, mirror = there + back;
        double value = ciede2000_double((p->l_1[i] + p->l_2[i]) * 0.5, p->l_2[i] - p->l_1[i], p->a_1[i], p->b_1[i],
                                        p->a_2[i], p->b_2[i], cross, side_of(cross, p->a_1[i], p->b_1[i]),
                                        mirror < 0 ? -1.0 : 1.0, k_l, k_c, k_h);
        out[i] = value <= DBL_MAX ? value : NAN;
    }
}

/* Differences and products in float64, then everything in float32. Returns nonzero when a value is so large
 * that float32 cannot do. */
static int single_block(const struct difference *job, const struct pairs *restrict p, double *restrict out) {
    float mean_l[BLOCK], d_l[BLOCK], a_1[BLOCK], b_1[BLOCK], a_2[BLOCK], b_2[BLOCK], cross[BLOCK];
    float side[BLOCK], mirrored[BLOCK], answer[BLOCK];
    float k_l = (float)job->k_l, k_c = (float)job->k_c, k_h = (float)job->k_h;
    int64_t large = 0;
    for (int i = 0; i < BLOCK; i++) {
        double there = p->a_1[i] * p->b_2[i], back = p->a_2[i] * p->b_1[i];
        large |= (__builtin_fabs(p->l_1[i]) > MOST_SINGLE) | (__builtin_fabs(p->l_2[i]) > MOST_SINGLE)
                 | (__builtin_fabs(p->a_1[i]) > MOST_SINGLE) | (__builtin_fabs(p->b_1[i]) > MOST_SINGLE)
                 | (__builtin_fabs(p->a_2[i]) > MOST_SINGLE) | (__builtin_fabs(p->b_2[i]) > MOST_SINGLE);
        mean_l[i] = (float)((p->l_1[i] + p->l_2[i]) * 0.5);
        d_l[i] = (float)(p->l_2[i] - p->l_1[i]);
        a_1[i] = (float)p->a_1[i];
        b_1[i] = (float)p->b_1[i];
        a_2[i] = (float)p->a_2[i];
        b_2[i] = (float)p->b_2[i];
        cross[i] = (float)(there - back);
        side[i] = (float)side_of(there - back, p->a_1[i], p->b_1[i]);
        mirrored[i] = there + back < 0 ? -1.0f : 1.0f;
    }
    if (large) return 1;
    TWO_AT_A_TIME
    for (int i = 0; i < BLOCK; i++) {
        float value = ciede2000_float(mean_l[i], d_l[i], a_1[i], b_1[i], a_2[i], b_2[i], cross[i], side[i],
                                      mirrored[i], k_l, k_c, k_h);
        answer[i] = value <= FLT_MAX ? value : NAN;
    }
    for (int i = 0; i < BLOCK; i++) out[i] = (double)answer[i];
    return 0;
}

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

int PASTE(difference_, VARIANT)(const struct difference *job, int64_t begin, int64_t end) {
    struct pairs pairs;
    double tail[BLOCK];
    for (int64_t row = begin; row < end; row += BLOCK) {
        int count = end - row < BLOCK ? (int)(end - row) : BLOCK;
        struct place place = locate(&job->shape, row);
        fill_double(&job->first, &job->shape, place, count, NULL, pairs.l_1, pairs.a_1, pairs.b_1);
        fill_double(&job->second, &job->shape, place, count, NULL, pairs.l_2, pairs.a_2, pairs.b_2);
        double *out = count == BLOCK ? job->out + row : tail;
        if (!job->single || single_block(job, &pairs, out)) exact_block(job, &pairs, out);
        if (out == tail) memcpy(job->out + row, tail, (size_t)count * sizeof *tail);
    }
    return 0;
}

/* Blocks of RGB to CIELAB in `type`. */
#define LAB_ROWS(type)                                                                                       \
    static int lab_##type(const struct lab *job, int64_t begin, int64_t end) {                               \
        type red[BLOCK], green[BLOCK], blue[BLOCK], l[BLOCK], a[BLOCK], b[BLOCK];                            \
        int64_t outside = 0;                                                                                 \
        for (int64_t row = begin; row < end; row += BLOCK) {                                                 \
            int count = end - row < BLOCK ? (int)(end - row) : BLOCK;                                        \
            struct place place = locate(&job->shape, row);                                                   \
            fill_##type(&job->rgb, &job->shape, place, count, job->decoded, red, green, blue);               \
            if (job->curve == CURVE_SRGB && job->rgb.number != NUMBER_UINT8) {                               \
                type *channels[3] = {red, green, blue};                                                      \
                for (int k = 0; k < 3; k++) {                                                                \
                    outside |= outside_##type(channels[k], (type)job->low, (type)job->high);                 \
                    decode_block_##type(channels[k]);                                                        \
                }                                                                                            \
            }                                                                                                \
            lab_block_##type(job->matrix, red, green, blue, l, a, b);                                        \
            type *out = (type *)job->out + 3 * row;                                                          \
            for (int i = 0; i < count; i++) {                                                                \
                out[3 * i] = l[i];                                                                           \
                out[3 * i + 1] = a[i];                                                                       \
                out[3 * i + 2] = b[i];                                                                       \
            }                                                                                                \
        }                                                                                                    \
        return outside != 0;                                                                                 \
    }
#define OUTSIDE(type, largest)                                                                               \
    static int64_t outside_##type(const type *restrict channel, type low, type high) {                       \
        int64_t outside = 0;                                                                                 \
        for (int i = 0; i < BLOCK; i++)                                                                      \
            outside |= ((channel[i] < low) & (channel[i] >= -(largest)))                                     \
                       | ((channel[i] > high) & (channel[i] <= (largest)));                                  \
        return outside;                                                                                      \
    }
OUTSIDE(float, FLT_MAX)
OUTSIDE(double, DBL_MAX)
LAB_ROWS(float)
LAB_ROWS(double)

int PASTE(lab_, VARIANT)(const struct lab *job, int64_t begin, int64_t end) {
    return job->out_number == NUMBER_FLOAT32 ? lab_float(job, begin, end) : lab_double(job, begin, end);
}
