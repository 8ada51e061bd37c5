/*
 * The folder of a partition, for partition_open.c.  What others need of it is
 * in partition.h.
 */
#ifndef BROKER_PARTITION_FOLDER_H
#define BROKER_PARTITION_FOLDER_H

#include "broker/partition.h"

/* A descriptor of the folder name, or -1 (ERR_SYS). */
int	 partition_folder_dir(struct broker *, const char *name, struct err *);
/* Sets p->dirfd; makes the folder when it is not there.  ERR_CORRUPT: it
 * belongs to another topic; ERR_SYS. */
int	 partition_folder_open(struct partition *, const char *name,
	    struct err *);

#endif
