// SPDX-License-Identifier: GPL-2.0-only
/*
 * tamalloc_rezero(), for each state that a page can be in. Hazard: old bytes that are
 * still there, at once or when the page comes back from swap, are the data of
 * somebody else; and a byte outside the range that changes is lost data.
 */
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "region.h"

#ifndef __NR_mseal
#define __NR_mseal 462
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

#define THP_ENABLED	THP_DIR "enabled"
#define THP_ZERO	THP_DIR "use_zero_page"
#define KSM_DIR		"/sys/kernel/mm/ksm/"
#define NUMA_BALANCING	"/proc/sys/kernel/numa_balancing"
#define NR_HUGEPAGES	"/proc/sys/vm/nr_hugepages"

/* ---- states --------------------------------------------------------------- */
/* Each prepares a region, and says why it cannot. */

static const char *make_none(struct region *r)
{
	fill_canaries(r);
	r->content = ZERO;
	return NULL;
}

static const char *make_zero_page(struct region *r)
{
	make_none(r);
	return is_zero(r->p, r->len) ? NULL : "memory is not zero";
}

static const char *make_written(struct region *r)
{
	fill_region(r);
	return NULL;
}

/* Every second page only. */
static const char *make_sparse(struct region *r)
{
	make_none(r);
	r->content = ZERO;
	for (size_t at = 0; at < r->len; at += 2 * ps)
		store(r->p + at, 0);
	return NULL;
}

static bool all_huge(const struct region *r)
{
	return smaps_field(r->p, "AnonHugePages") * KIB == (long long)r->map_len;
}

static const char *make_huge(struct region *r)
{
	for (int i = 0; i < 20; i++) {
		fill_region(r);
		if (all_huge(r))
			return NULL;
		madvise(r->map, r->map_len, MADV_DONTNEED);
		put_file("/proc/sys/vm/compact_memory", "1");
	}
	return "got no huge pages";
}

static const char *make_huge_zero_page(struct region *r)
{
	if (get_number(THP_ZERO) != 1)
		return "no huge zero page";
	make_none(r);
	for (size_t at = 0; at < r->len; at += pmd_size)
		load(r->p + at);
	if (count_pages(r->p, r->len, PM_PRESENT) != (long)(r->len / ps))
		return "got no huge zero page";
	return NULL;
}

/* The page table is split, the page is not: two mappings, then one again. */
static const char *make_huge_in_a_page_table(struct region *r)
{
	const char *problem = make_huge(r);

	if (problem)
		return problem;
	for (char *p = r->map; p < r->map + r->map_len; p += pmd_size)
		if (madvise(p + ps, ps, MADV_DONTFORK) || madvise(p + ps, ps, MADV_DOFORK))
			return "madvise";
	if (smaps_field(r->p, "AnonHugePages"))
		return "not split";
	if (page_flags(r->p) && !(page_flags(r->p) & KPF_COMPOUND))
		return "no large pages any more";
	return NULL;
}

/* A file about pages that are 16 times as large as the smallest. */
static const char *middle_size(const char *file)
{
	static char path[100];

	snprintf(path, sizeof(path), THP_DIR "hugepages-%ldkB/%s", 16 * ps / KIB, file);
	return path;
}

static const char *make_middle_size(struct region *r)
{
	long before = get_number(middle_size("stats/anon_fault_alloc"));

	if (!is_root() || !put_file(middle_size("enabled"), "always"))
		return "needs root and huge pages of 16 pages";
	fill_region(r);
	if (get_number(middle_size("stats/anon_fault_alloc")) < before + (long)r->len / (16 * ps))
		return "got no huge pages of 16 pages";
	return NULL;
}

static bool no_middle_size(struct region *r)
{
	return put_file(middle_size("enabled"), "never");
}

static const char *make_swapped(struct region *r)
{
	fill_region(r);
	if (page_out(r->p, r->len))
		return "pages stay";
	return count_pages(r->p, r->len, PM_SWAP) == (long)(r->len / ps) ? NULL : "not swapped";
}

static const char *make_swapped_huge(struct region *r)
{
	const char *problem = make_huge(r);

	if (problem)
		return problem;
	return page_out(r->p, r->len) ? "pages stay" : NULL;
}

/* Whether a write faults to what a read has brought back from swap: up to Linux 6.1. */
static bool comes_back_read_only(void)
{
	char *p = mmap(NULL, ps, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long faults;
	bool yes;

	store(p, 1);
	page_out(p, ps);
	wait_for_writeback();
	load(p);
	faults = minor_faults();
	store(p, 1);
	yes = minor_faults() != faults;
	munmap(p, ps);
	return yes;
}

/* Swapped out and read again: clean, and the old data are still on the device. */
static const char *make_read_from_swap(struct region *r)
{
	const char *problem = make_swapped(r);

	if (problem)
		return problem;
	wait_for_writeback();
	if (!is_untouched(r))
		return "swap lost the data";
	if (count_pages(r->p, r->len, PM_PRESENT) != (long)(r->len / ps))
		return "pages do not come back";
	r->read_only = comes_back_read_only();
	return NULL;
}

static const char *make_in_swap_cache(struct region *r)
{
	const char *problem = make_read_from_swap(r);

	if (problem)
		return problem;
	for (size_t at = 0; at < r->len; at += ps)
		if (!(page_flags(r->p + at) & KPF_SWAPCACHE))
			return "not in the swap cache: is the device synchronous?";
	return NULL;
}

static const char *make_merged(struct region *r)
{
	fill_canaries(r);
	memset(r->p, SAME, r->len);
	r->content = EQUAL;
	if (madvise(r->p, r->len, MADV_MERGEABLE))
		return "no KSM";
	if (!put_file(KSM_DIR "sleep_millisecs", "0") ||
	    !put_file(KSM_DIR "pages_to_scan", "1000") || !put_file(KSM_DIR "run", "1"))
		return "KSM needs root";
	for (int i = 0; i < 2000; i++) {
		__u64 frame = page_entry(r->p) & PM_PFN;
		size_t at = ps;

		while (at < r->len && (page_entry(r->p + at) & PM_PFN) == frame)
			at += ps;
		if (at == r->len)
			return frame && put_file(KSM_DIR "run", "0") ? NULL : "KSM";
		nap();
	}
	return "KSM merges nothing";
}

/* The child looks at its copy when it is told to, and exits with 0 if it is complete. */
static void start_child(struct region *r)
{
	char c;

	if (pipe(r->pipe))
		abort();
	r->child = fork_child();
	if (r->child) {
		close(r->pipe[0]);
		return;
	}
	close(r->pipe[1]);
	if (read(r->pipe[0], &c, 1) < 0)
		_exit(1);
	_exit(!(is_untouched(r) && canaries_live(r)));
}

static bool end_of_child(struct region *r)
{
	close(r->pipe[1]);
	return join(r->child) == 0;
}

static const char *make_shared_with_child(struct region *r)
{
	fill_region(r);
	start_child(r);
	return NULL;
}

static const char *make_huge_shared_with_child(struct region *r)
{
	const char *problem = make_huge(r);

	if (!problem)
		start_child(r);
	return problem;
}

static const char *make_child_has_exited(struct region *r)
{
	fill_region(r);
	start_child(r);
	return end_of_child(r) ? NULL : "child";
}

static const char *make_written_after_fork(struct region *r)
{
	fill_region(r);
	start_child(r);
	fill_region(r);		/* copies */
	return end_of_child(r) ? NULL : "child";
}

static const char *make_in_a_pipe(struct region *r)
{
	struct iovec iov = { r->p, r->len };

	fill_region(r);
	if (pipe(r->pipe) || fcntl(r->pipe[1], F_SETPIPE_SZ, r->len) < 0)
		return "pipe";
	if (vmsplice(r->pipe[1], &iov, 1, SPLICE_F_NONBLOCK) != (ssize_t)r->len)
		return "vmsplice";
	return NULL;
}

static bool end_of_pipe(struct region *r)
{
	close(r->pipe[0]);
	close(r->pipe[1]);
	return true;
}

static const char *make_pinned(struct region *r)
{
	struct io_uring_params params = { 0 };
	struct iovec iov = { r->p, r->len };

	fill_region(r);
	r->fd = syscall(__NR_io_uring_setup, 4, &params);
	if (r->fd < 0)
		return "no io_uring";
	if (syscall(__NR_io_uring_register, r->fd, IORING_REGISTER_BUFFERS, &iov, 1))
		return "RLIMIT_MEMLOCK";
	return NULL;
}

static bool unpin(struct region *r)
{
	close(r->fd);
	return true;
}

static const char *make_locked(struct region *r)
{
	fill_region(r);
	return mlock(r->p, r->len) ? "RLIMIT_MEMLOCK" : NULL;
}

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

/*
 * PTEs that the kernel has made inaccessible to see who uses the page. It does so for
 * processes that compute; and, with pages on the right node, only with two threads.
 */
static const char *make_numa_hinted(struct region *r)
{
	static pid_t has_thread;
	pthread_t thread;
	double end;

	if (access("/sys/devices/system/node/node1", F_OK))
		return "one NUMA node";
	if (get_number(NUMA_BALANCING) != 1 && !put_file(NUMA_BALANCING, "1"))
		return "no NUMA balancing";
	if (has_thread != getpid() && pthread_create(&thread, NULL, sleep_for_ever, NULL))
		return "thread";
	has_thread = getpid();
	fill_region(r);
	for (end = now() + 15; now() < end;) {
		double pause = now() + 0.2;
		long faults;

		while (now() < pause)
			;
		faults = minor_faults();
		load(r->map);		/* the first page before the region */
		if (minor_faults() == faults)
			continue;
		faults = minor_faults();
		load(region_end(r));	/* the first one behind it */
		if (minor_faults() != faults)
			return NULL;
	}
	return "no NUMA hints in 15 s";
}

static bool no_numa_hints(struct region *r)
{
	return put_file(NUMA_BALANCING, "0");
}

static const char *make_soft_dirty_tracked(struct region *r)
{
	fill_region(r);
	/* A kernel without them takes the order, and calls no page dirty. */
	if (count_pages(r->p, r->len, PM_SOFT_DIRTY) != (long)r->len / ps ||
	    !put_file("/proc/self/clear_refs", "4") ||
	    count_pages(r->p, r->len, PM_SOFT_DIRTY))
		return "no soft-dirty bits";
	return NULL;
}

static const char *make_read_only_before(struct region *r)
{
	fill_region(r);
	if (mprotect(r->p, r->len, PROT_READ) || mprotect(r->p, r->len, PROT_READ | PROT_WRITE))
		return "mprotect";
	return NULL;
}

static const char *make_lazily_freed(struct region *r)
{
	fill_region(r);
	return madvise(r->p, r->len, MADV_FREE) ? "no MADV_FREE" : NULL;
}

static const char *make_sealed(struct region *r)
{
	fill_region(r);
	return syscall(__NR_mseal, r->p, r->len, 0) ? "no mseal" : NULL;
}

/* ---- states that are refused ---------------------------------------------- */

static const char *make_read_only(struct region *r)
{
	fill_region(r);
	return mprotect(r->p, r->len, PROT_READ) ? "mprotect" : NULL;
}

static const char *make_sealed_read_only(struct region *r)
{
	make_read_only(r);
	return syscall(__NR_mseal, r->p, r->len, 0) ? "no mseal" : NULL;
}

static const char *with_key(struct region *r, int rights)
{
	int key = pkey_alloc(0, rights);

	fill_region(r);
	if (key < 0 || pkey_mprotect(r->p, r->len, PROT_READ | PROT_WRITE, key))
		return "no protection keys";
	r->fd = key;
	return NULL;
}

static const char *make_key_without_write(struct region *r)
{
	return with_key(r, PKEY_DISABLE_WRITE);
}

static const char *make_key_without_access(struct region *r)
{
	return with_key(r, PKEY_DISABLE_ACCESS);
}

static const char *make_key_that_allows(struct region *r)
{
	return with_key(r, 0);
}

static bool free_key(struct region *r)
{
	pkey_set(r->fd, 0);
	return true;
}

static const char *armed(struct region *r, __u64 mode)
{
	struct uffdio_register reg = { { (unsigned long)r->p, r->len }, mode, 0 };
	struct uffdio_api api = { .api = UFFD_API };

	fill_region(r);
	r->fd = syscall(__NR_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (r->fd < 0 || ioctl(r->fd, UFFDIO_API, &api))
		return "no userfaultfd";
	return ioctl(r->fd, UFFDIO_REGISTER, &reg) ? "no such mode of userfaultfd" : NULL;
}

static const char *make_uffd_missing(struct region *r)
{
	return armed(r, UFFDIO_REGISTER_MODE_MISSING);
}

static const char *make_uffd_wp(struct region *r)
{
	return armed(r, UFFDIO_REGISTER_MODE_WP);
}

/* ---- what holds in every state -------------------------------------------- */

enum kept {
	ALL,		/* every page, as far as keep allows */
	SOME,		/* the ABI leaves it open */
	HALF,		/* only the pages that were written */
	NOTHING,	/* none of them belongs to this process alone, or none is there */
};

FIXTURE(state)
{
	struct region r;
};

struct page_state {
	const char *(*prepare)(struct region *r);
	bool (*release)(struct region *r);
	enum shape shape;
	enum kept kept;
	enum swap_kind swap;
	int error;
	bool slow;		/* to prepare */
	bool stays;		/* cannot be paged out */
	bool shows_zero_page;	/* as present, although it costs nothing */
};

FIXTURE_VARIANT(state)
{
	struct page_state s;
};

FIXTURE_SETUP(state)
{
	const char *problem = NULL;

	if ((variant->s.shape == HUGE || variant->s.shape == PART) && huge_problem)
		SKIP(return, "%s", huge_problem);
	problem = swap_on(variant->s.swap);
	if (problem)
		SKIP(return, "%s", problem);
}

FIXTURE_TEARDOWN(state)
{
	EXPECT_TRUE(swap_off(variant->s.swap)) {
		TH_LOG("swapoff: %s", strerror(errno));
	}
}

FIXTURE_VARIANT_ADD(state, none) {
	.s = { .prepare = make_none, .kept = NOTHING },
};

FIXTURE_VARIANT_ADD(state, zero_page) {
	.s = { .prepare = make_zero_page, .kept = NOTHING, .shows_zero_page = true },
};

FIXTURE_VARIANT_ADD(state, written) {
	.s = { .prepare = make_written, .kept = ALL },
};

FIXTURE_VARIANT_ADD(state, sparse) {
	.s = { .prepare = make_sparse, .kept = HALF },
};

FIXTURE_VARIANT_ADD(state, huge) {
	.s = { .prepare = make_huge, .shape = HUGE, .kept = ALL },
};

FIXTURE_VARIANT_ADD(state, huge_zero_page) {
	.s = { .prepare = make_huge_zero_page, .shape = HUGE, .kept = NOTHING,
	       .shows_zero_page = true },
};

FIXTURE_VARIANT_ADD(state, huge_in_a_page_table) {
	.s = { .prepare = make_huge_in_a_page_table, .shape = HUGE, .kept = ALL },
};

FIXTURE_VARIANT_ADD(state, middle_size) {
	.s = { .prepare = make_middle_size, .release = no_middle_size, .shape = MEDIUM,
	       .kept = ALL },
};

FIXTURE_VARIANT_ADD(state, read_from_swap) {
	.s = { .prepare = make_read_from_swap, .swap = SWAP_ZRAM, .kept = ALL },
};

FIXTURE_VARIANT_ADD(state, in_swap_cache) {
	.s = { .prepare = make_in_swap_cache, .swap = SWAP_FILE, .kept = ALL },
};

FIXTURE_VARIANT_ADD(state, merged) {
	.s = { .prepare = make_merged, .kept = NOTHING, .slow = true },
};

FIXTURE_VARIANT_ADD(state, shared_with_child) {
	.s = { .prepare = make_shared_with_child, .release = end_of_child, .kept = NOTHING },
};

FIXTURE_VARIANT_ADD(state, huge_shared_with_child) {
	.s = { .prepare = make_huge_shared_with_child, .release = end_of_child,
	       .shape = HUGE, .kept = NOTHING },
};

FIXTURE_VARIANT_ADD(state, child_has_exited) {
	.s = { .prepare = make_child_has_exited, .kept = SOME },
};

FIXTURE_VARIANT_ADD(state, written_after_fork) {
	.s = { .prepare = make_written_after_fork, .kept = ALL },
};

FIXTURE_VARIANT_ADD(state, in_a_pipe) {
	.s = { .prepare = make_in_a_pipe, .release = end_of_pipe, .kept = ALL, .stays = true },
};

FIXTURE_VARIANT_ADD(state, pinned) {
	.s = { .prepare = make_pinned, .release = unpin, .kept = ALL, .stays = true },
};

FIXTURE_VARIANT_ADD(state, locked) {
	.s = { .prepare = make_locked, .kept = ALL, .stays = true },
};

FIXTURE_VARIANT_ADD(state, numa_hinted) {
	.s = { .prepare = make_numa_hinted, .release = no_numa_hints, .kept = SOME, .slow = true },
};

FIXTURE_VARIANT_ADD(state, soft_dirty_tracked) {
	.s = { .prepare = make_soft_dirty_tracked, .kept = SOME },
};

FIXTURE_VARIANT_ADD(state, read_only_before) {
	.s = { .prepare = make_read_only_before, .kept = ALL },
};

FIXTURE_VARIANT_ADD(state, lazily_freed) {
	.s = { .prepare = make_lazily_freed, .kept = SOME },
};

FIXTURE_VARIANT_ADD(state, sealed) {
	.s = { .prepare = make_sealed, .kept = ALL },
};

FIXTURE_VARIANT_ADD(state, key_that_allows) {
	.s = { .prepare = make_key_that_allows, .kept = ALL },
};

FIXTURE_VARIANT_ADD(state, read_only) {
	.s = { .prepare = make_read_only, .error = EACCES },
};

FIXTURE_VARIANT_ADD(state, sealed_read_only) {
	.s = { .prepare = make_sealed_read_only, .error = EACCES },
};

FIXTURE_VARIANT_ADD(state, key_without_write) {
	.s = { .prepare = make_key_without_write, .release = free_key, .error = EACCES },
};

FIXTURE_VARIANT_ADD(state, key_without_access) {
	.s = { .prepare = make_key_without_access, .release = free_key, .error = EACCES },
};

FIXTURE_VARIANT_ADD(state, uffd_missing) {
	.s = { .prepare = make_uffd_missing, .release = unpin, .error = EBUSY },
};

FIXTURE_VARIANT_ADD(state, uffd_wp) {
	.s = { .prepare = make_uffd_wp, .release = unpin, .error = EBUSY },
};

FIXTURE_VARIANT_ADD(state, swapped_to_zram) {
	.s = { .prepare = make_swapped, .swap = SWAP_ZRAM, .kept = NOTHING },
};

FIXTURE_VARIANT_ADD(state, swapped_to_file) {
	.s = { .prepare = make_swapped, .swap = SWAP_FILE, .kept = NOTHING },
};

FIXTURE_VARIANT_ADD(state, swapped_huge_to_zram) {
	.s = { .prepare = make_swapped_huge, .shape = HUGE, .swap = SWAP_ZRAM, .kept = NOTHING },
};

FIXTURE_VARIANT_ADD(state, read_from_swap_file) {
	.s = { .prepare = make_read_from_swap, .swap = SWAP_FILE, .kept = ALL },
};

FIXTURE_VARIANT_ADD(state, part_of_huge) {
	.s = { .prepare = make_huge, .shape = PART, .kept = ALL },
};

FIXTURE_VARIANT_ADD(state, part_of_huge_shared) {
	.s = { .prepare = make_huge_shared_with_child, .release = end_of_child,
	       .shape = PART, .kept = NOTHING },
};

/* False: it cannot be had. What was there once must be there again. */
static bool prepare(struct __test_metadata *_metadata, struct region *r,
		    const struct page_state *s, bool again)
{
	const char *problem;

	region_new(r, s->shape);
	problem = s->prepare(r);
	if (problem && !again)
		SKIP(return false, "%s", problem);
	EXPECT_EQ(NULL, problem) {
		TH_LOG("%s", problem);
	}
	return !problem;
}

static void release(struct __test_metadata *_metadata, struct region *r,
		    const struct page_state *s)
{
	if (s->release)
		EXPECT_TRUE(s->release(r));
	EXPECT_TRUE(canaries_live(r));
	region_free(r);
}

/* The most that may be kept, in bytes. */
static long most(const struct region *r, size_t keep, enum kept kept)
{
	size_t there = kept == NOTHING ? 0 : kept == HALF ? r->len / 2 : r->len;
	size_t pages = keep / ps * ps;

	return there < pages ? there : pages;
}

static void check_kept(struct __test_metadata *_metadata, struct region *r, size_t keep, long ret,
		       const struct page_state *s)
{
	long limit = most(r, keep, s->kept), faults, present;

	EXPECT_GE(limit, ret);
	EXPECT_LE(0, ret);
	EXPECT_EQ(0, ret % ps);
	/* How much of a huge page is kept is open, but with enough budget it is all. */
	if (s->kept != SOME && (r->shape == SMALL || keep >= r->len))
		EXPECT_EQ(limit, ret);

	EXPECT_EQ(0, count_pages(r->p, r->len, PM_SWAP));
	present = count_pages(r->p, r->len, PM_PRESENT);
	if (!s->shows_zero_page)
		EXPECT_EQ(ret / ps, present);
	/* A page that was kept is read, and where nothing tracks it written, without a fault. */
	settle_after_fork();
	faults = minor_faults();
	for (size_t at = 0; at < r->len; at += ps) {
		if (!(page_entry(r->p + at) & PM_PRESENT))
			continue;
		load(r->p + at);
		if (!r->read_only && (s->kept == ALL || s->kept == HALF))
			store(r->p + at, 0);
	}
	EXPECT_EQ(faults, minor_faults());
	EXPECT_TRUE(is_zero(r->p, r->len));
	EXPECT_TRUE(canaries_live(r));
}

TEST_F_TIMEOUT(state, is_zero_and_kept, 120)
{
	const struct page_state *s = &variant->s;
	struct region *r = &self->r;
	size_t keeps[] = { SIZE_MAX, 0, 1, 0, 0, 0 };
	int n = s->slow ? 2 : ARRAY_SIZE(keeps);

	for (int i = 0; i < n; i++) {
		size_t keep = keeps[i];
		long ret;

		if (!prepare(_metadata, r, s, i))
			return;
		keep = i == 3 ? ps : i == 4 ? r->len / 2 : i == 5 ? r->len - 1 : keep;
		ret = do_rezero(r->p, r->len, keep, 0);
		if (s->error) {
			EXPECT_EQ(-s->error, ret);
			if (s->release)
				s->release(r);
			EXPECT_TRUE(is_untouched(r));
			EXPECT_TRUE(canaries_live(r));
			region_free(r);
			continue;
		}
		check_kept(_metadata, r, keep, ret, s);
		release(_metadata, r, s);
	}
}

/* A second mapping that is refused: nothing in the first may have changed. */
TEST_F_TIMEOUT(state, nothing_changes_on_error, 120)
{
	const struct page_state *s = &variant->s;
	struct region *r = &self->r;
	long present, swap;

	if (!prepare(_metadata, r, s, false))
		return;
	ASSERT_EQ(0, mprotect(region_end(r), ps, PROT_READ));
	present = count_pages(r->p, r->len, PM_PRESENT);
	swap = count_pages(r->p, r->len, PM_SWAP);
	EXPECT_EQ(-(s->error ?: EACCES), do_rezero(r->p, r->len + ps, SIZE_MAX, 0));
	EXPECT_EQ(present, count_pages(r->p, r->len, PM_PRESENT));
	EXPECT_EQ(swap, count_pages(r->p, r->len, PM_SWAP));
	if (s->error && s->release)
		s->release(r);
	EXPECT_TRUE(is_untouched(r));
	EXPECT_TRUE(canaries_live(r));
	if (!s->error)
		release(_metadata, r, s);
}

/* The zeroes must survive that the page is taken away and comes back. */
TEST_F_TIMEOUT(state, is_still_zero_after_reclaim, 120)
{
	const struct page_state *s = &variant->s;
	enum swap_kind swap = s->swap ?: SWAP_FILE;
	struct region *r = &self->r;
	const char *problem;

	if (s->error)
		return;
	problem = s->swap ? NULL : swap_on(swap);
	if (problem)
		SKIP(return, "%s", problem);
	if (prepare(_metadata, r, s, false)) {
		EXPECT_LE(0, do_rezero(r->p, r->len, SIZE_MAX, 0));
		if (s->stays)
			madvise(r->p, r->len, MADV_PAGEOUT);
		else
			EXPECT_EQ(0, page_out(r->p, r->len));
		EXPECT_TRUE(is_zero(r->p, r->len));
		fill(r->p, r->len, 3);	/* and it is ordinary memory again */
		EXPECT_TRUE(is_filled(r->p, r->len, 3));
		release(_metadata, r, s);
	}
	if (!s->swap)
		EXPECT_TRUE(swap_off(swap));
}

/* ---- arguments ------------------------------------------------------------ */

TEST(errors)
{
	struct region r;

	region_new(&r, SMALL);
	fill_region(&r);
	for (int bit = 0; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, do_rezero(r.p, r.len, 0, 1U << bit));
	EXPECT_EQ(-EINVAL, do_rezero(r.p + 1, ps, 0, 0));
	EXPECT_EQ(-EINVAL, do_rezero(r.p + ps - 1, 0, 0, 0));
	EXPECT_EQ(-EINVAL, do_rezero(r.p, SIZE_MAX, 0, 0));
	EXPECT_EQ(-EINVAL, do_rezero(r.p, SIZE_MAX - ps + 2, 0, 0));
	EXPECT_EQ(-EINVAL, do_rezero(r.p, SIZE_MAX - ps + 1, 0, 0));
	EXPECT_EQ(-EINVAL, do_rezero(r.p, -(unsigned long)r.p + ps, 0, 0));
	EXPECT_EQ(0, do_rezero(r.p, 0, SIZE_MAX, 0));
	EXPECT_EQ(0, do_rezero(NULL, 0, 0, 0));
	EXPECT_EQ(-ENOMEM, do_rezero(NULL, ps, 0, 0));
	EXPECT_EQ(-ENOMEM, do_rezero((void *)(1UL << 63), ps, 0, 0));
	EXPECT_EQ(-ENOMEM, do_rezero(NULL, 1UL << 62, 0, 0));
	EXPECT_TRUE(is_untouched(&r));
	EXPECT_TRUE(canaries_live(&r));
}

TEST(length_is_rounded_up)
{
	struct region r;

	region_new(&r, SMALL);
	fill_region(&r);
	EXPECT_EQ(2 * ps, do_rezero(r.p, ps + 1, SIZE_MAX, 0));
	EXPECT_TRUE(is_zero(r.p, 2 * ps));
	EXPECT_TRUE(is_filled(r.p + 2 * ps, r.len - 2 * ps, CONTENT));
}

/* Refused at any place in the range; nothing may have changed then. */
static void refused(struct __test_metadata *_metadata, int error, void (*spoil)(char *p))
{
	for (int page = 0; page < 16; page += 5) {
		struct region r;

		region_new(&r, SMALL);
		fill_region(&r);
		spoil(r.p + page * ps);
		EXPECT_EQ(-error, do_rezero(r.p, r.len, SIZE_MAX, 0)) {
			TH_LOG("page %d", page);
		}
		EXPECT_TRUE(is_filled(r.p, page * ps, CONTENT));
		EXPECT_TRUE(is_filled(r.p + (page + 1) * ps, r.len - (page + 1) * ps, CONTENT));
		EXPECT_TRUE(canaries_live(&r));
		region_free(&r);
	}
}

static void map_over(char *p, int prot, int flags, int fd)
{
	if (mmap(p, ps, prot, flags | MAP_FIXED, fd, 0) != p)
		abort();
}

static void hole(char *p)
{
	munmap(p, ps);
}

static void inaccessible(char *p)
{
	map_over(p, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void shared_anonymous(char *p)
{
	map_over(p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
}

static void shared_file(char *p)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	if (ftruncate(fd, ps))
		abort();
	map_over(p, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	close(fd);
}

static void private_file(char *p)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	map_over(p, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	store(p, 1);	/* even where it has its own page */
	close(fd);
}

TEST(holes)
{
	refused(_metadata, ENOMEM, hole);
}

TEST(no_access)
{
	refused(_metadata, EACCES, inaccessible);
}

TEST(not_private_anonymous)
{
	refused(_metadata, EINVAL, shared_anonymous);
	refused(_metadata, EINVAL, shared_file);
	refused(_metadata, EINVAL, private_file);
}

TEST(huge_pages_of_hugetlbfs)
{
	size_t size = from_meminfo("Hugepagesize") * KIB;
	char *p;

	if (is_root() && !get_number(NR_HUGEPAGES))
		put_file(NR_HUGEPAGES, "2");
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (p == MAP_FAILED)
		SKIP(return, "no pages in hugetlbfs");
	fill(p, size, 1);
	EXPECT_EQ(-EINVAL, do_rezero(p, size, SIZE_MAX, 0));
	EXPECT_TRUE(is_filled(p, size, 1));
}

TEST(vdso)
{
	char *p = (char *)getauxval(AT_SYSINFO_EHDR);

	if (!p)
		SKIP(return, "no vDSO");
	EXPECT_EQ(-EINVAL, do_rezero(p, ps, 0, 0));
	EXPECT_EQ(0, memcmp(p, "\177ELF", 4));
}

/* ---- ranges --------------------------------------------------------------- */

TEST(one_range_over_several_mappings)
{
	for (size_t keep = 0; keep <= 24; keep += 6) {
		struct region r;
		long present;

		region_new(&r, SMALL);
		fill_region(&r);
		madvise(r.p + 4 * ps, 4 * ps, MADV_DONTFORK);
		madvise(r.p + 10 * ps, ps, MADV_DONTDUMP);
		EXPECT_EQ((keep < 16 ? keep : 16) * ps, do_rezero(r.p, r.len, keep * ps, 0));
		present = count_pages(r.p, r.len, PM_PRESENT);
		EXPECT_EQ(keep < 16 ? keep : 16, present);
		EXPECT_TRUE(is_zero(r.p, r.len));
		EXPECT_TRUE(canaries_live(&r));
		region_free(&r);
	}
}

/* Batches, page tables and huge pages must not end where the range does. */
static void every_length(struct __test_metadata *_metadata, enum shape shape)
{
	const char *problem;
	struct region r;

	region_new(&r, shape);
	problem = shape == PART ? make_huge(&r) : NULL;
	if (problem)
		SKIP(return, "%s", problem);
	fill_region(&r);
	for (size_t pages = 1; pages <= r.len / ps; pages++) {
		size_t len = pages * ps;

		for (size_t from = 0; from + len <= r.len; from += 5 * ps) {
			fill(r.p, r.len, CONTENT);
			EXPECT_EQ((long)len, do_rezero(r.p + from, len, SIZE_MAX, 0));
			EXPECT_TRUE(is_filled(r.p, from, CONTENT));
			EXPECT_TRUE(is_zero(r.p + from, len));
			EXPECT_TRUE(is_filled(r.p + from + len, r.len - from - len, CONTENT));
		}
	}
	EXPECT_TRUE(canaries_live(&r));
}

TEST(every_length_of_pages)
{
	every_length(_metadata, MEDIUM);
}

TEST(every_length_in_a_huge_page)
{
	if (huge_problem)
		SKIP(return, "%s", huge_problem);
	every_length(_metadata, PART);
}

TEST(each_page_alone)
{
	struct region r;

	region_new(&r, SMALL);
	for (size_t at = 0; at < r.len; at += ps) {
		fill_region(&r);
		EXPECT_EQ(ps, do_rezero(r.p + at, ps, ps, 0));
		EXPECT_TRUE(is_filled(r.p, at, CONTENT));
		EXPECT_TRUE(is_zero(r.p + at, ps));
		EXPECT_TRUE(is_filled(r.p + at + ps, r.len - at - ps, CONTENT));
		EXPECT_TRUE(canaries_live(&r));
	}
}

/*
 * Kept and dropped pages alternate. How many are kept is open, as each change between
 * the two costs; but what is said to be kept is there.
 */
TEST(mixed_states)
{
	long ret, kept = 0;
	struct region r;
	pid_t child;

	region_new(&r, MEDIUM);
	madvise(r.map, r.map_len, MADV_NOHUGEPAGE);
	fill_canaries(&r);
	for (size_t page = 0; page < r.len / ps; page++)
		if (page % 4 < 2)
			fill(r.p + page * ps, ps, CONTENT);
	child = fork_child();
	if (!child)
		sleep_for_ever(NULL);
	for (size_t page = 0; page < r.len / ps; page++) {
		if (page % 4 == 1 || page % 4 == 2)
			fill(r.p + page * ps, ps, CONTENT);	/* ours alone */
		if (page % 4 == 3)
			load(r.p + page * ps);			/* the zero page */
	}
	ret = do_rezero(r.p, r.len, SIZE_MAX, 0);
	EXPECT_LT(0, ret);
	EXPECT_GE((long)r.len / 2, ret);
	for (size_t page = 0; page < r.len / ps; page++) {
		bool present = page_entry(r.p + page * ps) & PM_PRESENT;

		if (page % 4 == 0)	/* shared with the child */
			EXPECT_FALSE(present);
		if (page % 4 == 1 || page % 4 == 2)
			kept += present;
	}
	EXPECT_EQ(ret, kept * ps);
	EXPECT_TRUE(is_zero(r.p, r.len));
	EXPECT_TRUE(canaries_live(&r));
	end_child(child);
}

TEST(gibibytes_of_nothing)
{
	char *p = mmap(NULL, 512 * GIB, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	long long tables;

	if (p == MAP_FAILED)
		SKIP(return, "mmap: %s", strerror(errno));
	madvise(p, 512 * GIB, MADV_NOHUGEPAGE);
	for (long at = 0; at < 512 * GIB; at += 64 * GIB)
		store(p + at, 1);
	tables = status_field(getpid(), "VmPTE");
	EXPECT_EQ(8 * ps, do_rezero(p, 512 * GIB, SIZE_MAX, 0));
	EXPECT_GE(tables, status_field(getpid(), "VmPTE"));
	for (long at = 0; at < 512 * GIB; at += 64 * GIB)
		EXPECT_EQ(0, load(p + at));
	EXPECT_EQ(0, do_rezero(p, 512 * GIB, 0, 0));
	EXPECT_EQ(0, smaps_field(p, "Rss"));
}

TEST(heap_and_stack)
{
	char *heap = sbrk(0);
	char big[10 * MAX_PAGE];
	char *stack = (char *)(((unsigned long)big + ps) / ps * ps);

	heap = (char *)(((unsigned long)heap + ps - 1) / ps * ps);
	ASSERT_EQ(0, brk(heap + 4 * ps));
	fill(heap, 4 * ps, 1);
	EXPECT_EQ(4 * ps, do_rezero(heap, 4 * ps, SIZE_MAX, 0));
	EXPECT_TRUE(is_zero(heap, 4 * ps));
	fill(big, sizeof(big), 1);
	EXPECT_EQ(8 * ps, do_rezero(stack, 8 * ps, SIZE_MAX, 0));
	EXPECT_TRUE(is_zero(stack, 8 * ps));
	EXPECT_TRUE(is_filled(stack + 8 * ps, big + sizeof(big) - stack - 8 * ps, 1));
}

TEST(memory_of_tamalloc)
{
	char *p = reserve(64 * ps, TAMALLOC_NOHUGE);

	ASSERT_NE(NULL, p);
	EXPECT_EQ(0, do_rezero(p, 64 * ps, SIZE_MAX, 0));
	fill(p, 64 * ps, 1);
	EXPECT_EQ(40 * ps, do_rezero(p, 64 * ps, 40 * ps, 0));
	EXPECT_TRUE(is_zero(p, 64 * ps));
}

/* ---- more about single states ---------------------------------------------- */

/* A part that is kept does not cost the rest its huge page. */
TEST(part_of_a_huge_page_does_not_split_it)
{
	const char *problem;
	struct region r;

	if (huge_problem)
		SKIP(return, "%s", huge_problem);
	region_new(&r, PART);
	problem = make_huge(&r);
	if (problem)
		SKIP(return, "%s", problem);
	EXPECT_EQ((long)r.len, do_rezero(r.p, r.len, SIZE_MAX, 0));
	EXPECT_TRUE(all_huge(&r));
	EXPECT_TRUE(is_zero(r.p, r.len));
	EXPECT_TRUE(canaries_live(&r));
}

/* The child's copy, not the parent's. */
TEST(child_of_a_fork)
{
	struct region r;
	pid_t child;

	region_new(&r, SMALL);
	fill_region(&r);
	child = fork_child();
	if (!child) {
		if (do_rezero(r.p, r.len, SIZE_MAX, 0) != 0)
			_exit(1);
		_exit(!(is_zero(r.p, r.len) && canaries_live(&r)));
	}
	EXPECT_EQ(0, join(child));
	EXPECT_TRUE(is_untouched(&r));
	EXPECT_TRUE(canaries_live(&r));
}

/* What is on its way out of the process becomes zero, as after memset(). */
TEST(pipe_sees_zeroes)
{
	static char out[16 * MAX_PAGE];
	struct region r;

	region_new(&r, SMALL);
	ASSERT_EQ(NULL, make_in_a_pipe(&r));
	EXPECT_EQ((long)r.len, do_rezero(r.p, r.len, SIZE_MAX, 0));
	EXPECT_EQ((long)r.len, read(r.pipe[0], out, r.len));
	EXPECT_TRUE(is_zero(out, r.len));
}

static bool submit_write(int ring, struct io_uring_params *params, int fd, const struct region *r)
{
	size_t size = params->sq_off.array + params->sq_entries * sizeof(__u32);
	struct io_uring_sqe *sqe;
	char *sq;

	sq = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	sqe = mmap(NULL, params->sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED,
		   ring, IORING_OFF_SQES);
	if (sq == MAP_FAILED || sqe == MAP_FAILED)
		return false;
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_WRITE_FIXED;
	sqe->fd = fd;
	sqe->addr = (unsigned long)r->p;
	sqe->len = r->len;
	((__u32 *)(sq + params->sq_off.array))[0] = 0;
	__atomic_store_n((__u32 *)(sq + params->sq_off.tail), 1, __ATOMIC_RELEASE);
	return syscall(__NR_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1;
}

/* A device that writes to pinned pages must write to those that the process sees. */
TEST(pinned_pages_stay_the_same)
{
	struct io_uring_params params = { 0 };
	static char out[16 * MAX_PAGE];
	struct iovec iov;
	struct region r;
	int file, ring;

	region_new(&r, SMALL);
	fill_region(&r);
	iov.iov_base = r.p;
	iov.iov_len = r.len;
	ring = syscall(__NR_io_uring_setup, 4, &params);
	if (ring < 0)
		SKIP(return, "no io_uring");
	if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS, &iov, 1))
		SKIP(return, "RLIMIT_MEMLOCK");
	EXPECT_EQ((long)r.len, do_rezero(r.p, r.len, SIZE_MAX, 0));
	EXPECT_TRUE(is_zero(r.p, r.len));
	fill(r.p, r.len, 9);
	file = memfd_create("out", MFD_CLOEXEC);
	ASSERT_TRUE(submit_write(ring, &params, file, &r));
	for (int i = 0; i < 200 && pread(file, out, r.len, 0) != (ssize_t)r.len; i++)
		nap();
	EXPECT_EQ(0, memcmp(out, r.p, r.len));
}

TEST(locked_memory_stays_locked)
{
	struct region r;
	long long before;

	region_new(&r, SMALL);
	fill_region(&r);
	before = status_field(getpid(), "VmLck");
	if (mlock(r.p, r.len))
		SKIP(return, "RLIMIT_MEMLOCK");
	EXPECT_EQ(0, do_rezero(r.p, r.len, 0, 0));
	EXPECT_TRUE(has_vm_flag(r.p, "lo"));
	EXPECT_EQ(before + (long long)r.len / KIB, status_field(getpid(), "VmLck"));
	EXPECT_TRUE(is_zero(r.p, r.len));
}

/* A tool that saves only what has changed must see that it has. */
TEST(soft_dirty_bits_tell_the_change)
{
	const char *problem;
	struct region r;

	region_new(&r, SMALL);
	problem = make_soft_dirty_tracked(&r);
	if (problem)
		SKIP(return, "%s", problem);
	EXPECT_LE(0, do_rezero(r.p, r.len, SIZE_MAX, 0));
	for (size_t at = 0; at < r.len; at += ps) {
		__u64 entry = page_entry(r.p + at);

		EXPECT_TRUE(!(entry & PM_PRESENT) || (entry & PM_SOFT_DIRTY));
	}
	/* Nothing else has changed. */
	EXPECT_EQ(0, count_pages(r.map, r.p - r.map, PM_SOFT_DIRTY));
	EXPECT_TRUE(is_zero(r.p, r.len));
}

TEST(userfaultfd_only_while_it_is_armed)
{
	const char *problem;
	struct uffdio_range range;
	struct region r;

	region_new(&r, SMALL);
	problem = make_uffd_missing(&r);
	if (problem)
		SKIP(return, "%s", problem);
	range.start = (unsigned long)r.p;
	range.len = r.len;
	EXPECT_EQ(-EBUSY, do_rezero(r.p, r.len, SIZE_MAX, 0));
	EXPECT_EQ(0, do_rezero(r.map, 0, SIZE_MAX, 0));
	EXPECT_EQ(ps, do_rezero(r.map, ps, SIZE_MAX, 0));
	ASSERT_EQ(0, ioctl(r.fd, UFFDIO_UNREGISTER, &range));
	EXPECT_EQ((long)r.len, do_rezero(r.p, r.len, SIZE_MAX, 0));
	EXPECT_TRUE(is_zero(r.p, r.len));
}

TEST(key_decides_at_the_time_of_the_call)
{
	const char *problem;
	struct region r;

	region_new(&r, SMALL);
	problem = make_key_without_write(&r);
	if (problem)
		SKIP(return, "%s", problem);
	EXPECT_EQ(-EACCES, do_rezero(r.p, r.len, SIZE_MAX, 0));
	pkey_set(r.fd, 0);
	EXPECT_EQ((long)r.len, do_rezero(r.p, r.len, SIZE_MAX, 0));
	EXPECT_TRUE(is_zero(r.p, r.len));
}

#ifdef __aarch64__
#define MTE_ASM		".arch armv8.5-a+memtag\n\t"
#define TAG		5UL

static char *with_tag(const char *p)
{
	return (char *)((unsigned long)p | TAG << 56);
}

/* Both are about the 16 bytes at @p. */
static void set_tag(char *p)
{
	asm volatile(MTE_ASM "stg %0, [%0]" : : "r"(with_tag(p)) : "memory");
}

static unsigned long get_tag(const char *p)
{
	const char *tagged = p;

	asm volatile(MTE_ASM "ldg %0, [%1]" : "+r"(tagged) : "r"(p) : "memory");
	return (unsigned long)tagged >> 56;
}

/* A tag of the last owner would make the next one fault, and tell what was there. */
TEST(memory_tags_are_zero)
{
	struct region r;

	if (!(getauxval(AT_HWCAP2) & HWCAP2_MTE))
		SKIP(return, "no memory tags");
	region_new(&r, SMALL);
	ASSERT_EQ(0, mprotect(r.map, r.map_len, PROT_READ | PROT_WRITE | PROT_MTE));
	fill_region(&r);
	for (char *p = r.map; p < r.map + r.map_len; p += 16)
		set_tag(p);
	EXPECT_EQ(TAG, get_tag(r.p));
	EXPECT_LE(0, do_rezero(r.p, r.len, SIZE_MAX, 0));
	for (char *p = r.map; p < r.map + r.map_len; p += 16)
		ASSERT_EQ(p < r.p || p >= region_end(&r) ? TAG : 0, get_tag(p));
	EXPECT_TRUE(is_zero(r.p, r.len));
	EXPECT_TRUE(canaries_live(&r));
}

/* As other calls about memory take it, and as a tagging allocator has it. */
TEST(tag_of_the_address_is_ignored)
{
	struct region r;

	region_new(&r, SMALL);
	fill_region(&r);
	EXPECT_EQ((long)r.len, do_rezero(with_tag(r.p), r.len, SIZE_MAX, 0));
	EXPECT_TRUE(is_zero(r.p, r.len));
	EXPECT_TRUE(canaries_live(&r));
}
#endif

static void ignore(int signal)
{
}

TEST(poisoned_page)
{
	struct region r;
	long ret;

	region_new(&r, SMALL);
	fill_region(&r);
	signal(SIGBUS, ignore);
	if (madvise(r.p + 5 * ps, ps, MADV_HWPOISON))
		SKIP(return, "MADV_HWPOISON: %s", strerror(errno));
	ret = do_rezero(r.p, r.len, SIZE_MAX, 0);
	EXPECT_EQ((long)r.len - ps, ret);
	signal(SIGBUS, SIG_DFL);
	EXPECT_TRUE(is_zero(r.p, r.len));	/* another page is there now */
	EXPECT_TRUE(canaries_live(&r));
}

static void swap_is_released(struct __test_metadata *_metadata, enum swap_kind kind)
{
	const char *problem = swap_on(kind);
	struct region r;

	if (problem)
		SKIP(return, "%s", problem);
	region_new(&r, SMALL);
	problem = make_swapped(&r);
	if (!problem) {
		long long before = status_field(getpid(), "VmSwap");

		EXPECT_EQ(0, do_rezero(r.p, r.len, SIZE_MAX, 0));
		EXPECT_EQ(before - (long long)r.len / KIB, status_field(getpid(), "VmSwap"));
		EXPECT_EQ(0, smaps_field(r.p, "Swap"));
		EXPECT_TRUE(is_zero(r.p, r.len));
	}
	ASSERT_TRUE(swap_off(kind));
	if (problem)
		SKIP(return, "%s", problem);
}

TEST(swap_on_zram_is_released)
{
	swap_is_released(_metadata, SWAP_ZRAM);
}

TEST(swap_on_a_file_is_released)
{
	swap_is_released(_metadata, SWAP_FILE);
}

/* Swapped pages that a child shares: its copy comes back unchanged. */
TEST(swapped_and_shared)
{
	const char *problem = swap_on(SWAP_FILE);
	struct region r;

	if (problem)
		SKIP(return, "%s", problem);
	region_new(&r, SMALL);
	problem = make_swapped(&r);
	if (!problem) {
		start_child(&r);
		EXPECT_EQ(0, do_rezero(r.p, r.len, SIZE_MAX, 0));
		EXPECT_TRUE(is_zero(r.p, r.len));
		EXPECT_TRUE(end_of_child(&r));
		EXPECT_TRUE(canaries_live(&r));
	}
	ASSERT_TRUE(swap_off(SWAP_FILE));
	if (problem)
		SKIP(return, "%s", problem);
}

/* Reclaim by a control group instead of by madvise(). */
TEST(zero_after_reclaim_by_a_control_group)
{
	const char *problem = swap_on(SWAP_FILE), *dir;
	struct region r;

	if (problem)
		SKIP(return, "%s", problem);
	dir = enter_cgroup();
	if (!dir[0]) {
		swap_off(SWAP_FILE);
		SKIP(return, "no memory control group");
	}
	region_new(&r, SMALL);
	problem = make_in_swap_cache(&r);
	if (!problem) {
		double end = now() + 10;	/* a group's counters are 2 s late */

		EXPECT_EQ((long)r.len, do_rezero(r.p, r.len, SIZE_MAX, 0));
		while (count_resident(r.p, r.len) && now() < end) {
			cgroup_put(dir, "memory.reclaim", "64M");
			nap();
		}
		EXPECT_EQ(0, count_resident(r.p, r.len));
		EXPECT_TRUE(is_zero(r.p, r.len));
		EXPECT_TRUE(canaries_live(&r));
	}
	leave_cgroup(dir);
	ASSERT_TRUE(swap_off(SWAP_FILE));
	if (problem)
		SKIP(return, "%s", problem);
}

/* Whatever stands at the ends of the range and of what is done in one go. */
TEST(huge_pages_are_kept_whole)
{
	size_t size = 24 * pmd_size, odd = pmd_size / 2;
	char *p;

	if (huge_problem)
		SKIP(return, "%s", huge_problem);
	p = reserve(size, TAMALLOC_HUGE);
	ASSERT_NE(NULL, p);
	memset(p, 1, size);
	if (smaps_field(p, "AnonHugePages") * KIB < (long long)size)
		SKIP(return, "the huge pages are not to be had");
	/* Half a page, then fifteen, then half a page is too little for the next one. */
	EXPECT_EQ(odd + 15 * pmd_size,
		  do_rezero(p + odd, 20 * pmd_size - odd, 16 * pmd_size, 0));
	EXPECT_TRUE(is_zero(p + odd, 20 * pmd_size - odd));
	EXPECT_EQ(1, p[odd - 1]);
	EXPECT_EQ(1, p[20 * pmd_size]);
	munmap(p, size);
}

/* The price follows what was touched, not what was asked for. */
TEST(untouched_memory_costs_nothing)
{
	size_t size = 64 * TIB;
	double start;
	char *p;

	p = reserve(size, TAMALLOC_NOHUGE);
	ASSERT_NE(NULL, p);
	p[0] = 1;
	p[size / 2] = 1;
	p[size - 1] = 1;
	start = now();
	EXPECT_EQ(3 * ps, do_rezero(p, size, SIZE_MAX, 0));
	EXPECT_GT(0.2, now() - start);
	EXPECT_EQ(0, p[0] | p[size / 2] | p[size - 1]);
	munmap(p, size);
}

int main(int argc, char **argv)
{
	need_calls(NEED(TAMALLOC2) | NEED(REZERO));
	stay_on_one_cpu();
	find_huge_pages();
	if (is_root()) {
		const char * const settings[] = {
			THP_ENABLED, middle_size("enabled"), KSM_DIR "run",
			KSM_DIR "sleep_millisecs", KSM_DIR "pages_to_scan", NUMA_BALANCING,
			NR_HUGEPAGES,
		};

		for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
			restore_at_exit(settings[i]);
		put_file(THP_ENABLED, "madvise");
		put_file(NUMA_BALANCING, "0");	/* its faults would count as ours */
	}
	prepare_swap();
	return test_harness_run(argc, argv);
}
