/*
 * t gen: access-log lines of about 200 bytes to stdout, from a fixed seed, so
 * that a benchmark's input is the same everywhere.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/flags.h"
#include "test/tool/tool.h"

static const char *const paths[] = {
	"/", "/index.html", "/api/v1/orders", "/api/v1/orders/items",
	"/api/v2/customers/search", "/static/js/app.3f9c2a.js",
	"/static/css/site.css", "/images/products/large/front.webp", "/login",
	"/health", "/cart/checkout/confirm", "/download/reports/monthly.pdf"
};

static const char *const agents[] = {
	"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0.0.0",
	"curl/7.88.1", "kube-probe/1.29",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Safari/605.1.15"
};

static const int statuses[] = { 200, 200, 200, 200, 200, 200, 304, 404, 302,
    500 };

static void
one_line(struct tool_random *r, uint64_t n)
{
	uint64_t a = tool_random_next(r), b = tool_random_next(r);
	uint64_t second = n / 100;

	printf("10.%u.%u.%u - - [%02u/Nov/2026:%02u:%02u:%02u +0000] "
	    "\"%s %s?id=%llu&session=%016llx HTTP/1.1\" %d %u "
	    "\"https://example.com%s\" \"%s\" %u.%03u seq=%llu\n",
	    (unsigned)(a & 255), (unsigned)(a >> 8 & 255),
	    (unsigned)(a >> 16 & 255), (unsigned)(1 + second / 86400 % 28),
	    (unsigned)(second / 3600 % 24), (unsigned)(second / 60 % 60),
	    (unsigned)(second % 60), a >> 24 & 3 ? "GET" : "POST",
	    paths[(a >> 26) % NELEM(paths)],
	    (unsigned long long)(a >> 34 & 0xffffff), (unsigned long long)b,
	    statuses[(b >> 4) % NELEM(statuses)],
	    (unsigned)(b >> 8 & 0xffff), paths[(b >> 24) % NELEM(paths)],
	    agents[(b >> 30) % NELEM(agents)], (unsigned)(b >> 40 & 1),
	    (unsigned)((b >> 41) % 1000), (unsigned long long)n);
}

int
tool_gen(int argc, char **argv)
{
	int64_t count = 5000000, seed = 1, i;
	const struct flag flags[] = {
		FLAG_INT_ROW("count", &count, "N", "How many lines."),
		FLAG_INT_ROW("seed", &seed, "N", "Which ones."),
		FLAG_LAST
	};
	struct tool_random r;
	int rc = flags_parse(flags, "t gen", "Access-log lines.", argc, argv,
	    NULL);

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	r.state = (uint64_t)seed;
	for (i = 1; i <= count; i++)
		one_line(&r, (uint64_t)i);
	return (fflush(stdout) == 0 ? TOOL_OK : TOOL_TROUBLE);
}
