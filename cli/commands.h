/* The commands of this folder, for its table in cli.c. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

int	topics_command(int argc, char **argv);
int	console_producer_command(int argc, char **argv);
int	console_consumer_command(int argc, char **argv);
int	consumer_groups_command(int argc, char **argv);
int	configs_command(int argc, char **argv);
int	delete_records_command(int argc, char **argv);
int	perf_command(int argc, char **argv);
int	dump_log_command(int argc, char **argv);

#endif
