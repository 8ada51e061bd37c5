/* Altering settings with IncrementalAlterConfigs (KIP-339): only what changes
 * is sent. */
#include "cli/configs.h"

static int
add(rd_kafka_ConfigResource_t *r, const struct pair *p,
    rd_kafka_AlterConfigOpType_t op, struct err *e)
{
	rd_kafka_error_t *why;
	int rc;

	why = rd_kafka_ConfigResource_add_incremental_config(r, p->key, op,
	    p->value);
	if (why == NULL)
		return (0);
	rc = err_set(e, ERR_CONFIG, "%s: %s", p->key,
	    rd_kafka_error_string(why));
	rd_kafka_error_destroy(why);
	return (rc);
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

	rd_kafka_IncrementalAlterConfigs(rk, &r, 1, NULL, q);
	ev = client_wait(q, f, e);
	rd_kafka_queue_destroy(q);
	if (ev == NULL)
		return (-1);
	v = rd_kafka_IncrementalAlterConfigs_result_resources(
	    rd_kafka_event_IncrementalAlterConfigs_result(ev), &n);
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
	int rc = 0;

	r = rd_kafka_ConfigResource_new(t->type, t->name);
	for (i = 0; i < set->n && rc == 0; i++)
		rc = add(r, &set->v[i], RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET, e);
	for (i = 0; i < unset->n && rc == 0; i++)
		rc = add(r, &unset->v[i], RD_KAFKA_ALTER_CONFIG_OP_TYPE_DELETE,
		    e);
	if (rc == 0)
		rc = ask(rk, f, r, e);
	rd_kafka_ConfigResource_destroy(r);
	return (rc);
}
