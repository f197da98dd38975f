// SPDX-License-Identifier: GPL-2.0-only
/*
 * tamalloc2(). Hazard: memory that is counted before it is written, that is not zero
 * when it is first touched, or limits of the administrator that it slips past.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "tamtest.h"

#define OVERCOMMIT	"/proc/sys/vm/overcommit_memory"
#define MAX_MAP_COUNT	"/proc/sys/vm/max_map_count"

static long reserve_with(__u64 size, __u64 flags, __u64 align, const void *name)
{
	struct tamalloc_args args = {
		.size = size,
		.flags = flags,
		.align = align,
		.name = (unsigned long)name,
	};

	return do_tamalloc2(&args, sizeof(args));
}

static long reserve_named(const char *name)
{
	return reserve_with(ps, 0, 0, name);
}

static long long my(const char *field)
{
	return status_field(getpid(), field);
}

static long long my_settled(const char *field)
{
	settle_counters();
	return my(field);
}

/* ---- arguments ------------------------------------------------------------ */

TEST(errors)
{
	const __u64 both = TAMALLOC_HUGE | TAMALLOC_NOHUGE;

	EXPECT_EQ(-EINVAL, reserve_with(0, 0, 0, NULL));
	EXPECT_EQ(-EINVAL, reserve_with(ps, both, 0, NULL));
	for (int bit = 7; bit < 64; bit++)
		EXPECT_EQ(-EINVAL, reserve_with(ps, 1ULL << bit, 0, NULL));
	EXPECT_EQ(-ENOMEM, reserve_with(~0ULL, 0, 0, NULL));
	EXPECT_EQ(-ENOMEM, reserve_with(~0ULL - ps + 2, 0, 0, NULL));
	EXPECT_EQ(-ENOMEM, reserve_with(1ULL << 63, 0, 0, NULL));
	EXPECT_EQ(-ENOMEM, reserve_with(1ULL << 60, 0, GIB, NULL));
	EXPECT_EQ(-EFAULT, do_tamalloc2(NULL, TAMALLOC_ARGS_SIZE_VER0));
	EXPECT_EQ(-EFAULT, do_tamalloc2((void *)(1UL << 63), TAMALLOC_ARGS_SIZE_VER0));
}

TEST(order_of_errors)
{
	struct tamalloc_args bad = { .flags = 1ULL << 63, .align = 3, .name = 1 };

	EXPECT_EQ(-EINVAL, do_tamalloc2(NULL, 0));
	EXPECT_EQ(-E2BIG, do_tamalloc2(NULL, ps + 1));
	EXPECT_EQ(-EFAULT, do_tamalloc2(NULL, ps));
	EXPECT_EQ(-EINVAL, do_tamalloc2(&bad, sizeof(bad)));
	bad.flags = 0;
	bad.align = 0;
	bad.size = ~0ULL;
	EXPECT_EQ(-ENOMEM, do_tamalloc2(&bad, sizeof(bad)));	/* before the name */
	bad.size = ps;
	EXPECT_EQ(-EFAULT, do_tamalloc2(&bad, sizeof(bad)));
}

TEST(versions)
{
	struct {
		struct tamalloc_args args;
		char more[MAX_PAGE];
	} big = { .args.size = ps };
	char *end = page_before_guard();

	EXPECT_EQ(-EINVAL, do_tamalloc2(&big.args, TAMALLOC_ARGS_SIZE_VER0 - 1));
	EXPECT_LT(0, do_tamalloc2(&big.args, TAMALLOC_ARGS_SIZE_VER0));
	EXPECT_LT(0, do_tamalloc2(&big.args, TAMALLOC_ARGS_SIZE_VER0 + 1));
	EXPECT_LT(0, do_tamalloc2(&big.args, ps));
	EXPECT_EQ(-E2BIG, do_tamalloc2(&big.args, ps + 1));
	EXPECT_EQ(-E2BIG, do_tamalloc2(&big.args, SIZE_MAX));
	big.more[8] = 1;
	EXPECT_LT(0, do_tamalloc2(&big.args, TAMALLOC_ARGS_SIZE_VER0 + 8));
	EXPECT_EQ(-E2BIG, do_tamalloc2(&big.args, TAMALLOC_ARGS_SIZE_VER0 + 9));
	EXPECT_EQ(-E2BIG, do_tamalloc2(&big.args, ps));
	memcpy(end - sizeof(big.args), &big.args, sizeof(big.args));
	EXPECT_LT(0, do_tamalloc2((void *)(end - sizeof(big.args)), sizeof(big.args)));
	EXPECT_EQ(-EFAULT, do_tamalloc2((void *)(end - sizeof(big.args)), sizeof(big.args) + 8));
	EXPECT_EQ(-EFAULT, do_tamalloc2((void *)(end - 8), sizeof(big.args)));
}

/* An error leaves nothing behind. */
TEST(failures_reserve_nothing)
{
	long long before = my("VmSize");

	reserve_with(1ULL << 60, 0, 0, NULL);
	reserve_with(ps, 1ULL << 63, 0, NULL);
	reserve_with(ps, 0, 0, (void *)1);
	reserve_named("a`b");
	EXPECT_EQ(before, my("VmSize"));
}

TEST(alignment)
{
	const size_t sizes[] = { 1, 4096, 3 * MIB + 1, 8 * MIB };

	for (__u64 align = ps; align <= GIB; align *= 2) {
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			long addr = reserve_with(sizes[i], 0, align, NULL);

			ASSERT_LT(0, addr);
			EXPECT_EQ(0, addr % align);
			store((char *)addr + sizes[i] - 1, 1);
			EXPECT_EQ(0, munmap((void *)addr, sizes[i]));
		}
	}
}

TEST(bad_alignment)
{
	const __u64 bad[] = { 1, 2, 3, 8, ps / 2, ps - 1, ps + 1, 3 * ps, 2 * GIB, GIB + 1,
			      1ULL << 63, ~0ULL };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, reserve_with(ps, 0, bad[i], NULL)) {
			TH_LOG("%llu", bad[i]);
		}
	}
}

/* Only what was asked for remains mapped around an aligned reservation. */
TEST(alignment_wastes_no_address_space)
{
	long long before = my("VmSize");
	long addr = reserve_with(MIB, 0, GIB, NULL);

	ASSERT_LT(0, addr);
	EXPECT_EQ(before + MIB / KIB, my("VmSize"));
}

/* ---- flags and name ------------------------------------------------------- */

static const struct {
	__u64 flag;
	const char *vm_flag;
} vm_flags[] = {
	{ TAMALLOC_HUGE, "hg" },
	{ TAMALLOC_NOHUGE, "nh" },
	{ TAMALLOC_ACCOUNT, "ac" },
	{ TAMALLOC_DONTDUMP, "dd" },
	{ TAMALLOC_DONTFORK, "dc" },
	{ TAMALLOC_WIPEONFORK, "wf" },
};

static void check_flags(struct __test_metadata *_metadata, __u64 flags)
{
	char *p = reserve(MIB, flags);

	ASSERT_NE(NULL, p);
	for (size_t i = 0; i < ARRAY_SIZE(vm_flags); i++) {
		EXPECT_EQ(!!(flags & vm_flags[i].flag), has_vm_flag(p, vm_flags[i].vm_flag)) {
			TH_LOG("flags %llx: %s", flags, vm_flags[i].vm_flag);
		}
	}
	EXPECT_EQ(!(flags & TAMALLOC_ACCOUNT), has_vm_flag(p, "nr"));
	EXPECT_TRUE(has_vm_flag(p, "rd"));
	EXPECT_TRUE(has_vm_flag(p, "wr"));
	EXPECT_FALSE(has_vm_flag(p, "ex"));
	EXPECT_FALSE(has_vm_flag(p, "sh"));
	EXPECT_FALSE(has_vm_flag(p, "lo"));
	munmap(p, MIB);
}

TEST(flags)
{
	if (access(THP_SIZE, F_OK))
		SKIP(return, "no transparent huge pages");
	check_flags(_metadata, 0);
	for (size_t i = 0; i < ARRAY_SIZE(vm_flags); i++)
		check_flags(_metadata, vm_flags[i].flag);
	check_flags(_metadata, TAMALLOC_NOHUGE | TAMALLOC_ACCOUNT | TAMALLOC_DONTDUMP |
			       TAMALLOC_DONTFORK | TAMALLOC_WIPEONFORK);
	check_flags(_metadata, TAMALLOC_HUGE | TAMALLOC_DONTDUMP);
}

TEST(huge_is_aligned_for_huge_pages)
{
	long pmd = get_number(THP_SIZE);

	if (pmd < 0)
		SKIP(return, "no transparent huge pages");
	for (int i = 0; i < 4; i++) {
		char *p = reserve(pmd + ps, TAMALLOC_HUGE);	/* no multiple of it */

		ASSERT_NE(NULL, p);
		EXPECT_EQ(0, (long)p % pmd);
	}
	EXPECT_NE(NULL, reserve(ps, TAMALLOC_HUGE));
}

TEST(populate)
{
	char *p = reserve(16 * ps, TAMALLOC_POPULATE);
	long faults;

	ASSERT_NE(NULL, p);
	EXPECT_EQ(16, count_pages(p, 16 * ps, PM_PRESENT));
	faults = minor_faults();
	for (int i = 0; i < 16; i++)
		store(p + i * ps, 1);
	EXPECT_EQ(faults, minor_faults());
}

TEST(names)
{
	char name[82];
	long addr = reserve_with(ps, 0, 0, NULL);

	ASSERT_LT(0, addr);
	EXPECT_STREQ("[anon:tamalloc]", vma_name((void *)addr));
	addr = reserve_named("my arena (2)");
	ASSERT_LT(0, addr);
	EXPECT_STREQ("[anon:my arena (2)]", vma_name((void *)addr));

	memset(name, 'x', sizeof(name));
	name[79] = '\0';
	addr = reserve_named(name);
	ASSERT_LT(0, addr);
	EXPECT_EQ(strlen("[anon:]") + 79, strlen(vma_name((void *)addr)));
	name[79] = 'x';
	name[80] = '\0';
	EXPECT_EQ(-EINVAL, reserve_named(name));
	name[80] = 'x';
	name[81] = '\0';
	EXPECT_EQ(-EINVAL, reserve_named(name));
}

/* The characters that PR_SET_VMA_ANON_NAME refuses. */
TEST(bad_names)
{
	char name[] = "a?b";

	for (int c = 1; c < 256; c++) {
		bool bad = c < 0x20 || c > 0x7e || strchr("\\`$[]", c);
		long addr;

		name[1] = c;
		addr = reserve_named(name);
		if (bad) {
			EXPECT_EQ(-EINVAL, addr) {
				TH_LOG("character %d", c);
			}
			continue;
		}
		EXPECT_LT(0, addr) {
			TH_LOG("character %d", c);
		}
		munmap((void *)addr, ps);
	}
}

TEST(unreadable_names)
{
	char *end = page_before_guard();

	memcpy(end - 5, "name", 5);
	EXPECT_LT(0, reserve_named(end - 5));
	end[-1] = 'x';	/* runs into the guard */
	EXPECT_EQ(-EFAULT, reserve_named(end - 5));
	EXPECT_EQ(-EFAULT, reserve_named(end));
	EXPECT_EQ(-EFAULT, reserve_named((void *)1));
	EXPECT_EQ(-EFAULT, reserve_named((void *)(1UL << 63)));
}

/* ---- zero and lazy -------------------------------------------------------- */

TEST(reads_as_zero_and_is_writable)
{
	const size_t size = 6 * MIB + 1, rounded = 6 * MIB + ps;

	for (int i = 0; i < ARRAY_SIZE(vm_flags) + 1; i++) {
		__u64 flags = i ? vm_flags[i - 1].flag : 0;
		char *p;

		for (int written = 0; written < 2; written++) {	/* freed memory comes back zeroed */
			p = reserve(size, flags);
			ASSERT_NE(NULL, p);
			EXPECT_TRUE(is_zero(p, rounded));
			fill(p, rounded, 7);
			EXPECT_TRUE(is_filled(p, rounded, 7));
			EXPECT_EQ(0, munmap(p, rounded));
		}
	}
}

TEST(first_write_finds_zeroes_around_it)
{
	char *p = reserve(64 * ps, TAMALLOC_NOHUGE);

	ASSERT_NE(NULL, p);
	for (int i = 0; i < 64; i++) {
		store(p + i * ps + 100, 1);
		EXPECT_TRUE(is_zero(p + i * ps, 100));
		EXPECT_TRUE(is_zero(p + i * ps + 101, ps - 101));
	}
}

TEST(a_tebibyte_costs_nothing)
{
	const long long slack = 16 * ps / KIB;
	long long vm, rss;
	char *p;

	my_settled("VmRSS");	/* what reading it costs is paid */
	vm = my("VmSize");
	rss = my_settled("VmRSS");
	p = reserve(TIB, TAMALLOC_NOHUGE);
	if (!p && get_number(OVERCOMMIT) == 2)
		SKIP(return, "vm.overcommit_memory is 2");
	ASSERT_NE(NULL, p);
	EXPECT_EQ(vm + TIB / KIB, my("VmSize"));
	EXPECT_GT(rss + slack, my_settled("VmRSS"));

	for (long at = 0; at < TIB; at += GIB)	/* page tables grow, RSS does not */
		EXPECT_EQ(0, load(p + at));
	for (long at = 0; at < 8 * MIB; at += ps)
		EXPECT_EQ(0, load(p + at));
	EXPECT_GT(rss + slack, my_settled("VmRSS"));
	EXPECT_EQ(0, smaps_field(p, "Rss"));

	EXPECT_EQ(0, munmap(p, TIB));
	EXPECT_EQ(vm, my("VmSize"));
}

TEST(each_write_adds_one_page)
{
	char *p = reserve(GIB, TAMALLOC_NOHUGE);
	long long anon;

	ASSERT_NE(NULL, p);
	my_settled("RssAnon");
	anon = my_settled("RssAnon");
	for (int i = 0; i < 64; i++) {
		store(p + i * 16 * MIB, 1);
		EXPECT_EQ(anon + (i + 1) * ps / KIB, my_settled("RssAnon"));
	}
	store(p + 100, 1);	/* that page is there */
	EXPECT_EQ(anon + 64 * ps / KIB, my_settled("RssAnon"));
}

TEST(part_of_it_can_be_unmapped)
{
	char *p = reserve(16 * ps, 0);

	ASSERT_NE(NULL, p);
	fill(p, 16 * ps, 1);
	EXPECT_EQ(0, munmap(p + 4 * ps, 4 * ps));
	EXPECT_TRUE(is_filled(p, 4 * ps, 1));
	EXPECT_TRUE(is_filled(p + 8 * ps, 8 * ps, 1));
	EXPECT_EQ(-ENOMEM, or_errno(madvise(p + 4 * ps, ps, MADV_NORMAL)));
}

/* ---- limits --------------------------------------------------------------- */

TEST(address_space_limit)
{
	struct rlimit limit;

	limit.rlim_cur = my("VmSize") * KIB + 32 * MIB;
	limit.rlim_max = limit.rlim_cur;
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &limit));
	EXPECT_EQ(-ENOMEM, reserve_with(64 * MIB, 0, 0, NULL));
	EXPECT_LT(0, reserve_with(8 * MIB, 0, 0, NULL));
	/* What is skipped for the alignment does not count. */
	EXPECT_LT(0, reserve_with(8 * MIB, 0, 64 * MIB, NULL));
	EXPECT_EQ(-ENOMEM, reserve_with(24 * MIB, 0, 0, NULL));
}

TEST(data_limit)
{
	struct rlimit limit;

	limit.rlim_cur = my("VmData") * KIB + 32 * MIB;
	limit.rlim_max = limit.rlim_cur;
	ASSERT_EQ(0, setrlimit(RLIMIT_DATA, &limit));
	EXPECT_EQ(-ENOMEM, reserve_with(64 * MIB, 0, 0, NULL));
	EXPECT_LT(0, reserve_with(8 * MIB, 0, 0, NULL));
}

TEST(locked_memory_limit)
{
	const struct rlimit limit = { 16 * ps, 16 * ps };
	pid_t child = fork_child();

	if (!child) {
		if (is_root())
			become_user(ALICE);
		if (setrlimit(RLIMIT_MEMLOCK, &limit) || mlockall(MCL_FUTURE))
			_exit(1);
		if (reserve_with(17 * ps, 0, 0, NULL) != -EAGAIN)
			_exit(2);
		if (reserve_with(4 * ps, 0, 0, NULL) <= 0)
			_exit(3);
		if (my("VmLck") < 4 * ps / KIB)
			_exit(4);
		_exit(0);
	}
	EXPECT_EQ(0, join(child));
}

/* Locked on fault: still lazy. */
TEST(mlockall_on_fault)
{
	char *p;

	if (mlockall(MCL_FUTURE | MCL_ONFAULT))
		SKIP(return, "mlockall: %s", strerror(errno));
	p = reserve(16 * ps, 0);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(0, count_pages(p, 16 * ps, PM_PRESENT));
	EXPECT_TRUE(has_vm_flag(p, "lo"));
	EXPECT_TRUE(is_zero(p, 16 * ps));
}

TEST(number_of_mappings)
{
	long limit = get_number(MAX_MAP_COUNT), n, addr = 0, last = 0;
	long long before;
	char name[32];

	if (is_root() && put_file(MAX_MAP_COUNT, "1000"))
		limit = 1000;
	if (limit > 100000)
		SKIP(return, "vm.max_map_count is too large to be reached");
	for (n = 0; n <= limit; n++) {
		snprintf(name, sizeof(name), "arena %ld", n);	/* neighbours cannot merge */
		addr = reserve_named(name);
		if (addr < 0)
			break;
		last = addr;
	}
	EXPECT_EQ(-ENOMEM, addr);
	EXPECT_LT(limit / 2, n);
	before = my("VmSize");
	EXPECT_EQ(-ENOMEM, reserve_named("one more"));
	EXPECT_EQ(before, my("VmSize"));
	EXPECT_EQ(0, munmap((void *)last, ps));
	EXPECT_LT(0, reserve_named("in its place"));
}

TEST(overcommit)
{
	/* in kB */
	long long all = from_meminfo("MemTotal") + from_meminfo("SwapTotal"), limit, before, grown;
	const long slack = 16 * KIB;
	char *p;

	if (!is_root() || !put_file(OVERCOMMIT, "0"))
		SKIP(return, "needs root");
	/* Mode 0: what is accounted may not exceed everything there is. */
	EXPECT_EQ(-ENOMEM, reserve_with(2 * all * KIB, TAMALLOC_ACCOUNT, 0, NULL));
	EXPECT_LT(0, reserve_with(2 * all * KIB, 0, 0, NULL));
	before = from_meminfo("Committed_AS");
	p = reserve(64 * MIB, TAMALLOC_ACCOUNT);
	ASSERT_NE(NULL, p);
	grown = from_meminfo("Committed_AS") - before;
	EXPECT_LE(64 * KIB - slack, grown);
	EXPECT_GE(64 * KIB + slack, grown);
	munmap(p, 64 * MIB);
	before = from_meminfo("Committed_AS");
	ASSERT_NE(NULL, reserve(64 * MIB, 0));
	EXPECT_GE(slack, from_meminfo("Committed_AS") - before);

	/* Mode 1: anything goes. */
	ASSERT_TRUE(put_file(OVERCOMMIT, "1"));
	EXPECT_LT(0, reserve_with(2 * all * KIB, TAMALLOC_ACCOUNT, 0, NULL));
	EXPECT_LT(0, reserve_with(TIB, 0, 0, NULL));

	/* Mode 2: all is accounted, whatever the flags say. */
	ASSERT_TRUE(put_file(OVERCOMMIT, "2"));
	limit = from_meminfo("CommitLimit");
	EXPECT_EQ(-ENOMEM, reserve_with((limit + MIB) * KIB, 0, 0, NULL));
	EXPECT_EQ(-ENOMEM, reserve_with(TIB, TAMALLOC_ACCOUNT, 0, NULL));
	before = from_meminfo("Committed_AS");
	p = before + 128 * KIB < limit ? reserve(64 * MIB, 0) : NULL;
	grown = from_meminfo("Committed_AS") - before;
	put_file(OVERCOMMIT, "0");
	if (p) {
		EXPECT_LE(64 * KIB - slack, grown);
		EXPECT_GE(64 * KIB + slack, grown);
	}
}

/* A control group is charged, and killed, for what is written, not for what is reserved. */
TEST(control_group)
{
	int ready[2];
	pid_t child;
	char c = 0;

	ASSERT_EQ(0, pipe(ready));
	child = fork_child();
	if (!child) {
		const char *dir = enter_cgroup();
		char *p;

		if (!dir[0])
			_exit(99);
		if (!cgroup_put(dir, "memory.max", "16M"))
			_exit(99);
		cgroup_put(dir, "memory.swap.max", "0");
		p = reserve(256 * MIB, 0);
		for (long at = 0; p && at < 256 * MIB; at += MIB)
			load(p + at);
		if (!p || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (long at = 0; at < 256 * MIB; at += ps)
			store(p + at, 1);
		_exit(2);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		c = 0;
	switch (join(child)) {
	case 99:
		SKIP(break, "no memory control group");
		break;
	case -SIGKILL:
		EXPECT_EQ('r', c);
		break;
	default:
		EXPECT_EQ(0, 1) {
			TH_LOG("written beyond the limit");
		}
	}
	for (int i = 0; i < 100; i++) {
		char dir[100];

		snprintf(dir, sizeof(dir), "/sys/fs/cgroup/tamalloc-%d", child);
		if (!rmdir(dir) || errno == ENOENT)
			break;
		nap();
	}
}

/* ---- other processes ------------------------------------------------------ */

TEST(fork_copies)
{
	char *p = reserve(16 * ps, 0);
	pid_t child;

	ASSERT_NE(NULL, p);
	fill(p, 8 * ps, 1);
	child = fork_child();
	if (!child) {
		if (!is_filled(p, 8 * ps, 1) || !is_zero(p + 8 * ps, 8 * ps))
			_exit(1);
		fill(p, 16 * ps, 2);
		_exit(!is_filled(p, 16 * ps, 2));
	}
	EXPECT_EQ(0, join(child));
	EXPECT_TRUE(is_filled(p, 8 * ps, 1));
	EXPECT_TRUE(is_zero(p + 8 * ps, 8 * ps));
}

TEST(dontfork)
{
	char *p = reserve(16 * ps, TAMALLOC_DONTFORK);
	pid_t child;

	ASSERT_NE(NULL, p);
	fill(p, 16 * ps, 1);
	child = fork_child();
	if (!child)
		_exit(or_errno(madvise(p, 16 * ps, MADV_NORMAL)) != -ENOMEM);
	EXPECT_EQ(0, join(child));
	child = fork_child();
	if (!child)
		_exit(load(p));
	EXPECT_EQ(-SIGSEGV, join(child));
	EXPECT_TRUE(is_filled(p, 16 * ps, 1));
}

TEST(wipeonfork)
{
	char *p = reserve(16 * ps, TAMALLOC_WIPEONFORK);
	pid_t child;

	ASSERT_NE(NULL, p);
	fill(p, 16 * ps, 1);
	child = fork_child();
	if (!child) {
		if (!is_zero(p, 16 * ps) || !has_vm_flag(p, "wf"))
			_exit(1);
		fill(p, 16 * ps, 2);
		_exit(0);
	}
	EXPECT_EQ(0, join(child));
	EXPECT_TRUE(is_filled(p, 16 * ps, 1));
}

/* As a container has it. The program must be able to tell, and to go on. */
static long under_filter(int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nrs[TAMALLOC_CALL_TAMALLOC2], 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { ARRAY_SIZE(code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 0;
	return reserve_with(ps, 0, 0, NULL);
}

TEST(seccomp)
{
	const int errors[] = { EPERM, -no_such_call() };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		pid_t child = fork_child();
		int status;

		if (!child) {
			long ret = under_filter(errors[i]);

			if (!ret)
				_exit(99);
			find_calls();	/* discovery still works */
			_exit(ret != -errors[i] || !nrs[TAMALLOC_CALL_TAMALLOC2]);
		}
		status = join(child);
		if (status == 99)
			SKIP(return, "no seccomp filters");
		EXPECT_EQ(0, status);
	}
}

/* As with mmap(): the personality of old programs makes it executable. */
TEST(read_implies_exec)
{
	pid_t child = fork_child();

	if (!child) {
		char *p, *q;

		if (personality(personality(~0UL) | READ_IMPLIES_EXEC) == -1)
			_exit(99);
		p = mmap(NULL, ps, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		q = reserve(ps, 0);
		if (p == MAP_FAILED || !q)
			_exit(1);
		_exit(has_vm_flag(p, "ex") != has_vm_flag(q, "ex") ? 2 : 0);
	}
	EXPECT_EQ(0, join(child));
}

/* A process that must not get memory that is both writable and executable. */
TEST(memory_deny_write_execute)
{
	pid_t child = fork_child();
	int status;

	if (!child) {
		deny_write_execute();
		_exit(reserve_with(ps, 0, 0, NULL) != -EACCES);
	}
	status = join(child);
	if (status == NO_MDWE)
		SKIP(return, "no PR_SET_MDWE");
	EXPECT_EQ(0, status);
}

int main(int argc, char **argv)
{
	need_calls(NEED(TAMALLOC2));
	restore_at_exit(OVERCOMMIT);
	restore_at_exit(MAX_MAP_COUNT);
	return test_harness_run(argc, argv);
}
