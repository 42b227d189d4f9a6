#include "ref/attention.h"

#include <math.h>

/* Where a head's row of part 0 (q), 1 (k) or 2 (v) starts in qkv, and in o. */
static size_t at_qkv(const ref_attention_shape *s, size_t b, size_t t, size_t part, size_t h) {
    return (((b * s->seq + t) * 3 + part) * s->heads + h) * s->head_dim;
}

static size_t at_o(const ref_attention_shape *s, size_t b, size_t t, size_t h) {
    return ((b * s->seq + t) * s->heads + h) * s->head_dim;
}

static double dot(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static double score(const ref_attention_shape *s, const double *qkv, size_t b, size_t h, size_t i, size_t j) {
    return dot(qkv + at_qkv(s, b, i, 0, h), qkv + at_qkv(s, b, j, 1, h), s->head_dim) / sqrt((double)s->head_dim);
}

static void forward_row(const ref_attention_shape *s, const double *qkv, size_t b, size_t h, size_t i, double *o,
                        double *lse) {
    double top = -INFINITY, total = 0;
    for (size_t j = 0; j < s->seq; j++) top = fmax(top, score(s, qkv, b, h, i, j));
    for (size_t d = 0; d < s->head_dim; d++) o[d] = 0;
    for (size_t j = 0; j < s->seq; j++) {
        double p = exp(score(s, qkv, b, h, i, j) - top);
        const double *v = qkv + at_qkv(s, b, j, 2, h);
        total += p;
        for (size_t d = 0; d < s->head_dim; d++) o[d] += p * v[d];
    }
    for (size_t d = 0; d < s->head_dim; d++) o[d] /= total;
    *lse = top + log(total);
}

void ref_attention_fwd(ref_attention_shape s, const double *qkv, double *o, double *lse) {
    for (size_t b = 0; b < s.batch; b++)
        for (size_t h = 0; h < s.heads; h++)
            for (size_t i = 0; i < s.seq; i++)
                forward_row(&s, qkv, b, h, i, o + at_o(&s, b, i, h), &lse[(b * s.heads + h) * s.seq + i]);
}

/* What query i adds to its own gradient and to those of every key and value. */
static void backward_row(const ref_attention_shape *s, const double *qkv, double lse, double delta,
                         const double *grad_o, size_t b, size_t h, size_t i, double *grad_qkv) {
    double scale = 1 / sqrt((double)s->head_dim);
    size_t q = at_qkv(s, b, i, 0, h);
    for (size_t j = 0; j < s->seq; j++) {
        size_t k = at_qkv(s, b, j, 1, h), v = at_qkv(s, b, j, 2, h);
        double p = exp(score(s, qkv, b, h, i, j) - lse);
        double ds = p * (dot(grad_o, qkv + v, s->head_dim) - delta) * scale;
        for (size_t d = 0; d < s->head_dim; d++) {
            grad_qkv[q + d] += ds * qkv[k + d];
            grad_qkv[k + d] += ds * qkv[q + d];
            grad_qkv[v + d] += p * grad_o[d];
        }
    }
}

void ref_attention_bwd(ref_attention_shape s, const double *qkv, const double *o, const double *lse,
                       const double *grad_o, double *delta, double *grad_qkv) {
    for (size_t i = 0; i < s.batch * s.seq * 3 * s.heads * s.head_dim; i++) grad_qkv[i] = 0;
    for (size_t b = 0; b < s.batch; b++) {
        for (size_t h = 0; h < s.heads; h++) {
            for (size_t i = 0; i < s.seq; i++) {
                size_t stat = (b * s.heads + h) * s.seq + i, row = at_o(&s, b, i, h);
                delta[stat] = dot(grad_o + row, o + row, s.head_dim);
                backward_row(&s, qkv, lse[stat], delta[stat], grad_o + row, b, h, i, grad_qkv);
            }
        }
    }
}
