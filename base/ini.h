/*
 * leat.ini: the daemon's own settings and the client commands' profiles, in
 * the system's and the user's configuration folders.
 *
 *	[agent]
 *	data.dir = /var/lib/leat
 *	[profile prod]
 *	bootstrap.servers = kafka1:9092
 */
#ifndef BASE_INI_H
#define BASE_INI_H

#include "base/conf.h"

/*
 * Reads SYSCONFDIR/leat/leat.ini, then $XDG_CONFIG_HOME/leat/leat.ini (or
 * ~/.config), later values winning; LEAT_INI in the environment names one file
 * instead.  Files that are not there are no problem.  Always a tree.
 */
struct conf *ini_load(struct conf_problems *);

#endif
