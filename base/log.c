/*
 * A line is put together on the stack and written with one write(2), so that
 * lines of two threads never mix (up to PIPE_BUF, which they stay under).
 *
 * The limit per call site: the site counts its lines in windows of a minute.
 * The one that passes the limit puts the site on a list; whichever line is
 * logged after that minute, from wherever, says what was left out.  Debug
 * lines are not limited: who asks for them wants them.
 */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"

#define LIMIT		10
#define WINDOW_NS	((int64_t)60 * 1000000000)

enum log_level log_max = LOG_INFO;

static const char *const names[] = {
	[LOG_ERROR] = "error", [LOG_WARN] = "warn",
	[LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};

static struct {
	struct mutex	 lock;
	struct log_site	*sites;		/* over their limit */
	_Atomic int64_t	 due;		/* when the first of them is to be
					   said; 0: there is none */
} limited = { .lock = MUTEX_INIT };

static struct {
	void	(*fn)(enum log_level, const char *, void *);
	void	*ctx;
} sink;

/* sd-daemon: JOURNAL_STREAM names the device and inode of the journal. */
static bool
stderr_is_journal(void)
{
	const char *s = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return (s != NULL && sscanf(s, "%llu:%llu", &dev, &ino) == 2 &&
	    fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev &&
	    st.st_ino == ino);
}

static bool
want_stamp(void)
{
	static atomic_int known;	/* 0: not yet, 1: yes, 2: no */
	int k = atomic_load_explicit(&known, memory_order_relaxed);

	if (k == 0) {
		k = stderr_is_journal() ? 2 : 1;
		atomic_store_explicit(&known, k, memory_order_relaxed);
	}
	return (k == 1);
}

static size_t
stamp(char *out, size_t size)
{
	int64_t ms = clock_wall_ms();
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
	return (n + (size_t)snprintf(out + n, size - n, ".%03dZ ",
	    (int)(ms % 1000)));
}

static void
write_line(const char *line, size_t n)
{
	ssize_t w;

	do
		w = write(STDERR_FILENO, line, n);
	while (w == -1 && errno == EINTR);
}

static void
say(enum log_level level, const char *who, const char *msg)
{
	char line[4000];
	size_t n = 0;

	if (sink.fn == NULL && want_stamp())
		n = stamp(line, sizeof line);
	n += (size_t)snprintf(line + n, sizeof line - n, "%s ", names[level]);
	if (who != NULL && *who != '\0') {
		str_printable(line + n, 256, slice_str(who));
		n += strlen(line + n);
		line[n++] = ':';
		line[n++] = ' ';
	}
	str_printable(line + n, sizeof line - n - 1, slice_str(msg));
	n += strlen(line + n);
	if (sink.fn != NULL) {
		sink.fn(level, line, sink.ctx);
		return;
	}
	line[n++] = '\n';
	write_line(line, n);
}

/* Takes the sites off the list whose minute is over; sets the next date. */
static struct log_site *
limited_take(int64_t now)
{
	struct log_site **p = &limited.sites, *s, *over = NULL;
	int64_t due = 0, end;

	while ((s = *p) != NULL) {
		end = atomic_load(&s->window) + WINDOW_NS;
		if (end <= now) {
			*p = s->next;
			s->next = over;
			over = s;
			continue;
		}
		if (due == 0 || end < due)
			due = end;
		p = &s->next;
	}
	atomic_store(&limited.due, due);
	return (over);
}

/*
 * Says what was left out at sites whose window is over, and opens a new
 * window there.  The lock is not held while saying: the sink may log.
 */
static void
limited_say(int64_t now)
{
	struct { enum log_level level; const char *fmt; unsigned n; } v[16];
	struct log_site *s, *next;
	char msg[512];
	size_t n = 0;

	mutex_lock(&limited.lock);
	for (s = limited_take(now); s != NULL; s = next) {
		next = s->next;
		s->next = NULL;
		s->listed = false;
		if (n == NELEM(v)) {	/* another call says the rest */
			s->listed = true;
			s->next = limited.sites;
			limited.sites = s;
			atomic_store(&limited.due, now);
			continue;
		}
		v[n].level = s->level;
		v[n].fmt = s->fmt;
		v[n++].n = atomic_exchange(&s->count, 0) - LIMIT;
		atomic_store(&s->window, now);
	}
	mutex_unlock(&limited.lock);
	while (n-- > 0) {
		snprintf(msg, sizeof msg, "%u more in the last minute like: "
		    "%s", v[n].n, v[n].fmt);
		say(v[n].level, NULL, msg);
	}
}

static void
limited_add(struct log_site *s, enum log_level level, const char *fmt)
{
	int64_t end = atomic_load(&s->window) + WINDOW_NS, due;

	mutex_lock(&limited.lock);
	if (!s->listed) {
		s->listed = true;
		s->level = level;
		s->fmt = fmt;
		s->next = limited.sites;
		limited.sites = s;
		due = atomic_load(&limited.due);
		if (due == 0 || end < due)
			atomic_store(&limited.due, end);
	}
	mutex_unlock(&limited.lock);
}

/* True when the line may be written. */
static bool
site_pass(struct log_site *s, enum log_level level, const char *fmt,
    int64_t now)
{
	int64_t begin = atomic_load(&s->window);
	unsigned n;

	if ((begin == 0 || now - begin >= WINDOW_NS) &&
	    atomic_compare_exchange_strong(&s->window, &begin, now))
		atomic_store(&s->count, 0);
	n = atomic_fetch_add(&s->count, 1) + 1;
	if (n == LIMIT + 1)
		limited_add(s, level, fmt);
	return (n <= LIMIT);
}

void
log_line(struct log_site *s, enum log_level level, const char *who,
    const char *fmt, ...)
{
	int64_t now = clock_mono_ns(), due;
	int saved = errno;
	char msg[3000];
	va_list ap;

	due = atomic_load_explicit(&limited.due, memory_order_relaxed);
	if (due != 0 && due <= now)
		limited_say(now);
	if (level < LOG_DEBUG && !site_pass(s, level, fmt, now))
		return;
	va_start(ap, fmt);
	errno = saved;		/* for %m */
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	say(level, who, msg);
	errno = saved;
}

bool
log_level_parse(const char *s, enum log_level *out)
{
	for (size_t i = 0; i < NELEM(names); i++)
		if (strcmp(s, names[i]) == 0) {
			*out = (enum log_level)i;
			return (true);
		}
	return (false);
}

void
log_set_sink(void (*fn)(enum log_level, const char *, void *), void *ctx)
{
	sink.fn = fn;
	sink.ctx = ctx;
}
