/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Functions that translate by themselves (ATS) and request pages (PRI): the notifiers of the address
 * spaces that they use
 *
 * libviommu reports removed translations and answers with its device locked, and a notifier may call
 * back. So they are queued, until requester_deliver(): removed translations as one range for each
 * notifier, which covers all of them.
 */

struct watcher {
	uint32_t pasid; /* of the address space, or PCI_NO_PASID */
	/* One of them: of removed translations; of answers. */
	IOMMUNotifier *removals;
	IOMMUPRINotifier *answers;
	bool pending;
	uint64_t first, last; /* removed, if pending */
	QLIST_ENTRY(watcher) next;
};

static void watcher_free(struct watcher *watcher)
{
	QLIST_REMOVE(watcher, next);
	g_free(watcher);
}

static struct watcher *watcher_new(struct endpoint *endpoint, uint32_t pasid)
{
	struct watcher *watcher = g_new0(struct watcher, 1);

	watcher->pasid = pasid;
	QLIST_INSERT_HEAD(&endpoint->watchers, watcher, next);
	return watcher;
}

static struct watcher *find_watcher(struct endpoint *endpoint, uint32_t pasid,
				    const IOMMUNotifier *notifier)
{
	struct watcher *watcher;

	QLIST_FOREACH(watcher, &endpoint->watchers, next)
		if (watcher->removals == notifier && watcher->pasid == pasid)
			return watcher;
	return NULL;
}

void requester_watch(struct endpoint *endpoint, uint32_t pasid, IOMMUNotifier *notifier)
{
	if (!find_watcher(endpoint, pasid, notifier))
		watcher_new(endpoint, pasid)->removals = notifier;
}

void requester_unwatch(struct endpoint *endpoint, uint32_t pasid, const IOMMUNotifier *notifier)
{
	struct watcher *watcher = find_watcher(endpoint, pasid, notifier);

	if (watcher)
		watcher_free(watcher);
}

void requester_await(struct endpoint *endpoint, uint32_t pasid, IOMMUPRINotifier *notifier)
{
	struct watcher *watcher, *next;

	QLIST_FOREACH_SAFE(watcher, &endpoint->watchers, next, next)
		if (watcher->answers && watcher->pasid == pasid)
			watcher_free(watcher);
	if (notifier)
		watcher_new(endpoint, pasid)->answers = notifier;
}

void requester_forget(struct endpoint *endpoint)
{
	struct watcher *watcher, *next;

	QLIST_FOREACH_SAFE(watcher, &endpoint->watchers, next, next)
		watcher_free(watcher);
}

/* -- removed translations ---------------------------------------------------------------- */

void requester_invalidate(struct endpoint *endpoint, const struct viommu_invalidation *what)
{
	struct watcher *watcher;

	QLIST_FOREACH(watcher, &endpoint->watchers, next) {
		if (!watcher->removals || (what->has_pasid && what->pasid != watcher->pasid))
			continue;
		watcher->first = watcher->pending ? MIN(watcher->first, what->first) : what->first;
		watcher->last = watcher->pending ? MAX(watcher->last, what->last) : what->last;
		watcher->pending = endpoint->iommu->has_removals = true;
	}
}

static void announce_removals(struct endpoint *endpoint)
{
	struct watcher *watcher, *next;

	QLIST_FOREACH_SAFE(watcher, &endpoint->watchers, next, next) {
		const struct viommu_mapping range = { .first = watcher->first,
						      .last = watcher->last };

		if (!watcher->pending)
			continue;
		watcher->pending = false;
		announce_mapping(NULL, watcher->removals, IOMMU_NOTIFIER_DEVIOTLB_UNMAP,
				 watcher->pasid, &range);
	}
}

static void deliver_removals(struct iommu *iommu)
{
	struct endpoint *endpoint;

	if (!iommu->has_removals)
		return;
	iommu->has_removals = false;
	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		announce_removals(endpoint);
}

/* -- answers to page requests ------------------------------------------------------------ */

struct answer {
	struct endpoint *endpoint; /* which may have got another ID since */
	struct viommu_page_response response;
};

void requester_start(struct iommu *iommu)
{
	iommu->answers = g_array_new(false, false, sizeof(struct answer));
}

void requester_stop(struct iommu *iommu)
{
	g_array_free(iommu->answers, true);
}

void requester_answer(void *opaque, const struct viommu_page_response *response)
{
	struct iommu *iommu = opaque;
	struct answer answer = { .response = *response };

	QLIST_FOREACH(answer.endpoint, &iommu->endpoints, next)
		if (answer.endpoint->id == response->endpoint)
			g_array_append_val(iommu->answers, answer);
}

/* libviommu keeps the group open until the guest detaches the endpoint. */
void requester_refuse(struct iommu *iommu, const uint8_t *record)
{
	const struct viommu_page_response response = {
		.endpoint = ldl_le_p(record + 8),
		.has_pasid = ldl_le_p(record + 4) & VIOMMU_FAULT_F_PASID,
		.pasid = ldl_le_p(record + 12),
		.group = (uint16_t)lduw_le_p(record + 24),
		.code = VIOMMU_PAGE_INVALID,
	};

	requester_answer(iommu, &response);
}

static void announce_answer(const struct answer *queued)
{
	const struct viommu_page_response *response = &queued->response;
	IOMMUPRIResponse answer = { .prgi = response->group,
				    .response_code = IOMMU_PRI_RESP_FAILURE };
	uint32_t pasid = response->has_pasid ? response->pasid : PCI_NO_PASID;
	struct watcher *watcher, *next;

	if (response->code == VIOMMU_PAGE_SUCCESS)
		answer.response_code = IOMMU_PRI_RESP_SUCCESS;
	else if (response->code == VIOMMU_PAGE_INVALID)
		answer.response_code = IOMMU_PRI_RESP_INVALID_REQUEST;
	QLIST_FOREACH_SAFE(watcher, &queued->endpoint->watchers, next, next)
		if (watcher->answers && watcher->pasid == pasid)
			watcher->answers->notify(watcher->answers, &answer);
}

static void deliver_answers(struct iommu *iommu)
{
	GArray *answers = iommu->answers;

	if (!answers->len)
		return;
	requester_start(iommu);
	for (guint i = 0; i < answers->len; i++)
		announce_answer(&g_array_index(answers, struct answer, i));
	g_array_free(answers, true);
}

void requester_deliver(struct iommu *iommu)
{
	deliver_removals(iommu);
	deliver_answers(iommu);
}
