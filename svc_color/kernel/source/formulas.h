/* CIEDE2000 and RGB to CIELAB over one block of BLOCK rows, in the type REAL.
 *
 * Included once for float and once for double. Every loop is free of branches and calls, so that the compiler
 * makes vectors of it. Polynomials interpolate at Chebyshev nodes; docs/colour-kernel.md gives their errors.
 */

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(x) JOIN(x, REAL)
#define EACH for (int i = 0; i < BLOCK; i++)

static inline REAL NAME(from_bits)(UINT bits) {
    REAL value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline UINT NAME(to_bits)(REAL value) {
    UINT bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline REAL NAME(larger)(REAL a, REAL b) { return a > b ? a : b; }

/* exp(z) for z <= 0; below SMALLEST_EXP it is exp(SMALLEST_EXP), which is nothing. */
static inline REAL NAME(exp_negative)(REAL z) {
    z = NAME(larger)(z, SMALLEST_EXP);
    /* Adding and taking away 1.5 times 2^(mantissa bits) rounds to a whole number. */
    REAL shifted = z * R(1.4426950408889634) + ROUNDER;
    REAL whole = shifted - ROUNDER;
    REAL rest = z - whole * LN2_HIGH - whole * LN2_LOW;
    UINT scale = (NAME(to_bits)(shifted) + EXPONENT_BIAS) << MANTISSA_BITS;
    return EXP_POLYNOMIAL(rest) * NAME(from_bits)(scale);
}

/* x^(-1/3), x > 0: bits give z to 4 %, two rounds of the binomial series of (1 - h)^(-1/3) the rest. No division. */
static inline REAL NAME(inverse_cube_root)(REAL x) {
    REAL z = INVERSE_CUBE_ROOT_GUESS(x);
    REAL h = 1 - x * z * (z * z);
    z += z * h * (R(1.0 / 3) + h * (R(2.0 / 9) + h * (R(14.0 / 81) + h * R(35.0 / 243))));
    h = 1 - x * z * (z * z);
    return z + z * h * (R(1.0 / 3) + h * R(2.0 / 9));
}

/* x^(-1/5), x > 0, in the same way. */
static inline REAL NAME(inverse_fifth_root)(REAL x) {
    REAL z = INVERSE_FIFTH_ROOT_GUESS(x);
    REAL z_2 = z * z;
    REAL h = 1 - x * z * (z_2 * z_2);
    z += z * h * (R(1.0 / 5) + h * (R(3.0 / 25) + h * (R(11.0 / 125) + h * R(44.0 / 625))));
    z_2 = z * z;
    h = 1 - x * z * (z_2 * z_2);
    return z + z * h * (R(1.0 / 5) + h * (R(3.0 / 25) + h * R(11.0 / 125)));
}

/* One pair: Sharma, Wu and Dalal (2005), with hues as vectors; ../../difference.py has the same in numpy.
 * `cross` is a_1 b_2 - a_2 b_1. `side` and `mirrored` are 1 or -1: on which side of the two jumps a pair lies,
 * opposite hues and a mean hue of 0. */
static inline REAL NAME(ciede2000)(REAL mean_l, REAL d_l, REAL a_1, REAL b_1, REAL a_2, REAL b_2, REAL cross,
                                   REAL side, REAL mirrored, REAL k_l, REAL k_c, REAL k_h) {
    const REAL power = R(6103515625.0); /* 25^7 */
    REAL c_1 = SQRT(a_1 * a_1 + b_1 * b_1), c_2 = SQRT(a_2 * a_2 + b_2 * b_2);
    REAL mean = (c_1 + c_2) * R(0.5), cube = mean * mean * mean, seventh = cube * cube * mean;
    REAL stretch = R(1.5) - R(0.5) * SQRT(seventh / (seventh + power));
    REAL x_1 = a_1 * stretch, x_2 = a_2 * stretch;
    c_1 = SQRT(x_1 * x_1 + b_1 * b_1);
    c_2 = SQRT(x_2 * x_2 + b_2 * b_2);

    /* Chord (Delta H) and bisector (mean hue) from sums where the hues are near, from differences where they
     * are far apart: the other of the two cancels. The bisector of far hues is the chord turned by 90
     * degrees. */
    REAL dot = x_1 * x_2 + b_1 * b_2;
    int near = dot >= 0;
    REAL root = SQRT(2 * (c_1 * c_2 + FABS(dot)));
    REAL d_h = near ? (root > TINY ? 2 * stretch * cross / root : 0) : side * root;
    REAL u_1 = x_1 * c_2, v_1 = b_1 * c_2, u_2 = x_2 * c_1, v_2 = b_2 * c_1;
    REAL x = near ? u_1 + u_2 : side * (v_2 - v_1);
    REAL y = near ? v_1 + v_2 : side * (u_1 - u_2);
    REAL square = x * x + y * y; /* of a grey it may vanish, and its hue with it */
    REAL scale = square > TINY ? 1 / SQRT(square) : 0;
    x *= scale;
    y *= scale;

    /* Mean hue in [0, 2 pi), measured from 275 degrees in units of 25. */
    REAL abs_x = FABS(x), abs_y = FABS(y);
    REAL small = abs_x < abs_y ? abs_x : abs_y, large = abs_x < abs_y ? abs_y : abs_x;
    REAL ratio = small / NAME(larger)(large, TINY);
    REAL hue = ratio * ATAN_POLYNOMIAL(ratio * ratio);
    hue = abs_y > abs_x ? R(1.5707963267948966) - hue : hue;
    hue = x < 0 ? R(3.1415926535897932) - hue : hue;
    REAL below = ((x > 0) & (abs_y < NEAR_ZERO)) ? mirrored : y;
    hue *= R(2.2918311805232930); /* 180 / pi / 25 */
    REAL away = below < 0 ? R(3.4) - hue : hue - 11; /* (360 - 275) / 25, 275 / 25 */
    REAL turn = R(1.0471975511965977) * NAME(exp_negative)(-away * away); /* 2 Delta theta, 60 degrees at most */
    REAL sine = turn * SIN_POLYNOMIAL(turn * turn);

    /* T of equation 15 by multiples of the angle: weight times cosine and sine of each phase. */
    REAL x_two = x * x - y * y, y_two = 2 * x * y;
    REAL x_three = x_two * x - y_two * y, y_three = y_two * x + x_two * y;
    REAL x_four = x_two * x_two - y_two * y_two, y_four = 2 * x_two * y_two;
    REAL t = 1 - R(0.14722431864335457) * x - R(0.085) * y + R(0.24) * x_two
             + R(0.31824700651783447) * x_three - R(0.033449108245649113) * y_three
             - R(0.090798099947909375) * x_four - R(0.17820130483767358) * y_four;

    REAL off = mean_l - 50, off_root = SQRT(20 + off * off);
    mean = (c_1 + c_2) * R(0.5);
    cube = mean * mean * mean;
    seventh = cube * cube * mean;
    REAL light = d_l * off_root / (k_l * (off_root + R(0.015) * off * off));
    REAL colour = (c_2 - c_1) / (k_c * (1 + R(0.045) * mean));
    REAL hues = d_h / (k_h * (1 + R(0.015) * mean * t));
    /* colour^2 + hue^2 + R_T colour hue along its own axes: no term is negative, so nothing cancels. */
    REAL half = sine * SQRT(seventh / (seventh + power));
    REAL same = colour + hues, opposed = colour - hues;
    return SQRT(light * light + R(0.5) * (same * same * (1 - half) + opposed * opposed * (1 + half)));
}

/* f of CIELAB, ISO/CIE 11664-4: the cube root, and a line below (6/29)^3. NaN stays NaN. */
static inline REAL NAME(compress)(REAL ratio) {
    const REAL join = R(0.0088564516790356308);
    REAL z = NAME(inverse_cube_root)(NAME(larger)(ratio, join));
    REAL root = ratio * z * z;
    return ratio > join ? root : ratio * R(7.7870370370370370) + R(0.13793103448275862);
}

/* IEC 61966-2-1 decoding, odd for negative values: v^2.4 = v^3 (v^(-1/5))^3. */
static inline REAL NAME(decode)(REAL encoded) {
    REAL magnitude = FABS(encoded);
    REAL base = (magnitude + R(0.055)) * R(0.94786729857819905);
    REAL power = base * NAME(inverse_fifth_root)(base);
    REAL light = magnitude > R(0.04045) ? power * power * power : magnitude * R(0.077399380804953561);
    return encoded < 0 ? -light : light;
}

static void NAME(decode_block)(REAL *restrict channel) {
    EACH channel[i] = NAME(decode)(channel[i]);
}

static void NAME(lab_block)(const double *restrict matrix, const REAL *restrict red, const REAL *restrict green,
                            const REAL *restrict blue, REAL *restrict l, REAL *restrict a, REAL *restrict b) {
    REAL m[9];
    for (int i = 0; i < 9; i++) m[i] = (REAL)matrix[i];
    EACH {
        REAL f_x = NAME(compress)(m[0] * red[i] + m[1] * green[i] + m[2] * blue[i]);
        REAL f_y = NAME(compress)(m[3] * red[i] + m[4] * green[i] + m[5] * blue[i]);
        REAL f_z = NAME(compress)(m[6] * red[i] + m[7] * green[i] + m[8] * blue[i]);
        REAL light = 116 * f_y - 16, a_star = 500 * (f_x - f_y), b_star = 200 * (f_y - f_z);
        l[i] = FABS(light) <= LARGEST ? light : NAN;
        a[i] = FABS(a_star) <= LARGEST ? a_star : NAN;
        b[i] = FABS(b_star) <= LARGEST ? b_star : NAN;
    }
}

#undef JOIN_
#undef JOIN
#undef NAME
#undef EACH
