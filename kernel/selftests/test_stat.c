// SPDX-License-Identifier: GPL-2.0-only
/*
 * tamstat(). Hazard: a figure that is nearly the one of /proc, and a figure about
 * somebody who may not be asked about.
 */
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <sys/uio.h>

#include "tamtest.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define OVERFLOW_UID	"/proc/sys/kernel/overflowuid"
#define NR_HUGEPAGES	"/proc/sys/vm/nr_hugepages"

static long ask(pid_t pid, struct tamstat *st)
{
	return do_tamstat(P_PID, pid, st, sizeof(*st), 0);
}

static int open_pidfd(pid_t pid)
{
	return syscall(__NR_pidfd_open, pid, 0);
}

/* ---- figures --------------------------------------------------------------- */

/* Something of each kind. What cannot be had is left out, and is then 0 in both. */
static void use_memory(void)
{
	struct io_uring_params params = { 0 };
	char *anon, *shared, *file, *huge;
	long huge_size = from_meminfo("Hugepagesize") * KIB;
	int fd, ring;
	struct iovec iov;

	anon = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(mmap(NULL, 16 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 16 * MIB);
	fill(anon, 4 * MIB, 1);
	madvise(anon, 2 * MIB, MADV_DONTNEED);	/* peaks are above what is there now */
	mlock(anon + 2 * MIB, 4 * ps);
	madvise(anon + 3 * MIB, 4 * ps, MADV_PAGEOUT);

	fd = memfd_create("shared", MFD_CLOEXEC);
	if (ftruncate(fd, MIB))
		abort();
	shared = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fill(shared, MIB / 2, 1);

	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	file = mmap(NULL, 8 * ps, PROT_READ, MAP_PRIVATE, fd, 0);
	for (int i = 0; i < 8; i++)
		load(file + i * ps);

	huge = mmap(NULL, huge_size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (huge != MAP_FAILED)
		store(huge, 1);

	/* Its pages count as those of a file, also where there is only tmpfs. */
	ring = syscall(__NR_io_uring_setup, 4, &params);
	iov.iov_base = anon + 2 * MIB;
	iov.iov_len = 4 * ps;
	if (ring >= 0) {
		mmap(NULL, ps, PROT_READ, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
		syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS, &iov, 1);
	}

	prctl(PR_SET_NAME, "a \"b\" \\ c");
	for (int i = 0; i < 3; i++) {	/* faults of children and of threads that ended */
		pid_t child = fork_child();

		if (!child)
			_exit(0);
		join(child);
	}
}

static void *fault(void *arg)
{
	char *p = mmap(NULL, 64 * ps, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < 64; i++)
		store(p + i * ps, 1);
	while (arg)
		pause();
	return NULL;
}

static void use_threads(void)
{
	pthread_t thread;

	for (int i = 0; i < 2; i++) {
		if (pthread_create(&thread, NULL, fault, NULL))
			abort();
		pthread_join(thread, NULL);
		if (pthread_create(&thread, NULL, fault, ""))
			abort();
	}
	usleep(100000);
}

/* kB of /proc/PID/status against bytes. */
static void same(struct __test_metadata *_metadata, pid_t pid, const char *name, __u64 value)
{
	long long kb = status_field(pid, name);

	EXPECT_LE(0, kb) {
		TH_LOG("%s is missing", name);
	}
	EXPECT_EQ(kb * KIB, value) {
		TH_LOG("%s", name);
	}
}

static void compare(struct __test_metadata *_metadata, pid_t pid)
{
	const __u64 groups = TAMSTAT_BASIC | TAMSTAT_MEM | TAMSTAT_PEAK | TAMSTAT_OOM |
			     TAMSTAT_FAULTS;
	long ticks = sysconf(_SC_CLK_TCK);
	char path[64], comm[32];
	struct tamstat st;

	memset(&st, 0xa5, sizeof(st));
	ASSERT_EQ(0, ask(pid, &st));
	EXPECT_EQ(groups, st.mask);
	EXPECT_EQ(pid, st.pid);
	EXPECT_EQ(status_field(pid, "PPid"), st.ppid);
	EXPECT_EQ(status_field(pid, "Uid"), st.uid);
	EXPECT_EQ(status_field(pid, "Threads"), st.nr_threads);
	EXPECT_EQ(0, st.flags & ~TAMSTAT_F_OOM_UNKILLABLE);
	EXPECT_EQ(0, st.__reserved0);
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	get_file(path, comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = '\0';
	EXPECT_STREQ(comm, st.comm);
	EXPECT_TRUE(is_zero(st.comm + strlen(st.comm), sizeof(st.comm) - strlen(st.comm)));

	EXPECT_EQ(proc_number(pid, "oom_score_adj"), st.oom_score_adj);
	EXPECT_EQ(proc_number(pid, "oom_score"), st.oom_score);
	EXPECT_EQ(stat_field(pid, 10), st.min_flt);
	EXPECT_EQ(stat_field(pid, 12), st.maj_flt);
	EXPECT_EQ(stat_field(pid, 22), st.start_boottime_ns / (1000000000 / ticks));

	same(_metadata, pid, "VmPeak", st.vm_peak);
	same(_metadata, pid, "VmSize", st.vm_total);
	same(_metadata, pid, "VmLck", st.vm_locked);
	same(_metadata, pid, "VmPin", st.vm_pinned);
	same(_metadata, pid, "VmHWM", st.rss_peak);
	same(_metadata, pid, "RssAnon", st.rss_anon);
	same(_metadata, pid, "RssFile", st.rss_file);
	same(_metadata, pid, "RssShmem", st.rss_shmem);
	same(_metadata, pid, "VmData", st.vm_data);
	same(_metadata, pid, "VmStk", st.vm_stack);
	same(_metadata, pid, "VmPTE", st.pgtables);
	same(_metadata, pid, "VmSwap", st.swap);
	same(_metadata, pid, "HugetlbPages", st.hugetlb);
	EXPECT_EQ((status_field(pid, "VmExe") + status_field(pid, "VmLib")) * KIB, st.vm_exec);
}

TEST(each_field_is_that_of_proc)
{
	pid_t child;

	if (is_root() && !get_number(NR_HUGEPAGES))
		put_file(NR_HUGEPAGES, "2");
	child = stopped_child(use_memory);
	compare(_metadata, child);
	end_child(child);
}

TEST(each_field_is_that_of_proc_with_threads)
{
	pid_t child = stopped_child(use_threads);

	compare(_metadata, child);
	EXPECT_EQ(3, status_field(child, "Threads"));
	end_child(child);
}

/* The figures above are worth nothing where they are all 0. */
TEST(fields_are_not_zero)
{
	pid_t child = stopped_child(use_memory);
	struct tamstat st;

	ASSERT_EQ(0, ask(child, &st));
	end_child(child);
	EXPECT_LT(0, st.vm_total);
	EXPECT_LT(0, st.vm_data);
	EXPECT_LT(0, st.vm_stack);
	EXPECT_LT(0, st.vm_exec);
	EXPECT_LE(2 * MIB, st.rss_anon + st.swap);
	EXPECT_LT(0, st.rss_file);
	EXPECT_LE(MIB / 2, st.rss_shmem);
	EXPECT_LT(st.vm_total, st.vm_peak);
	EXPECT_LT(st.rss_anon + st.rss_file + st.rss_shmem, st.rss_peak);
	EXPECT_LT(0, st.pgtables);
	EXPECT_LT(0, st.min_flt);
	if (is_root()) {
		EXPECT_EQ(4 * ps, st.vm_locked);
		EXPECT_EQ(4 * ps, st.vm_pinned);
		EXPECT_LT(0, st.hugetlb);
	}
}

TEST(oom_score_at_each_adjustment)
{
	const int adjustments[] = { 0, 1, 500, 999, 1000, -1, -500, -999, -1000 };
	pid_t child = stopped_child(use_memory);
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", child);
	for (size_t i = 0; i < ARRAY_SIZE(adjustments); i++) {
		struct tamstat st;

		if (!put_filef(path, "%d", adjustments[i])) {
			EXPECT_FALSE(is_root());
			continue;
		}
		ASSERT_EQ(0, ask(child, &st));
		EXPECT_EQ(adjustments[i], st.oom_score_adj);
		EXPECT_EQ(proc_number(child, "oom_score"), st.oom_score) {
			TH_LOG("oom_score_adj %d", adjustments[i]);
		}
		EXPECT_EQ(adjustments[i] == -1000, !!(st.flags & TAMSTAT_F_OOM_UNKILLABLE));
	}
	end_child(child);
}

/* Nobody may kill process 1. */
TEST(oom_score_of_init)
{
	struct tamstat st;

	if (getpid() == 1 || access("/proc/1/oom_score", R_OK) || kthread_pid() != 2)
		SKIP(return, "not the first pid namespace");
	ASSERT_EQ(0, ask(1, &st));
	EXPECT_EQ(proc_number(1, "oom_score"), st.oom_score);
	EXPECT_TRUE(st.flags & TAMSTAT_F_OOM_UNKILLABLE);
}

TEST(approximate_counters)
{
	const __u64 slack = 3 * 64 * sysconf(_SC_NPROCESSORS_CONF) * ps;
	pid_t child = stopped_child(use_memory);
	struct tamstat exact, approx;

	ASSERT_EQ(0, ask(child, &exact));
	ASSERT_EQ(0, do_tamstat(P_PID, child, &approx, sizeof(approx), TAMSTAT_LIST_APPROX));
	end_child(child);
	EXPECT_EQ(exact.vm_total, approx.vm_total);
	EXPECT_EQ(exact.pgtables, approx.pgtables);
	EXPECT_GE(slack, (__u64)llabs((long long)(exact.rss_anon - approx.rss_anon)));
	EXPECT_GE(slack, (__u64)llabs((long long)(exact.rss_file - approx.rss_file)));
	EXPECT_GE(slack, (__u64)llabs((long long)(exact.rss_shmem - approx.rss_shmem)));
	EXPECT_GE(slack, (__u64)llabs((long long)(exact.swap - approx.swap)));
}

/* ---- processes that are special --------------------------------------------- */

static void check_no_memory(struct __test_metadata *_metadata, const struct tamstat *st)
{
	EXPECT_TRUE(st->flags & TAMSTAT_F_NOMM);
	EXPECT_TRUE(is_zero(&st->vm_total, offsetof(struct tamstat, min_flt) -
					   offsetof(struct tamstat, vm_total)));
}

TEST(zombie)
{
	pid_t zombie = zombie_child();
	struct tamstat st;

	ASSERT_EQ(0, ask(zombie, &st));
	EXPECT_EQ(TAMSTAT_F_ZOMBIE, st.flags & (TAMSTAT_F_ZOMBIE | TAMSTAT_F_KTHREAD));
	check_no_memory(_metadata, &st);
	EXPECT_EQ(zombie, st.pid);
	EXPECT_EQ(getpid(), st.ppid);
	EXPECT_EQ(stat_field(zombie, 10), st.min_flt);
	EXPECT_EQ(proc_number(zombie, "oom_score"), st.oom_score);
	join(zombie);
	EXPECT_EQ(-ESRCH, ask(zombie, &st));
}

TEST(kernel_thread)
{
	pid_t kthread = kthread_pid();
	struct tamstat st;

	if (!kthread)
		SKIP(return, "not the first pid namespace");
	ASSERT_EQ(0, ask(kthread, &st));
	EXPECT_EQ(TAMSTAT_F_KTHREAD, st.flags & (TAMSTAT_F_ZOMBIE | TAMSTAT_F_KTHREAD));
	check_no_memory(_metadata, &st);
	EXPECT_STREQ("kthreadd", st.comm);
	EXPECT_EQ(proc_number(kthread, "oom_score"), st.oom_score);
}

static void leave_a_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fault, ""))
		abort();
	syscall(SYS_exit, 0);
}

TEST(main_thread_has_exited)
{
	pid_t child = fork_child(), other = 0;
	char path[64];
	struct tamstat st;
	struct dirent *entry;
	DIR *dir;

	if (!child)
		leave_a_thread();
	for (int i = 0; i < 1000 && status_field(child, "VmSize") != -1; i++)
		nap();
	usleep(100000);	/* until the other one sleeps */
	snprintf(path, sizeof(path), "/proc/%d/task", child);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (atoi(entry->d_name) > 0 && atoi(entry->d_name) != child)
			other = atoi(entry->d_name);
	closedir(dir);
	ASSERT_LT(0, other);
	ASSERT_EQ(0, ask(child, &st));
	EXPECT_EQ(0, st.flags & TAMSTAT_F_NOMM);
	EXPECT_EQ(child, st.pid);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", child, other);
	EXPECT_EQ(file_field(path, "VmSize") * KIB, st.vm_total);
	EXPECT_EQ(file_field(path, "RssAnon") * KIB, st.rss_anon);
	EXPECT_EQ(file_field(path, "VmHWM") * KIB, st.rss_peak);
	end_child(child);
}

TEST(myself)
{
	struct tamstat zero, named;
	int fd = open_pidfd(getpid());

	ASSERT_EQ(0, ask(0, &zero));
	ASSERT_EQ(0, ask(getpid(), &named));
	EXPECT_EQ(getpid(), zero.pid);
	EXPECT_EQ(getppid(), zero.ppid);
	EXPECT_EQ(zero.start_boottime_ns, named.start_boottime_ns);
	EXPECT_EQ(zero.vm_total, named.vm_total);
	ASSERT_EQ(0, do_tamstat(P_PIDFD, fd, &named, sizeof(named), 0));
	EXPECT_EQ(getpid(), named.pid);
}

static pid_t thread_tid;
static struct tamstat thread_self;
static long thread_ret[2];

static void *ask_as_thread(void *arg)
{
	struct tamstat st;

	thread_tid = syscall(SYS_gettid);
	thread_ret[0] = ask(thread_tid, &st);
	thread_ret[1] = ask(0, &thread_self);
	return NULL;
}

TEST(thread_is_no_process)
{
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, ask_as_thread, NULL));
	pthread_join(thread, NULL);
	EXPECT_NE(getpid(), thread_tid);
	EXPECT_EQ(-ESRCH, thread_ret[0]);
	EXPECT_EQ(0, thread_ret[1]);
	EXPECT_EQ(getpid(), thread_self.pid);	/* a thread's self is its process */
}

/* ---- arguments -------------------------------------------------------------- */

TEST(missing_processes)
{
	pid_t missing = missing_pid();
	struct tamstat st;

	EXPECT_EQ(-ESRCH, ask(missing, &st));
	EXPECT_EQ(-ESRCH, ask(-1, &st));
	EXPECT_EQ(-ESRCH, ask(-getpid(), &st));
	EXPECT_EQ(-ESRCH, ask(INT_MIN, &st));
	EXPECT_EQ(-ESRCH, ask(INT_MAX, &st));
}

TEST(pidfd)
{
	pid_t child = fork_child();
	struct tamstat st;
	int fd, file;

	if (!child)
		for (;;)
			pause();
	fd = open_pidfd(child);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, do_tamstat(P_PIDFD, fd, &st, sizeof(st), 0));
	EXPECT_EQ(child, st.pid);
	kill(child, SIGKILL);
	waitid(P_PID, child, &(siginfo_t){}, WEXITED | WNOWAIT);
	EXPECT_EQ(0, do_tamstat(P_PIDFD, fd, &st, sizeof(st), 0));
	EXPECT_TRUE(st.flags & TAMSTAT_F_ZOMBIE);
	join(child);
	EXPECT_EQ(-ESRCH, do_tamstat(P_PIDFD, fd, &st, sizeof(st), 0));
	close(fd);
	EXPECT_EQ(-EBADF, do_tamstat(P_PIDFD, fd, &st, sizeof(st), 0));
	EXPECT_EQ(-EBADF, do_tamstat(P_PIDFD, -1, &st, sizeof(st), 0));
	file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	EXPECT_EQ(-EBADF, do_tamstat(P_PIDFD, file, &st, sizeof(st), 0));
}

TEST(errors_and_their_order)
{
	pid_t missing = missing_pid();
	struct tamstat st;

	for (int bit = 0; bit < 32; bit++)
		if (1U << bit != TAMSTAT_LIST_APPROX)
			EXPECT_EQ(-EINVAL, do_tamstat(P_PID, 0, &st, sizeof(st), 1U << bit));
	EXPECT_EQ(-EINVAL, do_tamstat(P_PID, 0, &st, ps + 1, 1U << 31));
	EXPECT_EQ(-E2BIG, do_tamstat(-1, 0, &st, ps + 1, 0));
	EXPECT_EQ(-E2BIG, do_tamstat(-1, 0, &st, SIZE_MAX, 0));
	EXPECT_EQ(-EINVAL, do_tamstat(P_PID, missing, &st, TAMSTAT_SIZE_VER0 - 1, 0));
	EXPECT_EQ(-EINVAL, do_tamstat(P_PID, missing, &st, 0, 0));
	EXPECT_EQ(-EINVAL, do_tamstat(P_ALL, 0, &st, sizeof(st), 0));
	EXPECT_EQ(-EINVAL, do_tamstat(P_PGID, 0, &st, sizeof(st), 0));
	EXPECT_EQ(-EINVAL, do_tamstat(-1, 0, &st, sizeof(st), 0));
	EXPECT_EQ(-EINVAL, do_tamstat(4, 0, &st, sizeof(st), 0));
	EXPECT_EQ(-ESRCH, do_tamstat(P_PID, missing, NULL, sizeof(st), 0));
	EXPECT_EQ(-EFAULT, do_tamstat(P_PID, 0, NULL, sizeof(st), 0));
	EXPECT_EQ(-EFAULT, do_tamstat(P_PID, 0, (void *)(1UL << 63), sizeof(st), 0));
}

TEST(sizes)
{
	static unsigned char buf[2 * MAX_PAGE];
	char *end = page_before_guard();
	const size_t sizes[] = { TAMSTAT_SIZE_VER0, TAMSTAT_SIZE_VER0 + 1, TAMSTAT_SIZE_VER0 + 8,
				 1000, ps };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct tamstat st;

		memset(buf, 0xa5, sizeof(buf));
		ASSERT_EQ(0, do_tamstat(P_PID, 0, buf, sizes[i], 0));
		memcpy(&st, buf, sizeof(st));
		EXPECT_EQ(getpid(), st.pid);
		EXPECT_TRUE(is_zero(buf + TAMSTAT_SIZE_VER0, sizes[i] - TAMSTAT_SIZE_VER0));
		for (size_t k = sizes[i]; k < sizeof(buf); k++)
			EXPECT_EQ(0xa5, buf[k]);
	}
	EXPECT_EQ(0, do_tamstat(P_PID, 0, end - TAMSTAT_SIZE_VER0, TAMSTAT_SIZE_VER0, 0));
	EXPECT_EQ(-EFAULT, do_tamstat(P_PID, 0, end - TAMSTAT_SIZE_VER0 + 1, TAMSTAT_SIZE_VER0, 0));
	EXPECT_EQ(-EFAULT, do_tamstat(P_PID, 0, end - TAMSTAT_SIZE_VER0, TAMSTAT_SIZE_VER0 + 8, 0));
}

/* A name of 15 bytes that are no text: they are copied as they are, with a NUL. */
static void use_strange_name(void)
{
	prctl(PR_SET_NAME, "\001\"\\\377\n5678901234567890");
}

TEST(name_is_not_changed)
{
	pid_t child = stopped_child(use_strange_name);
	struct tamstat st;

	EXPECT_EQ(0, ask(child, &st));
	EXPECT_STREQ("\001\"\\\377\n5678901234", st.comm);
	end_child(child);
}

#ifdef __x86_64__
/* Numbers above 547 are out of the range that x32 programs have. */
TEST(not_for_x32)
{
	const long nr = nrs[TAMALLOC_CALL_TAMSTAT] | __X32_SYSCALL_BIT;
	struct tamstat st;

	EXPECT_EQ(no_such_call(), or_errno(syscall(nr, P_PID, 0, &st, sizeof(st), 0)));
}
#endif

/* ---- namespaces --------------------------------------------------------------- */

/* What a process in a pid namespace sees; and says, so that its parent can compare. */
struct report {
	int ready[2], done[2];
	pid_t outside;
};

static int inside(void *arg)
{
	struct report *report = arg;
	struct tamstat st;
	char c;

	if (ask(0, &st) || st.pid != 1 || st.ppid != 0)
		return 1;
	if (ask(1, &st) || st.pid != 1)
		return 2;
	if (ask(report->outside, &st) != -ESRCH)
		return 3;
	if (st.uid != getuid())
		return 4;
	if (write(report->ready[1], &st, sizeof(st)) != sizeof(st))
		return 5;
	close(report->done[1]);
	return read(report->done[0], &c, 1) ? 6 : 0;
}

TEST(pid_namespace)
{
	struct tamstat in, out;
	struct report report;
	pid_t helper;
	bool found = false;
	static pid_t pids[32768];
	int n, status;

	ASSERT_EQ(0, pipe(report.ready));
	ASSERT_EQ(0, pipe(report.done));
	report.outside = getpid();
	helper = fork_child();
	if (!helper) {
		close(report.done[1]);
		_exit(in_pid_namespace(inside, &report));
	}
	close(report.ready[1]);
	if (read(report.ready[0], &in, sizeof(in)) == sizeof(in)) {
		n = proc_pids(pids, ARRAY_SIZE(pids));
		for (int i = 0; i < n; i++) {	/* the one that started then */
			if (ask(pids[i], &out) || out.start_boottime_ns != in.start_boottime_ns ||
			    out.vm_total != in.vm_total)
				continue;
			found = true;
			EXPECT_EQ(pids[i], out.pid);
			EXPECT_LT(1, out.pid);
			EXPECT_LT(0, out.ppid);
			EXPECT_STREQ(in.comm, out.comm);
			EXPECT_EQ(getuid(), out.uid);
		}
		EXPECT_TRUE(found);
	}
	close(report.done[1]);
	status = join(helper);
	if (status == NO_NAMESPACE)
		SKIP(return, "no pid namespace");
	EXPECT_EQ(0, status);
}

TEST(time_namespace)
{
	int from_child[2], to_child[2];
	const __u64 day = 86400ULL * 1000000000;
	struct tamstat in, out;
	pid_t child;
	char c = 0;

	if (!is_root() || unshare(CLONE_NEWTIME) ||
	    !put_file("/proc/self/timens_offsets", "boottime 86400 0"))
		SKIP(return, "needs root and time namespaces");
	ASSERT_EQ(0, pipe(from_child));
	ASSERT_EQ(0, pipe(to_child));
	child = fork_child();
	if (!child) {
		if (ask(0, &in) || write(from_child[1], &in, sizeof(in)) != sizeof(in))
			_exit(1);
		if (in.start_boottime_ns / 10000000 != (__u64)stat_field(getpid(), 22))
			_exit(2);
		_exit(read(to_child[0], &c, 1) != 1);
	}
	ASSERT_EQ(sizeof(in), read(from_child[0], &in, sizeof(in)));
	ASSERT_EQ(0, ask(child, &out));
	EXPECT_EQ(1, write(to_child[1], &c, 1));
	EXPECT_EQ(0, join(child));
	EXPECT_EQ(out.start_boottime_ns + day, in.start_boottime_ns);
}

TEST(user_namespace)
{
	long overflow = get_number(OVERFLOW_UID);
	uid_t uid = getuid();
	pid_t child = fork_child();
	int status;

	if (!child) {
		struct tamstat st;

		if (unshare(CLONE_NEWUSER))
			_exit(99);
		if (ask(0, &st) || st.uid != overflow)
			_exit(1);
		if (!put_filef("/proc/self/uid_map", "7 %u 1", uid))
			_exit(2);
		if (ask(0, &st) || st.uid != 7)
			_exit(3);
		_exit(0);
	}
	status = join(child);
	if (status == 99)
		SKIP(return, "no user namespace");
	EXPECT_EQ(0, status);
}

/* ---- who may ask about whom ---------------------------------------------------- */

struct answers {
	int stat, legacy;	/* return values */
	int listed, counted;	/* whether it was */
};

/* Asks in every way, as @uid; with @cap also with CAP_SYS_PTRACE. */
static void ask_as(uid_t uid, bool cap, pid_t pid, struct answers *answers)
{
	static struct tamstat list[8192];
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { 0 };
	struct tamstat_list_req req = {
		.size = sizeof(req), .rec_size = sizeof(*list), .mask = ~0ULL,
	};
	struct tamstat_total total;
	struct tamstat st;
	char record[24];
	long n;

	prctl(PR_SET_KEEPCAPS, 1);
	become_user(uid);
	data[0].effective = cap << CAP_SYS_PTRACE;
	data[0].permitted = data[0].effective;
	if (uid && syscall(SYS_capset, &header, data))
		_exit(97);
	answers->stat = ask(pid, &st);
	answers->legacy = nrs[TAMALLOC_CALL_GET_MEM_STATS] ? do_mem_stats(pid, record) :
							     answers->stat;
	n = do_list(&req, list, sizeof(list), 0);
	answers->listed = 0;
	answers->counted = 0;
	for (long i = 0; i < n; i++) {
		answers->listed += list[i].pid == pid;
		answers->counted += !(list[i].flags & TAMSTAT_F_NOMM);
	}
	if (do_total(&total, sizeof(total), TAMSTAT_TOTAL_SUM))
		_exit(96);
	/* 1: the sums are about those that are listed */
	answers->counted = answers->counted == (int)total.nr_processes;
	_exit(0);
}

static void expect_answer(struct __test_metadata *_metadata, int scope, uid_t uid, bool cap,
			  pid_t pid, bool allowed)
{
	struct answers *answers = mmap(NULL, sizeof(*answers), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	ASSERT_TRUE(put_filef(SCOPE, "%d", scope));
	child = fork_child();
	if (!child)
		ask_as(uid, cap, pid, answers);
	EXPECT_EQ(0, join(child));
	EXPECT_EQ(allowed ? 0 : -EPERM, answers->stat) {
		TH_LOG("scope %d, uid %u, cap %d", scope, uid, cap);
	}
	EXPECT_EQ(allowed ? 0 : -EPERM, answers->legacy);
	EXPECT_EQ(allowed, answers->listed);
	EXPECT_EQ(1, answers->counted) {
		TH_LOG("scope %d, uid %u: the sums are about others than the list", scope, uid);
	}
	munmap(answers, sizeof(*answers));
}

static void become_alice(void)
{
	become_user(ALICE);
}

static void become_alice_with_secrets(void)
{
	become_user(ALICE);
	prctl(PR_SET_DUMPABLE, 0);
}

TEST(scope)
{
	pid_t alice, secretive, root;

	if (!is_root() || access(SCOPE, W_OK))
		SKIP(return, "needs root");
	alice = stopped_child(become_alice);
	secretive = stopped_child(become_alice_with_secrets);
	root = stopped_child(NULL);
	for (int scope = 0; scope <= 2; scope++) {
		expect_answer(_metadata, scope, 0, true, alice, true);
		expect_answer(_metadata, scope, 0, true, secretive, true);
		expect_answer(_metadata, scope, ALICE, false, alice, true);
		expect_answer(_metadata, scope, ALICE, false, secretive, scope < 2);
		expect_answer(_metadata, scope, ALICE, true, secretive, true);
		expect_answer(_metadata, scope, ALICE, false, root, scope < 1);
		expect_answer(_metadata, scope, BOB, false, alice, scope < 1);
		expect_answer(_metadata, scope, BOB, true, alice, true);
		expect_answer(_metadata, scope, BOB, false, 1, scope < 1);
	}
	put_file(SCOPE, "0");
	end_child(alice);
	end_child(secretive);
	end_child(root);
}

/* Even who may not be traced may ask about himself. */
TEST(scope_and_myself)
{
	if (!is_root() || access(SCOPE, W_OK))
		SKIP(return, "needs root");
	for (int scope = 0; scope <= 2; scope++) {
		pid_t child;

		ASSERT_TRUE(put_filef(SCOPE, "%d", scope));
		child = fork_child();
		if (!child) {
			struct tamstat st;

			become_alice_with_secrets();
			_exit(ask(0, &st) || ask(getpid(), &st) ||
			      do_tamstat(P_PIDFD, open_pidfd(getpid()), &st, sizeof(st), 0));
		}
		EXPECT_EQ(0, join(child));
	}
	put_file(SCOPE, "0");
}

/* A pidfd says who is meant, not that one may ask; and a missing pid is no secret. */
TEST(scope_and_pidfd)
{
	pid_t root, child;

	if (!is_root() || !put_file(SCOPE, "2"))
		SKIP(return, "needs root");
	root = stopped_child(NULL);
	child = fork_child();
	if (!child) {
		pid_t missing = missing_pid();
		struct tamstat st;
		int fd;

		fd = open_pidfd(root);
		become_alice();
		if (do_tamstat(P_PIDFD, fd, &st, sizeof(st), 0) != -EPERM)
			_exit(1);
		if (do_tamstat(P_PID, root, NULL, sizeof(st), 0) != -EPERM)
			_exit(2);	/* before EFAULT */
		if (nrs[TAMALLOC_CALL_GET_MEM_STATS] && do_mem_stats(root, NULL) != -EPERM)
			_exit(4);
		_exit(ask(missing, &st) == -ESRCH ? 0 : 3);
	}
	EXPECT_EQ(0, join(child));
	put_file(SCOPE, "0");
	end_child(root);
}

int main(int argc, char **argv)
{
	need_calls(NEED(TAMSTAT) | NEED(TAMSTAT_LIST) | NEED(TAMSTAT_TOTAL));
	if (is_root()) {
		restore_at_exit(SCOPE);
		restore_at_exit(NR_HUGEPAGES);
	}
	return test_harness_run(argc, argv);
}
