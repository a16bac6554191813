/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

#include <viommu/record.h>

/*
 * Recording a trace: the properties `record` and `record-limit`
 *
 * A file name begins a trace, and an empty one ends it, also while the guest runs. The trace is in
 * memory until then, so that a full disk does not stop the guest, and is written when it ends: by the
 * property, or with QEMU.
 */

#define LIMIT_DEFAULT (UINT64_C(16) << 20)

static uint64_t limit_of(const struct iommu *iommu)
{
	return iommu->record.limit ?: LIMIT_DEFAULT;
}

static void report(struct iommu *iommu, int error, Error **errp)
{
	if (error == -ENOSPC)
		error_setg(errp, "record-limit: %" PRIu64 " bytes have no room for the device's state",
			   limit_of(iommu));
	else if (error == -ENOTSUP)
		error_setg(errp, "record: a device with 'tables' cannot be recorded: they are in "
				 "guest memory, and a trace has none of it");
	else
		error_setg_errno(errp, -error, "record: the trace cannot begin");
}

static bool begin(struct iommu *iommu, Error **errp)
{
	struct record *record = &iommu->record;
	int error;

	if (!iommu->core || !record->file)
		return true;
	record->bytes = g_try_malloc(limit_of(iommu));
	error = record->bytes
			? viommu_record_begin(iommu->core, record->bytes, limit_of(iommu))
			: -ENOMEM;
	if (!error)
		return true;
	report(iommu, error, errp);
	g_clear_pointer(&record->bytes, g_free);
	return false;
}

/* End the trace and write it, if there is one. */
static bool finish(struct iommu *iommu, Error **errp)
{
	struct record *record = &iommu->record;
	size_t length = record->bytes ? viommu_record_end(iommu->core) : 0;
	g_autoptr(GError) error = NULL;

	if (length &&
	    !g_file_set_contents(record->file, record->bytes, (gssize)length, &error))
		error_setg(errp, "record: the trace is lost: %s", error->message);
	g_clear_pointer(&record->bytes, g_free);
	g_clear_pointer(&record->file, g_free);
	return !error;
}

static void finish_at_last(struct iommu *iommu)
{
	Error *error = NULL;

	if (!finish(iommu, &error))
		warn_reportf_err(error, TYPE_VIOMMU_DEVICE ": ");
}

static void exiting(Notifier *notifier, void *unused)
{
	finish_at_last(container_of(notifier, struct iommu, record.exit));
}

bool record_start(struct iommu *iommu, Error **errp)
{
	iommu->record.exit.notify = exiting;
	qemu_add_exit_notifier(&iommu->record.exit);
	return begin(iommu, errp);
}

void record_stop(struct iommu *iommu)
{
	finish_at_last(iommu);
	qemu_remove_exit_notifier(&iommu->record.exit);
}

void record_renew(struct iommu *iommu)
{
	struct record *record = &iommu->record;

	if (record->bytes && viommu_record_begin(iommu->core, record->bytes, limit_of(iommu)))
		warn_report(TYPE_VIOMMU_DEVICE ": record: the trace cannot begin again");
}

void record_translation(struct endpoint *endpoint, uint32_t pasid, uint64_t iova, uint64_t length,
			uint32_t access, int result, const struct viommu_translation *found)
{
	uint32_t id = endpoint->source ? endpoint->source->id : endpoint->id;

	viommu_record_access(endpoint->iommu->core, id, pasid, iova, length, access, result, found);
}

/* -- the properties ------------------------------------------------------------------ */

static char *file_get(Object *owner, Error **errp)
{
	return g_strdup(VIOMMU_DEVICE(owner)->record.file ?: "");
}

/* The file is opened now, so that a wrong name is an error of this call. */
static void file_set(Object *owner, const char *name, Error **errp)
{
	struct iommu *iommu = VIOMMU_DEVICE(owner);
	g_autoptr(GError) error = NULL;

	if (!finish(iommu, errp) || !*name)
		return;
	if (!g_file_set_contents(name, "", 0, &error)) {
		error_setg(errp, "record: %s", error->message);
		return;
	}
	iommu->record.file = g_strdup(name);
	if (!begin(iommu, errp))
		g_clear_pointer(&iommu->record.file, g_free);
}

static void limit_get(Object *owner, Visitor *visitor, const char *name, void *opaque, Error **errp)
{
	uint64_t limit = limit_of(VIOMMU_DEVICE(owner));

	visit_type_size(visitor, name, &limit, errp);
}

static void limit_set(Object *owner, Visitor *visitor, const char *name, void *opaque, Error **errp)
{
	struct record *record = &VIOMMU_DEVICE(owner)->record;
	uint64_t limit;

	if (!visit_type_size(visitor, name, &limit, errp))
		return;
	if (record->bytes)
		error_setg(errp, "record-limit: a trace is being recorded; end it first: record=");
	else if (limit < VIOMMU_RECORD_LENGTH_MIN)
		error_setg(errp, "record-limit: %" PRIu64 " is less than %d", limit,
			   VIOMMU_RECORD_LENGTH_MIN);
	else
		record->limit = limit;
}

void record_install(ObjectClass *class)
{
	object_class_property_add_str(class, "record", file_get, file_set);
	object_class_property_add(class, "record-limit", "size", limit_get, limit_set, NULL, NULL);
	object_class_property_set_description(
		class, "record", "record a trace of the guest into this file; empty: end it");
	object_class_property_set_description(class, "record-limit",
					      "the largest trace, in bytes (16M)");
}
