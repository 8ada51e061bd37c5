#include "cli/file.h"

#include <stdio.h>
#include <string.h>

int
file_read(const char *path, size_t max, struct sb *out, struct err *e)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char buf[16384], size[24];
	size_t n;
	int rc = 0;

	if (f == NULL)
		return (err_sys(e, "%s", path));
	sb_puts(out, "");
	while (rc == 0 && (n = fread(buf, 1, sizeof buf, f)) > 0) {
		if (out->len + n > max)
			rc = err_set(e, ERR_TOO_LARGE, "%s: more than %s",
			    path, str_print_size(size, sizeof size, max));
		else
			sb_add(out, buf, n);
	}
	if (rc == 0 && ferror(f))
		rc = err_sys(e, "%s", path);
	if (f != stdin)
		fclose(f);
	return (rc);
}
