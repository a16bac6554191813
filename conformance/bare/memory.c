/* SPDX-License-Identifier: BSD-3-Clause */
#include "bare.h"

/* Memory behind the program, and the functions that a compiler calls by itself. */

extern char bss_end[];

typedef uint64_t __attribute__((may_alias)) word;

static char *next_page;

void *take_pages(unsigned n)
{
	void *pages;

	if (!next_page)
		next_page = (char *)(((uint64_t)bss_end + PAGE - 1) & -PAGE);
	pages = next_page;
	next_page += n * PAGE;
	return memset(pages, 0, n * PAGE);
}

static bool is_aligned(const void *a, const void *b)
{
	return !(((uint64_t)a | (uint64_t)b) % sizeof(word));
}

void *memset(void *at, int byte, size_t n)
{
	word bytes = (uint8_t)byte * 0x0101010101010101ull;
	uint8_t *to = at;

	for (; n >= sizeof(word) && is_aligned(to, to); n -= sizeof(word), to += sizeof(word))
		*(word *)to = bytes;
	while (n--)
		*to++ = (uint8_t)byte;
	return at;
}

void *memcpy(void *to, const void *from, size_t n)
{
	const uint8_t *in = from;
	uint8_t *out = to;

	for (; n >= sizeof(word) && is_aligned(in, out); n -= sizeof(word)) {
		*(word *)out = *(const word *)in;
		in += sizeof(word);
		out += sizeof(word);
	}
	while (n--)
		*out++ = *in++;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *left = a, *right = b;

	for (size_t i = 0; i < n; i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}

uint64_t get_number(const uint8_t *at, unsigned length)
{
	uint64_t value = 0;

	while (length--)
		value = value << 8 | at[length];
	return value;
}

void put_number(uint8_t *at, unsigned length, uint64_t value)
{
	for (unsigned i = 0; i < length; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}
