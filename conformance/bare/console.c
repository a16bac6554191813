/* SPDX-License-Identifier: BSD-3-Clause */
#include "bare.h"

/* Text on the first serial port */

static void put_digits(uint64_t value, unsigned base)
{
	char digits[20];
	unsigned n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (n)
		machine_put(digits[--n]);
}

static void put_signed(int64_t value)
{
	if (value < 0)
		machine_put('-');
	put_digits(value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

void print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	for (const char *at = format; *at; at++) {
		bool wide = false;

		if (*at != '%') {
			machine_put(*at);
			continue;
		}
		while (*++at == 'l')
			wide = true;
		if (*at == 's')
			for (const char *text = va_arg(arguments, const char *); *text; text++)
				machine_put(*text);
		else if (*at == 'd')
			put_signed(wide ? va_arg(arguments, int64_t) : va_arg(arguments, int));
		else
			put_digits(wide ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned),
				   *at == 'x' ? 16 : 10);
	}
	va_end(arguments);
}
