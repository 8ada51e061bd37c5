/*
 * A stream of syslog messages.  Holds that framing hands out each byte once
 * and the same messages however the bytes arrive, that what a message is said
 * to consist of lies inside it, and that keeping all keeps the line.
 */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "sources/syslog_frame.h"
#include "sources/syslog_parse.h"

#define MAX	40

static void
inside(struct slice part, struct slice line)
{
	CHECK(part.p == NULL || (part.p >= line.p &&
	    part.p + part.len <= line.p + line.len));
}

static void
parse(enum syslog_dialect d, struct slice line)
{
	struct syslog_clock k = { .now_ms = INT64_C(1795219200000) };
	struct sb scratch = SB_INIT;
	struct syslog_msg m;
	struct slice body;
	unsigned keep;

	syslog_parse(&m, d, line, &k);
	CHECK(m.pri >= 0 && m.pri <= SYSLOG_PRI_MAX);
	CHECK(!(m.parsed && m.invalid));
	CHECK(m.parsed || (!m.timed && slice_eq(m.text, line)));
	CHECK(!m.parsed || (m.priority.p != NULL && m.host.p != NULL &&
	    m.stamp.p != NULL));
	inside(m.text, line);
	inside(m.priority, line);
	inside(m.version, line);
	inside(m.stamp, line);
	inside(m.host, line);
	for (keep = 0; keep <= SYSLOG_KEEP_ALL; keep++) {
		body = syslog_body(&m, keep, &scratch);
		CHECK(body.p != NULL && body.len <= line.len + 1);
	}
	CHECK(slice_eq(body, line));
	sb_fini(&scratch);
}

/* All messages, with a mark behind each. */
static void
frames(struct slice in, size_t step, struct sb *out)
{
	struct syslog_framer f = { .max = MAX };
	struct syslog_frame m;
	size_t at = 0, have = 0, n;

	while (have < in.len) {
		have = in.len - have < step ? in.len : have + step;
		while (at < have && (n = syslog_frame(&f, slice_of(in.p + at,
		    have - at), have == in.len, &m)) > 0) {
			CHECK(n <= have - at && m.text.len <= MAX);
			inside(m.text, slice_of(in.p + at, n));
			at += n;
			if (m.text.p == NULL)
				continue;
			CHECK(m.text.len > 0);
			sb_add(out, m.text.p, m.text.len);
			sb_puts(out, m.cut ? "~\n" : "|\n");
		}
	}
	CHECK(at == in.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size);
	struct sb whole = SB_INIT, bytes = SB_INIT;

	if (size == 0)
		return (0);
	parse(SYSLOG_PLAIN, in);
	parse(SYSLOG_MULTIPORT, in);
	frames(in, size, &whole);
	frames(in, 1, &bytes);
	CHECK(whole.len == bytes.len);
	CHECK(whole.len == 0 || memcmp(whole.ptr, bytes.ptr, whole.len) == 0);
	sb_fini(&whole);
	sb_fini(&bytes);
	return (0);
}
