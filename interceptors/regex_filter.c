/*
 * regex_filter: keeps or drops records by a regular expression found in the
 * body, as Flume's (user guide, "Regex Filtering Interceptor").
 *
 * PCRE2 with its JIT where the machine has one.  Bodies are bytes, not text:
 * any byte matches itself.  A match that needs more steps than the limit counts
 * as no match for include and no match for exclude alike: the record is kept,
 * counted and said, because dropping what was not understood would lose it.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "base/log.h"
#include "interceptors/interceptors.h"

#define MATCH_LIMIT	1000000
#define STACK_FIRST	((size_t)32 << 10)
#define STACK_MAX	((size_t)16 << 20)	/* what a long record may
						   need */

struct regex_filter {
	struct interceptor	 interceptor;
	char			*regex;
	bool			 exclude;
	pcre2_code		*code;
	pcre2_match_data	*data;
	pcre2_match_context	*limits;
	pcre2_jit_stack		*stack;		/* NULL: the JIT's own 32 KiB */
	metric_t		 dropped, undecided;
};

static const struct setting settings[] = {
	SETTING_STR(struct regex_filter, regex, "regex", .def = ".*",
	    .doc = "Looked for anywhere in the body. In a properties file a "
	    "backslash is written twice."),
	SETTING_BOOL(struct regex_filter, exclude, "excludeEvents",
	    .def = "false", .doc = "Drops what matches; otherwise what does "
	    "not match is dropped."),
	SETTING_END
};

static const struct metric metrics[] = {
	METRIC_COUNTER(struct regex_filter, dropped, "dropped_records_total",
	    "Records dropped by the expression."),
	METRIC_COUNTER(struct regex_filter, undecided,
	    "undecided_records_total",
	    "Records kept because matching them hit the step limit."),
	METRIC_END
};

static int
regex_filter_check(struct interceptor *i, struct err *e)
{
	struct regex_filter *f = (struct regex_filter *)i;
	PCRE2_SIZE at;
	PCRE2_UCHAR why[256];
	int rc;

	f->code = pcre2_compile((PCRE2_SPTR)f->regex, PCRE2_ZERO_TERMINATED,
	    0, &rc, &at, NULL);
	if (f->code == NULL) {
		pcre2_get_error_message(rc, why, sizeof why);
		return (err_set(e, ERR_CONFIG, "regex: %s at character %zu "
		    "of '%s'", (char *)why, (size_t)at + 1, f->regex));
	}
	pcre2_jit_compile(f->code, PCRE2_JIT_COMPLETE);
	f->data = pcre2_match_data_create(1, NULL);
	f->limits = pcre2_match_context_create(NULL);
	pcre2_set_match_limit(f->limits, MATCH_LIMIT);
	f->stack = pcre2_jit_stack_create(STACK_FIRST, STACK_MAX, NULL);
	if (f->stack != NULL)
		pcre2_jit_stack_assign(f->limits, NULL, f->stack);
	return (0);
}

/* 1 found, 0 not, -1 given up. */
static int
found(struct regex_filter *f, struct slice body)
{
	int rc;

	rc = pcre2_match(f->code, body.p == NULL ? (PCRE2_SPTR)"" : body.p,
	    body.len, 0, 0, f->data, f->limits);
	return (rc >= 0 ? 1 : rc == PCRE2_ERROR_NOMATCH ? 0 : -1);
}

static void
regex_filter_apply(struct interceptor *i, struct batch *b)
{
	struct regex_filter *f = (struct regex_filter *)i;
	uint32_t r;
	int hit;

	for (r = 0; r < b->n; r++) {
		hit = found(f, b->records[r].body);
		if (hit == -1) {
			metric_add(&f->undecided, 1);
			log_warn(i->who, "regex '%s' needs too many steps on "
			    "a record of %zu bytes: the record is kept",
			    f->regex, b->records[r].body.len);
		} else if ((hit == 1) == f->exclude) {
			metric_add(&f->dropped, 1);
			batch_drop(b, &b->records[r]);
		}
	}
}

static void
regex_filter_free(struct interceptor *i)
{
	struct regex_filter *f = (struct regex_filter *)i;

	pcre2_jit_stack_free(f->stack);
	pcre2_match_context_free(f->limits);
	pcre2_match_data_free(f->data);
	pcre2_code_free(f->code);
	settings_fini(settings, f);
	free(f);
}

static const char *const aliases[] = {
	"org.apache.flume.interceptor.RegexFilteringInterceptor$Builder",
	"org.apache.flume.interceptor.RegexFilteringInterceptor", NULL
};

const struct interceptor_ops interceptor_regex_filter = {
	.plugin = {
		.name = "regex_filter",
		.aliases = aliases,
		.doc = "Keeps or drops records by a regular expression.",
		.size = sizeof (struct regex_filter),
		.settings = settings,
		.metrics = metrics
	},
	.check = regex_filter_check,
	.apply = regex_filter_apply,
	.free = regex_filter_free
};
