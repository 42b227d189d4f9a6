/* Elementary functions of our own, in f32, and compensated sums. Drivers promise only 3 + 2|x| ULP for exp, 3 ULP for
 * log and 4096 ULP for atan; losses and Adam-atan2 want the same few ULP everywhere. Everything is `precise`: no
 * contraction or reassociation, so that results are the same wherever +, -, * and / are.
 *
 * Errors below are the largest found against double by tests/ops/test_math.c where / and sqrt round correctly; a device
 * whose division is off by 2.5 ULP (all that Vulkan promises) adds as much where one is used. Subnormal arguments and
 * results may count as 0, as devices are free to flush them.
 *
 *   hrm_exp(x)        1.0 ulp        hrm_sigmoid(x)   2.5 ulp
 *   hrm_log(x)        1.0 ulp        hrm_softplus(x)  2.0 ulp, log(1 + exp(x))
 *   hrm_log1p(x)      1.5 ulp        hrm_erfinv(x)    4.0 ulp for |x| < 0.9966
 *   hrm_atan2(y, x)   2.5 ulp for any y and x >= 0; hrm_atan2(0, 0) = 0
 *   hrm_atan2_of(y, x)  the same, bit for bit, of four at a time, without a branch, for x > 0
 *
 * NaN in gives NaN out, except that nothing is promised for the functions of two arguments. */
#ifndef HRM_LIB_MATH_GLSL
#define HRM_LIB_MATH_GLSL

/* By bits: a compiler may assume that x == x. */
bool hrm_is_nan(float x) {
    return (floatBitsToUint(x) & 0x7fffffffu) > 0x7f800000u;
}

/* 2^k exactly, for k from -126 to 127. */
float hrm_power_of_two(int k) {
    return uintBitsToFloat(uint(127 + k) << 23);
}

/* ---- compensated sums ------------------------------------------------------------------------------------------- */

/* A sum whose rounding errors are kept beside it: the result is as if summed in twice the precision, then rounded.
 * Source: Ogita, Rump, Oishi, "Accurate sum and dot product", 2005 (Sum2), on Knuth's TwoSum. */
struct hrm_sum {
    float hi;
    float lo;
};

hrm_sum hrm_sum_zero() {
    return hrm_sum(0.0, 0.0);
}

void hrm_sum_add(inout hrm_sum s, float x) {
    precise float hi = s.hi + x;
    precise float x_seen = hi - s.hi;
    precise float error = (s.hi - (hi - x_seen)) + (x - x_seen);
    precise float lo = s.lo + error;
    s.hi = hi;
    s.lo = lo;
}

float hrm_sum_value(hrm_sum s) {
    precise float value = s.hi + s.lo;
    return value;
}

/* ---- exp, log --------------------------------------------------------------------------------------------------- */

/* 2^k * r with r in [-ln 2 / 2, ln 2 / 2]. Coefficients: Cephes expf (Moshier). */
float hrm_exp(float x) {
    if (hrm_is_nan(x)) return x;
    if (x > 88.72284) return uintBitsToFloat(0x7f800000u);
    if (x < -103.97208) return 0.0;
    precise float k = floor(x * 1.44269504 + 0.5);
    precise float r = (x - k * 0.693359375) - k * -2.12194440e-4; /* ln 2 in two parts; k times the first is exact */
    precise float p = 1.9875691500e-4;
    p = p * r + 1.3981999507e-3;
    p = p * r + 8.3334519073e-3;
    p = p * r + 4.1665795894e-2;
    p = p * r + 1.6666665459e-1;
    p = p * r + 5.0000001201e-1;
    precise float y = (p * (r * r) + r) + 1.0;
    int e = int(k);
    int first = e / 2; /* two factors, so that neither leaves the normal range */
    precise float scaled = y * intBitsToFloat((first + 127) << 23);
    scaled = scaled * intBitsToFloat((e - first + 127) << 23);
    return scaled;
}

/* log(m) + k ln 2 with m in [sqrt(1/2), sqrt(2)), log(m) by a series in (m - 1) / (m + 1).
 * Method and coefficients: fdlibm's e_log / e_logf (Sun Microsystems). */
float hrm_log(float x) {
    uint bits = floatBitsToUint(x);
    if ((bits & 0x7fffffffu) == 0u) return uintBitsToFloat(0xff800000u);
    if (bits >= 0x7f800000u) return bits == 0x7f800000u || hrm_is_nan(x) ? x : uintBitsToFloat(0x7fc00000u);
    int k = -127;
    if (bits < 0x00800000u) { /* subnormal: its bits are its value in units of 2^-149 */
        bits = floatBitsToUint(float(bits));
        k -= 149;
    }
    bits += 0x3f800000u - 0x3f3504f3u;
    k += int(bits >> 23);
    precise float f = uintBitsToFloat((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0;
    precise float s = f / (2.0 + f);
    precise float z = s * s;
    precise float w = z * z;
    precise float series = z * (0.66666662693 + w * 0.28498786688) + w * (0.40000972152 + w * 0.24279078841);
    precise float half_square = 0.5 * f * f;
    precise float dk = float(k);
    precise float y = s * (half_square + series) + dk * 9.0580006145e-06 - half_square + f + dk * 6.9313812256e-01;
    return y;
}

/* log(u) for u = 1 + x as rounded, and what the rounding lost: (x - (u - 1)) / u. */
float hrm_log1p(float x) {
    precise float u = 1.0 + x;
    if (!(u > 0.0) || floatBitsToUint(u) >= 0x7f800000u) return hrm_log(u);
    precise float lost = abs(x) < 1.0 ? x - (u - 1.0) : 1.0 - (u - x);
    precise float y = hrm_log(u) + lost / u;
    return y;
}

/* 1 / (1 + exp(-x)), without overflow on either side. */
float hrm_sigmoid(float x) {
    precise float e = hrm_exp(-abs(x));
    precise float y = (x < 0.0 ? e : 1.0) / (1.0 + e);
    return y;
}

/* log(1 + exp(x)), without overflow. */
float hrm_softplus(float x) {
    precise float y = max(x, 0.0) + hrm_log1p(hrm_exp(-abs(x)));
    return y;
}

/* ---- atan2 ------------------------------------------------------------------------------------------------------ */

/* Angle of (x, y) for x >= 0, in [-pi/2, pi/2]. The ratio of the smaller to the larger is brought into
 * [-tan(pi/8), tan(pi/8)] by turning the vector through 45 degrees when it is above that, which needs only the sum and
 * difference of the two. Coefficients: Cephes atanf (Moshier). */
float hrm_atan2(float y, float x) {
    float a = abs(y);
    float high = max(a, x), low = min(a, x);
    if (high == 0.0) return 0.0;
    /* Vulkan promises division only for divisors within 2^-126 .. 2^126. */
    float scale = high > 1.0e30 ? 5.421010862e-20 : high < 1.0e-18 ? 1.8446744073709552e19 : 1.0; /* 2^-64, 2^64 */
    high *= scale;
    low *= scale;
    bool turned = low > 0.41421356 * high;
    precise float top = turned ? low - high : low;
    precise float bottom = turned ? low + high : high;
    precise float t = top / bottom;
    precise float z = t * t;
    precise float p = 8.05374449538e-2;
    p = p * z - 1.38776856032e-1;
    p = p * z + 1.99777106478e-1;
    p = p * z - 3.33329491539e-1;
    precise float angle = p * z * t + t;
    /* pi/4 and pi/2 in two parts each: the second is what the nearest f32 leaves over. */
    if (turned) angle = (angle + -2.18556941e-8) + 0.785398185;
    if (a > x) angle = 1.57079637 - (angle + 4.37113883e-8);
    return y < 0.0 ? -angle : angle;
}

/* On CPU drivers a branch is a mask over both sides, and early returns make everything after them masked. */
vec4 hrm_atan2_of(vec4 y, vec4 x) {
    vec4 a = abs(y);
    vec4 high = max(a, x), low = min(a, x);
    vec4 scale = mix(mix(vec4(1.0), vec4(1.8446744073709552e19), lessThan(high, vec4(1.0e-18))), vec4(5.421010862e-20),
                     greaterThan(high, vec4(1.0e30)));
    high *= scale;
    low *= scale;
    bvec4 turned = greaterThan(low, 0.41421356 * high);
    precise vec4 top = mix(low, low - high, turned);
    precise vec4 bottom = mix(high, low + high, turned);
    precise vec4 t = top / bottom;
    precise vec4 z = t * t;
    precise vec4 p = z * 8.05374449538e-2 - 1.38776856032e-1;
    p = p * z + 1.99777106478e-1;
    p = p * z - 3.33329491539e-1;
    precise vec4 angle = p * z * t + t;
    precise vec4 eighth = (angle + -2.18556941e-8) + 0.785398185;
    angle = mix(angle, eighth, turned);
    precise vec4 beyond = 1.57079637 - (angle + 4.37113883e-8);
    angle = mix(angle, beyond, greaterThan(a, x));
    return mix(angle, -angle, lessThan(y, vec4(0.0)));
}

/* ---- the normal distribution ------------------------------------------------------------------------------------ */

/* The x with erf(x) = y, |y| < 1. Coefficients: M. Giles, "Approximating the erfinv function", GPU Computing Gems
 * Jade, 2010 (single precision). */
float hrm_erfinv(float y) {
    precise float w = -hrm_log((1.0 - y) * (1.0 + y));
    precise float p;
    if (w < 5.0) {
        w = w - 2.5;
        p = 2.81022636e-08;
        p = p * w + 3.43273939e-07;
        p = p * w - 3.5233877e-06;
        p = p * w - 4.39150654e-06;
        p = p * w + 2.1858087e-04;
        p = p * w - 1.25372503e-03;
        p = p * w - 4.17768164e-03;
        p = p * w + 0.246640727;
        p = p * w + 1.50140941;
    } else {
        w = sqrt(w) - 3.0;
        p = -2.00214257e-04;
        p = p * w + 1.00950558e-04;
        p = p * w + 1.34934322e-03;
        p = p * w - 3.67342844e-03;
        p = p * w + 5.73950773e-03;
        p = p * w - 7.6224613e-03;
        p = p * w + 9.43887047e-03;
        p = p * w + 1.00167406;
        p = p * w + 2.83297682;
    }
    return p * y;
}

#endif
