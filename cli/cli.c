#include "cli/cli.h"

#include "cli/commands.h"

const struct command cli_commands[] = {
	{ "topics", topics_command, "create, list, describe, alter, delete "
	    "topics" },
	{ "console-producer", console_producer_command,
	    "send lines of standard input to a topic" },
	{ "console-consumer", console_consumer_command,
	    "print the records of a topic" },
	{ "consumer-groups", consumer_groups_command,
	    "list, describe, reset, delete consumer groups" },
	{ "configs", configs_command,
	    "show and change settings of topics and brokers" },
	{ "delete-records", delete_records_command,
	    "delete the records of a partition before an offset" },
	{ "perf", perf_command,
	    "measure a cluster: producer, consumer, latency" },
	{ "dump-log", dump_log_command,
	    "print a segment file, of a partition or a file channel" },
	{ NULL, NULL, NULL }
};
