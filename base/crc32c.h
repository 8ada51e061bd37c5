/*
 * CRC-32C (Castagnoli, RFC 3720 B.4), with the CPU's instruction where there
 * is one, chosen once at start.  crc32c(0, p, n) is the CRC of the bytes;
 * crc32c(crc32c(0, a), b) is that of a then b.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *p, size_t n);

/* The CRC of A then B from those of A and of B, B being lenb bytes long. */
uint32_t crc32c_combine(uint32_t crca, uint32_t crcb, size_t lenb);

#endif
