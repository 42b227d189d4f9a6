/* What a fuzz driver provides. Each fuzz_<noun>.c is linked with fuzz_main.c, which feeds it mutations of its own seeds
 * from a fixed random stream (CTest fuzz/<noun>); built with -fsanitize=fuzzer instead of fuzz_main.c it is a libFuzzer
 * target.
 *
 * A driver must survive any input: no crash, no sanitizer report, no leak, no unbounded time or memory. */
#ifndef HRM_TESTS_FUZZ_H
#define HRM_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Parses one input and touches everything the parser hands out. Returns 0. `data` holds exactly `size` bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes valid input number `index` (from 0) and returns its size, at most `room`; 0 when there are no more. */
size_t fuzz_seed(size_t index, uint8_t *buffer, size_t room);

#endif
