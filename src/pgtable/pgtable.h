/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PGTABLE_PGTABLE_H
#define VIOMMU_PGTABLE_PGTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Page tables in guest memory: one walk translates one address
 *
 * The guest may write a table while a walk reads it. So each entry is read once, as one aligned
 * 64-bit load, and all decisions use that copy. The format bounds the depth of a walk. A result
 * contains no pointer into guest memory.
 *
 * A context structure (Arm's CD table, VT-d's PASID directory ...) is the guest's table of address
 * spaces by PASID. It is read by the same rules, each time that it is used.
 *
 * This room does not depend on virtio, takes no locks and does not allocate.
 */

/* The kind of an access. PT_PRIVILEGED changes the computed rights, not only the check. */
#define PT_READ       (1u << 0)
#define PT_WRITE      (1u << 1)
#define PT_EXEC       (1u << 2)
#define PT_PRIVILEGED (1u << 3)
#define PT_RIGHTS     (PT_READ | PT_WRITE | PT_EXEC)

enum pt_fault {
	PT_OK,
	PT_TRANSLATION,   /* an entry that is not valid */
	PT_PERMISSION,    /* the combined rights of all levels forbid the access */
	PT_ACCESS_FLAG,   /* an accessed or dirty flag is clear, and software must set it */
	PT_ADDRESS_SIZE,  /* an entry points above the output size */
	PT_RESERVED,      /* reserved bits or encodings in an entry */
	PT_NON_CANONICAL, /* the upper bits of the address are not a sign extension */
	PT_INPUT_RANGE,   /* above the input size of a format without sign extension */
	PT_WALK_ABORT, /* the address of an entry is not in memory, or memory that must be updated
			  is read-only */
	PT_BUSY,       /* the guest changed an entry during every attempt to update its flags */
	PT_CONTEXT, /* a context entry is invalid or malformed, or its address is not in memory */
	N_PT_FAULTS,
};

/* "translation", "access-flag" ... */
const char *pt_fault_name(enum pt_fault fault);

/*
 * Guest memory for a walk
 *
 * `word` returns the host address of the aligned 64-bit word at `address`, or NULL if that is not
 * in memory, or not writable and `write` is set. The pointer is used only before the walk returns.
 * `written` is called after a flag update at `address`; it may be NULL.
 */
struct pt_memory {
	uint64_t *(*word)(void *opaque, uint64_t address, bool write);
	void (*written)(void *opaque, uint64_t address);
	void *opaque;
};

/* Capabilities of the device, independent of the guest's choices. */
struct pt_limits {
	uint8_t output_bits; /* physical address width */
	uint8_t input_bits;  /* maximum size of a virtual address; 0: that of the format */
	uint64_t granules;   /* bit n: pages of 2^n bytes; 0: all of the format. Arm only */
	bool updates_flags;  /* the device sets accessed and dirty flags */
	bool five_levels;    /* x86 and AMD: 5 levels */
	bool page_1g;        /* x86: level 3 leaves */
	bool lpa2;           /* Arm: 52 bits with 4 KiB and 16 KiB granules */
	bool small_tables;   /* Arm: TxSZ above 39, up to 48 (47 with 64 KiB) */
	bool svnapot, svpbmt, svrsw60t59b;
};

#define PT_LEVELS_MAX 5

/* Arm: one of the two halves of a context descriptor. */
struct pt_arm_half {
	uint64_t root;
	uint8_t input_bits;
	uint8_t shift; /* of the granule: 12, 14 or 16 */
	bool disabled; /* EPDx */
	bool tag;      /* TBIx: bits 63:56 of an address are ignored */
	bool flat;     /* HADx: attributes of table entries are ignored */
};

struct pt_arm {
	struct pt_arm_half half[2];
	uint8_t output_bits;
	bool device_52;   /* the device has 52 output bits, whatever IPS is */
	bool lpa2;        /* CD.DS */
	bool ignore_flag; /* AFFD */
	bool sets_flag;   /* HA */
	bool sets_dirty;  /* HD */
	bool wxn, uwxn, pan;
	uint16_t asid;
};

struct pt_x86 {
	uint64_t root;
	uint8_t levels;
	uint8_t output_bits;
	bool no_execute;    /* bit 63 is XD, not reserved */
	bool write_protect; /* privileged writes need R/W */
	bool smep;
	bool page_1g;
	bool updates_flags;
	bool lower_half; /* no sign extension: there is no upper half */
};

struct pt_riscv {
	uint64_t root;
	uint8_t levels;
	bool updates_flags; /* tc.SADE */
	bool svnapot, svpbmt, svrsw60t59b;
	bool sum;
	uint32_t pscid;
};

struct pt_generic {
	uint64_t root;
};

struct pt_space;
struct pt_walk;

/* The functions of a format. Users outside of this room only pass the pointer on. */
struct pt_format;

/* A decoded address space. Plain data: it may be copied. */
struct pt_space {
	const struct pt_format *format; /* NULL: identity */
	uint8_t refuses; /* kinds of access that the context forbids: PT_EXEC, PT_PRIVILEGED */
	union {
		struct pt_arm arm;
		struct pt_x86 x86;
		struct pt_riscv riscv;
		struct pt_generic generic;
	};
};

/*
 * The table in which a walk read its last entry. A later walk may start there for addresses of the
 * same block.
 */
struct pt_table {
	uint64_t address; /* of the table */
	uint32_t state;   /* specific to the format: rights of the levels above, half */
	int8_t level;
	uint8_t shift; /* the table covers 2^shift bytes of input */
};

struct pt_result {
	enum pt_fault fault;
	int level;        /* the level of the entry that decided, as the format counts; -1: none */
	uint64_t where;   /* PT_WALK_ABORT, PT_CONTEXT: address of the entry */
	uint64_t address; /* output address of the requested byte */
	uint8_t shift;    /* the page has 2^shift bytes; 64: identity */
	uint8_t rights;   /* effective rights for this privilege */
	bool dirty;       /* a later write needs no further walk */
	struct pt_table table;
};

/*
 * Translate one address. `access` is PT_READ, PT_WRITE, PT_EXEC or several, and PT_PRIVILEGED.
 * Flags (accessed, dirty) are updated only if the access is allowed, by compare-and-exchange. If
 * the guest changed an entry meanwhile, the walk is repeated, up to PT_TRIES walks in all.
 */
#define PT_TRIES 4
enum pt_fault pt_translate(const struct pt_space *space, uint64_t address, unsigned access,
			   const struct pt_memory *memory, struct pt_result *ret_result);

/* The same, starting at the table of an earlier result for the same space. */
enum pt_fault pt_translate_from(const struct pt_space *space, const struct pt_table *table,
				uint64_t address, unsigned access, const struct pt_memory *memory,
				struct pt_result *ret_result);

/* -- decoding: false if the structure is malformed or unsupported -------------- */

/*
 * `strict` is for the body of a request: properties that a walk would ignore, such as a root that
 * is not aligned to its table, are rejected too.
 */
bool pt_decode_arm_cd(const uint64_t cd[8], const struct pt_limits *limits, bool strict,
		      struct pt_space *ret_space);
bool pt_decode_x86_entry(const uint64_t entry[8], const struct pt_limits *limits, bool strict,
			 struct pt_space *ret_space);
bool pt_decode_amd_root(uint64_t root, unsigned levels, bool sign_extended,
			const struct pt_limits *limits, struct pt_space *ret_space);
bool pt_decode_riscv_pc(uint64_t ta, uint64_t fsc, bool updates_flags,
			const struct pt_limits *limits, struct pt_space *ret_space);
bool pt_decode_generic(uint64_t pgd, bool strict, struct pt_space *ret_space);

/* -- context structures ----------------------------------------------------------------------- */

#define PT_NO_PASID UINT32_MAX

struct pt_context;

/* Finds and decodes the address space of a PASID. */
typedef enum pt_fault pt_find(const struct pt_context *context, uint32_t pasid,
			      const struct pt_memory *memory, struct pt_space *ret_space,
			      uint64_t *ret_where);

struct pt_context {
	pt_find *find;
	struct pt_limits limits;
	uint64_t root;
	uint8_t bits;       /* 2^bits PASIDs */
	uint8_t format;     /* Arm S1Fmt, AMD levels of tables, RISC-V levels of the PDT */
	uint8_t default_of; /* Arm: S1DSS */
	uint8_t levels;     /* AMD: of page tables */
	bool updates_flags;
	uint32_t default_pasid; /* whose address space requests without a PASID use; PT_NO_PASID:
				   none */
};

bool pt_decode_arm_cd_table(const uint64_t ste[2], const struct pt_limits *limits,
			    struct pt_context *ret_context);
bool pt_decode_x86_directory(const uint64_t entry[2], const struct pt_limits *limits,
			     struct pt_context *ret_context);
bool pt_decode_amd_gcr3(uint64_t root, unsigned glx, unsigned levels, bool giov,
			const struct pt_limits *limits, struct pt_context *ret_context);
bool pt_decode_riscv_dc(uint64_t tc, uint64_t iohgatp, uint64_t fsc, const struct pt_limits *limits,
			struct pt_context *ret_context);

/*
 * Find the address space of a PASID, or of requests without one. Reads guest memory, and caches
 * nothing.
 */
enum pt_fault pt_find_space(const struct pt_context *context, uint32_t pasid,
			    const struct pt_memory *memory, struct pt_space *ret_space,
			    uint64_t *ret_where);

#endif
