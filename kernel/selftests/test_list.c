// SPDX-License-Identifier: GPL-2.0-only
/*
 * tamstat_list(). Hazard: a process that is left out, or reported twice, while others
 * come and go.
 *
 * TAMALLOC_STORM_SECONDS: how long processes come and go, 5 without it.
 */
#include "tamtest.h"

#define MAX_RECORDS	16384
#define NR_LIVING	64
#define EVERYTHING	(TAMSTAT_BASIC | TAMSTAT_MEM | TAMSTAT_PEAK | TAMSTAT_OOM | TAMSTAT_FAULTS)

static struct tamstat records[MAX_RECORDS];

static struct tamstat_list_req request(__u32 flags)
{
	return (struct tamstat_list_req) {
		.size = sizeof(struct tamstat_list_req),
		.rec_size = sizeof(struct tamstat),
		.mask = EVERYTHING,
		.flags = flags,
	};
}

/* The whole list, @at_once records at a time; -1000 if it does not come to an end. */
static long scan(struct tamstat_list_req *req, size_t at_once)
{
	long n = 0;

	while (req->cursor != TAMSTAT_CURSOR_END) {
		__u64 before = req->cursor;
		long ret;

		if (n + at_once > MAX_RECORDS)
			return -1000;
		ret = do_list(req, &records[n], at_once * sizeof(records[0]), 0);
		if (ret < 0)
			return ret;
		if (ret > (long)at_once || req->cursor <= before)
			return -1000;
		n += ret;
	}
	return n;
}

static long scan_all(__u32 flags)
{
	struct tamstat_list_req req = request(flags);

	return scan(&req, MAX_RECORDS);
}

static int index_of(pid_t pid, long n)
{
	for (long i = 0; i < n; i++)
		if (records[i].pid == pid)
			return i;
	return -1;
}

static int times_listed(pid_t pid, long n)
{
	int times = 0;

	for (long i = 0; i < n; i++)
		times += records[i].pid == pid;
	return times;
}

static bool is_increasing(long n)
{
	for (long i = 1; i < n; i++)
		if (records[i].pid <= records[i - 1].pid)
			return false;
	return true;
}

static void start_living(pid_t *living)
{
	for (int i = 0; i < NR_LIVING; i++) {
		living[i] = fork_child();
		if (!living[i])
			for (;;)
				pause();
	}
}

static void end_living(const pid_t *living)
{
	for (int i = 0; i < NR_LIVING; i++)
		end_child(living[i]);
}

static bool is_kthread(pid_t pid)
{
	return stat_field(pid, 9) & 0x00200000;	/* PF_KTHREAD */
}

TEST(every_process_once_in_order)
{
	static pid_t before[MAX_RECORDS], after[MAX_RECORDS];
	pid_t living[NR_LIVING];
	int nr_before, nr_after;
	long n;

	start_living(living);
	nr_before = proc_pids(before, MAX_RECORDS);
	n = scan_all(TAMSTAT_LIST_KTHREADS);
	nr_after = proc_pids(after, MAX_RECORDS);
	ASSERT_LT(NR_LIVING, n);
	EXPECT_TRUE(is_increasing(n));
	for (int i = 0; i < NR_LIVING; i++)
		EXPECT_EQ(1, times_listed(living[i], n));
	EXPECT_EQ(1, times_listed(getpid(), n));
	/* Who was there before and after was there meanwhile. */
	for (int i = 0, k = 0; i < nr_before; i++) {
		while (k < nr_after && after[k] < before[i])
			k++;
		if (k == nr_after || after[k] != before[i])
			continue;
		EXPECT_EQ(1, times_listed(before[i], n)) {
			TH_LOG("pid %d", before[i]);
		}
	}
	end_living(living);
}

TEST(records_are_those_of_tamstat)
{
	pid_t living[NR_LIVING];
	struct tamstat st;
	int at, stopped = 0;
	long n;

	start_living(living);
	for (int i = 0; i < NR_LIVING; i++) {
		int status;

		kill(living[i], SIGSTOP);
		waitpid(living[i], &status, WUNTRACED);
		stopped += WIFSTOPPED(status);
	}
	n = scan_all(0);
	EXPECT_EQ(NR_LIVING, stopped);
	for (int i = 0; i < NR_LIVING; i++) {
		at = index_of(living[i], n);
		ASSERT_LE(0, at);
		ASSERT_EQ(0, do_tamstat(P_PID, living[i], &st, sizeof(st), 0));
		/* Other processes may have moved the score. */
		EXPECT_GE(1, abs((int)st.oom_score - (int)records[at].oom_score));
		st.oom_score = records[at].oom_score;
		EXPECT_EQ(0, memcmp(&st, &records[at], sizeof(st)));
	}
	end_living(living);
}

TEST(from_any_cursor)
{
	struct tamstat_list_req req;
	pid_t living[NR_LIVING];

	start_living(living);
	for (int i = 0; i < NR_LIVING; i++) {
		struct tamstat one;

		req = request(0);
		req.cursor = living[i];
		ASSERT_EQ(1, do_list(&req, &one, sizeof(one), 0));
		EXPECT_EQ(living[i], one.pid);
		EXPECT_EQ(living[i] + 1, req.cursor);
		/* One further: its successor. */
		if (i + 1 < NR_LIVING && living[i] < living[i + 1]) {
			ASSERT_EQ(1, do_list(&req, &one, sizeof(one), 0));
			EXPECT_LT(living[i], one.pid);
			EXPECT_GE(living[i + 1], one.pid);
		}
	}
	end_living(living);
}

TEST(one_record_at_a_time)
{
	const size_t at_once[] = { 1, 2, 7, 100 };
	pid_t living[NR_LIVING];

	start_living(living);
	for (size_t i = 0; i < ARRAY_SIZE(at_once); i++) {
		struct tamstat_list_req req = request(TAMSTAT_LIST_KTHREADS);
		long n = scan(&req, at_once[i]);

		ASSERT_LT(NR_LIVING, n);
		EXPECT_TRUE(is_increasing(n));
		for (int k = 0; k < NR_LIVING; k++)
			EXPECT_EQ(1, times_listed(living[k], n));
	}
	end_living(living);
}

TEST(cursor)
{
	struct tamstat_list_req req = request(0);
	struct tamstat one;

	req.cursor = TAMSTAT_CURSOR_END;
	EXPECT_EQ(0, do_list(&req, &one, sizeof(one), 0));
	EXPECT_EQ(0, do_list(&req, NULL, 0, 0));
	EXPECT_EQ(TAMSTAT_CURSOR_END, req.cursor);
	req.cursor = TAMSTAT_CURSOR_END - 1;
	EXPECT_EQ(-EINVAL, do_list(&req, &one, sizeof(one), 0));
	req.cursor = 4 * 1024 * 1024 + 1;	/* PID_MAX_LIMIT of 64 bits */
	EXPECT_EQ(-EINVAL, do_list(&req, &one, sizeof(one), 0));
	req.cursor = 1ULL << 32;
	EXPECT_EQ(-EINVAL, do_list(&req, &one, sizeof(one), 0));
	req.cursor = 4 * 1024 * 1024;
	EXPECT_EQ(0, do_list(&req, &one, sizeof(one), 0));
	EXPECT_EQ(TAMSTAT_CURSOR_END, req.cursor);
}

TEST(larger_records)
{
	const __u32 size = sizeof(struct tamstat) + 64;
	static unsigned char buf[64 * (sizeof(struct tamstat) + 64) + 100];
	struct tamstat_list_req req = request(0);
	long n;

	req.rec_size = size;
	memset(buf, 0xa5, sizeof(buf));
	n = do_list(&req, buf, 64 * size + 99, 0);
	ASSERT_LT(0, n);
	ASSERT_GE(64, n);
	for (long i = 0; i < n; i++) {
		struct tamstat *st = (struct tamstat *)(buf + i * size);

		EXPECT_LT(0, st->pid);
		if (i)
			EXPECT_LT(((struct tamstat *)(buf + (i - 1) * size))->pid, st->pid);
		EXPECT_TRUE(is_zero(buf + i * size + sizeof(*st), 64));
	}
	for (size_t i = n * size; i < sizeof(buf); i++)
		EXPECT_EQ(0xa5, buf[i]);
}

TEST(errors)
{
	const __u32 sizes[] = { 0, 8, TAMSTAT_SIZE_VER0 - 8, TAMSTAT_SIZE_VER0 - 1,
				TAMSTAT_SIZE_VER0 + 1, TAMSTAT_SIZE_VER0 + 4, ps + 8, ~0U };
	struct tamstat_list_req req = request(0);
	struct tamstat one;

	for (int bit = 0; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, do_list(&req, &one, sizeof(one), 1U << bit));
	for (int bit = 3; bit < 32; bit++) {
		req = request(1U << bit);
		EXPECT_EQ(-EINVAL, do_list(&req, &one, sizeof(one), 0));
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		req = request(0);
		req.rec_size = sizes[i];
		EXPECT_EQ(-EINVAL, do_list(&req, records, sizeof(records), 0)) {
			TH_LOG("rec_size %u", sizes[i]);
		}
	}
	req = request(0);
	req.rec_size = ps;
	EXPECT_LT(0, do_list(&req, records, sizeof(records), 0));
	req = request(0);
	EXPECT_EQ(-ENOSPC, do_list(&req, &one, sizeof(one) - 1, 0));
	EXPECT_EQ(-ENOSPC, do_list(&req, NULL, 0, 0));
	EXPECT_EQ(0, req.cursor);
	EXPECT_EQ(-EFAULT, do_list(&req, NULL, sizeof(one), 0));
	EXPECT_EQ(-EFAULT, do_list(NULL, &one, sizeof(one), 0));
	EXPECT_EQ(-EFAULT, do_list((void *)(1UL << 63), &one, sizeof(one), 0));
}

TEST(versions)
{
	struct {
		struct tamstat_list_req req;
		char more[MAX_PAGE];
	} big = { .req = request(0) };
	char *end = page_before_guard();
	struct tamstat one;

	big.req.size = 0;
	EXPECT_EQ(-EINVAL, do_list(&big.req, &one, sizeof(one), 0));
	big.req.size = TAMSTAT_LIST_REQ_SIZE_VER0 - 1;
	EXPECT_EQ(-EINVAL, do_list(&big.req, &one, sizeof(one), 0));
	big.req.size = ps + 1;
	EXPECT_EQ(-E2BIG, do_list(&big.req, &one, sizeof(one), 0));
	big.req.size = ~0U;
	EXPECT_EQ(-E2BIG, do_list(&big.req, &one, sizeof(one), 0));
	big.req.size = ps;
	EXPECT_EQ(1, do_list(&big.req, &one, sizeof(one), 0));
	big.more[8] = 1;
	EXPECT_EQ(-E2BIG, do_list(&big.req, &one, sizeof(one), 0));
	big.req.size = TAMSTAT_LIST_REQ_SIZE_VER0 + 8;
	EXPECT_EQ(1, do_list(&big.req, &one, sizeof(one), 0));

	big.req = request(0);
	memcpy(end - sizeof(big.req), &big.req, sizeof(big.req));
	EXPECT_EQ(1, do_list((void *)(end - sizeof(big.req)), &one, sizeof(one), 0));
	memcpy(end - 8, &big.req, 8);	/* no more than its sizes */
	EXPECT_EQ(-EFAULT, do_list((void *)(end - 8), &one, sizeof(one), 0));
	memcpy(end - sizeof(big.req), &big.req, sizeof(big.req));
	/* The cursor cannot be written. */
	ASSERT_EQ(0, mprotect(end - ps, ps, PROT_READ));
	EXPECT_EQ(-EFAULT, do_list((void *)(end - sizeof(big.req)), &one, sizeof(one), 0));
}

TEST(fault_in_the_middle)
{
	struct tamstat_list_req req = request(TAMSTAT_LIST_KTHREADS);
	char *end = page_before_guard();
	pid_t living[NR_LIVING];

	start_living(living);
	EXPECT_EQ(-EFAULT, do_list(&req, end - 2 * sizeof(records[0]), 8 * sizeof(records[0]), 0));
	req = request(TAMSTAT_LIST_KTHREADS);
	EXPECT_EQ(-EFAULT, do_list(&req, end - 100, 8 * sizeof(records[0]), 0));
	req = request(TAMSTAT_LIST_KTHREADS);
	EXPECT_EQ(2, do_list(&req, end - 2 * sizeof(records[0]), 2 * sizeof(records[0]), 0));
	end_living(living);
}

/* A group that was not asked for is 0; one that is unknown is ignored. */
TEST(groups)
{
	for (__u64 mask = 0; mask <= EVERYTHING; mask++) {
		struct tamstat_list_req req = request(0);
		struct tamstat st;

		req.mask = mask | 1ULL << 63;
		req.cursor = getpid();
		ASSERT_EQ(1, do_list(&req, &st, sizeof(st), 0));
		EXPECT_EQ((mask & EVERYTHING) | TAMSTAT_BASIC, st.mask);
		EXPECT_EQ(getpid(), st.pid);
		EXPECT_EQ(getppid(), st.ppid);
		EXPECT_EQ(1, st.nr_threads);
		EXPECT_LT(0, st.start_boottime_ns);
		EXPECT_EQ(!!(mask & TAMSTAT_MEM), !!st.vm_total);
		EXPECT_EQ(!!(mask & TAMSTAT_MEM), !!st.vm_data);
		EXPECT_EQ(!!(mask & TAMSTAT_MEM), !!st.vm_exec);
		EXPECT_EQ(!!(mask & TAMSTAT_MEM), !!st.rss_anon);
		EXPECT_EQ(!!(mask & TAMSTAT_MEM), !!st.pgtables);
		EXPECT_EQ(!!(mask & TAMSTAT_PEAK), !!st.vm_peak);
		EXPECT_EQ(!!(mask & TAMSTAT_PEAK), !!st.rss_peak);
		EXPECT_EQ(!!(mask & TAMSTAT_OOM), !!st.oom_score);
		EXPECT_EQ(!!(mask & TAMSTAT_FAULTS), !!st.min_flt);
		EXPECT_EQ(0, st.flags);
	}
}

TEST(kernel_threads_on_demand)
{
	pid_t kthread = kthread_pid();
	long n;

	if (!kthread)
		SKIP(return, "not the first pid namespace");
	n = scan_all(0);
	EXPECT_EQ(0, times_listed(kthread, n));
	for (long i = 0; i < n; i++)
		EXPECT_EQ(0, records[i].flags & TAMSTAT_F_KTHREAD);
	n = scan_all(TAMSTAT_LIST_KTHREADS);
	EXPECT_EQ(1, times_listed(kthread, n));
	for (long i = 0; i < n; i++) {
		bool flag = records[i].flags & TAMSTAT_F_KTHREAD;
		pid_t pid = records[i].pid;

		if (stat_field(pid, 9) < 0)	/* has ended */
			continue;
		EXPECT_EQ(is_kthread(pid), flag) {
			TH_LOG("pid %d", pid);
		}
	}
}

TEST(of_one_user)
{
	struct tamstat_list_req req = request(TAMSTAT_LIST_UID);
	pid_t child = 0;
	long n;

	if (is_root()) {
		child = fork_child();
		if (!child) {
			become_user(ALICE);
			for (;;)
				pause();
		}
		while (status_field(child, "Uid") != ALICE)
			nap();
	}
	req.uid = getuid();
	n = scan(&req, 5);
	ASSERT_LT(0, n);
	for (long i = 0; i < n; i++)
		EXPECT_EQ(getuid(), records[i].uid);
	EXPECT_EQ(1, times_listed(getpid(), n));
	if (!child)
		return;
	EXPECT_EQ(0, times_listed(child, n));
	req = request(TAMSTAT_LIST_UID);
	req.uid = ALICE;
	EXPECT_EQ(1, scan(&req, 5));
	EXPECT_EQ(child, records[0].pid);
	req = request(TAMSTAT_LIST_UID);
	req.uid = BOB;
	EXPECT_EQ(0, scan(&req, 5));
	end_child(child);
}

TEST(uid_without_its_flag)
{
	struct tamstat_list_req req = request(0);

	req.uid = BOB;
	EXPECT_LT(0, scan(&req, MAX_RECORDS));
}

TEST(approximate_counters)
{
	const __u64 slack = 3 * 64 * sysconf(_SC_NPROCESSORS_CONF) * ps;
	pid_t living[NR_LIVING];
	long n;

	start_living(living);
	n = scan_all(TAMSTAT_LIST_APPROX);
	for (int i = 0; i < NR_LIVING; i++) {
		int at = index_of(living[i], n);
		struct tamstat st;

		ASSERT_LE(0, at);
		ASSERT_EQ(0, do_tamstat(P_PID, living[i], &st, sizeof(st), 0));
		EXPECT_EQ(st.vm_total, records[at].vm_total);
		EXPECT_GE(slack, (__u64)llabs((long long)(st.rss_anon - records[at].rss_anon)));
		EXPECT_GE(slack, (__u64)llabs((long long)(st.rss_file - records[at].rss_file)));
	}
	end_living(living);
}

TEST(zombies_are_listed)
{
	pid_t zombie = zombie_child();
	long n = scan_all(0);
	int at = index_of(zombie, n);

	ASSERT_LE(0, at);
	EXPECT_EQ(TAMSTAT_F_ZOMBIE | TAMSTAT_F_NOMM,
		  records[at].flags & ~TAMSTAT_F_OOM_UNKILLABLE);
	join(zombie);
	n = scan_all(0);
	EXPECT_EQ(0, times_listed(zombie, n));
}

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

TEST(threads_are_not_listed)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	pthread_t threads[8];
	pid_t me = getpid();
	long n;
	int at;

	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, sleep_for_ever, NULL));
	n = scan_all(0);
	at = index_of(me, n);
	ASSERT_LE(0, at);
	EXPECT_EQ(9, records[at].nr_threads);
	while ((entry = readdir(dir)))
		EXPECT_EQ(atoi(entry->d_name) == me, times_listed(atoi(entry->d_name), n));
	closedir(dir);
}

static int only_the_namespace(void *arg)
{
	pid_t living[NR_LIVING];
	long n;

	start_living(living);
	n = scan_all(TAMSTAT_LIST_KTHREADS);
	if (n != NR_LIVING + 1 || !is_increasing(n))
		return 1;
	for (int i = 0; i < NR_LIVING; i++)
		if (times_listed(living[i], n) != 1)
			return 2;
	if (records[0].pid != 1 || records[0].ppid != 0 || records[1].ppid != 1)
		return 3;
	end_living(living);
	return 0;
}

TEST(pid_namespace)
{
	int ret = in_pid_namespace(only_the_namespace, NULL);

	if (ret == NO_NAMESPACE)
		SKIP(return, "no pid namespace");
	EXPECT_EQ(0, ret);
}

/* Processes that come and go as fast as they can. */
static void storm(void)
{
	for (;;) {
		pid_t child = fork();

		if (!child)
			_exit(0);
		if (child > 0)
			waitpid(child, NULL, 0);
	}
}

FIXTURE(list)
{
};

FIXTURE_SETUP(list)
{
}

FIXTURE_TEARDOWN(list)
{
}

TEST_F_TIMEOUT(list, storm, 3600)
{
	double end = now() + atof(getenv("TAMALLOC_STORM_SECONDS") ?: "5");
	const size_t at_once[] = { 1, 3, 17, 1000 };
	pid_t living[NR_LIVING], storms[3];
	long scans = 0, seen = 0;

	start_living(living);
	for (size_t i = 0; i < ARRAY_SIZE(storms); i++) {
		storms[i] = fork_child();
		if (!storms[i])
			storm();
	}
	for (; now() < end; scans++) {
		struct tamstat_list_req req = request(0);
		long n = scan(&req, at_once[scans % ARRAY_SIZE(at_once)]);

		ASSERT_LE(NR_LIVING, n);
		ASSERT_TRUE(is_increasing(n));
		for (int i = 0; i < NR_LIVING; i++) {
			ASSERT_EQ(1, times_listed(living[i], n)) {
				TH_LOG("pid %d, scan %ld", living[i], scans);
			}
		}
		for (long i = 0; i < n; i++) {
			/* Nothing half: memory, or the word that there is none. */
			ASSERT_NE(!(records[i].flags & TAMSTAT_F_NOMM), !records[i].vm_total);
		}
		seen += n;
	}
	TH_LOG("%ld scans, %ld records", scans, seen);
	for (size_t i = 0; i < ARRAY_SIZE(storms); i++)
		end_child(storms[i]);
	end_living(living);
	EXPECT_LT(10, scans);
}

int main(int argc, char **argv)
{
	need_calls(NEED(TAMSTAT) | NEED(TAMSTAT_LIST));
	return test_harness_run(argc, argv);
}
