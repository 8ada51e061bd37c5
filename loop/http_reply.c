/* Answers, and what a handler asks about its request.  See http.h. */
#include "loop/http_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

/* The request. */

unsigned
http_method(const struct http_req *r)
{
	return (r->head.method);
}

const char *
http_method_name(const struct http_req *r)
{
	return (r->head.method_name);
}

const char *
http_path(const struct http_req *r)
{
	return (r->head.path);
}

const char *
http_query(const struct http_req *r)
{
	return (r->head.query);
}

/* Cuts "name=value" at buf; -> the value when it is that name's. */
static const char *
value_of(char *buf, const char *name)
{
	char *eq = strchr(buf, '=');

	if (eq != NULL)
		*eq = '\0';
	if (!http_decode(buf, true) || strcmp(buf, name) != 0)
		return (NULL);
	return (eq == NULL ? "" : eq + 1);
}

const char *
http_param(const struct http_req *r, const char *name, char *buf, size_t size)
{
	const char *p, *value;
	size_t n;

	for (p = r->head.query; *p != '\0'; p += n + (p[n] == '&')) {
		n = strcspn(p, "&");
		if (n >= size)
			continue;
		memcpy(buf, p, n);
		buf[n] = '\0';
		if ((value = value_of(buf, name)) == NULL)
			continue;
		memmove(buf, value, strlen(value) + 1);
		return (http_decode(buf, true) ? buf : NULL);
	}
	return (NULL);
}

const char *
http_field(const struct http_req *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->head.nfields; i++)
		if (strcasecmp(r->head.fields[i].name, name) == 0)
			return (r->head.fields[i].value);
	return (NULL);
}

bool
http_field_at(const struct http_req *r, size_t i, const char **name,
    const char **value)
{
	if (i >= r->head.nfields)
		return (false);
	*name = r->head.fields[i].name;
	*value = r->head.fields[i].value;
	return (true);
}

struct slice
http_body(const struct http_req *r)
{
	if (r->body == NULL)
		return (slice_of("", 0));
	return (slice_of(r->body->data, r->body->len));
}

struct buf *
http_take_body(struct http_req *r)
{
	struct buf *b = r->body;

	r->body = NULL;
	http_req_hold(r, 0);
	return (b);
}

const char *
http_peer(const struct http_req *r)
{
	return (r->peer);
}

void
http_set_data(struct http_req *r, void *data)
{
	r->data = data;
}

void *
http_data(const struct http_req *r)
{
	return (r->data);
}

bool
http_gone(const struct http_req *r)
{
	return (r->hc == NULL);
}

/* The answer. */

static const struct {
	int		 status;
	const char	*text;
} status_texts[] = {
	{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
	{ 204, "No Content" }, { 301, "Moved Permanently" },
	{ 302, "Found" }, { 303, "See Other" }, { 304, "Not Modified" },
	{ 307, "Temporary Redirect" }, { 308, "Permanent Redirect" },
	{ 400, "Bad Request" }, { 401, "Unauthorized" },
	{ 403, "Forbidden" }, { 404, "Not Found" },
	{ 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
	{ 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
	{ 411, "Length Required" }, { 412, "Precondition Failed" },
	{ 413, "Content Too Large" }, { 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" }, { 417, "Expectation Failed" },
	{ 421, "Misdirected Request" }, { 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" }, { 501, "Not Implemented" },
	{ 502, "Bad Gateway" }, { 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" },
};

const char *
http_status_text(int status)
{
	size_t i;

	for (i = 0; i < NELEM(status_texts); i++)
		if (status_texts[i].status == status)
			return (status_texts[i].text);
	return ("Status");
}

/* RFC 9110 section 5.6.7 */
static void
add_date(struct sb *sb)
{
	time_t now = (time_t)(clock_wall_ms() / 1000);
	char text[40];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	sb_printf(sb, "Date: %s\r\n", text);
}

static bool
has_body(int status)
{
	return (status >= 200 && status != 204 && status != 304);
}

/* extra: whole lines. */
static void
write_head(struct http_conn *hc, int status, const char *type, size_t len,
    const struct sb *extra, const char *connection)
{
	struct sb sb = SB_INIT;

	sb_printf(&sb, "HTTP/1.1 %d %s\r\n", status,
	    http_status_text(status));
	add_date(&sb);
	if (type != NULL && has_body(status))
		sb_printf(&sb, "Content-Type: %s\r\n", type);
	if (has_body(status))
		sb_printf(&sb, "Content-Length: %zu\r\n", len);
	if (extra != NULL && extra->len > 0)
		sb_add(&sb, extra->ptr, extra->len);
	if (connection != NULL)
		sb_printf(&sb, "Connection: %s\r\n", connection);
	sb_puts(&sb, "X-Content-Type-Options: nosniff\r\n\r\n");
	conn_write(hc->c, sb.ptr, sb.len);
	sb_fini(&sb);
}

void
http_conn_refuse(struct http_conn *hc, int status)
{
	struct http_req *r = hc->req;
	struct sb text = SB_INIT;

	sb_printf(&text, "%s\n", http_status_text(status));
	write_head(hc, status, "text/plain; charset=utf-8", text.len,
	    r == NULL ? NULL : &r->fields, "close");
	if (r == NULL || r->head.method != HTTP_HEAD)
		conn_write(hc->c, text.ptr, text.len);
	sb_fini(&text);
	if (r != NULL)
		http_req_free(r);
	http_conn_answered(hc, false);
}

void
http_add_field(struct http_req *r, const char *name, const char *fmt, ...)
{
	size_t i, start;
	va_list ap;
	char *value;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&value, fmt, ap);
	va_end(ap);
	CHECK(n >= 0);
	sb_printf(&r->fields, "%s: ", name);
	start = r->fields.len;
	sb_puts(&r->fields, value);
	free(value);
	for (i = start; i < r->fields.len; i++)
		if ((unsigned char)r->fields.ptr[i] < 0x20 ||
		    r->fields.ptr[i] == 0x7f)
			r->fields.ptr[i] = ' ';
	sb_puts(&r->fields, "\r\n");
}

/* Does the connection stay after this answer? */
static bool
keeps(const struct http_req *r)
{
	const struct http_conn *hc = r->hc;

	/* A half-closed client may have sent more requests before. */
	return (r->head.keep_alive &&
	    (!hc->eof || conn_in(hc->c).len > 0) &&
	    hc->served < hc->server->o.max_requests);
}

/* HTTP/1.0 clients want to be told that it stays, others that it does not. */
static const char *
connection_field(const struct http_req *r, bool keep)
{
	if (!keep)
		return ("close");
	return (r->head.minor == 0 ? "keep-alive" : NULL);
}

/* -> whether the body is to be sent as well. */
static bool
start_answer(struct http_req *r, int status, const char *type, size_t len)
{
	loop_assert(r->server->loop);
	if (r->hc == NULL)
		return (false);
	CHECK(r->hc->phase == HTTP_HANDLING);
	write_head(r->hc, status, type, len, &r->fields,
	    connection_field(r, keeps(r)));
	return (has_body(status) && r->head.method != HTTP_HEAD);
}

static void
end_answer(struct http_req *r)
{
	struct http_conn *hc = r->hc;
	bool keep = hc != NULL && keeps(r);

	http_req_free(r);
	if (hc != NULL)
		http_conn_answered(hc, keep);
}

void
http_respond(struct http_req *r, int status, const char *type,
    struct slice body)
{
	if (start_answer(r, status, type, body.len))
		conn_write(r->hc->c, body.p, body.len);
	end_answer(r);
}

void
http_respond_ref(struct http_req *r, int status, const char *type,
    struct slice body, void (*release)(void *), void *arg)
{
	if (start_answer(r, status, type, body.len))
		conn_write_ref(r->hc->c, body, release, arg);
	else if (release != NULL)
		release(arg);
	end_answer(r);
}

void
http_respond_error(struct http_req *r, int status, unsigned retry_s,
    const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	CHECK(n >= 0);
	text = xreallocarray(text, (size_t)n + 2, 1);
	text[n] = '\n';
	if ((status == 503 || status == 429) && retry_s != 0)
		http_add_field(r, "Retry-After", "%u", retry_s);
	http_respond(r, status, "text/plain; charset=utf-8",
	    slice_of(text, (size_t)n + 1));
	free(text);
}
