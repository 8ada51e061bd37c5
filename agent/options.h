/*
 * The options that the agent's commands share, Flume's spellings included
 * (user guide, "Starting an agent"): -n, -f, -c, -D, --no-reload-conf ...
 */
#ifndef AGENT_OPTIONS_H
#define AGENT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct options {
	const char	*name;		/* -n, or NULL */
	const char	**files;	/* -f, and operands of leat check */
	size_t		 nfiles;
	const char	*data_dir;	/* --data-dir, or NULL */
	const char	*socket;	/* --socket, or NULL */
	const char	*log_level;	/* --log-level, or NULL */
	long		 monitor_port;	/* -Dflume.monitoring.port; -1 */
	bool		 lenient;	/* --flume-lenient */
	bool		 no_reload;	/* --no-reload-conf */
	long		 poll_s;	/* -i, seconds */
	bool		 json;		/* -o json */
	bool		 mdoc;		/* -o mdoc, for the manual page */
	bool		 help;
	char		**rest;		/* operands */
	int		 nrest;
};

/* 0, or an exit status after a message on stderr. */
int	options_parse(struct options *, int argc, char **argv);
/* As -f would. */
void	options_add_file(struct options *, const char *path);
void	options_fini(struct options *);

#endif
