// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the calls are for. Prints figures; they are asserted only where nothing else
 * can change them: TAMALLOC_ICOUNT=1, where time is the number of instructions (qemu
 * -icount).
 */
#include "tamtest.h"

#define NR_IDLE		500

static bool clock_counts_instructions(void)
{
	const char *value = getenv("TAMALLOC_ICOUNT");

	return value && !strcmp(value, "1");
}

static void touch(char *p, size_t len)
{
	for (size_t at = 0; at < len; at += ps)
		store(p + at, 1);
}

FIXTURE(perf)
{
};

FIXTURE_SETUP(perf)
{
}

FIXTURE_TEARDOWN(perf)
{
}

TEST_F_TIMEOUT(perf, rezero, 300)
{
	double start, in_place = 1e9, dropped = 1e9;
	const size_t len = 64 * MIB;
	char *p = reserve(len, TAMALLOC_NOHUGE);
	long faults, refaults;

	ASSERT_NE(NULL, p);
	stay_on_one_cpu();
	touch(p, len);
	now();			/* what the first calls cost is paid */
	do_rezero(p, ps, ps, 0);
	for (int i = 0; i < 5; i++) {
		faults = minor_faults();
		start = now();
		EXPECT_EQ((long)len, do_rezero(p, len, len, 0));
		touch(p, len);
		start = now() - start;
		if (start < in_place)
			in_place = start;
		EXPECT_EQ(faults, minor_faults());
	}
	for (int i = 0; i < 5; i++) {
		faults = minor_faults();
		start = now();
		EXPECT_EQ(0, madvise(p, len, MADV_DONTNEED));
		touch(p, len);
		start = now() - start;
		if (start < dropped)
			dropped = start;
		refaults = minor_faults() - faults;
	}
	EXPECT_LE((long)len / ps, refaults);
	TH_LOG("64 MiB, best of 5: %.2f ms in place, %.2f ms dropped and faulted again: %.2f times",
	       in_place * 1e3, dropped * 1e3, dropped / in_place);
	if (clock_counts_instructions())
		EXPECT_LE(1.5, dropped / in_place);
}

/*
 * Where the allocator clears what it hands out (init_on_alloc=1), a huge page is
 * cleared once as well: it costs as much as small ones but for their faults.
 */
TEST_F_TIMEOUT(perf, huge, 300)
{
	const size_t len = 32 * MIB, step = 2 * MIB;
	double start, in_huge, in_small;
	char *huge, *small;
	long faults;

	if (get_number(THP_SIZE) != (long long)step)
		SKIP(return, "no transparent huge pages of 2 MiB");
	huge = reserve(len, TAMALLOC_HUGE);
	small = reserve(len, TAMALLOC_NOHUGE);
	ASSERT_NE(NULL, huge);
	ASSERT_NE(NULL, small);
	stay_on_one_cpu();
	now();
	faults = minor_faults();
	start = now();
	for (size_t at = 0; at < len; at += step)
		store(huge + at, 1);
	in_huge = now() - start;
	EXPECT_EQ((long)(len / step), minor_faults() - faults);
	start = now();
	touch(small, len);
	in_small = now() - start;
	EXPECT_EQ((long)len / ps, count_resident(huge, len));
	TH_LOG("32 MiB: %.2f ms in huge pages, %.2f ms in small ones: %.2f times", in_huge * 1e3,
	       in_small * 1e3, in_small / in_huge);
	if (clock_counts_instructions())
		EXPECT_LE(1.4, in_small / in_huge);
}

/* What a program reads that shows a table of processes. */
static long long read_from_proc(const pid_t *pids, int n)
{
	static const char * const files[] = { "status", "stat", "oom_score", "oom_score_adj" };
	static char text[8192];
	long long sum = 0;
	char path[64];

	for (int i = 0; i < n; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(files); k++) {
			snprintf(path, sizeof(path), "/proc/%d/%s", pids[i], files[k]);
			sum += get_file(path, text, sizeof(text));
		}
	}
	return sum;
}

static long list_all(void *buf, size_t size)
{
	struct tamstat_list_req req = {
		.size = sizeof(req),
		.rec_size = sizeof(struct tamstat),
		.mask = ~0ULL,
	};

	return do_list(&req, buf, size, 0);
}

TEST_F_TIMEOUT(perf, list, 300)
{
	static struct tamstat records[4096];
	static pid_t idle[NR_IDLE], pids[4096];
	double start, list = 1e9, proc = 1e9;
	long n = 0;
	int m = 0;

	for (int i = 0; i < NR_IDLE; i++) {
		idle[i] = fork_child();
		if (!idle[i])
			for (;;)
				pause();
	}
	for (int i = 0; i < 3; i++) {
		start = now();
		n = list_all(records, sizeof(records));
		start = now() - start;
		if (start < list)
			list = start;
	}
	ASSERT_LT(NR_IDLE, n);
	ASSERT_GT(ARRAY_SIZE(records), n);
	for (int i = 0; i < 3; i++) {
		start = now();
		m = proc_pids(pids, ARRAY_SIZE(pids));
		read_from_proc(pids, m);
		start = now() - start;
		if (start < proc)
			proc = start;
	}
	for (int i = 0; i < NR_IDLE; i++)
		end_child(idle[i]);
	list /= n;
	proc /= m;
	TH_LOG("%ld processes, best of 3: %.2f us each listed, %.2f us by /proc: %.1f times", n,
	       list * 1e6, proc * 1e6, proc / list);
	if (clock_counts_instructions())
		EXPECT_LE(25.0, proc / list);
}

int main(int argc, char **argv)
{
	need_calls(NEED(TAMALLOC2) | NEED(REZERO) | NEED(TAMSTAT_LIST));
	return test_harness_run(argc, argv);
}
