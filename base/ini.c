/* Where leat.ini is looked for; the reading is conf_read_file's. */
#include "base/ini.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

static void
read_if_there(struct conf *root, char *path, struct conf_problems *p)
{
	struct err e = ERR_INIT;

	if (access(path, F_OK) == 0 && conf_read_file(root, path, p, &e) == -1)
		conf_error_at(p, path, 0, "%s", e.msg);
	free(path);
}

struct conf *
ini_load(struct conf_problems *p)
{
	struct conf *root = conf_new();
	const char *one = getenv("LEAT_INI");
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	struct err e = ERR_INIT;

	if (one != NULL) {
		if (conf_read_file(root, one, p, &e) == -1)
			conf_error_at(p, one, 0, "%s", e.msg);
		return (root);
	}
	read_if_there(root, xstrdup(SYSCONFDIR "/leat/leat.ini"), p);
	if (xdg != NULL && xdg[0] == '/')
		read_if_there(root, xasprintf("%s/leat/leat.ini", xdg), p);
	else if (home != NULL)
		read_if_there(root, xasprintf("%s/.config/leat/leat.ini",
		    home), p);
	return (root);
}
