/*
 * CRC-32C by the processor; private to crc32c*.c.
 *
 * A polynomial of degree < 32 over GF(2) is held reflected: bit 31 - i is the
 * coefficient of x^i.  All CRCs here are "raw": without the inversion before
 * and after.
 */
#ifndef BASE_CRC32C_HW_H
#define BASE_CRC32C_HW_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t crc32c_fn(uint32_t raw, const uint8_t *, size_t);

/* The function for this processor, or NULL when it has none. */
crc32c_fn *crc32c_x86(void);

/* Slicing by 8, everywhere. */
uint32_t crc32c_soft(uint32_t raw, const uint8_t *, size_t);

/* x^n modulo the polynomial. */
uint32_t crc32c_power(uint64_t n);

#endif
