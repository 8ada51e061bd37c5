/* t: what the end-to-end tests and the benchmark are made with. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "test/tool/tool.h"

static int
version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("%s\n", rd_kafka_version_str());
	return (TOOL_OK);
}

static const struct tool_command commands[] = {
	{ "feed", "write numbered lines to files, rotating them", tool_feed },
	{ "flood", "the same Produce request, again and again", tool_flood },
	{ "chaos", "use a broker that is killed, and check it", tool_chaos },
	{ "check", "hold a topic, a folder or a file against the ledger",
	    tool_check },
	{ "count", "the records of a topic", tool_count },
	{ "crash", "start a command and kill it, again and again",
	    tool_crash },
	{ "latency", "line written to record consumed", tool_latency },
	{ "gen", "access-log lines, the same for the same seed", tool_gen },
	{ "null-broker", "a Kafka broker that forgets everything",
	    tool_null_broker },
	{ "pace", "small Produce requests at a rate, and their answers' times",
	    tool_pace },
	{ "bare", "a bare librdkafka loop over a file", tool_bare },
	{ "drain", "fetch a partition and throw it away", tool_drain },
	{ "proxy", "a bad network in front of a broker", tool_proxy },
	{ "sendfile", "a bare sendfile loop over files", tool_sendfile },
	{ "measure", "time, CPU and memory of a command", tool_measure },
	{ "verify", "a topic against a file, every record", tool_verify },
	{ "transform", "copy a topic in transactions, exactly once",
	    tool_transform },
	{ "garbage", "bytes that make no sense, to a port", tool_garbage },
	{ "hostile", "connections that misbehave, to a broker",
	    tool_hostile },
	{ "version", "librdkafka's", version },
	{ "port", "a free TCP port outside the ephemeral range", tool_port }
};

/*
 * A listener that is restarted must get its port back: outside the range from
 * which the kernel deals ports to clients nobody takes it meanwhile, and a
 * client that tries while it is closed cannot be connected to itself.
 */
int
tool_port(int argc, char **argv)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	uint16_t port;
	int fd, i;

	(void)argc;
	(void)argv;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (i = 0; i < 1000; i++) {
		if (getrandom(&port, sizeof port, 0) != sizeof port)
			tool_die("getrandom");
		port = (uint16_t)(10000 + port % 20000);
		sin.sin_port = htons(port);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd == -1)
			tool_die("socket");
		if (bind(fd, (struct sockaddr *)&sin, sizeof sin) == 0) {
			close(fd);
			printf("%u\n", port);
			return (TOOL_OK);
		}
		close(fd);
	}
	tool_die("no free port");
}

int
main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 1 && i < NELEM(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return (commands[i].run(argc - 1, argv + 1));
	fprintf(stderr, "usage: t COMMAND [--flag value ...]; --help after a "
	    "command lists its flags\n\n");
	for (i = 0; i < NELEM(commands); i++)
		fprintf(stderr, "  %-12s %s\n", commands[i].name,
		    commands[i].doc);
	return (TOOL_TROUBLE);
}
