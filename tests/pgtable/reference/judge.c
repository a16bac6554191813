/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reference model of the RISC-V IOMMU as a walker of random tables
 *
 * reference.sh compiles it with the model's headers and sources. Each question is one device of the
 * model: its device context is that of the question, or has a process directory with one process
 * context. Caches are emptied before each request.
 */
#include <string.h>

#define RVI_IOMMU_NO_SHORT_NAMES
#include "iommu.h"

#include "../second.h"

#define PAGE 4096ull

/* Beyond the memory of random tables. */
#define DEVICES   (1ull << 55)
#define PROCESSES (DEVICES + PAGE)

#define NOWHERE  1ull         /* not the address of a word */
#define IDENTITY (1ull << 62) /* "page size" where nothing is translated */

#define PTE_N (1ull << 63)
#define NAPOT (1ull << 16)

#define TC_EN_ATS (1ull << 1)
#define TC_SADE   (1ull << 8)

static iommu_t model;
static struct question *asked;
static uint64_t device[8], process[2];

/* The entry whose flags the last request set, and only that request and the next ones see them. */
static struct {
	bool is_used;
	uint64_t address, entry;
} aside;

static uint64_t last; /* word that the model read */

/* -- what the model wants of a machine --------------------------------------------------------- */

static uint64_t *word_at(uint64_t address)
{
	if (aside.is_used && address == aside.address)
		return &aside.entry;
	if (address >= DEVICES && address < DEVICES + sizeof(device))
		return &device[(address - DEVICES) / 8];
	if (address >= PROCESSES && address < PROCESSES + sizeof(process))
		return &process[(address - PROCESSES) / 8];
	return asked->word(asked->opaque, address);
}

uint8_t read_memory(uint64_t address, uint8_t size, char *data, uint32_t rcid, uint32_t mcid,
		    uint32_t pma, int endian)
{
	(void)rcid, (void)mcid, (void)pma, (void)endian;
	for (unsigned i = 0; i < size; i += 8) {
		uint64_t *word = word_at(address + i);

		if (!word)
			return RVI_IOMMU_ACCESS_FAULT;
		last = *word;
		memcpy(data + i, word, 8);
	}
	return 0;
}

uint8_t read_memory_for_AMO(uint64_t address, uint8_t size, char *data, uint32_t rcid,
			    uint32_t mcid, uint32_t pma, int endian)
{
	return read_memory(address, size, data, rcid, mcid, pma, endian);
}

uint8_t write_memory(char *data, uint64_t address, uint32_t size, uint32_t rcid, uint32_t mcid,
		     uint32_t pma, int endian)
{
	(void)rcid, (void)mcid, (void)pma, (void)endian;
	aside.address = address;
	memcpy(aside.is_used ? &aside.entry : asked->word(asked->opaque, address), data, size);
	return 0;
}

void iommu_to_hb_do_global_observability_sync(uint8_t PR, uint8_t PW)
{
	(void)PR, (void)PW;
}

void send_msg_iommu_to_hb(ats_msg_t *message)
{
	(void)message;
}

void handle_virtual_interrupt_file_overlap(device_context_t *DC, uint64_t gpa, uint64_t *size)
{
	(void)DC, (void)gpa, (void)size;
}

void get_attribs_from_req(hb_to_iommu_req_t *req, uint8_t *read, uint8_t *write, uint8_t *exec,
			  uint8_t *priv)
{
	bool is_ats = req->tr.at == ADDR_TYPE_PCIE_ATS_TRANSLATION_REQUEST;
	bool is_write = req->tr.read_writeAMO == RVI_IOMMU_WRITE;

	*exec = !is_write && req->exec_req && (!is_ats || req->pid_valid);
	*read = !is_write && (is_ats || !req->exec_req);
	*write = is_ats ? !req->no_write : is_write;
	*priv = req->pid_valid && req->priv_req ? RVI_IOMMU_S_MODE : RVI_IOMMU_U_MODE;
}

/* -- requests ---------------------------------------------------------------------------------- */

static void set_up(const struct question *q)
{
	capabilities_t capabilities = {
		.version = 0x10,
		.Sv39 = 1,
		.Sv48 = 1,
		.Sv57 = 1,
		.Sv57x4 = 1,
		.Svrsw60t59b = q->rsw,
		.Svpbmt = q->pbmt,
		.msi_flat = 1,
		.amo_hwad = q->updates,
		.ats = 1,
		.pas = 56,
		.pd8 = 1,
		.pd17 = 1,
		.pd20 = 1,
	};

	model.reg_file.capabilities = capabilities;
	model.reg_file.ddtp.ppn = DEVICES / PAGE;
	model.reg_file.ddtp.iommu_mode = RVI_IOMMU_DDT_1LVL;
	model.sv57_bare_pg_sz = IDENTITY;
	model.sv57x4_bare_pg_sz = IDENTITY << 1;
	device[0] |= TC_EN_ATS;
}

static iommu_to_hb_rsp_t request(hb_to_iommu_req_t req)
{
	iommu_to_hb_rsp_t response = { 0 };

	memset(model.ddt_cache, 0, sizeof(model.ddt_cache));
	memset(model.pdt_cache, 0, sizeof(model.pdt_cache));
	memset(model.tlb, 0, sizeof(model.tlb));
	iommu_translate_iova(&model, &req, &response);
	return response;
}

static const char *fault_of(uint32_t cause)
{
	switch (cause) {
	case 1:
	case 5:
	case 7:
		return "walk-abort";
	case 12:
	case 13:
	case 15:
		return PAGE_FAULT;
	case 259: /* entry of the device directory: misconfigured */
	case 260: /* kind of transaction: disallowed */
	case 265: /* entry of the process directory: cannot be loaded, */
	case 266: /* is not valid, */
	case 267: /* is misconfigured */
		return "context";
	}
	return "another fault";
}

/* The model answers for 4 KiB of a NAPOT page, as it may. */
static void find_page(const iommu_trans_rsp_t *found, uint64_t va, struct answer2 *answer)
{
	uint64_t pages = found->S ? (found->PPN ^ (found->PPN + 1)) + 1 : 1;
	uint64_t size = pages * PAGE;

	if (size == PAGE && last & PTE_N)
		size = NAPOT;
	answer->size = size == IDENTITY ? 0 : size;
	answer->pa = (found->PPN & ~(pages - 1)) * PAGE | (va & (pages * PAGE - 1));
	if (!answer->size)
		answer->pa |= va & ~(IDENTITY - 1);
}

/*
 * The model reports permissions in its answers to ATS translation requests; a refused request has
 * none. It reports write permission only for a page that was dirty before.
 */
static void find_rights(hb_to_iommu_req_t req, struct answer2 *answer)
{
	bool has_dirty = device[0] & TC_SADE;
	iommu_to_hb_rsp_t response;

	aside.is_used = true;
	aside.address = NOWHERE;
	req.tr.at = ADDR_TYPE_PCIE_ATS_TRANSLATION_REQUEST;
	req.tr.read_writeAMO = RVI_IOMMU_READ;
	req.exec_req = 0;
	req.no_write = !has_dirty;
	request(req);
	response = request(req);
	answer->perm = (response.trsp.R ? SECOND_R : 0) | (response.trsp.W ? SECOND_W : 0);
	answer->unknown = has_dirty || response.trsp.W ? 0 : SECOND_W;
	req.exec_req = 1;
	req.no_write = 1;
	response = request(req);
	answer->perm |= response.trsp.Exe ? SECOND_X : 0;
	/* It reports execute permission only with read permission, and to requests with a PASID. */
	if (!req.pid_valid || (!response.trsp.R && !response.status))
		answer->unknown |= SECOND_X;
	aside.is_used = false;
}

static struct answer2 ask(struct question *q)
{
	struct answer2 answer = { .level = NO_LEVEL };
	hb_to_iommu_req_t req = {
		.pid_valid = q->pasid != NO_PROCESS,
		.process_id = q->pasid == NO_PROCESS ? 0 : (uint32_t)q->pasid,
		.exec_req = q->access & SECOND_X ? 1 : 0,
		.priv_req = q->access & SECOND_P ? 1 : 0,
		.tr = { .at = ADDR_TYPE_UNTRANSLATED,
			.iova = q->va,
			.length = 1,
			.read_writeAMO = q->access & SECOND_W ? RVI_IOMMU_WRITE : RVI_IOMMU_READ },
	};
	iommu_to_hb_rsp_t response;

	asked = q;
	set_up(q);
	response = request(req);
	if (response.status) {
		answer.fault = fault_of(model.cause);
		return answer;
	}
	find_page(&response.trsp, q->va, &answer);
	find_rights(req, &answer);
	return answer;
}

/* -- the two kinds of questions ---------------------------------------------------------------- */

static struct answer2 ask_contexts(struct question *q)
{
	memset(device, 0, sizeof(device));
	device[0] = q->raw[2];
	device[3] = q->raw[1];
	return ask(q);
}

/* A process context alone is that of PASID 0. */
static struct answer2 ask_context(struct question *q)
{
	memset(device, 0, sizeof(device));
	device[0] = 1 | 1 << 5 | (q->raw[2] & TC_SADE);
	device[3] = PROCESSES / PAGE | (uint64_t)RVI_IOMMU_PD8 << 60;
	process[0] = q->raw[0];
	process[1] = q->raw[1];
	q->pasid = 0;
	return ask(q);
}

/* Svnapot is no choice of this IOMMU, and PCIe has no privileged requests without a PASID. */
static void limit(struct question *q)
{
	q->napot = true;
	if (q->pasid == NO_PROCESS)
		q->access &= ~(unsigned)SECOND_P;
}

const struct judge judge[] = {
	{ "riscv", limit, ask_context },
	{ "riscv contexts", limit, ask_contexts },
	{ 0 },
};
