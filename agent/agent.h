/*
 * The commands about the agent: each takes argv with its own name first and
 * returns the exit status.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "agent/config.h"

int	agent_command(int argc, char **argv);	/* leat agent -n a1 -f conf */
int	broker_command(int argc, char **argv);	/* leat broker -f FILE */
int	check_command(int argc, char **argv);	/* leat check conf */
int	explain_command(int argc, char **argv);	/* leat explain taildir */
int	where_command(int argc, char **argv);	/* leat where */

/*
 * The folder that holds an agent's state: `given` (an option), else
 * <agent>.data.dir of cfg, else data.dir under [agent] of leat.ini with the
 * agent's name behind it, else LOCALSTATEDIR/lib/leat/<agent> for root and
 * ~/.local/state/leat/<agent> for others.  cfg may be NULL when name is given.
 * The caller frees.
 */
char	*agent_data_dir(const char *given, const struct agent_config *cfg,
	    const char *name);

/* The socket of `leat where` below a data folder; the caller frees. */
char	*agent_socket_path(const char *data_dir);

/*
 * The broker's settings of an agent, filled from a1.broker (defaults when
 * there is none), broker_settings_size bytes; mistakes go to problems.  Free
 * with agent_broker_settings_free.
 */
void	*agent_broker_settings(const struct agent_config *,
	    struct conf_problems *);
void	 agent_broker_settings_free(void *);
/* The agent needs the built-in broker: it has a broker section, or a Kafka
 * sink without kafka.bootstrap.servers. */
bool	 agent_wants_broker(const struct agent_config *);

#endif
