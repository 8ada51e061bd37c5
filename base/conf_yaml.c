/*
 * YAML through libyaml's event parser, by recursive descent: a mapping puts
 * its key behind the dotted path, a sequence of scalars is one value.
 *
 * Scalars are text as they stand: `null` is Flume's null sink, `yes` is a word,
 * 010 keeps its zero.  Aliases are refused, and with them the one way in which
 * a small YAML file can become a large tree.
 */
#include <string.h>

#include <yaml.h>

#include "base/conf_read.h"
#include "base/mem.h"

struct yaml {
	struct conf_reader	 r;
	const char		*text;		/* all of it */
	yaml_parser_t		 parser;
	yaml_event_t		 event;		/* the current one */
	bool			 failed;	/* nothing more is read */
	struct sb		 path;		/* dotted key of the node */
};

static int
event_line(const struct yaml *y)
{
	return ((int)y->event.start_mark.line + 1);
}

#define ERROR(y, ...)							\
	conf_error_at((y)->r.problems, (y)->r.file, event_line(y), __VA_ARGS__)

/* The line where libyaml stopped is indented with a tab, a usual reason. */
static bool
at_tab(const struct yaml *y)
{
	size_t n = y->parser.problem_mark.line;
	const char *p = y->text;

	for (; n > 0 && p != NULL; n--)
		if ((p = strchr(p, '\n')) != NULL)
			p++;
	return (p != NULL && p[strspn(p, " ")] == '\t');
}

/* To the next event; false at the end of the stream or on bad syntax. */
static bool
advance(struct yaml *y)
{
	yaml_event_delete(&y->event);
	if (y->failed)
		return (false);
	if (yaml_parser_parse(&y->parser, &y->event))
		return (y->event.type != YAML_STREAM_END_EVENT);
	y->failed = y->r.problems->cut_short = true;
	memset(&y->event, 0, sizeof y->event);
	conf_error_at(y->r.problems, y->r.file,
	    (int)y->parser.problem_mark.line + 1, "not YAML: %s%s%s%s",
	    y->parser.context == NULL ? "" : y->parser.context,
	    y->parser.context == NULL ? "" : ": ",
	    y->parser.problem == NULL ? "bad input" : y->parser.problem,
	    at_tab(y) ? "; it is a tab: indent with blanks" : "");
	return (false);
}

static int
opens(yaml_event_type_t t)
{
	return (t == YAML_MAPPING_START_EVENT ||
	    t == YAML_SEQUENCE_START_EVENT);
}

static int
closes(yaml_event_type_t t)
{
	return (t == YAML_MAPPING_END_EVENT || t == YAML_SEQUENCE_END_EVENT);
}

/* Ends the reading: libyaml's work grows with the square of the depth. */
static void
too_deep(struct yaml *y)
{
	ERROR(y, "nested more than %d deep; what follows is not read",
	    CONF_DEPTH_MAX);
	y->failed = true;
}

/* Skips the current node, of any kind; stands on its last event then. */
static void
skip(struct yaml *y)
{
	size_t depth = 0;

	do {
		depth += (size_t)opens(y->event.type);
		depth -= (size_t)closes(y->event.type);
		if (depth > CONF_DEPTH_MAX) {
			too_deep(y);
			return;
		}
	} while (depth > 0 && advance(y));
}

/* The current scalar's text; NULL, with an error, when it cannot be text. */
static const char *
scalar(struct yaml *y, const char *what)
{
	const char *s;

	if (y->event.type == YAML_ALIAS_EVENT) {
		ERROR(y, "*%s: aliases are not read; write the value out",
		    (const char *)y->event.data.alias.anchor);
		return (NULL);
	}
	if (y->event.type != YAML_SCALAR_EVENT) {
		ERROR(y, "%s must be plain text, not a list or a mapping",
		    what);
		return (NULL);
	}
	s = (const char *)y->event.data.scalar.value;
	if (strlen(s) != y->event.data.scalar.length) {
		ERROR(y, "%s holds a NUL, which no value can", what);
		return (NULL);
	}
	return (s);
}

static void
put(struct yaml *y, const char *value, int line)
{
	char *k = xstrdup(y->path.ptr), *v = xstrdup(value);

	conf_put(&y->r, k, v, line);
	free(k);
	free(v);
}

/* Flume's lists are split at blanks, so an item cannot hold one. */
static bool
item_is_word(struct yaml *y, const char *item)
{
	if (*item != '\0' && strpbrk(item, " \t\r\n\f") == NULL)
		return (true);
	ERROR(y, "'%.100s' cannot be an item of a list: items are single words",
	    item);
	return (false);
}

static void
read_sequence(struct yaml *y, int line)
{
	struct sb value = SB_INIT;
	const char *item;

	sb_puts(&value, "");
	while (advance(y) && y->event.type != YAML_SEQUENCE_END_EVENT) {
		if ((item = scalar(y, "an item of a list")) == NULL)
			skip(y);
		else if (item_is_word(y, item))
			sb_printf(&value, "%s%s", value.len > 0 ? " " : "",
			    item);
	}
	if (!y->failed)
		put(y, value.ptr == NULL ? "" : value.ptr, line);
	sb_fini(&value);
}

static void	read_mapping(struct yaml *, int depth);

/* The node of a key whose path is set; key_line is where the key stands. */
static void
read_value(struct yaml *y, int key_line, int depth)
{
	const char *s;

	switch (y->event.type) {
	case YAML_MAPPING_START_EVENT:
		if (depth >= CONF_DEPTH_MAX) {
			too_deep(y);
			return;
		}
		conf_node(y->r.root, y->path.ptr, y->r.file,
		    key_line)->mapping = true;
		read_mapping(y, depth + 1);
		return;
	case YAML_SEQUENCE_START_EVENT:
		read_sequence(y, key_line);
		return;
	default:
		if ((s = scalar(y, "a value")) != NULL)
			put(y, s, key_line);
	}
}

/* From behind its start event to its end event. */
static void
read_mapping(struct yaml *y, int depth)
{
	size_t len = y->path.len;
	const char *key;
	int line;

	while (advance(y) && y->event.type != YAML_MAPPING_END_EVENT) {
		line = event_line(y);
		if ((key = scalar(y, "a key")) != NULL && *key == '\0') {
			ERROR(y, "an empty key");
			key = NULL;
		}
		if (key == NULL) {
			skip(y);
			if (advance(y))
				skip(y);
			continue;
		}
		sb_printf(&y->path, "%s%s", len > 0 ? "." : "", key);
		if (advance(y))
			read_value(y, line, depth);
		y->path.len = len;
	}
}

static void
read_stream(struct yaml *y)
{
	bool second = false;

	while (advance(y)) {
		if (y->event.type != YAML_DOCUMENT_START_EVENT)
			continue;
		if (second) {
			ERROR(y, "a second document; a configuration is one");
			return;
		}
		second = true;
		if (!advance(y))
			return;
		if (y->event.type == YAML_MAPPING_START_EVENT)
			read_mapping(y, 0);
		else if (y->event.type != YAML_SCALAR_EVENT ||
		    y->event.data.scalar.length > 0) {
			ERROR(y, "the file must be a mapping: key: value");
			skip(y);
		}
	}
}

void
conf_read_yaml(struct conf *root, struct slice text, const char *file,
    struct conf_problems *problems)
{
	struct yaml y = { .r = { root, file, problems } };
	struct sb utf8 = SB_INIT;

	if (!conf_text(&y.r, text, &utf8) || utf8.len == 0)
		goto out;
	if (!yaml_parser_initialize(&y.parser)) {
		conf_error_at(problems, file, 0, "no memory for the parser");
		goto out;
	}
	y.text = utf8.ptr;
	yaml_parser_set_input_string(&y.parser, (unsigned char *)utf8.ptr,
	    utf8.len);
	yaml_parser_set_encoding(&y.parser, YAML_UTF8_ENCODING);
	read_stream(&y);
	yaml_event_delete(&y.event);
	yaml_parser_delete(&y.parser);
out:	sb_fini(&y.path);
	sb_fini(&utf8);
}
