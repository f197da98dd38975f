/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bad arguments for a fuzzer, of all the calls. Hazard: a value that nobody checks.
 */
#ifndef STRANGE_H
#define STRANGE_H

#include "model.h"

#ifdef __aarch64__
#define USER_END	(1UL << 48)	/* of the addresses that a program can have */
#else
#define USER_END	(1UL << 47)
#endif

static char *guard;		/* where memory ends */

static long vm_pages(void)
{
	return proc_number(getpid(), "statm");
}

/* ---- bad arguments -------------------------------------------------------- */

static unsigned long strange(void)
{
	const unsigned long values[] = {
		0, 1, -1UL, ps - 1, ps, ps + 1, LONG_MAX, 1UL << 63, -ps,
		USER_END - ps, USER_END - 1, USER_END, USER_END + 1, 1UL << 52,
		0xffffffff81000000UL, 0xffff888000000000UL, 0xffffffffff600000UL,
		(unsigned long)page(0), (unsigned long)page(0) + 1, (unsigned long)guard,
	};

	return values[any(values)];
}

/* A place that cannot be written as a whole. */
static void *nowhere(void)
{
	unsigned long p = strange();

	return (char *)p >= ARENA && (char *)p < page(NR_PAGES) ? guard - 8 : (void *)p;
}

static long strange_tamalloc2(void)
{
	static char room[64 * KIB];	/* zeroes behind the arguments */
	struct tamalloc_args *args = (void *)room;
	__u64 flags = below(2) ? dice() & 0xff : strange();
	__u64 size = strange();
	long ret;

	if (size > ps && size < USER_END)	/* more than there is memory */
		flags &= ~TAMALLOC_POPULATE;
	*args = (struct tamalloc_args) { size, flags, below(2) ? 0 : strange(),
					 below(2) ? 0 : strange() };
	ret = do_tamalloc2(below(4) ? args : nowhere(), below(2) ? sizeof(*args) : strange());
	if (ret > 0)
		munmap((void *)ret, (size + ps - 1) / ps * ps);
	return ret;
}

/* What succeeds is in the model, or nothing. */
static long strange_rezero(void)
{
	unsigned long addr = strange(), len = strange();
	long first = (addr - (unsigned long)ARENA) / ps, n = (len + ps - 1) / ps;
	long ret = do_rezero((void *)addr, len, strange(), below(4) ? 0 : strange());

	note(addr, len, 0, ret);
	if (ret < 0 || !len)
		return ret;
	if (first < 0 || n > NR_PAGES - first || must_fail(first, n))
		differ("tamalloc_rezero() of %#lx bytes at %#lx: found %ld", len, addr, ret);
	zero_pages(first, n);
	return ret;
}

static long strange_tamstat(void)
{
	static char room[64 * KIB];
	int id = below(2) ? getpid() : (int)strange();

	return do_tamstat(below(5) - 1, id, below(2) ? room : nowhere(),
			  below(2) ? sizeof(struct tamstat) : strange(), below(2) ? 0 : strange());
}

static long strange_list(void)
{
	static char room[8 * KIB];
	struct tamstat_list_req req = { sizeof(req), sizeof(struct tamstat), strange(), 0, 0, 0 };
	__u32 *fields[] = { &req.size, &req.rec_size, &req.flags, &req.uid };

	if (below(2))
		*fields[any(fields)] = strange();
	if (below(2))
		req.cursor = strange();
	return do_list(below(4) ? &req : nowhere(), below(2) ? room : nowhere(),
		       below(2) ? sizeof(room) : strange() % (sizeof(room) + 1),
		       below(4) ? 0 : strange());
}

static long strange_total(void)
{
	static char room[64 * KIB];

	return do_total(below(2) ? room : nowhere(),
			below(2) ? sizeof(struct tamstat_total) : strange(),
			below(2) ? 0 : strange());
}

static long strange_tamalloc(void)
{
	size_t size = strange();
	long ret = do_tamalloc(size);

	if (ret > 0)
		munmap((void *)ret, (size + ps - 1) / ps * ps);
	return ret;
}

static long strange_mem_stats(void)
{
	struct tamalloc_mem_stats stats;

	return do_mem_stats(below(2) ? getpid() : (pid_t)strange(), below(2) ? &stats : nowhere());
}

static long strange_total_mem_stats(void)
{
	return do_total_mem_stats(nowhere());
}

/*
 * Whether the manual page of a call names what it returned: no error, or this one. EINTR,
 * which nobody lives to see, is not among them.
 */
static bool is_documented(int call, long ret)
{
	static const int errors[NR_CALLS][9] = {
		[TAMALLOC_CALL_TAMALLOC2] = { E2BIG, EACCES, EAGAIN, EFAULT, EINVAL, ENOMEM,
					      EPERM },
		[TAMALLOC_CALL_REZERO] = { EACCES, EBUSY, EINVAL, ENOMEM },
		[TAMALLOC_CALL_TAMSTAT] = { E2BIG, EBADF, EFAULT, EINVAL, EPERM, ESRCH },
		[TAMALLOC_CALL_TAMSTAT_LIST] = { E2BIG, EFAULT, EINVAL, ENOSPC },
		[TAMALLOC_CALL_TAMSTAT_TOTAL] = { E2BIG, EFAULT, EINVAL },
		[TAMALLOC_CALL_TAMALLOC] = { EACCES, EAGAIN, EINVAL, ENOMEM, EPERM },
		[TAMALLOC_CALL_GET_MEM_STATS] = { EFAULT, ENOMEM, EPERM, ESRCH },
		[TAMALLOC_CALL_GET_TOTAL_MEM_STATS] = { EFAULT },
	};

	if (ret >= 0)
		return true;
	for (const int *e = errors[call]; *e; e++)
		if (ret == -*e)
			return true;
	return false;
}

/* Success or an error that the manual page names, and the mappings are what they were. */
static inline void do_strange(long first, long n)
{
	static long (*const calls[NR_CALLS])(void) = {
		[TAMALLOC_CALL_TAMALLOC2] = strange_tamalloc2,
		[TAMALLOC_CALL_REZERO] = strange_rezero,
		[TAMALLOC_CALL_TAMSTAT] = strange_tamstat,
		[TAMALLOC_CALL_TAMSTAT_LIST] = strange_list,
		[TAMALLOC_CALL_TAMSTAT_TOTAL] = strange_total,
		[TAMALLOC_CALL_TAMALLOC] = strange_tamalloc,
		[TAMALLOC_CALL_GET_MEM_STATS] = strange_mem_stats,
		[TAMALLOC_CALL_GET_TOTAL_MEM_STATS] = strange_total_mem_stats,
	};
	const int call = below(NR_CALLS);
	long vm = vm_pages(), ret;

	if (!nrs[call])
		return;
	ret = calls[call]();
	note(call, 0, 0, ret);
	if (!is_documented(call, ret))
		differ("call %d: found %ld, which is not documented", call, ret);
	if (vm_pages() != vm)
		differ("call %d: expected %ld pages of mappings, found %ld", call, vm, vm_pages());
}

#endif /* STRANGE_H */
