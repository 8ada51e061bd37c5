/*
 * Tables of metrics.  Counters are fields of the component's own struct with
 * one writer each, so counting is an add; readers of any thread walk the
 * table by offset with relaxed loads.
 *
 *	struct tail_metrics { metric_t lines; };
 *	static const struct metric metrics[] = {
 *		METRIC_COUNTER(struct tail, m.lines, "lines_read_total",
 *		    "Lines read."),
 *		METRIC_END
 *	};
 *	metric_add(&t->m.lines, n);
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

typedef _Atomic int64_t metric_t;

enum metric_type { METRIC_LAST, METRIC_IS_COUNTER, METRIC_IS_GAUGE };

struct metric {
	enum metric_type type;
	size_t		 offset;
	const char	*name;		/* snake case, unit last; no prefix */
	const char	*doc;		/* one sentence */
};

#define METRIC_ROW(t, st, m, nm, dc)					\
	{ (t), offsetof(st, m) + 0 * sizeof (char [			\
	  _Generic(&((st *)0)->m, metric_t *: 1, default: -1)]), (nm), (dc) }
#define METRIC_COUNTER(st, m, nm, dc)					\
	METRIC_ROW(METRIC_IS_COUNTER, st, m, nm, dc)
#define METRIC_GAUGE(st, m, nm, dc)					\
	METRIC_ROW(METRIC_IS_GAUGE, st, m, nm, dc)
#define METRIC_END	{ METRIC_LAST, 0, NULL, NULL }

/* One writer: no locked instruction. */
static inline void
metric_add(metric_t *m, int64_t v)
{
	atomic_store_explicit(m, atomic_load_explicit(m,
	    memory_order_relaxed) + v, memory_order_relaxed);
}

/* Several writers. */
static inline void
metric_add_shared(metric_t *m, int64_t v)
{
	atomic_fetch_add_explicit(m, v, memory_order_relaxed);
}

static inline void
metric_set(metric_t *m, int64_t v)
{
	atomic_store_explicit(m, v, memory_order_relaxed);
}

static inline int64_t
metric_get(const metric_t *m)
{
	return (atomic_load_explicit((metric_t *)m, memory_order_relaxed));
}

/*
 * One object to be shown: its table, its struct, and labels.  A reader builds
 * an array of these and prints it; all samples of a name stand together, as
 * Prometheus's text format 0.0.4 wants.
 */
struct metric_object {
	const struct metric	*table;
	const void		*obj;
	const char		*prefix;	/* "leat_source_" */
	const char		*labels;	/* source="r1",...; or "" */
};
void	metrics_print(struct sb *, const struct metric_object *, size_t n);
/* Appends name="value" with the value escaped, and a comma before all but the
 * first: how a metric_object's labels are made. */
void	metric_label(struct sb *, const char *name, const char *value);

#endif
