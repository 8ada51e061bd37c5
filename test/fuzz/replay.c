/*
 * The main of a fuzz target in `make check`: replays the target's corpus.
 *
 * Each file is run whole, as each of its prefixes, and with each byte changed
 * in three ways (all bits, the lowest, the highest: the last makes lengths and
 * varints large).  Of files above 4 KiB a sample of about as many places is
 * taken, at a stride that is odd so that it meets every alignment; a slow
 * target says its own (FUZZ_STRIDE).  An input of 0 bytes is always run.  Arguments are files or folders to run instead of
 * the corpus: that is how one finding of the fuzzer is looked at.
 */
#include <dirent.h>
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/fuzz/fuzz.h"

#define SAMPLE		4096
#define TIME_LIMIT	300	/* seconds; a hang fails instead of blocking */

static size_t runs, files;
static char current[512];

/* In a block of exactly its size, which is what ASan guards. */
static void
run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size == 0 ? 1 : size);

	if (copy == NULL)
		err(1, "malloc");
	if (size != 0)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	runs++;
}

static void
run_variants(uint8_t *data, size_t size)
{
	static const uint8_t flips[] = { 0xff, 0x01, 0x80 };
	size_t step = size <= SAMPLE ? 1 : size / SAMPLE | 1;
	size_t first, i, k;

	if (&fuzz_stride != NULL && step < fuzz_stride)
		step = fuzz_stride;
	first = files % step;
	run(data, size);
	for (i = first; i < size; i += step)
		run(data, i);
	for (i = first; i < size; i += step)
		for (k = 0; k < sizeof flips; k++) {
			data[i] ^= flips[k];
			run(data, size);
			data[i] ^= flips[k];
		}
}

static void
replay_file(const char *path)
{
	struct stat st;
	uint8_t *data;
	FILE *f;

	snprintf(current, sizeof current, "%s\n", path);
	if ((f = fopen(path, "rb")) == NULL || fstat(fileno(f), &st) == -1)
		err(1, "%s", path);
	if ((data = malloc((size_t)st.st_size + 1)) == NULL)
		err(1, "malloc");
	if (fread(data, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
		errx(1, "%s: short read", path);
	fclose(f);
	run_variants(data, (size_t)st.st_size);
	free(data);
	files++;
}

static void
replay_dir(const char *path)
{
	struct dirent **v;
	char name[4096];
	int i, n;

	if ((n = scandir(path, &v, NULL, alphasort)) == -1)
		err(1, "%s", path);
	for (i = 0; i < n; i++) {
		if (v[i]->d_name[0] != '.') {
			snprintf(name, sizeof name, "%s/%s", path,
			    v[i]->d_name);
			replay_file(name);
		}
		free(v[i]);
	}
	free(v);
}

static void
replay(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		err(1, "%s", path);
	if (S_ISDIR(st.st_mode))
		replay_dir(path);
	else
		replay_file(path);
}

/* A target that dies or hangs says over which file. */
static void
on_signal(int sig)
{
	static const char what[] = "replay: died or hung at ";

	if (write(2, what, sizeof what - 1) == -1 ||
	    write(2, current, strlen(current)) == -1)
		_exit(2);
	signal(sig, SIG_DFL);
	raise(sig);
}

int
main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	char corpus[4096];
	int i;

	name = name == NULL ? argv[0] : name + 1;
	if (strncmp(name, "lt-", 3) == 0)
		name += 3;
	if (strncmp(name, "fuzz_", 5) == 0)
		name += 5;
	signal(SIGALRM, on_signal);
	signal(SIGABRT, on_signal);
	alarm(TIME_LIMIT);
	run((const uint8_t *)"", 0);
	snprintf(corpus, sizeof corpus, "%s/%s", FUZZ_CORPUS, name);
	if (argc == 1)
		replay(corpus);
	for (i = 1; i < argc; i++)
		replay(argv[i]);
	if (files == 0)
		errx(1, "%s: no inputs", corpus);
	printf("fuzz %s: %zu inputs from %zu files\n", name, runs, files);
	printf("100%%: Checks: %zu, Failures: 0, Errors: 0\n", files);
	return (0);
}
