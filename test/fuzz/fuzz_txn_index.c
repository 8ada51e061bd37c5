/*
 * Index files of aborted transactions: any bytes are refused or taken up to
 * some entry, and what was taken are the same bytes again.
 */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "broker/txn_index.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t b[TXN_ENTRY];
	struct txn_entry *v;
	size_t i, n;
	int rc;

	rc = txn_index_decode(slice_of(data, size), &v, &n, NULL);
	CHECK(n <= size / TXN_ENTRY && (rc == -1 || n * TXN_ENTRY == size));
	for (i = 0; i < n; i++) {
		CHECK(v[i].last > v[i].first && v[i].first >= 0);
		CHECK(i == 0 || v[i].last > v[i - 1].last);
		txn_entry_encode(b, &v[i]);
		CHECK(memcmp(b, data + i * TXN_ENTRY, TXN_ENTRY) == 0);
	}
	free(v);
	return (0);
}
