/*
 * What the broker's settings say together.  Pure functions over the filled
 * struct broker_config.
 */
#ifndef BROKER_SETTINGS_H
#define BROKER_SETTINGS_H

#include "broker/broker_priv.h"

/*
 * "PLAINTEXT://host:port" or "host:port"; an empty host is every address, [ ]
 * around an IPv6 address is taken off.  *host is the caller's.  Errors name
 * key.
 */
int	broker_parse_address(const char *text, const char *key, char **host,
	    uint16_t *port, struct err *);
int	broker_check_policy(const char *text, struct err *);
/* Of the keys in ms, minutes and hours; -1: for ever. */
int64_t	broker_retention_ms(const struct broker_config *);
int64_t	broker_roll_ms(const struct broker_config *);
/* A copy that owns its strings; broker_config_fini frees them. */
void	broker_config_copy(struct broker_config *,
	    const struct broker_config *);
void	broker_config_fini(struct broker_config *);

#endif
