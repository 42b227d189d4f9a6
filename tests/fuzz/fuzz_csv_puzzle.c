#include "fuzz.h"

#include "data/csv_puzzle.h"

#include <stdlib.h>
#include <string.h>

/* The first byte picks the puzzle, the rest is question and answer, half each. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    hrm_csv_puzzle_reader reader;
    size_t length = (size - 1) / 2;
    if (hrm_csv_puzzle_reader_init(&reader, data[0] & 1 ? HRM_CSV_DATASET_MAZE : HRM_CSV_DATASET_SUDOKU, length) ==
        HRM_OK) {
        if (reader.cell_count != length) abort();
        const char *question = (const char *)data + 1;
        uint8_t *tokens = malloc(2 * length);
        if (tokens && hrm_csv_puzzle_read(&reader, question, question + length, tokens, tokens + length) == HRM_OK)
            for (size_t i = 0; i < 2 * length; i++)
                if (tokens[i] == 0 || tokens[i] >= reader.vocab_size) abort();
        free(tokens);
        hrm_csv_puzzle_reader_deinit(&reader);
    }
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *buffer, size_t room) {
    static const char *const texts[] = {
        "s6.8.72..4.9.4.568.1....8.2.2196..83787312.5....47......5.8.6....2.591.6.486.37..."
        "638972154792415683145368729219654837873129546564783291951846372327591468486237915",
        "aS #  G# #So# oG# #",
    };
    if (index >= sizeof texts / sizeof *texts || strlen(texts[index]) > room) return 0;
    size_t size = strlen(texts[index]);
    memcpy(buffer, texts[index], size);
    buffer[0] = texts[index][0] == 'a' ? 1 : 0;
    return size;
}
