/* What librdkafka counts of itself, for --print-metrics. */
#ifndef CLI_METRICS_H
#define CLI_METRICS_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#define METRICS_INTERVAL_MS	500

struct metrics {
	bool	 on;		/* --print-metrics */
	char	*json;		/* the newest */
};

/* The client's setting statistics.interval.ms. */
const char *metrics_interval(const struct metrics *);
/* For the client's stats_cb: keeps json; its return value is the callback's. */
int	metrics_keep(struct metrics *, char *json);
/* Waits for numbers newer than now, then prints every one of them as
 * "name: value"; rk's events are served meanwhile. */
void	perf_metrics_print(struct metrics *, rd_kafka_t *rk);
void	metrics_fini(struct metrics *);

#endif
