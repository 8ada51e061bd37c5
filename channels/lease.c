#include "channels/lease.h"

static size_t
record_bytes(const struct batch *b, const struct record *r)
{
	size_t bytes = r->body.len;
	uint32_t i;

	for (i = 0; i < r->nheaders; i++)
		bytes += r->headers[i].name.len + r->headers[i].value.len;
	for (i = 0; i < b->ncommon; i++)
		bytes += b->common[i].name.len + b->common[i].value.len;
	return (bytes);
}

uint32_t
lease_fit(const struct batch *b, uint32_t first, uint32_t n, uint32_t records,
    size_t bytes, size_t *sum)
{
	size_t size;
	uint32_t i;

	if (records != 0 && n > records)
		n = records;
	*sum = b->bytes;
	if (n == b->n && (bytes == 0 || b->bytes <= bytes))
		return (n);
	*sum = 0;
	for (i = 0; i < n; i++) {
		size = record_bytes(b, &b->records[first + i]);
		if (i > 0 && bytes != 0 && *sum + size > bytes)
			break;
		*sum += size;
	}
	return (i);
}
