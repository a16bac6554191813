/* SPDX-License-Identifier: BSD-3-Clause */
/* The frame of a report: style, the script that filters and zooms, and escaping. */
#include <string.h>

#include "command.h"
#include "report_page.h"

static const char style[] =
	":root{color-scheme:light "
	"dark;--line:#8886;--back:#8881;--error:#c22;--warning:#a50;--note:#07a}\n"
	"body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:80rem;padding:0 1rem "
	"4rem}\n"
	"h1{font-size:1.5rem}h2{margin-top:2.5rem;border-bottom:1px solid var(--line)}\n"
	"nav a{margin-right:1rem}.skip{position:absolute;left:-99rem}.skip:focus{left:1rem}\n"
	"table{border-collapse:collapse;width:100%;margin:.6rem 0}td "
	"details{margin:0}caption{text-align:left;font-weight:600}\n"
	"th,td{text-align:left;vertical-align:top;padding:.15rem .6rem;border-bottom:1px solid "
	"var(--line);"
	"overflow-wrap:anywhere}th{white-space:nowrap}\n"
	"code,.bytes,.at{font:13px/1.5 ui-monospace,monospace}.bytes{opacity:.75}\n"
	".at,td.bytes{white-space:pre-wrap}.at{width:4.5rem}\n"
	".error{color:var(--error)}.warning{color:var(--warning)}.note{color:var(--note)}\n"
	"details{margin:.3rem 0 .3rem 1rem}summary{cursor:pointer;font-weight:600}\n"
	".picture{overflow:auto;max-height:80vh;border:1px solid var(--line);background:#fff}\n"
	".picture svg{display:block;transform-origin:0 0}\n"
	"input{font:inherit;width:24rem;max-width:100%}button{font:inherit;min-width:2.2rem}\n"
	"[hidden]{display:none!important}@media "
	"print{nav,.tools{display:none}details{margin-left:0}}\n";

/* Filters rows, by functions of their ranges too, and zooms. The page is complete without it. */
static const char script[] =
	"'use strict';\n"
	"const rows = [...document.querySelectorAll('tbody tr, .picture g.node')];\n"
	"const texts = rows.map(row => row.textContent.toLowerCase());\n"
	"const pci = '(?:([0-9a-f]{4}):)?([0-9a-f]{2}):([01][0-9a-f])\\\\.([0-7])';\n"
	"const ranges = texts.map(text => [...text.matchAll(new RegExp(pci + '-' + pci, 'g'))]);\n"
	"const place = (match, i) => parseInt(match[i] + match[i + 1], 16) * 8 + +match[i + 2];\n"
	"const covers = (range, asked) => (asked[1] ?? range[1]) === range[1]\n"
	"  && place(range, 2) <= place(asked, 2) && place(asked, 2) <= place(range, 6);\n"
	"const filter = document.getElementById('filter'), count = "
	"document.getElementById('count');\n"
	"filter.addEventListener('input', () => {\n"
	"  const wanted = filter.value.trim().toLowerCase();\n"
	"  const asked = wanted.match('^' + pci + '$');\n"
	"  let n = 0;\n"
	"  rows.forEach((row, i) => {\n"
	"    const found = texts[i].includes(wanted) || !!asked && ranges[i].some(range => "
	"covers(range, asked));\n"
	"    n += found;\n"
	"    if (row.tagName === 'TR') row.hidden = !found;\n"
	"    else row.style.opacity = found ? 1 : 0.15;\n"
	"  });\n"
	"  count.textContent = wanted ? n + ' found' : '';\n"
	"});\n"
	"for (const box of document.querySelectorAll('.picture')) {\n"
	"  const picture = box.querySelector('svg');\n"
	"  if (!picture) continue;\n"
	"  const width = picture.viewBox.baseVal.width, height = picture.viewBox.baseVal.height;\n"
	"  let scale = 1;\n"
	"  const zoom = (factor) => {\n"
	"    scale = factor ? Math.min(16, Math.max(1 / 16, scale * factor)) : Math.min(1, "
	"box.clientWidth / width || 1);\n"
	"    picture.setAttribute('width', width * scale);\n"
	"    picture.setAttribute('height', height * scale);\n"
	"  };\n"
	"  zoom(0);\n"
	"  for (const button of box.previousElementSibling.querySelectorAll('button'))\n"
	"    button.addEventListener('click', () => zoom(+button.value));\n"
	"  box.addEventListener('wheel', (event) => {\n"
	"    if (!event.ctrlKey) return;\n"
	"    event.preventDefault();\n"
	"    zoom(event.deltaY < 0 ? 1.25 : 0.8);\n"
	"  }, { passive: false });\n"
	"  box.addEventListener('keydown', (event) => {\n"
	"    const factor = { '+': 1.25, '-': 0.8, '0': 0 }[event.key];\n"
	"    if (factor !== undefined) zoom(factor);\n"
	"  });\n"
	"}\n";

/* Characters that XML does not have are replaced, too. */
void page_text(GString *page, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1),
			*shown = terminal_text(valid);
	g_autofree char *escaped = g_markup_escape_text(shown, -1);

	g_string_append(page, escaped);
}

void page_element(GString *page, const char *element, const char *attributes, const char *text)
{
	g_string_append_printf(page, "<%s%s%s>", element, attributes ? " " : "",
			       attributes ? attributes : "");
	page_text(page, text);
	g_string_append_printf(page, "</%s>", element);
}

static char *hash_of(const char *text)
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
	guint8 digest[32];
	gsize length = sizeof(digest);

	g_checksum_update(checksum, (const guchar *)text, (gssize)strlen(text));
	g_checksum_get_digest(checksum, digest, &length);
	return g_base64_encode(digest, length);
}

void page_begin(GString *page, const char *title)
{
	g_autofree char *hash = hash_of(script);

	g_string_append_printf(
		page,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src 'unsafe-inline'; script-src 'sha256-%s'; base-uri 'none'; form-action "
		"'none'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width\">\n",
		hash);
	page_element(page, "title", NULL, title);
	g_string_append_printf(page, "\n<style>\n%s</style>\n</head>\n<body>\n", style);
	g_string_append(page,
			"<a class=\"skip\" href=\"#content\">Skip to the content</a>\n<header>\n");
	page_element(page, "h1", NULL, title);
	g_string_append(
		page,
		"\n<nav aria-label=\"Parts\"><a href=\"#findings\">Findings</a><a href=\"#maps\">"
		"Devices</a><a href=\"#tables\">Tables</a></nav>\n<p class=\"tools\"><label>Show "
		"rows with "
		"<input id=\"filter\" type=\"search\" autocomplete=\"off\"></label> "
		"<span id=\"count\" role=\"status\"></span></p>\n</header>\n<main "
		"id=\"content\">\n");
}

void page_end(GString *page)
{
	g_string_append(page, "</main>\n<footer><p>Made by viommu ");
	page_text(page, VIOMMU_VERSION);
	g_string_append_printf(page, ".</p></footer>\n<script>%s</script>\n</body>\n</html>\n",
			       script);
}
