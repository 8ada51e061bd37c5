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
 * The corpora wire and records are made by test/golden/make.py, session by
 * test/golden/sessions.py; findings lie beside what was made.
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

/*
 * For a target that takes milliseconds: the replay cuts and changes each file
 * at every n-th byte only (n odd), beginning elsewhere in each.  Once, outside
 * of functions: FUZZ_STRIDE(97);
 */
extern const size_t fuzz_stride __attribute__((weak));
#define FUZZ_STRIDE(n)	const size_t fuzz_stride = (n)

#endif
