/*
 * Altering settings with AlterConfigs, which replaces all of them: what is set
 * now is sent along.  Between reading and writing somebody else may set
 * something, which is lost then; IncrementalAlterConfigs has no such gap.
 */
#include "cli/configs.h"

/* A value that the broker keeps for itself cannot be sent back. */
static int
keep(rd_kafka_ConfigResource_t *r, const struct entity *t,
    const struct pairs *set, const struct pairs *unset, struct err *e)
{
	const struct pair *p;
	size_t i;

	for (i = 0; i < t->now.n; i++) {
		p = &t->now.v[i];
		if (pairs_find(set, p->key) != NULL ||
		    pairs_find(unset, p->key) != NULL)
			continue;
		if (p->value == NULL)
			return (err_set(e, ERR_REFUSED, "%s is secret and "
			    "would be lost, because this librdkafka (%s) "
			    "writes all settings at once: give it too, or use "
			    "2.2 or later", p->key, rd_kafka_version_str()));
		rd_kafka_ConfigResource_set_config(r, p->key, p->value);
	}
	return (0);
}

static int
ask(rd_kafka_t *rk, const struct client_flags *f,
    rd_kafka_ConfigResource_t *r, struct err *e)
{
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	const rd_kafka_ConfigResource_t **v;
	rd_kafka_event_t *ev;
	size_t n;
	int rc;

	rd_kafka_AlterConfigs(rk, &r, 1, NULL, q);
	ev = client_wait(q, f, e);
	rd_kafka_queue_destroy(q);
	if (ev == NULL)
		return (-1);
	v = rd_kafka_AlterConfigs_result_resources(
	    rd_kafka_event_AlterConfigs_result(ev), &n);
	rc = configs_result(v, n, e);
	rd_kafka_event_destroy(ev);
	return (rc);
}

int
configs_alter(rd_kafka_t *rk, const struct client_flags *f,
    const struct entity *t, const struct pairs *set,
    const struct pairs *unset, struct err *e)
{
	rd_kafka_ConfigResource_t *r;
	size_t i;
	int rc;

	r = rd_kafka_ConfigResource_new(t->type, t->name);
	rc = keep(r, t, set, unset, e);
	for (i = 0; i < set->n; i++)
		rd_kafka_ConfigResource_set_config(r, set->v[i].key,
		    set->v[i].value);
	if (rc == 0)
		rc = ask(rk, f, r, e);
	rd_kafka_ConfigResource_destroy(r);
	return (rc);
}
