#include "ref/matmul.h"

#include <math.h>

void ref_matmul(size_t m, size_t n, size_t k, const float *a, size_t lda, bool a_transposed, const float *b, size_t ldb,
                bool b_transposed, double *c, double *bound) {
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0, magnitude = 0;
            for (size_t x = 0; x < k; x++) {
                double product = (double)(a_transposed ? a[x * lda + i] : a[i * lda + x]) *
                                 (double)(b_transposed ? b[j * ldb + x] : b[x * ldb + j]);
                sum += product;
                magnitude += fabs(product);
            }
            c[i * n + j] = sum;
            if (bound) bound[i * n + j] = magnitude;
        }
    }
}
