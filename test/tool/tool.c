#include "test/tool/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void
tool_die(const char *fmt, ...)
{
	va_list ap;

	fputs("t: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(TOOL_TROUBLE);
}

void
tool_sleep_ns(int64_t ns)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	if (ns <= 0)
		return;
	while (nanosleep(&ts, &ts) == -1 && errno == EINTR)
		;
}

char **
tool_split(int *argc, char **argv)
{
	int i;

	for (i = 0; i < *argc; i++)
		if (strcmp(argv[i], "--") == 0) {
			argv[i] = NULL;
			*argc = i;
			return (argv + i + 1);
		}
	return (NULL);
}

struct slice
tool_map(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd == -1 || fstat(fd, &st) == -1)
		tool_die("%s: %s", path, strerror(errno));
	if (st.st_size == 0) {
		close(fd);
		return (slice_of("", 0));
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		tool_die("mmap %s: %s", path, strerror(errno));
	return (slice_of(p, (size_t)st.st_size));
}

bool
tool_line(struct slice *s, struct slice *line)
{
	const uint8_t *nl;

	if (s->len == 0)
		return (false);
	nl = memchr(s->p, '\n', s->len);
	*line = slice_of(s->p, nl == NULL ? s->len : (size_t)(nl - s->p));
	s->len -= line->len + (nl != NULL);
	s->p += line->len + (nl != NULL);
	return (true);
}

bool
tool_line_is(struct slice *s, struct slice value)
{
	if (value.len >= s->len || s->p[value.len] != '\n' ||
	    memcmp(s->p, value.p, value.len) != 0)
		return (false);
	s->p += value.len + 1;
	s->len -= value.len + 1;
	return (true);
}

bool
tool_file_has(const char *path, off_t from, const char *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[16384];
	ssize_t n;
	bool has = false;

	if (fd == -1)
		return (false);
	/* Overlaps, so that a text across two reads is found. */
	while (!has && (n = pread(fd, buf, sizeof buf, from)) > 0) {
		has = memmem(buf, (size_t)n, text, strlen(text)) != NULL;
		if ((size_t)n < sizeof buf)
			break;
		from += n - (ssize_t)strlen(text);
	}
	close(fd);
	return (has);
}

rd_kafka_conf_t *
tool_conf(const char *brokers, const char *const *pairs)
{
	rd_kafka_conf_t *rc = rd_kafka_conf_new();
	char why[256];

	if (brokers == NULL)
		tool_die("give --brokers HOST:PORT");
	if (rd_kafka_conf_set(rc, "bootstrap.servers", brokers, why,
	    sizeof why) != RD_KAFKA_CONF_OK)
		tool_die("%s", why);
	for (; *pairs != NULL; pairs += 2)
		if (rd_kafka_conf_set(rc, pairs[0], pairs[1], why,
		    sizeof why) != RD_KAFKA_CONF_OK)
			tool_die("%s", why);
	return (rc);
}

int32_t
tool_partitions(rd_kafka_t *rk, const char *topic)
{
	const struct rd_kafka_metadata *md;
	int32_t n = 0;
	int i;

	/* All topics: asking for one could create it. */
	if (rd_kafka_metadata(rk, 1, NULL, &md, 1000) != 0)
		return (0);
	for (i = 0; i < md->topic_cnt; i++)
		if (strcmp(md->topics[i].topic, topic) == 0 &&
		    md->topics[i].err == 0)
			n = md->topics[i].partition_cnt;
	rd_kafka_metadata_destroy(md);
	return (n);
}

uint64_t
tool_random_next(struct tool_random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (z ^ (z >> 31));
}

uint64_t
tool_random_below(struct tool_random *r, uint64_t n)
{
	return (tool_random_next(r) % n);
}

static int
by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y ? -1 : x > y);
}

void
tool_percentiles(const char *what, int64_t *v, size_t n)
{
	if (n == 0)
		return;
	qsort(v, n, sizeof *v, by_value);
	printf("%s_p50_us=%" PRId64 "\n%s_p99_us=%" PRId64 "\n%s_max_us=%"
	    PRId64 "\n", what, v[n / 2] / 1000, what, v[n * 99 / 100] / 1000,
	    what, v[n - 1] / 1000);
}
