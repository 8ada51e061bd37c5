/*
 * leat dump-log: what is in a segment file, of a partition or of a file
 * channel: both are record batches (doc/FORMAT.md).  Reads the file only, also
 * a damaged one, and says where it stops making sense.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "kafka/records.h"

#define MAX_INFLATED	((size_t)256 << 20)

struct dump {
	bool		 records;
	bool		 json;
	struct kiter	 it;
};

static void
print_batch(const struct dump *d, size_t pos, const struct kbatch *b, bool ok)
{
	printf(d->json ? "{\"position\": %zu, \"baseOffset\": %lld, "
	    "\"lastOffset\": %lld, \"count\": %d, \"baseSequence\": %d, "
	    "\"producerId\": %lld, \"producerEpoch\": %d, "
	    "\"partitionLeaderEpoch\": %d, \"isControl\": %s, "
	    "\"maxTimestamp\": %lld, \"size\": %zu, \"codec\": %d, "
	    "\"crc\": %u, \"isvalid\": %s}\n" :
	    "position: %zu baseOffset: %lld lastOffset: %lld count: %d "
	    "baseSequence: %d producerId: %lld producerEpoch: %d "
	    "partitionLeaderEpoch: %d isControl: %s maxTimestamp: %lld "
	    "size: %zu codec: %d crc: %u isvalid: %s\n",
	    pos, (long long)b->base_offset, (long long)kbatch_last_offset(b),
	    b->count, b->base_sequence, (long long)b->producer_id,
	    b->producer_epoch, b->leader_epoch,
	    b->attributes & KATTR_CONTROL ? "true" : "false",
	    (long long)b->max_timestamp, kbatch_size(b), kbatch_codec(b),
	    b->crc, ok ? "true" : "false");
}

static void
print_bytes(struct slice s)
{
	struct sb out = SB_INIT;

	if (s.p == NULL)
		sb_puts(&out, "null");
	else
		sb_json(&out, s);
	fputs(out.ptr, stdout);
	sb_fini(&out);
}

static void
print_records(struct dump *d, struct slice batch)
{
	struct err e = ERR_INIT;
	struct krecord r;
	int rc;

	if (kiter_open(&d->it, batch, MAX_INFLATED, &e) == -1) {
		printf("| %s\n", e.msg);
		return;
	}
	while ((rc = kiter_next(&d->it, &r, &e)) == 1) {
		printf(d->json ? "{\"offset\": %lld, \"timestamp\": %lld, "
		    "\"key\": " : "| offset: %lld CreateTime: %lld key: ",
		    (long long)r.offset, (long long)r.timestamp);
		print_bytes(r.key);
		printf(d->json ? ", \"payload\": " : " payload: ");
		print_bytes(r.value);
		printf(d->json ? "}\n" : "\n");
	}
	if (rc == -1)
		printf("| %s\n", e.msg);
}

static bool
all_zero(const uint8_t *p, size_t n)
{
	return (n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0));
}

static int
not_whole(const char *path, size_t pos, size_t left, const struct err *e)
{
	fprintf(stderr, "leat dump-log: %s: no whole batch at position %zu, "
	    "%zu bytes before the end%s%s\n", path, pos, left,
	    e->msg[0] == '\0' ? "" : ": ", e->msg);
	return (CLI_FAILED);
}

/* The offset that a segment's name tells; 0: another name. */
static int64_t
base_of(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name == NULL ? path : name + 1;
	return (strspn(name, "0123456789") == 20 ? strtoll(name, NULL, 10) :
	    0);
}

/* The batch at p belongs to an earlier use of the file. */
static bool
is_older(const uint8_t *p, size_t n, int64_t base)
{
	struct kbatch b;

	return (kbatch_parse(slice_of(p, n), &b, NULL) == 0 &&
	    b.base_offset < base && kbatch_size(&b) <= n &&
	    kbatch_crc(slice_of(p, kbatch_size(&b))) == b.crc);
}

/*
 * A file channel writes its segments over older ones: behind the end of the
 * last one comes the rest of an old batch, then old batches.
 */
static bool
older_follows(const uint8_t *p, size_t n, int64_t base)
{
	for (; n > KBATCH_HEADER; p++, n--)
		if (p[16] == KBATCH_MAGIC && is_older(p, n, base))
			return (true);
	return (false);
}

/* 0, or CLI_FAILED when a checksum is wrong, or the file ends in something
 * that is no batch. */
static int
dump_bytes(struct dump *d, const char *path, const uint8_t *p, size_t n)
{
	struct err e = ERR_INIT;
	struct kbatch b;
	size_t pos = 0, bad = 0;
	int64_t base = base_of(path);
	bool ok, older = false;

	while (pos < n && !all_zero(p + pos, n - pos)) {
		older = is_older(p + pos, n - pos, base);
		if (!older && (kbatch_parse(slice_of(p + pos, n - pos), &b,
		    NULL) == -1 || kbatch_size(&b) > n - pos))
			older = older_follows(p + pos, n - pos, base);
		if (older)
			break;
		if (kbatch_parse(slice_of(p + pos, n - pos), &b, &e) == -1 ||
		    kbatch_size(&b) > n - pos)
			return (not_whole(path, pos, n - pos, &e));
		ok = kbatch_crc(slice_of(p + pos, kbatch_size(&b))) == b.crc;
		bad += !ok;
		print_batch(d, pos, &b, ok);
		if (d->records)
			print_records(d, slice_of(p + pos, kbatch_size(&b)));
		pos += kbatch_size(&b);
	}
	if (older && !d->json)
		printf("%zu bytes behind the last batch are of an earlier use "
		    "of the file\n", n - pos);
	else if (pos < n && !d->json)
		printf("%zu zero bytes behind the last batch: room prepared "
		    "for the next ones\n", n - pos);
	if (bad > 0)
		fprintf(stderr, "leat dump-log: %s: %zu batch%s checksum\n",
		    path, bad, bad == 1 ? " fails its" : "es fail their");
	return (bad > 0 ? CLI_FAILED : CLI_OK);
}

static int
dump_file(struct dump *d, const char *path)
{
	struct stat st;
	void *p = NULL;
	int fd, rc;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		goto err0;
	if (st.st_size > 0) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
		    0);
		if (p == MAP_FAILED)
			goto err0;
	}
	if (!d->json)
		printf("Dumping %s\n", path);
	rc = dump_bytes(d, path, p, (size_t)st.st_size);
	if (p != NULL)
		munmap(p, (size_t)st.st_size);
	close(fd);
	return (rc);
err0:
	fprintf(stderr, "leat dump-log: %s: %s\n", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return (CLI_FAILED);
}

/* --files takes a comma list, as Kafka's. */
static int
dump_list(struct dump *d, const char *list)
{
	char *copy = xstrdup(list), *save = NULL, *path;
	int rc = 0;

	for (path = strtok_r(copy, ",", &save); path != NULL;
	    path = strtok_r(NULL, ",", &save))
		rc |= dump_file(d, path);
	free(copy);
	return (rc);
}

int
dump_log_command(int argc, char **argv)
{
	struct dump d = { .it = KITER_INIT };
	struct flag_list files = { NULL, 0 }, rest = { NULL, 0 };
	const char *output = "text";
	bool deep = false;
	const struct flag flags[] = {
		FLAG_LIST_ROW("files", &files, "FILE,...",
		    "The .log files; also as operands."),
		FLAG_BOOL_ROW("print-data-log", &d.records,
		    "Keys and values too."),
		FLAG_BOOL_ROW("deep-iteration", &deep, "The same."),
		FLAG_WORD_ROW("output", &output, "json|text",
		    "Output for programs or people (-o for short)."),
		FLAG_LAST
	};
	size_t i;
	int rc;

	rc = flags_parse(flags, "leat dump-log", "Prints the batches of "
	    "segment files.", argc, argv, &rest);
	d.records = d.records || deep;
	d.json = strcmp(output, "json") == 0;
	if (rc == 0 && files.n + rest.n == 0) {
		fprintf(stderr, "leat dump-log: which file? Give --files "
		    "FILE.log\n");
		rc = CLI_USAGE;
	}
	for (i = 0; (rc == 0 || rc == CLI_FAILED) && i < files.n; i++)
		rc |= dump_list(&d, files.v[i]);
	for (i = 0; (rc == 0 || rc == CLI_FAILED) && i < rest.n; i++)
		rc |= dump_file(&d, rest.v[i]);
	kiter_close(&d.it);
	flag_list_fini(&files);
	flag_list_fini(&rest);
	return (rc == FLAGS_HELP ? CLI_OK : rc);
}
