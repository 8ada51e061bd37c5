/*
 * The Kafka-side commands: topics, console-producer, console-consumer,
 * consumer-groups, configs, delete-records, perf, dump-log.  They talk to any
 * bootstrap server through librdkafka and know nothing of the agent or the
 * built-in broker.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stddef.h>

/* Exit statuses, after sysexits(3). */
enum {
	CLI_OK = 0,
	CLI_FAILED = 1,		/* it was tried and did not work */
	CLI_USAGE = 64,		/* the words of the command are off */
	CLI_UNAVAILABLE = 69,	/* nobody answers at the address */
	CLI_CONFIG = 78		/* a configuration file is wrong */
};

struct command {
	const char	*name;
	/* argv[0] is the command's name.  Returns the exit status. */
	int		(*run)(int argc, char **argv);
	const char	*summary;	/* for `leat help` */
};

/* Ends with a NULL name. */
extern const struct command cli_commands[];

#endif
