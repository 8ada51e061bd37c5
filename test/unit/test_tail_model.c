/*
 * sources/tail against a model: writers that write, rotate and truncate at
 * random while the source runs, is full, is stopped or killed.  Each line says
 * which generation of which file it is from and its number there.  What comes
 * through is, per generation, 0, 1, 2, ...: nothing lost, nothing twice but
 * what a kill over a memory channel allows, nothing out of order.
 *
 * A test that fails prints what was done; the seed is its row.
 */
#include "test/unit/source_rig.h"

#include <errno.h>
#include <stdarg.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "sources/sources.h"

#define FILES		3
#define GENERATIONS	400
#define KEEP		4		/* rotated ones */
#define STEPS		250

struct generation {
	int		 file;
	unsigned	 written;	/* whole lines */
	unsigned	 got;		/* the next number to come */
	unsigned	 last;		/* the number that came last, plus 1 */
	char		*rest;		/* of a line half written */
	bool		 deleted;
};

static struct generation gens[GENERATIONS];
static int ngens;
/* chain[f][0] is f's current one, [1] the one renamed to .1, ... */
static int chain[FILES][KEEP + 8], nchain[FILES];
static struct rig r;
static struct sb done;
static uint64_t seed;
static size_t taken;			/* of r.lines */
static bool twice_allowed;

static unsigned
draw(unsigned n)
{
	return ((unsigned)(unit_random(&seed) >> 20) % n);
}

static void
note(const char *fmt, ...)
{
	char text[80];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	sb_printf(&done, "%s; ", text);
}

#define WANT(cond, ...)							\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "%s\n", done.ptr);		\
			ck_abort_msg(__VA_ARGS__);			\
		}							\
	} while (0)

/* --- what came --- */

static void
take(const struct rig_line *l)
{
	unsigned number;
	struct generation *g;
	int file, gen;

	WANT(sscanf(l->text, "f%d.g%d.%u", &file, &gen, &number) == 3 &&
	    gen < ngens, "strange line: %.60s", l->text);
	g = &gens[gen];
	WANT(l->text[l->len - 1] == '.' && g->file == file,
	    "a line that was never written: %.60s", l->text);
	WANT(number <= g->got, "%.40s came, %u is missing", l->text, g->got);
	if (number < g->got)
		WANT(twice_allowed, "%.40s came twice", l->text);
	/* Again from an earlier point, or in order. */
	WANT(number == g->last || (twice_allowed && number < g->last),
	    "%.40s came after %u", l->text, g->last);
	g->last = number + 1;
	if (g->last > g->got)
		g->got = g->last;
}

static void
take_lines(void)
{
	for (; taken < r.n; taken++)
		take(&r.lines[taken]);
}

static bool
all_came(struct rig *rig, void *ctx)
{
	int i;

	(void)rig;
	(void)ctx;
	take_lines();
	for (i = 0; i < ngens; i++)
		if (gens[i].got < gens[i].written)
			return (false);
	return (true);
}

static void
report_missing(void)
{
	int i;

	for (i = 0; i < ngens; i++)
		if (gens[i].got < gens[i].written)
			fprintf(stderr, "f%d.g%d: %u of %u came\n",
			    gens[i].file, i, gens[i].got, gens[i].written);
	fprintf(stderr, "%s\n", done.ptr);
}

/* Everything written so far came through. */
static void
quiesce(void)
{
	int64_t until = clock_mono_ns() + INT64_C(10000000000);

	r.hold_store = r.hold_delivery = false;
	rig_store(&r, r.ntaken);
	rig_deliver(&r, r.nkept);
	rig_room(&r, SIZE_MAX);
	rig_sync(&r);
	while (!all_came(&r, NULL)) {
		rig_turn(&r);
		if (clock_mono_ns() > until) {
			report_missing();
			ck_abort_msg("lines are missing");
		}
	}
}

/* --- the writers --- */

static const char *
chain_name(int f, int i)
{
	static char name[4][32];
	static int k;
	char *p = name[k++ % 4];

	if (i == 0)
		snprintf(p, 32, "f%d.log", f);
	else
		snprintf(p, 32, "f%d.log.%d", f, i);
	return (p);
}

static void
new_generation(int f)
{
	WANT(ngens < GENERATIONS, "too many generations");
	gens[ngens] = (struct generation){ .file = f };
	chain[f][0] = ngens++;
}

static size_t
pad(void)
{
	switch (draw(40)) {
	case 0:
		return (draw(300000));
	case 1: case 2: case 3:
		return (draw(3000));
	default:
		return (draw(60));
	}
}

/* Whole lines, and perhaps the first part of one more; or its end. */
static void
write_lines(int f, int at, unsigned n)
{
	struct generation *g = &gens[chain[f][at]];
	struct sb sb = SB_INIT;
	size_t whole = 0, cut, i, len;

	sb_puts(&sb, "");
	if (g->rest != NULL) {
		sb_puts(&sb, g->rest);
		free(g->rest);
		g->rest = NULL;
		g->written++;
	}
	for (; n > 0; n--) {
		whole = sb.len;
		sb_printf(&sb, "f%d.g%d.%u", f, chain[f][at], g->written++);
		for (i = 0, len = pad(); i < len; i++)
			sb_add(&sb, &"xyz\r\t"[i % 5], 1);
		sb_puts(&sb, ".\n");
	}
	if (draw(4) == 0 && sb.len > whole + 1) {
		cut = whole + draw((unsigned)(sb.len - whole - 1));
		g->rest = xstrdup(sb.ptr + cut);
		g->written--;
		sb.len = cut;
	}
	if (sb.len > 0)
		rig_write_bytes(&r, chain_name(f, at), sb.ptr, sb.len);
	sb_fini(&sb);
}

static void
rotate(int f)
{
	int i;

	if (nchain[f] == KEEP + 7)
		return;
	note("rotate f%d (g%d)", f, chain[f][0]);
	for (i = nchain[f]; i > 0; i--) {
		chain[f][i] = chain[f][i - 1];
		rig_rename(&r, chain_name(f, i - 1), chain_name(f, i));
		if (draw(10) == 0 && r.source != NULL)
			rig_turn(&r);
	}
	nchain[f]++;
	rig_next_tick(&r);
	new_generation(f);
	rig_write(&r, chain_name(f, 0), "");
}

/* Only the running source can be asked for everything first. */
static void
drop_oldest(int f)
{
	if (r.source == NULL || nchain[f] <= KEEP)
		return;
	quiesce();
	note("delete %s (g%d)", chain_name(f, nchain[f] - 1),
	    chain[f][nchain[f] - 1]);
	nchain[f]--;
	gens[chain[f][nchain[f]]].deleted = true;
	rig_delete(&r, chain_name(f, nchain[f]));
}

static void
copytruncate(int f)
{
	struct generation *g = &gens[chain[f][0]];

	if (r.source == NULL)
		return;
	quiesce();
	note("truncate f%d (g%d)", f, chain[f][0]);
	rig_truncate(&r, chain_name(f, 0), 0);
	free(g->rest);
	g->rest = NULL;
	new_generation(f);
}

/* --- the source's fate --- */

static void
stop_start(bool kill)
{
	if (r.source == NULL) {
		note("start");
		rig_start(&r);
		return;
	}
	note(kill ? "kill" : "stop");
	if (kill)
		rig_kill(&r);
	else
		rig_stop(&r);
	take_lines();
	twice_allowed = twice_allowed || (kill && !r.durable);
}

static void
step_source(void)
{
	unsigned i;

	if (r.source == NULL) {
		if (draw(3) == 0)
			stop_start(false);
		return;
	}
	switch (draw(8)) {
	case 0:
		stop_start(draw(2) == 0);
		return;
	case 1:
		note("room");
		rig_room(&r, draw(5));
		break;
	case 2:
		note("room for all");
		rig_room(&r, SIZE_MAX);
		break;
	case 3:
		r.hold_store = draw(2) == 0;
		r.hold_delivery = draw(2) == 0;
		break;
	case 4:
		rig_store(&r, draw(5));
		rig_deliver(&r, draw(5));
		break;
	default:
		break;
	}
	for (i = draw(12); i > 0; i--)
		rig_turn(&r);
	take_lines();
}

static void
step(void)
{
	int f = (int)draw(FILES), at;

	switch (draw(12)) {
	case 0:
		rotate(f);
		break;
	case 1:
		drop_oldest(f);
		break;
	case 2:
		if (draw(4) == 0)
			copytruncate(f);
		break;
	case 3:
		at = (int)draw((unsigned)nchain[f]);
		note("late lines for g%d", chain[f][at]);
		write_lines(f, at, 1 + draw(3));
		break;
	case 4: case 5: case 6: case 7:
		step_source();
		break;
	default:
		note("lines for g%d", chain[f][0]);
		write_lines(f, 0, 1 + draw(20));
		break;
	}
}

static const struct {
	bool		 durable;
	const char	*pattern;
	const char	*key, *value;
} kinds[] = {
	{ true, "f[0-9]\\.log", "maxOpenFiles", "0" },
	{ false, "f[0-9]\\.log", "maxOpenFiles", "0" },
	{ true, "f[0-9]\\.log.*", "maxOpenFiles", "2" },
	{ false, "glob:f*.log*", "batchSize", "7" },
	{ true, "f[0-9]\\.log", "idleTimeout", "5ms" },
	{ true, "f[0-9]\\.log", "batchSize", "1" },
};
#define RUNS	6		/* seeds of each kind */

START_TEST(test_model)
{
	int f, i, kind = _i % (int)NELEM(kinds);

	seed = 1000 + (uint64_t)_i;
	log_max = LOG_ERROR;
	sb_puts(&done, "");
	rig_new(&r, &source_tail, kinds[kind].durable);
	rig_group(&r, kinds[kind].pattern);
	rig_set(&r, "pollInterval", "10ms");
	rig_set(&r, kinds[kind].key, kinds[kind].value);
	for (f = 0; f < FILES; f++) {
		new_generation(f);
		nchain[f] = 1;
		rig_write(&r, chain_name(f, 0), "");
	}
	rig_start(&r);
	rig_sync(&r);
	for (i = 0; i < STEPS; i++)
		step();
	if (r.source == NULL)
		stop_start(false);
	quiesce();
	ck_assert_int_eq(rig_metric(&r, "unreadable_total"), 0);
	/* Once more from where it stands: nothing comes again. */
	rig_stop(&r);
	take_lines();
	twice_allowed = false;
	rig_start(&r);
	rig_sync(&r);
	take_lines();
	for (i = 0; i < ngens; i++)
		free(gens[i].rest);
	rig_free(&r);
	sb_fini(&done);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_model, .rows = RUNS * NELEM(kinds) },
};

int
main(void)
{
	return (UNIT_MAIN("tail_model", tests));
}
