/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which tables of a caller a set can have
 *
 * A guest reads whatever the set has, so that each is a whole table of ACPI, and of those that a
 * guest reads once there is one.
 */
#include <string.h>

#include "acpi.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/table/image.h"

/* ACPI 6.5, 5.2.6: SSDT, PSDT, UEFI, and OEM1 to OEM9 and the like. */
bool given_may_repeat(const char *signature)
{
	return !strncmp(signature, "SSDT", 4) || !strncmp(signature, "PSDT", 4) ||
	       !strncmp(signature, "UEFI", 4) || !strncmp(signature, "OEM", 3);
}

static void refuse(const struct viommu_table *table, struct viommu_findings *findings,
		   const char *cure, const char *why)
{
	report(findings, "image-table", place_of_file(table->file), cure,
	       "%s cannot be put into a set of tables: %s", table->signature, why);
}

/* Only a table with records has a header. */
static bool has_header(const struct viommu_table *table, struct viommu_findings *findings)
{
	if (table->tree)
		refuse(table, findings,
		       "give the device tree to the guest by itself, and ACPI tables here",
		       "a device tree is no ACPI table");
	else if (table->format && table->format->bare)
		refuse(table, findings,
		       "give ACPI tables; a built-in topology belongs into the configuration "
		       "space of its virtio-iommu",
		       "a built-in topology is no ACPI table");
	else
		return true;
	return false;
}

static bool is_whole(const struct viommu_table *table, struct viommu_findings *findings)
{
	size_t length = record_length(table->root);

	if (acpi_end(table, length) != acpi_header(table)->length) {
		auto_free char *why = memory_printf("its header has the length %u, its file %zu "
						    "bytes",
						    acpi_header(table)->length, length);

		refuse(table, findings, "give the whole table: dump it again", why);
		return false;
	}
	if (!acpi_sum(table))
		return true;
	refuse(table, findings, "`viommu dump --source` it, and `viommu assemble` that",
	       "its checksum is wrong");
	return false;
}

static bool is_of_the_set(const struct viommu_table *table, struct viommu_findings *findings)
{
	static const struct {
		const char *signature, *why;
	} own[] = {
		{ "XSDT", "the set has its own" },
		{ "RSDT", "the set has an XSDT" },
		{ "FACS", "no XSDT lists it" },
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strcmp(table->signature, own[i].signature)) {
			refuse(table, findings, "omit it", own[i].why);
			return true;
		}
	if (strcmp(table->signature, "FACP") != 0 ||
	    acpi_header(table)->length >= FADT_X_DSDT_AT + XSDT_ENTRY)
		return false;
	refuse(table, findings, "give one of ACPI 2.0 or later",
	       "it ends before X_DSDT, the address of the DSDT");
	return true;
}

static bool is_second(const struct viommu_table *table, struct hash *seen,
		      struct viommu_findings *findings)
{
	/* Of the bytes: two forms share VIOT. */
	if (given_may_repeat(table->signature) ||
	    hash_add(seen, memory_text_n(table->signature, 4)))
		return false;
	refuse(table, findings, "give one of them", "it is the second one, and a guest reads one");
	return true;
}

bool given_fit(const struct viommu_table *const *tables, size_t n, struct viommu_findings *findings)
{
	struct hash *seen = hash_new_full(&hash_text, memory_free, NULL);
	bool fit = true;

	for (size_t i = 0; i < n; i++)
		fit &= has_header(tables[i], findings) && !is_of_the_set(tables[i], findings) &&
		       is_whole(tables[i], findings) && !is_second(tables[i], seen, findings);
	hash_free(seen);
	return fit;
}
