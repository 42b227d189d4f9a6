/* Cross-entropy of each row's labelled tokens, averaged over them, with its gradient.
 *   loss[b] = sum over labelled i of -log(g(x)[label] / sum g(x)) / n(b),  n(b) = max(1, labelled tokens of row b)
 *   stablemax: g(x) = x + 1 for x >= 0, 1 / (1 - x) below        softmax (-DHRM_SOFTMAX): g(x) = exp(x)
 *   grad = d loss[b] / d logits * grad_scale * 2^loss_scale_log2; 0 at puzzle positions, unlabelled tokens and padding rows
 *
 *   0 r logits [B, P + S, V] f32; positions before P are not read
 *   1 r labels [B, S] u32; HRM_LABEL_IGNORED does not count; any other value >= V makes its row's loss NaN
 *   2 r step_block; rows whose number, first_row of both + b, is >= live_rows are padding
 *   3 w loss [B] f32         0 for rows without labels and padding
 *   4 w labelled [B] u32     labelled tokens
 *   5 w correct [B] u32      of these, tokens whose largest logit is the label's (the lowest index among equals)
 *   6 w exact [B] u32        1 when all are correct, so also for a row without labels; 0 for padding
 *   7 w grad [B, P + S, V] f32, with -DHRM_GRAD only
 *
 * One workgroup a row, a token an invocation at a time. The reference computes stablemax in fp64. Here both losses are
 * written as log1p of a sum of positive terms, so that nothing cancels, and these sums are compensated:
 *   stablemax: log1p(rest / g[label]), rest = sum of g over the other tokens
 *   softmax:   (max - x[label]) + log1p(sum of exp(x - max) over all but the first largest)
 * Maths: the reference's models/losses.py; the tree sum (below) makes results independent of the subgroup size. */
#version 450
#extension GL_GOOGLE_include_directive : require
#define HRM_REDUCE_TREE
layout(local_size_x = 128) in; /* before lib/reduce.glsl, which asks for the size */
#include "lib/grid.glsl"
#include "lib/math.glsl"
#include "lib/reduce.glsl"
#include "shared/common.h"
#include "shared/loss.h"
#include "shared/step_block.h"

layout(push_constant) uniform Push { hrm_token_loss_params p; };
layout(std430, set = 0, binding = 0) readonly buffer Logits { float logits[]; };
layout(std430, set = 0, binding = 1) readonly buffer Labels { uint labels[]; };
layout(std430, set = 0, binding = 2) readonly buffer Step { hrm_step_block step_block; };
layout(std430, set = 0, binding = 3) writeonly buffer Loss { float row_loss[]; };
layout(std430, set = 0, binding = 4) writeonly buffer Labelled { uint row_labelled[]; };
layout(std430, set = 0, binding = 5) writeonly buffer Correct { uint row_correct[]; };
layout(std430, set = 0, binding = 6) writeonly buffer Exact { uint row_exact[]; };
#ifdef HRM_GRAD
layout(std430, set = 0, binding = 7) writeonly buffer Grad { float grad[]; };
#endif

#include "loss/largest.glsl"

#ifdef HRM_SOFTMAX
float token_loss(uint base, uint label, uint at, float largest, float scale) {
    hrm_sum others = hrm_sum_zero(); /* all but the label and the first largest */
    for (uint v = 0; v < p.vocab; v++)
        if (v != label && v != at) hrm_sum_add(others, hrm_exp(logits[base + v] - largest));
    float x_label = logits[base + label];
    float e_label = hrm_exp(x_label - largest);
    hrm_sum below_largest = others, below_label = others;
    if (label != at) {
        hrm_sum_add(below_largest, e_label);
        hrm_sum_add(below_label, 1.0);
    }
    float rest = hrm_sum_value(below_label);
#ifdef HRM_GRAD
    precise float total = rest + e_label;
    precise float unit = scale / total;
    for (uint v = 0; v < p.vocab; v++)
        grad[base + v] = v == label ? -rest * unit : hrm_exp(logits[base + v] - largest) * unit;
#endif
    precise float loss = (largest - x_label) + hrm_log1p(hrm_sum_value(below_largest));
    return loss;
}
#else
float stable(float x) {
    precise float s = x < 0.0 ? 1.0 / (1.0 - x) : x + 1.0;
    return s;
}

/* d stable / d x, from x and stable(x). */
float slope(float x, float s) {
    precise float d = x < 0.0 ? s * s : 1.0;
    return d;
}

float token_loss(uint base, uint label, uint at, float largest, float scale) {
    hrm_sum others = hrm_sum_zero();
    for (uint v = 0; v < p.vocab; v++)
        if (v != label) hrm_sum_add(others, stable(logits[base + v]));
    float x_label = logits[base + label];
    float s_label = stable(x_label);
    float rest = hrm_sum_value(others);
#ifdef HRM_GRAD
    precise float total = rest + s_label;
    precise float unit = scale / total;
    for (uint v = 0; v < p.vocab; v++) {
        float x = logits[base + v];
        grad[base + v] = v == label ? -(rest / s_label) * slope(x_label, s_label) * unit : slope(x, stable(x)) * unit;
    }
#endif
    precise float ratio = rest / s_label;
    return hrm_log1p(ratio);
}
#endif

void main() {
    uint b = flat_group();
    if (b >= p.batch) return;
    uint lane = gl_LocalInvocationID.x, lanes = gl_WorkGroupSize.x;
    bool live = p.first_row + step_block.first_row + b < step_block.live_rows;

    float count = 0.0; /* whole numbers below 2^24: exact */
    if (live)
        for (uint i = lane; i < p.seq; i += lanes) count += labels[b * p.seq + i] != HRM_LABEL_IGNORED ? 1.0 : 0.0;
    float labelled = workgroup_add(count);
    float divisor = max(labelled, 1.0);
    float scale = p.grad_scale / divisor * hrm_power_of_two(int(step_block.loss_scale_log2));

    uint row = b * (p.puzzle_len + p.seq) * p.vocab;
    uint first_token = row + p.puzzle_len * p.vocab;
#ifdef HRM_GRAD
    for (uint i = row + lane; i < first_token; i += lanes) grad[i] = 0.0;
#endif
    hrm_sum loss = hrm_sum_zero();
    float right = 0.0;
    for (uint i = lane; i < p.seq; i += lanes) {
        uint base = first_token + i * p.vocab;
        uint label = live ? labels[b * p.seq + i] : HRM_LABEL_IGNORED;
        if (label < p.vocab) {
            float largest;
            uint at = first_largest(base, largest);
            hrm_sum_add(loss, token_loss(base, label, at, largest, scale));
            right += at == label ? 1.0 : 0.0;
        } else {
            if (label != HRM_LABEL_IGNORED) hrm_sum_add(loss, uintBitsToFloat(0x7fc00000u));
#ifdef HRM_GRAD
            for (uint v = 0; v < p.vocab; v++) grad[base + v] = 0.0;
#endif
        }
    }
    float total = workgroup_add(hrm_sum_value(loss));
    float correct = workgroup_add(right);
    if (lane != 0) return;
    row_loss[b] = total / divisor;
    row_labelled[b] = uint(labelled);
    row_correct[b] = uint(correct);
    row_exact[b] = live && correct == labelled ? 1 : 0;
}
