// SPDX-License-Identifier: GPL-2.0-only
/*
 * The legacy calls. Hazard: programs were compiled against them, so
 * that not one errno, offset or unit may move, and the kernel's stack must not
 * follow the 20 bytes of a record into user space.
 */

#include "tamtest.h"

/* As the programs have it. */
struct mem_stats {
	unsigned long reserved_kb;
	unsigned long committed_kb;
	unsigned int oom_score;
};

struct total_mem_stats {
	unsigned long total_reserved_kb;
	unsigned long total_committed_kb;
};

static void touch_some(void)
{
	char *p = mmap(NULL, 3 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("shared", MFD_CLOEXEC);
	char *q;

	fill(p, MIB, 1);
	if (ftruncate(fd, MIB))
		abort();
	q = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fill(q, MIB / 2, 1);
}

TEST(layout)
{
	EXPECT_EQ(24, sizeof(struct mem_stats));
	EXPECT_EQ(16, sizeof(struct total_mem_stats));
	EXPECT_EQ(16, offsetof(struct mem_stats, oom_score));
	EXPECT_EQ(24, sizeof(struct tamalloc_mem_stats));
	EXPECT_EQ(16, offsetof(struct tamalloc_mem_stats, oom_score));
	EXPECT_EQ(16, sizeof(struct tamalloc_total_mem_stats));
}

TEST(tamalloc_errors)
{
	EXPECT_EQ(-EINVAL, do_tamalloc(0));
	EXPECT_EQ(-ENOMEM, do_tamalloc(SIZE_MAX));
	EXPECT_EQ(-ENOMEM, do_tamalloc(SIZE_MAX - ps + 2));
	EXPECT_EQ(-ENOMEM, do_tamalloc(SIZE_MAX - ps + 1));
	EXPECT_EQ(-ENOMEM, do_tamalloc(SIZE_MAX / 2));
	EXPECT_EQ(-ENOMEM, do_tamalloc(1UL << 60));
}

TEST(tamalloc_is_lazy_zeroed_memory)
{
	const size_t size = 4 * MIB + 1, rounded = 4 * MIB + ps;
	long long vm = status_field(getpid(), "VmSize");
	long addr = do_tamalloc(size);
	char *p = (char *)addr;

	ASSERT_LT(0, addr);
	EXPECT_EQ(vm + rounded / KIB, status_field(getpid(), "VmSize"));
	EXPECT_EQ(0, count_pages(p, rounded, PM_PRESENT));
	EXPECT_TRUE(is_zero(p, rounded));
	fill(p, rounded, 1);
	EXPECT_TRUE(is_filled(p, rounded, 1));
	EXPECT_EQ(0, munmap(p, rounded));
	EXPECT_EQ(vm, status_field(getpid(), "VmSize"));
}

TEST(tamalloc_adds_nothing_but_a_label)
{
	const char * const expected[] = { "rd", "wr", "mr", "mw", "me", "nr" };
	const char * const others[] = { "ex", "ac", "nh", "hg", "dd", "dc", "wf", "lo" };
	long addr = do_tamalloc(MIB);

	ASSERT_LT(0, addr);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		EXPECT_TRUE(has_vm_flag((void *)addr, expected[i])) {
			TH_LOG("%s", expected[i]);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		EXPECT_FALSE(has_vm_flag((void *)addr, others[i])) {
			TH_LOG("%s", others[i]);
		}
	}
	EXPECT_STREQ("[anon:tamalloc]", vma_name((void *)addr));
}

/* mmap() semantics: what is locked is there at once. */
TEST(tamalloc_under_mlockall)
{
	long addr;

	if (mlockall(MCL_FUTURE))
		SKIP(return, "mlockall: %s", strerror(errno));
	addr = do_tamalloc(4 * ps);
	munlockall();
	ASSERT_LT(0, addr);
	EXPECT_EQ(4, count_pages((char *)addr, 4 * ps, PM_PRESENT));
	EXPECT_TRUE(is_zero((void *)addr, 4 * ps));
}

TEST(tamalloc_over_the_limit_of_locked_memory)
{
	const struct rlimit limit = { 4 * ps, 4 * ps };
	pid_t child = fork_child();

	if (!child) {
		if (is_root())
			become_user(ALICE);
		if (setrlimit(RLIMIT_MEMLOCK, &limit) || mlockall(MCL_FUTURE))
			_exit(1);
		_exit(do_tamalloc(MIB) != -EAGAIN);
	}
	EXPECT_EQ(0, join(child));
}

/* A process that must not get memory that is both writable and executable. */
TEST(tamalloc_memory_deny_write_execute)
{
	pid_t child = fork_child();
	int status;

	if (!child) {
		deny_write_execute();
		_exit(do_tamalloc(ps) != -EACCES);
	}
	status = join(child);
	if (status == NO_MDWE)
		SKIP(return, "no PR_SET_MDWE");
	EXPECT_EQ(0, status);
}

TEST(record_is_24_bytes)
{
	unsigned char buf[64];
	struct mem_stats s;

	memset(buf, 0xa5, sizeof(buf));
	ASSERT_EQ(0, do_mem_stats(getpid(), buf));
	memcpy(&s, buf, sizeof(s));
	EXPECT_LT(0, s.reserved_kb);
	EXPECT_LT(0, s.committed_kb);
	EXPECT_LE(s.committed_kb, s.reserved_kb);
	EXPECT_GE(2000, s.oom_score);
	for (size_t i = 20; i < sizeof(s); i++)
		EXPECT_EQ(0, buf[i]);
	for (size_t i = sizeof(s); i < sizeof(buf); i++)
		EXPECT_EQ(0xa5, buf[i]);
}

TEST(totals_are_16_bytes)
{
	unsigned char buf[64];

	memset(buf, 0xa5, sizeof(buf));
	ASSERT_EQ(0, do_total_mem_stats(buf));
	for (size_t i = sizeof(struct total_mem_stats); i < sizeof(buf); i++)
		EXPECT_EQ(0xa5, buf[i]);
}

TEST(efault)
{
	char *end = page_before_guard();

	EXPECT_EQ(0, do_mem_stats(getpid(), end - 24));
	EXPECT_EQ(-EFAULT, do_mem_stats(getpid(), end - 23));
	EXPECT_EQ(-EFAULT, do_mem_stats(getpid(), end));
	EXPECT_EQ(-EFAULT, do_mem_stats(getpid(), NULL));
	EXPECT_EQ(-EFAULT, do_mem_stats(getpid(), (void *)(1UL << 63)));
	EXPECT_EQ(0, do_total_mem_stats(end - 16));
	EXPECT_EQ(-EFAULT, do_total_mem_stats(end - 15));
	EXPECT_EQ(-EFAULT, do_total_mem_stats(NULL));
	EXPECT_EQ(-EFAULT, do_total_mem_stats((void *)(1UL << 63)));
}

TEST(esrch)
{
	pid_t missing = missing_pid();
	struct mem_stats s;

	EXPECT_EQ(-ESRCH, do_mem_stats(missing, &s));
	EXPECT_EQ(-ESRCH, do_mem_stats(0, &s));
	EXPECT_EQ(-ESRCH, do_mem_stats(-1, &s));
	EXPECT_EQ(-ESRCH, do_mem_stats(INT_MIN, &s));
	EXPECT_EQ(-ESRCH, do_mem_stats(INT_MAX, &s));
	EXPECT_EQ(-ESRCH, do_mem_stats(missing, NULL));	/* before EFAULT */
}

TEST(zombie_and_kernel_thread)
{
	pid_t zombie = zombie_child(), kthread = kthread_pid();
	struct mem_stats s;

	EXPECT_EQ(-ENOMEM, do_mem_stats(zombie, &s));
	EXPECT_EQ(-ENOMEM, do_mem_stats(zombie, NULL));
	join(zombie);
	EXPECT_EQ(-ESRCH, do_mem_stats(zombie, &s));
	if (kthread)
		EXPECT_EQ(-ENOMEM, do_mem_stats(kthread, &s));
}

static pid_t thread_tid;
static struct mem_stats thread_stats;
static long thread_ret;

static void *ask_about_myself(void *arg)
{
	thread_tid = syscall(SYS_gettid);
	thread_ret = do_mem_stats(thread_tid, &thread_stats);
	return NULL;
}

TEST(tid_is_accepted)
{
	struct mem_stats s;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, ask_about_myself, NULL));
	pthread_join(thread, NULL);
	ASSERT_EQ(0, do_mem_stats(getpid(), &s));
	EXPECT_NE(getpid(), thread_tid);
	EXPECT_EQ(0, thread_ret);
	EXPECT_EQ(s.reserved_kb, thread_stats.reserved_kb);
}

static void *outlive(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

static void leave_a_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, outlive, NULL))
		abort();
	syscall(SYS_exit, 0);
}

TEST(main_thread_has_exited)
{
	pid_t child = fork_child();
	struct mem_stats s = { 0 };

	if (!child)
		leave_a_thread();
	for (int i = 0; i < 1000 && status_field(child, "VmSize") != -1; i++)
		nap();
	EXPECT_EQ(0, do_mem_stats(child, &s));
	EXPECT_LT(0, s.reserved_kb);
	EXPECT_LT(0, s.committed_kb);
	end_child(child);
}

TEST(values_are_those_of_proc)
{
	const int adjustments[] = { 0, 1, 500, 999, 1000, -1, -500, -999, -1000 };
	pid_t child = stopped_child(touch_some);
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", child);
	for (size_t i = 0; i < ARRAY_SIZE(adjustments); i++) {
		struct mem_stats s;

		if (!put_filef(path, "%d", adjustments[i])) {
			EXPECT_FALSE(is_root());
			continue;
		}
		ASSERT_EQ(0, do_mem_stats(child, &s));
		EXPECT_EQ(status_field(child, "VmSize"), s.reserved_kb);
		EXPECT_EQ(status_field(child, "VmRSS"), s.committed_kb);
		EXPECT_EQ(proc_number(child, "oom_score"), s.oom_score) {
			TH_LOG("oom_score_adj %d", adjustments[i]);
		}
	}
	end_child(child);
}

static int compare_totals(void *tolerance)
{
	pid_t children[3] = { stopped_child(touch_some), stopped_child(NULL), zombie_child() };
	long long vm = 0, rss = 0, slack = *(long *)tolerance;
	static pid_t pids[32768];
	struct total_mem_stats t;
	int n;

	/* Once before: reading /proc makes this process grow. */
	for (int round = 0; round < 2; round++) {
		vm = 0;
		rss = 0;
		n = proc_pids(pids, ARRAY_SIZE(pids));
		for (int i = 0; i < n; i++) {
			long long size = status_field(pids[i], "VmSize");

			if (size >= 0) {
				vm += size;
				rss += status_field(pids[i], "VmRSS");
			}
		}
	}
	if (do_total_mem_stats(&t))
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		end_child(children[i]);
	printf("# reserved %lu kB, /proc %lld kB; committed %lu kB, /proc %lld kB; %d processes\n",
	       t.total_reserved_kb, vm, t.total_committed_kb, rss, n);
	if (llabs((long long)t.total_reserved_kb - vm) > slack)
		return 2;
	return llabs((long long)t.total_committed_kb - rss) > slack ? 3 : 0;
}

TEST(totals_are_the_sums_of_a_namespace)
{
	long exact = 0;
	int ret = in_pid_namespace(compare_totals, &exact);

	if (ret == NO_NAMESPACE)
		SKIP(return, "no pid namespace");
	EXPECT_EQ(0, ret);
}

TEST(totals_are_the_sums_of_the_system)
{
	long others_may_grow = 64 * KIB;	/* kB */

	EXPECT_EQ(0, compare_totals(&others_may_grow));
}

#ifdef __x86_64__
static long call_i386(long nr)
{
	long ret;

	asm volatile("int $0x80" : "=a"(ret)
		     : "a"(nr), "b"(0L), "c"(0L), "d"(0L), "S"(0L), "D"(0L) : "memory", "r8",
		       "r9", "r10", "r11");
	return ret;
}

/* Neither these nor the modern ones: the table of i386 has none of the numbers. */
TEST(not_for_i386)
{
	pid_t child = fork_child();
	int status;

	if (!child) {
		for (int i = 0; i < NR_CALLS; i++)
			if (call_i386(nrs[i]) != no_such_call())
				_exit(1);
		_exit(0);
	}
	status = join(child);
	if (status == -SIGSEGV)
		SKIP(return, "no IA32 emulation");
	EXPECT_EQ(0, status);
}

/* Structures of unsigned long have another layout there. */
TEST(not_for_x32)
{
	for (int i = TAMALLOC_CALL_TAMALLOC; i < NR_CALLS; i++)
		EXPECT_EQ(no_such_call(), or_errno(syscall(nrs[i] | __X32_SYSCALL_BIT, MIB, 0)));
}
#endif

int main(int argc, char **argv)
{
	need_calls(NEED(TAMALLOC) | NEED(GET_MEM_STATS) | NEED(GET_TOTAL_MEM_STATS));
	return test_harness_run(argc, argv);
}
