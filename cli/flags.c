#include "cli/flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"

static const struct flag *
find(const struct flag *f, const char *name, size_t len)
{
	for (; f->type != FLAG_END; f++)
		if (strlen(f->name) == len && memcmp(f->name, name, len) == 0)
			return (f);
	return (NULL);
}

static void
print_help(const struct flag *f, const char *command, const char *summary)
{
	char left[64];

	printf("usage: %s [--flag value ...]\n\n%s\n\n", command, summary);
	for (; f->type != FLAG_END; f++) {
		if (f->doc == NULL)	/* an older spelling */
			continue;
		snprintf(left, sizeof left, f->type == FLAG_MAYBE ?
		    "--%s%s[%s]" : "--%s%s%s", f->name,
		    f->value == NULL ? "" : " ",
		    f->value == NULL ? "" : f->value);
		printf("  %-32s %s\n", left, f->doc);
	}
}

static int
unknown(const struct flag *flags, const char *command, const char *arg)
{
	const char *names[64];
	const char *near;
	size_t n = 0;

	for (; flags->type != FLAG_END && n < NELEM(names); flags++)
		names[n++] = flags->name;
	near = str_nearest(arg + 2, names, n);
	fprintf(stderr, "%s: %s: there is no such flag", command, arg);
	if (near != NULL)
		fprintf(stderr, "; did you mean --%s?", near);
	fprintf(stderr, "\n%s --help lists them\n", command);
	return (CLI_USAGE);
}

static void
append(struct flag_list *l, const char *value)
{
	l->v = xreallocarray(l->v, l->n + 1, sizeof *l->v);
	l->v[l->n++] = value;
}

/* Is it one of "a|b|c"? */
static bool
is_word(const char *words, const char *value)
{
	size_t n = strlen(value), len;

	for (;; words += len + 1) {
		len = strcspn(words, "|");
		if (len == n && memcmp(words, value, n) == 0)
			return (true);
		if (words[len] == '\0')
			return (false);
	}
}

static int
refuse_word(const struct flag *f, const char *command, const char *value)
{
	const char *p;

	fprintf(stderr, "%s: --%s %s: give ", command, f->name, value);
	for (p = f->value; *p != '\0'; p++)
		if (*p == '|')
			fputs(strchr(p + 1, '|') == NULL ? " or " : ", ",
			    stderr);
		else
			fputc(*p, stderr);
	fputc('\n', stderr);
	return (CLI_USAGE);
}

static int
store(const struct flag *f, const char *command, const char *value)
{
	switch (f->type) {
	case FLAG_BOOL:
		*(bool *)f->to = true;
		return (0);
	case FLAG_STR:
	case FLAG_MAYBE:
		*(const char **)f->to = value;
		return (0);
	case FLAG_WORD:
		if (!is_word(f->value, value))
			return (refuse_word(f, command, value));
		*(const char **)f->to = value;
		return (0);
	case FLAG_LIST:
	case FLAG_WORDS:
		append(f->to, value);
		return (0);
	case FLAG_INT:
		if (str_int64(value, f->to))
			return (0);
		fprintf(stderr, "%s: --%s %s: give a whole number\n",
		    command, f->name, value);
		return (CLI_USAGE);
	default:
		return (CLI_USAGE);
	}
}

/* Does arg name a flag?  Then it is not the value of the one before. */
static const struct flag *
named_by(const struct flag *flags, const char *arg)
{
	if (strncmp(arg, "--", 2) != 0)
		return (NULL);
	return (find(flags, arg + 2, strcspn(arg + 2, "=")));
}

/* The values behind the first one of a flag that takes several. */
static int
take_more(const struct flag *f, const char *command, int argc, char **argv,
    int *i)
{
	int rc = 0;

	while (rc == 0 && f->type == FLAG_WORDS && *i + 1 < argc &&
	    argv[*i + 1][0] != '-')
		rc = store(f, command, argv[++*i]);
	return (rc);
}

/* One flag at argv[*i]; moves *i over its value. */
static int
take(const struct flag *flags, const char *command, int argc, char **argv,
    int *i)
{
	const char *arg = argv[*i], *eq = strchr(arg, '=');
	const struct flag *f = named_by(flags, arg);
	int rc;

	if (f == NULL)
		return (unknown(flags, command, arg));
	if (f->type == FLAG_BOOL && eq != NULL) {
		fprintf(stderr, "%s: --%s takes no value\n", command, f->name);
		return (CLI_USAGE);
	}
	if (f->type == FLAG_BOOL)
		return (store(f, command, NULL));
	if (eq != NULL)
		return (store(f, command, eq + 1));
	if (f->type == FLAG_MAYBE && (*i + 1 == argc ||
	    argv[*i + 1][0] == '-'))
		return (store(f, command, ""));
	if (*i + 1 < argc && named_by(flags, argv[*i + 1]) == NULL) {
		rc = store(f, command, argv[++*i]);
		return (rc != 0 ? rc : take_more(f, command, argc, argv, i));
	}
	fprintf(stderr, "%s: %s wants a value: %s\n", command, arg,
	    f->value == NULL ? "VALUE" : f->value);
	return (CLI_USAGE);
}

int
flags_parse(const struct flag *flags, const char *command,
    const char *summary, int argc, char **argv, struct flag_list *rest)
{
	static char output[] = "--output";
	int i, rc;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0) {
			print_help(flags, command, summary);
			return (FLAGS_HELP);
		}
		if (strcmp(argv[i], "-o") == 0)
			argv[i] = output;
		if (strncmp(argv[i], "--", 2) == 0) {
			rc = take(flags, command, argc, argv, &i);
			if (rc != 0)
				return (rc);
		} else if (rest != NULL && argv[i][0] != '-') {
			append(rest, argv[i]);
		} else {
			fprintf(stderr, "%s: %s: flags begin with --; %s "
			    "--help lists them\n", command, argv[i], command);
			return (CLI_USAGE);
		}
	}
	return (0);
}

void
flag_list_fini(struct flag_list *l)
{
	free(l->v);
}
