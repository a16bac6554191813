/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "wire/crc32.h"

/*
 * CRC-32 by what the processor has
 *
 * A saved state of a hundred MiB is checked while the guest stands still. The register is a
 * polynomial over GF(2), bit 31 the coefficient of x^0; a message is divided by P from its first
 * bit on. Eight bytes a step go through eight tables, or 64 bytes a step are folded by carry-less
 * multiplication.
 */

#define REFLECTED 0xedb88320u /* P without x^32, reflected */
#define STEP      8

/* tables[k][b]: the register after the byte b and k bytes of 0. */
static uint32_t tables[STEP][256];

static void make_tables(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t crc = b;

		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? REFLECTED : 0);
		tables[0][b] = crc;
	}
	for (unsigned k = 1; k < STEP; k++)
		for (unsigned b = 0; b < 256; b++)
			tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 0xff];
}

static uint32_t load32(const uint8_t *b)
{
	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static uint32_t by_tables(uint32_t crc, const uint8_t *b, size_t length)
{
	for (; length >= STEP; b += STEP, length -= STEP) {
		uint32_t low = load32(b) ^ crc, high = load32(b + 4);

		crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^
		      tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24] ^ tables[3][high & 0xff] ^
		      tables[2][high >> 8 & 0xff] ^ tables[1][high >> 16 & 0xff] ^
		      tables[0][high >> 24];
	}
	for (; length; b++, length--)
		crc = crc >> 8 ^ tables[0][(crc ^ *b) & 0xff];
	return crc;
}

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <immintrin.h>

#define LANES 4
#define LANE  ((size_t)16)
#define BLOCK (LANES * LANE)

/*
 * What is D bits in front of a lane is added to it: its low half times x^(D+32), its high half
 * times x^(D-32), both modulo P, reflected and shifted by one, for a product of reflected factors
 * lacks a bit.
 */
#define FOLD_512_LOW  0x154442bd4
#define FOLD_512_HIGH 0x1c6e41596
#define FOLD_128_LOW  0x1751997d0
#define FOLD_128_HIGH 0x0ccaa009e

__attribute__((target("pclmul,sse2"))) static __m128i fold(__m128i ahead, __m128i by, __m128i next)
{
	return _mm_xor_si128(next, _mm_xor_si128(_mm_clmulepi64_si128(ahead, by, 0x00),
						 _mm_clmulepi64_si128(ahead, by, 0x11)));
}

__attribute__((target("pclmul,sse2"))) static __m128i load128(const uint8_t *b)
{
	return _mm_loadu_si128((const __m128i *)(const void *)b);
}

/* What is left is 16 bytes with the same remainder, and less than 16 bytes after them. */
__attribute__((target("pclmul,sse2"))) static uint32_t by_folding(uint32_t crc, const uint8_t *b,
								  size_t length)
{
	const __m128i far = _mm_set_epi64x(FOLD_512_HIGH, FOLD_512_LOW);
	const __m128i near = _mm_set_epi64x(FOLD_128_HIGH, FOLD_128_LOW);
	__m128i lanes[LANES], lane;
	uint8_t rest[LANE];

	if (length < BLOCK)
		return by_tables(crc, b, length);
	for (size_t i = 0; i < LANES; i++)
		lanes[i] = load128(b + i * LANE);
	lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128((int)crc));
	for (b += BLOCK, length -= BLOCK; length >= BLOCK; b += BLOCK, length -= BLOCK)
		for (size_t i = 0; i < LANES; i++)
			lanes[i] = fold(lanes[i], far, load128(b + i * LANE));
	lane = lanes[0];
	for (size_t i = 1; i < LANES; i++)
		lane = fold(lane, near, lanes[i]);
	for (; length >= LANE; b += LANE, length -= LANE)
		lane = fold(lane, near, load128(b));
	_mm_storeu_si128((__m128i *)(void *)rest, lane);
	return by_tables(by_tables(0, rest, sizeof(rest)), b, length);
}

static bool can_fold(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("pclmul");
}
#else
#define by_folding by_tables

static bool can_fold(void)
{
	return false;
}
#endif

static bool folds;

static void choose(void)
{
	make_tables();
	folds = can_fold();
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

uint32_t crc32_by_tables(uint32_t crc, const void *bytes, size_t length)
{
	pthread_once(&once, choose);
	return ~by_tables(~crc, bytes, length);
}

uint32_t crc32_of(const void *bytes, size_t length)
{
	return crc32_continue(0, bytes, length);
}

uint32_t crc32_continue(uint32_t crc, const void *bytes, size_t length)
{
	pthread_once(&once, choose);
	return ~(folds ? by_folding(~crc, bytes, length) : by_tables(~crc, bytes, length));
}
