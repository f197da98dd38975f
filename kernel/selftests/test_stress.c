// SPDX-License-Identifier: GPL-2.0-only
/*
 * tamalloc_rezero() against everything else that happens to the same memory. Hazard:
 * a page that changes hands while it is cleared is cleared for its new owner.
 *
 * TAMALLOC_STRESS_SECONDS: how long, 4 without it.
 */
#include "region.h"

#define NR_LANES	6
#define LANE_PAGES	64
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif
#define KHUGEPAGED	THP_DIR "khugepaged/"

/*
 * A lane belongs to one thread. Lanes are neighbours, so that they share page tables
 * and, where they are huge, pages.
 */
static struct lane {
	char *p;
	unsigned long seed;
	pthread_t thread;
	long rounds;
	const char *problem;
} lanes[NR_LANES];

static size_t lane_len;
static bool stop;
static double seconds;

static bool running(void)
{
	return !__atomic_load_n(&stop, __ATOMIC_ACQUIRE);
}

static unsigned int dice(unsigned int *state)
{
	*state = *state * 1103515245 + 12345;
	return *state >> 16;
}

/* Writes its pages and expects to find them as they were. */
static void *keep_data(void *arg)
{
	struct lane *lane = arg;

	for (; running() && !lane->problem; lane->rounds++) {
		fill(lane->p, lane_len, ++lane->seed);
		for (int i = 0; i < 4; i++)
			if (!is_filled(lane->p, lane_len, lane->seed))
				lane->problem = "a page of somebody else was changed";
	}
	return NULL;
}

/* Writes some pages, clears a part of them, and expects the one and the other. */
static void *clear_data(void *arg)
{
	struct lane *lane = arg;
	unsigned int random = (unsigned long)lane;

	for (; running() && !lane->problem; lane->rounds++) {
		size_t from = dice(&random) % LANE_PAGES * ps;
		size_t len = (dice(&random) % (LANE_PAGES - from / ps) + 1) * ps;
		size_t keep = dice(&random) % 3 * len / 2;
		char *p = lane->p, *end = p + lane_len;
		long ret;

		fill(p, lane_len, ++lane->seed);
		ret = do_rezero(p + from, len, keep, 0);
		if (ret < 0 || ret > (long)keep)
			lane->problem = "wrong return value";
		if (!is_zero(p + from, len))
			lane->problem = "not zero";
		if (!is_filled(p, from, lane->seed))
			lane->problem = "changed before the range";
		if (!is_filled(p + from + len, end - (p + from + len), lane->seed))
			lane->problem = "changed behind the range";
	}
	return NULL;
}

static void start_lanes(struct __test_metadata *_metadata, __u64 flags)
{
	char *p;

	lane_len = LANE_PAGES * ps;
	p = reserve(NR_LANES * lane_len + 4 * MIB, flags);
	ASSERT_NE(NULL, p);
	for (int i = 0; i < NR_LANES; i++) {
		lanes[i].p = p + i * lane_len;
		lanes[i].seed = i << 24;
		ASSERT_EQ(0, pthread_create(&lanes[i].thread, NULL, i % 2 ? clear_data : keep_data,
					    &lanes[i]));
	}
}

static void stop_lanes(struct __test_metadata *_metadata)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (int i = 0; i < NR_LANES; i++) {
		pthread_join(lanes[i].thread, NULL);
		EXPECT_EQ(NULL, lanes[i].problem) {
			TH_LOG("lane %d, round %ld: %s", i, lanes[i].rounds, lanes[i].problem);
		}
		EXPECT_LT(0, lanes[i].rounds);
	}
}

FIXTURE(stress)
{
};

FIXTURE_SETUP(stress)
{
}

FIXTURE_TEARDOWN(stress)
{
}

/* Calls @disturb again and again while the lanes run. */
static void run(struct __test_metadata *_metadata, __u64 flags, void (*disturb)(void))
{
	double end;

	start_lanes(_metadata, flags);
	for (end = now() + seconds; now() < end;) {
		if (disturb)
			disturb();
		else
			nap();
	}
	stop_lanes(_metadata);
}

TEST_F_TIMEOUT(stress, alone, 3600)
{
	run(_metadata, TAMALLOC_NOHUGE, NULL);
}

/* The child checks that its copy stands still. */
static void fork_and_exit(void)
{
	pid_t child = fork_child();

	if (!child) {
		char *p = lanes[1].p;
		char first = load(p), last = load(p + lane_len - 1);

		for (int i = 0; i < 1000; i++)
			if (load(p) != first || load(p + lane_len - 1) != last)
				_exit(1);
		_exit(do_rezero(p, lane_len, lane_len, 0) < 0 || !is_zero(p, lane_len) ? 2 : 0);
	}
	if (join(child))
		lanes[0].problem = "a child";
}

TEST_F_TIMEOUT(stress, while_forking, 3600)
{
	run(_metadata, TAMALLOC_NOHUGE, fork_and_exit);
}

TEST_F_TIMEOUT(stress, while_forking_with_huge_pages, 3600)
{
	run(_metadata, TAMALLOC_HUGE, fork_and_exit);
}

static void page_out_everything(void)
{
	madvise(lanes[0].p, NR_LANES * lane_len, MADV_PAGEOUT);
	nap();
}

TEST_F_TIMEOUT(stress, while_paged_out, 3600)
{
	char *problem = swap_on(SWAP_FILE);

	if (problem)
		SKIP(return, "%s", problem);
	run(_metadata, TAMALLOC_NOHUGE, page_out_everything);
	EXPECT_TRUE(swap_off(SWAP_FILE));
}

static void swap_off_and_on(void)
{
	page_out_everything();
	swap_off(SWAP_ZRAM);
	swap_on(SWAP_ZRAM);
}

TEST_F_TIMEOUT(stress, while_swap_goes, 3600)
{
	char *problem = swap_on(SWAP_ZRAM);

	if (problem)
		SKIP(return, "%s", problem);
	run(_metadata, 0, swap_off_and_on);
	EXPECT_TRUE(swap_off(SWAP_ZRAM));
}

static void compact(void)
{
	put_file("/proc/sys/vm/compact_memory", "1");
}

TEST_F_TIMEOUT(stress, while_compacted, 3600)
{
	if (!is_root() || access("/proc/sys/vm/compact_memory", W_OK))
		SKIP(return, "needs root and compaction");
	run(_metadata, TAMALLOC_NOHUGE, compact);
}

/* Split by a part that is dropped, collapsed again behind the lanes' back. */
static void collapse(void)
{
	char *p = (char *)((unsigned long)lanes[0].p & -pmd_size);

	madvise(p < lanes[0].p ? p + pmd_size : p, pmd_size, MADV_COLLAPSE);
	nap();
}

TEST_F_TIMEOUT(stress, while_collapsed, 3600)
{
	if (huge_problem)
		SKIP(return, "%s", huge_problem);
	if (is_root()) {
		put_file(KHUGEPAGED "scan_sleep_millisecs", "0");
		put_file(KHUGEPAGED "alloc_sleep_millisecs", "0");
	}
	run(_metadata, TAMALLOC_HUGE, collapse);
}

/* A neighbour of the lanes moves away and comes back. */
static void move(void)
{
	char *p = lanes[NR_LANES - 1].p + lane_len, *q;

	memset(p, SAME, 16 * ps);
	q = mremap(p, 16 * ps, 16 * ps, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	if (q == MAP_FAILED) {
		lanes[0].problem = "mremap";
		return;
	}
	do_rezero(p, 16 * ps, 0, 0);
	if (!is_same(q, 16 * ps) || !is_zero(p, 16 * ps))
		lanes[0].problem = "what was moved was changed";
	if (mremap(q, 16 * ps, 16 * ps, MREMAP_MAYMOVE | MREMAP_FIXED, p) != p ||
	    !is_same(p, 16 * ps))
		lanes[0].problem = "what was moved back was changed";
}

TEST_F_TIMEOUT(stress, while_neighbours_move, 3600)
{
	run(_metadata, TAMALLOC_NOHUGE, move);
}

/* Killed in the middle of a long call: it must end, and soon. */
TEST_F_TIMEOUT(stress, killed, 3600)
{
	const size_t len = 64 * MIB;

	for (int i = 0; i < 20; i++) {
		pid_t child = fork_child();

		if (!child) {
			char *p = reserve(len, 0);

			for (size_t at = 0; p && at < len; at += ps)
				store(p + at, 1);
			while (p)
				do_rezero(p, len, len, 0);
			_exit(1);
		}
		for (int k = 0; k < i; k++)
			nap();
		kill(child, SIGKILL);
		EXPECT_EQ(-SIGKILL, join(child));
	}
}

int main(int argc, char **argv)
{
	need_calls(NEED(TAMALLOC2) | NEED(REZERO));
	seconds = atof(getenv("TAMALLOC_STRESS_SECONDS") ?: "4");
	find_huge_pages();
	if (is_root()) {
		restore_at_exit(KHUGEPAGED "scan_sleep_millisecs");
		restore_at_exit(KHUGEPAGED "alloc_sleep_millisecs");
	}
	prepare_swap();
	return test_harness_run(argc, argv);
}
