/* sigmoid for HRM_VEC, 4 ulp: with e = exp(-|x|) it is 1 / (1 + e) for x >= 0 and e / (1 + e) below, so that nothing
 * overflows and small values keep their relative accuracy. |x| is cut at 87, where e is still normal: sigmoid then stays
 * at 1.6e-38 or 1, its limits in f32. Drivers promise no better than 3 + 2|x| ulp for exp, so it is our own:
 * 2^k * exp(r) with r in [-ln 2 / 2, ln 2 / 2]; coefficients of Cephes expf (Moshier). */
#ifndef HRM_SWIGLU_SIGMOID_GLSL
#define HRM_SWIGLU_SIGMOID_GLSL

HRM_VEC sigmoid(HRM_VEC x) {
    precise HRM_VEC n = max(-abs(x), HRM_VEC(-87.0));
    precise HRM_VEC k = floor(n * 1.44269504 + 0.5);
    precise HRM_VEC r = (n - k * 0.693359375) - k * -2.12194440e-4;
    precise HRM_VEC p = r * 1.9875691500e-4 + 1.3981999507e-3;
    p = p * r + 8.3334519073e-3;
    p = p * r + 4.1665795894e-2;
    p = p * r + 1.6666665459e-1;
    p = p * r + 5.0000001201e-1;
    precise HRM_VEC e = (p * (r * r) + r) + 1.0;
    e = e * intBitsToFloat((HRM_IVEC(k) + 127) << 23);
    return mix(e, HRM_VEC(1.0), step(HRM_VEC(0.0), x)) / (1.0 + e);
}

#endif
