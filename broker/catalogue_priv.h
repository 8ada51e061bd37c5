/*
 * What the files of the catalogue share:
 *
 *	catalogue.c		creating, growing, configuring; start and stop
 *	catalogue_delete.c	deleting, and what is left of deleted topics
 *	catalogue_file.c	the file
 */
#ifndef BROKER_CATALOGUE_PRIV_H
#define BROKER_CATALOGUE_PRIV_H

#include "broker/broker_priv.h"
#include "broker/catalogue.h"

/*
 * Writes the file as it would be with these changes.  added: topics that are
 * in no map yet; without: one that is left out and put as gone; grown: one that
 * gets this many partitions; configured: one that gets this config; layer: the
 * defaults that get it.
 */
struct catalogue_change {
	struct topic	**added;
	size_t		  nadded;
	struct topic	 *without;
	struct topic	 *grown;
	int32_t		  partitions;
	struct topic	 *configured;
	const struct topic_config *layer;
	const struct topic_config *config;
};

/* --- catalogue_file.c --- */

/* Replaces the file; durable.  With c->change held.  ERR_FULL, ERR_SYS. */
int	 catalogue_write(struct broker *, const struct catalogue_change *,
	    struct err *);
/* Takes in what is there; no file: nothing.  ERR_CORRUPT, ERR_SYS. */
int	 catalogue_read(struct broker *, struct err *);

/* --- catalogue.c --- */

/* Into the maps.  With c->lock held.  The defaults may have changed since the
 * topic was made. */
void	 catalogue_publish(struct catalogue *, struct topic *);

/* --- catalogue_delete.c --- */

/* Into the list.  With c->lock held, but while the file is read. */
void	 catalogue_gone_add(struct catalogue *, struct slice name,
	    const struct uuid *, int32_t partitions, bool used);
void	 catalogue_gone_free(struct gone *);
/* Moves the folders out of the way, so that the name is free.  A folder that
 * is not there was never used. */
void	 catalogue_move_folders(struct broker *, const char *name,
	    const struct uuid *, int32_t n);

#endif
