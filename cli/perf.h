/* The parts of leat perf, and what they share. */
#ifndef CLI_PERF_H
#define CLI_PERF_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/client.h"

/* argv[0] is the part's name. */
int	perf_producer(int argc, char **argv);
int	perf_consumer(int argc, char **argv);
int	perf_latency(int argc, char **argv);

#define PERF_MB		(1024.0 * 1024.0)

/* Set by SIGINT and SIGTERM: what was measured so far is printed then. */
extern volatile sig_atomic_t perf_interrupted;
void	perf_catch_signals(void);

uint64_t perf_random(void);

/* A pool of letters to cut payloads of size bytes from: any of the first
 * PERF_STARTS bytes may begin one. */
#define PERF_STARTS	4096
char	*perf_payloads(size_t size);

/* The topic's number of partitions, when it is there or the broker makes it;
 * -1 with *e set. */
int	perf_topic(rd_kafka_t *, const struct client_flags *,
	    const char *topic, struct err *e);

#endif
