/*
 * What every fuzz target is.
 *
 * A target is one file, test/fuzz/fuzz_NAME.c, with one function, and a
 * folder of small inputs, test/fuzz/corpus/NAME/ (valid ones first of all,
 * a few KiB at most).  It is built in two ways from the same source:
 *
 *   - linked with replay.c it is a check program in `make check`: it runs
 *     each input whole, cut at every byte, and with every byte changed;
 *   - `make fuzz-NAME` links it with clang's libFuzzer in a build of its own
 *     and runs it for FUZZ_SECONDS (20); what it finds is added to the corpus
 *     with the fix.
 *
 * To add one, in the folder's own part of test/fuzz/fuzz.am:
 *
 *	FUZZ_TARGETS += test/fuzz/fuzz_NAME
 *	test_fuzz_fuzz_NAME_LDADD = $(FUZZ_MAIN) $(LIBS_BASE)
 *
 * The input lies in a heap block of exactly `size` bytes, so that a sanitizer
 * sees any read behind it.  A target reports a wrong result with CHECK().
 */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0. Keeps nothing between calls; size may be 0. */
int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
