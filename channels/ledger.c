/*
 * A singly linked list of units and a small sorted array of what came back.
 * Rollbacks are rare and at most as many as leases in flight, so the array is
 * searched from its end.
 */
#include "channels/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

void
ledger_add(struct ledger *l, struct unit *u, uint32_t n)
{
	*u = (struct unit){ .seq = l->seq++, .n = n };
	if (l->tail != NULL)
		l->tail->next = u;
	else
		l->head = u;
	l->tail = u;
	l->units++;
	if (l->cursor == NULL && n > 0)
		l->cursor = u;
}

void
ledger_skip(struct unit *u, uint32_t n)
{
	CHECK(u->leased == 0 && n < u->n);
	u->leased = u->done = n;
}

bool
ledger_peek(struct ledger *l, struct unit **u, uint32_t *first, uint32_t *n)
{
	const struct returned *r;

	if (l->nback > 0) {
		r = &l->back[l->nback - 1];
		*u = r->unit;
		*first = r->first;
		*n = r->n;
		return (true);
	}
	if (l->cursor == NULL)
		return (false);
	*u = l->cursor;
	*first = l->cursor->leased;
	*n = l->cursor->n - l->cursor->leased;
	return (true);
}

void
ledger_lease(struct ledger *l, uint32_t n)
{
	struct returned *r;

	if (l->nback > 0) {
		r = &l->back[l->nback - 1];
		CHECK(n > 0 && n <= r->n);
		r->first += n;
		r->n -= n;
		if (r->n == 0)
			l->nback--;
		return;
	}
	CHECK(l->cursor != NULL);
	CHECK(n > 0 && n <= l->cursor->n - l->cursor->leased);
	l->cursor->leased += n;
	while (l->cursor != NULL && l->cursor->leased == l->cursor->n)
		l->cursor = l->cursor->next;
}

void
ledger_commit(struct ledger *l, struct unit *u, uint32_t n)
{
	(void)l;
	CHECK(n <= u->leased - u->done);
	u->done += n;
}

/* a is to be leased before b. */
static bool
before(const struct returned *a, const struct returned *b)
{
	return (a->unit->seq < b->unit->seq ||
	    (a->unit == b->unit && a->first < b->first));
}

void
ledger_rollback(struct ledger *l, struct unit *u, uint32_t first, uint32_t n)
{
	struct returned r = { u, first, n }, *last;
	size_t i;

	GROW(l->back, l->nback, l->capback);
	for (i = l->nback; i > 0 && before(&l->back[i - 1], &r); i--)
		;
	/* A lease that was cut out of a larger one joins it again. */
	last = &l->back[i - 1];
	if (i > 0 && last->unit == u && last->first == first + n) {
		last->first = first;
		last->n += n;
		return;
	}
	memmove(l->back + i + 1, l->back + i, (l->nback - i) * sizeof *l->back);
	l->back[i] = r;
	l->nback++;
}

uint32_t
ledger_first(const struct ledger *l)
{
	uint32_t first;
	size_t i;

	if (l->head == NULL)
		return (0);
	first = l->head->leased;
	for (i = 0; i < l->nback; i++)
		if (l->back[i].unit == l->head && l->back[i].first < first)
			first = l->back[i].first;
	return (first);
}

struct unit *
ledger_drop(struct ledger *l)
{
	struct unit *u = l->head;

	if (u == NULL)
		return (NULL);
	if (l->cursor == u)
		l->cursor = NULL;
	if ((l->head = u->next) == NULL)
		l->tail = NULL;
	l->units--;
	return (u);
}

struct unit *
ledger_pop(struct ledger *l)
{
	if (l->head == NULL || l->head->done < l->head->n)
		return (NULL);
	return (ledger_drop(l));
}

void
ledger_fini(struct ledger *l)
{
	CHECK(l->head == NULL);
	free(l->back);
	l->back = NULL;
	l->nback = l->capback = 0;
}
