/* SPDX-License-Identifier: BSD-3-Clause */
#include "bare.h"

/* The first serial port, QEMU's exit device, and the functions that a compiler calls by itself. */

#define SERIAL       0x3f8
#define LINE_STATUS  (SERIAL + 5)
#define EMPTY        0x20
#define DEBUG_EXIT   0xf4
#define FIRST_STATUS 16

static void put(char c)
{
	uint8_t status;

	do
		__asm__ volatile("inb %1, %0" : "=a"(status) : "Nd"((uint16_t)LINE_STATUS));
	while (!(status & EMPTY));
	__asm__ volatile("outb %0, %1" : : "a"(c), "Nd"((uint16_t)SERIAL));
}

static void put_number(uint64_t value, unsigned base)
{
	char digits[20];
	unsigned n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (n)
		put(digits[--n]);
}

static void put_signed(int64_t value)
{
	if (value < 0)
		put('-');
	put_number(value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

void print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	for (const char *at = format; *at; at++) {
		bool wide = false;

		if (*at != '%') {
			put(*at);
			continue;
		}
		while (*++at == 'l')
			wide = true;
		if (*at == 's')
			for (const char *text = va_arg(arguments, const char *); *text; text++)
				put(*text);
		else if (*at == 'd')
			put_signed(wide ? va_arg(arguments, int64_t) : va_arg(arguments, int));
		else
			put_number(wide ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned),
				   *at == 'x' ? 16 : 10);
	}
	va_end(arguments);
}

void leave(int status)
{
	uint8_t value = (uint8_t)(status + FIRST_STATUS);

	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"((uint16_t)DEBUG_EXIT));
	for (;;)
		__asm__ volatile("hlt");
}

void *memset(void *at, int byte, size_t n)
{
	void *end = at;

	__asm__ volatile("rep stosb" : "+D"(end), "+c"(n) : "a"(byte) : "memory");
	return at;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *end = to;

	__asm__ volatile("rep movsb" : "+D"(end), "+S"(from), "+c"(n) : : "memory");
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
