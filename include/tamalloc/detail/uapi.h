/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Lazily zeroed memory: allocation, re-zeroing and memory statistics.
 *
 * Sizes are in bytes. Every structure grows at its end only and is passed with
 * its size; see tamalloc(7).
 */
#ifndef _UAPI_LINUX_TAMALLOC_H
#define _UAPI_LINUX_TAMALLOC_H

#include <linux/types.h>

#define TAMALLOC_ABI_VERSION	2

/*
 * The numbers of the calls are not part of this interface, ask for them:
 * prctl(PR_TAMALLOC, PR_TAMALLOC_ABI, 0, 0, 0) is the version, and
 * prctl(PR_TAMALLOC, PR_TAMALLOC_NR + TAMALLOC_CALL_x, 0, 0, 0) the number of
 * call x. EINVAL says that there is none. /sys/kernel/mm/tamalloc/ tells the same.
 */
#define PR_TAMALLOC		0x54414d41	/* "TAMA" */
# define PR_TAMALLOC_ABI	0
# define PR_TAMALLOC_NR		1

#define TAMALLOC_CALL_TAMALLOC2		0
#define TAMALLOC_CALL_REZERO		1
#define TAMALLOC_CALL_TAMSTAT		2
#define TAMALLOC_CALL_TAMSTAT_LIST	3
#define TAMALLOC_CALL_TAMSTAT_TOTAL	4
#define TAMALLOC_CALL_TAMALLOC		5	/* this and the next two: legacy */
#define TAMALLOC_CALL_GET_MEM_STATS	6
#define TAMALLOC_CALL_GET_TOTAL_MEM_STATS 7

/* ---- tamalloc2 ---------------------------------------------------------- */

struct tamalloc_args {
	__aligned_u64 size;	/* rounded up to the page size */
	__aligned_u64 flags;	/* TAMALLOC_* */
	__aligned_u64 align;	/* 0, or a power of two: page size .. 1 GiB */
	__aligned_u64 name;	/* char *, at most 79 characters, or 0: "tamalloc" */
};

#define TAMALLOC_ARGS_SIZE_VER0	32

#define TAMALLOC_HUGE		(1ULL << 0)	/* huge pages, aligned for them */
#define TAMALLOC_NOHUGE		(1ULL << 1)	/* single pages only */
#define TAMALLOC_ACCOUNT	(1ULL << 2)	/* count it in Committed_AS */
#define TAMALLOC_DONTDUMP	(1ULL << 3)	/* as MADV_DONTDUMP */
#define TAMALLOC_DONTFORK	(1ULL << 4)	/* as MADV_DONTFORK */
#define TAMALLOC_WIPEONFORK	(1ULL << 5)	/* as MADV_WIPEONFORK */
#define TAMALLOC_POPULATE	(1ULL << 6)	/* as MAP_POPULATE */

/* ---- tamstat, tamstat_list ---------------------------------------------- */

/* Groups of the members of struct tamstat. */
#define TAMSTAT_BASIC		(1ULL << 0)	/* always there */
#define TAMSTAT_MEM		(1ULL << 1)
#define TAMSTAT_PEAK		(1ULL << 2)
#define TAMSTAT_OOM		(1ULL << 3)
#define TAMSTAT_FAULTS		(1ULL << 4)

struct tamstat {
	__aligned_u64 mask;		/* groups filled in; the others are 0 */
	/* TAMSTAT_BASIC */
	__s32 pid;			/* process, in the caller's pid namespace */
	__s32 ppid;			/* 0: not visible there */
	__u32 uid;			/* real, in the caller's user namespace */
	__u32 flags;			/* TAMSTAT_F_* */
	char comm[16];			/* ends with a NUL */
	__aligned_u64 start_boottime_ns;
	__u32 nr_threads;
	__s32 oom_score_adj;		/* -1000 .. 1000 */
	/* TAMSTAT_OOM */
	__u32 oom_score;		/* as /proc/PID/oom_score: 0 .. 2000 */
	__u32 __reserved0;
	/* TAMSTAT_MEM, but the two peaks */
	__aligned_u64 vm_total;		/* VmSize of /proc/PID/status */
	__aligned_u64 vm_peak;		/* VmPeak: TAMSTAT_PEAK */
	__aligned_u64 vm_data;		/* VmData */
	__aligned_u64 vm_stack;		/* VmStk */
	__aligned_u64 vm_exec;		/* VmExe + VmLib */
	__aligned_u64 vm_locked;	/* VmLck */
	__aligned_u64 vm_pinned;	/* VmPin */
	__aligned_u64 rss_anon;		/* RssAnon */
	__aligned_u64 rss_file;		/* RssFile */
	__aligned_u64 rss_shmem;	/* RssShmem */
	__aligned_u64 rss_peak;		/* VmHWM: TAMSTAT_PEAK */
	__aligned_u64 swap;		/* VmSwap */
	__aligned_u64 pgtables;		/* VmPTE */
	__aligned_u64 hugetlb;		/* HugetlbPages */
	/* TAMSTAT_FAULTS: of all threads, also of those that ended */
	__aligned_u64 min_flt;
	__aligned_u64 maj_flt;
};

#define TAMSTAT_SIZE_VER0	192

#define TAMSTAT_F_KTHREAD	(1U << 0)
#define TAMSTAT_F_ZOMBIE	(1U << 1)
#define TAMSTAT_F_NOMM		(1U << 2)	/* no memory of its own */
#define TAMSTAT_F_OOM_UNKILLABLE (1U << 3)

struct tamstat_list_req {
	__u32 size;			/* sizeof(struct tamstat_list_req) */
	__u32 rec_size;			/* from one record to the next: sizeof(struct tamstat) */
	__aligned_u64 mask;		/* groups wanted */
	__aligned_u64 cursor;		/* in: 0 to begin; out: where to go on, or the end */
	__u32 flags;			/* TAMSTAT_LIST_* */
	__u32 uid;			/* with TAMSTAT_LIST_UID */
};

#define TAMSTAT_LIST_REQ_SIZE_VER0 32

#define TAMSTAT_LIST_KTHREADS	(1U << 0)	/* kernel threads, too */
#define TAMSTAT_LIST_UID	(1U << 1)	/* only processes of uid */
#define TAMSTAT_LIST_APPROX	(1U << 2)	/* cheaper counters; tamstat() takes it, too */
#define TAMSTAT_CURSOR_END	(~0ULL)

/* ---- tamstat_total ------------------------------------------------------ */

struct tamstat_total {
	__aligned_u64 mask;		/* TAMSTAT_TOTAL_SUM, where it was asked for */
	__u32 page_size;
	__u32 overcommit;		/* vm.overcommit_memory */
	__aligned_u64 ram;		/* MemTotal of /proc/meminfo */
	__aligned_u64 ram_free;		/* MemFree */
	__aligned_u64 ram_available;	/* MemAvailable */
	__aligned_u64 swap;		/* SwapTotal */
	__aligned_u64 swap_free;	/* SwapFree */
	__aligned_u64 committed_as;	/* Committed_AS */
	__aligned_u64 commit_limit;	/* CommitLimit */
	__aligned_u64 anon;		/* AnonPages */
	__aligned_u64 file;		/* Mapped */
	__aligned_u64 shmem;		/* Shmem */
	__aligned_u64 pgtables;		/* PageTables */
	/* TAMSTAT_TOTAL_SUM: plain sums over the visible processes with memory */
	__aligned_u64 nr_processes;
	__aligned_u64 sum_vm;
	__aligned_u64 sum_rss;		/* what several share counts in each */
};

#define TAMSTAT_TOTAL_SIZE_VER0	128

#define TAMSTAT_TOTAL_SUM	(1U << 0)

/* ---- legacy: get_mem_stats, get_total_mem_stats --------------------------- */

struct tamalloc_mem_stats {
	__kernel_ulong_t reserved_kb;
	__kernel_ulong_t committed_kb;
	__u32 oom_score;
	__u32 __pad;
};

struct tamalloc_total_mem_stats {
	__kernel_ulong_t total_reserved_kb;
	__kernel_ulong_t total_committed_kb;
};

#endif /* _UAPI_LINUX_TAMALLOC_H */
