/* Deterministic mutation fuzzing without libFuzzer: every prefix of each seed, then RUNS random mutations of them.
 *   fuzz_<noun>               the run that CTest does
 *   fuzz_<noun> RUNS [SEED]   longer, or another stream
 *   fuzz_<noun> FILE...       replays inputs
 * Each input lies in an allocation of its own size, so that the address sanitizer sees one byte too many. */
#include "fuzz.h"

#include "base/rng.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS 20000
#define MAX_SEEDS 16
#define MAX_INPUT ((size_t)1 << 16)

static uint8_t seeds[MAX_SEEDS][MAX_INPUT];
static size_t seed_sizes[MAX_SEEDS], seed_count;

static void run_one(const uint8_t *data, size_t size) {
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) abort();
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

/* Values that sit at the edge of what a count or offset may be. */
static uint64_t edge(hrm_rng *rng) {
    static const uint64_t edges[] = {0,          1,
                                     2,          7,
                                     8,          0x7f,
                                     0x80,       0xff,
                                     0x7fff,     0xffff,
                                     0x7fffffff, 0x80000000,
                                     0xffffffff, UINT64_C(1) << 32,
                                     INT64_MAX,  UINT64_C(1) << 63,
                                     UINT64_MAX};
    return edges[hrm_rng_below(rng, sizeof edges / sizeof *edges)];
}

static size_t insert(uint8_t *input, size_t size, size_t at, const void *bytes, size_t count) {
    if (size + count > MAX_INPUT) return size;
    memmove(input + at + count, input + at, size - at);
    memcpy(input + at, bytes, count);
    return size + count;
}

static size_t erase(uint8_t *input, size_t size, size_t at, size_t count) {
    if (count > size - at) count = size - at;
    memmove(input + at, input + at + count, size - at - count);
    return size - count;
}

static size_t mutate(hrm_rng *rng, uint8_t *input, size_t size) {
    static const char *const tokens[] = {"{",
                                         "}",
                                         "[",
                                         "]",
                                         "(",
                                         ")",
                                         ",",
                                         ":",
                                         "\"",
                                         "'",
                                         "\\u0000",
                                         "-1",
                                         "1e9",
                                         "\n",
                                         " ",
                                         "9223372036854775807",
                                         "18446744073709551616",
                                         "null",
                                         "\xff",
                                         "#",
                                         "S"};
    size_t at = size ? hrm_rng_below(rng, (uint32_t)size) : 0;
    if (size == 0) return insert(input, 0, 0, "{", 1);
    switch (hrm_rng_below(rng, 9)) {
    case 0:
        input[at] ^= (uint8_t)(1u << hrm_rng_below(rng, 8));
        return size;
    case 1:
        input[at] = (uint8_t)hrm_rng_u32(rng);
        return size;
    case 2:
        return erase(input, size, at, 1 + hrm_rng_below(rng, 8));
    case 3: { /* repeat a piece */
        uint8_t piece[64];
        size_t count = 1 + hrm_rng_below(rng, sizeof piece);
        if (count > size - at) count = size - at;
        memcpy(piece, input + at, count);
        return insert(input, size, hrm_rng_below(rng, (uint32_t)size), piece, count);
    }
    case 4: { /* a binary number at the edge */
        uint64_t value = edge(rng);
        size_t count = (size_t)1 << hrm_rng_below(rng, 4);
        if (count > size - at) count = size - at;
        memcpy(input + at, &value, count);
        return size;
    }
    case 5: { /* a written number at the edge, in place of one that is there */
        char text[24];
        while (at < size && !isdigit(input[at])) at++;
        size_t end = at;
        while (end < size && isdigit(input[end])) end++;
        size = erase(input, size, at, end - at);
        int length =
            snprintf(text, sizeof text, "%" PRIu64, hrm_rng_below(rng, 2) ? edge(rng) : hrm_rng_below(rng, 99));
        return insert(input, size, at, text, (size_t)length);
    }
    case 6: {
        const char *token = tokens[hrm_rng_below(rng, sizeof tokens / sizeof *tokens)];
        return insert(input, size, at, token, strlen(token));
    }
    case 7:
        return at; /* cut */
    default: {     /* the tail of another seed */
        size_t other = hrm_rng_below(rng, (uint32_t)seed_count), from = 0;
        if (seed_sizes[other] == 0) return size;
        from = hrm_rng_below(rng, (uint32_t)seed_sizes[other]);
        return insert(input, at, at, seeds[other] + from, seed_sizes[other] - from);
    }
    }
}

static int replay(int count, char **paths) {
    for (int i = 0; i < count; i++) {
        FILE *file = fopen(paths[i], "rb");
        if (!file) {
            fprintf(stderr, "cannot open %s\n", paths[i]);
            return 1;
        }
        size_t size = fread(seeds[0], 1, MAX_INPUT, file);
        fclose(file);
        run_one(seeds[0], size);
    }
    printf("replayed %d inputs\n", count);
    return 0;
}

int main(int argc, char **argv) {
    static uint8_t input[MAX_INPUT];
    uint64_t runs = RUNS, stream = 1;
    if (argc > 1 && !isdigit((unsigned char)argv[1][0])) return replay(argc - 1, argv + 1);
    if (argc > 1) runs = strtoull(argv[1], NULL, 10);
    if (argc > 2) stream = strtoull(argv[2], NULL, 10);
    while (seed_count < MAX_SEEDS) {
        size_t size = fuzz_seed(seed_count, seeds[seed_count], MAX_INPUT);
        if (size == 0) break;
        seed_sizes[seed_count++] = size;
    }
    if (seed_count == 0) {
        fprintf(stderr, "no seeds\n");
        return 1;
    }
    for (size_t s = 0; s < seed_count; s++)
        for (size_t cut = 0; cut <= seed_sizes[s] && cut <= 4096; cut++) run_one(seeds[s], cut);
    hrm_rng rng;
    hrm_rng_init(&rng, stream, 0);
    for (uint64_t run = 0; run < runs; run++) {
        size_t seed = hrm_rng_below(&rng, (uint32_t)seed_count), size = seed_sizes[seed];
        memcpy(input, seeds[seed], size);
        for (uint32_t left = 1 + hrm_rng_below(&rng, 6); left > 0; left--) size = mutate(&rng, input, size);
        run_one(input, size);
    }
    printf("%zu seeds, every prefix and %" PRIu64 " mutations survived\n", seed_count, runs);
    return 0;
}
