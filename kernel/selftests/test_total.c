// SPDX-License-Identifier: GPL-2.0-only
/*
 * tamstat_total(). Hazard: kB taken for pages, and a sum over processes that the
 * caller cannot see.
 */
#include "tamtest.h"

#define MAX_PROCESSES	16384

static long ask(struct tamstat_total *total, unsigned int flags)
{
	return do_total(total, sizeof(*total), flags);
}

/* The same figure, before and after; it may have moved meanwhile. */
static void near(struct __test_metadata *_metadata, const char *name, long long before,
		 __u64 value)
{
	const long long slack = 4 * MIB;
	long long after = from_meminfo(name) * KIB;
	long long low = before < after ? before : after, high = before + after - low;

	EXPECT_LE(low - slack, (long long)value) {
		TH_LOG("%s", name);
	}
	EXPECT_GE(high + slack, (long long)value) {
		TH_LOG("%s", name);
	}
}

TEST(figures_are_those_of_meminfo)
{
	const struct {
		const char *name;
		size_t offset;
		bool exact;
	} fields[] = {
		{ "MemTotal", offsetof(struct tamstat_total, ram), true },
		{ "MemFree", offsetof(struct tamstat_total, ram_free), false },
		{ "MemAvailable", offsetof(struct tamstat_total, ram_available), false },
		{ "SwapTotal", offsetof(struct tamstat_total, swap), true },
		{ "SwapFree", offsetof(struct tamstat_total, swap_free), false },
		{ "Committed_AS", offsetof(struct tamstat_total, committed_as), false },
		{ "CommitLimit", offsetof(struct tamstat_total, commit_limit), true },
		{ "AnonPages", offsetof(struct tamstat_total, anon), false },
		{ "Mapped", offsetof(struct tamstat_total, file), false },
		{ "Shmem", offsetof(struct tamstat_total, shmem), false },
		{ "PageTables", offsetof(struct tamstat_total, pgtables), false },
	};
	int fd = memfd_create("shmem", MFD_CLOEXEC);
	char *anon = mmap(NULL, 32 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0), *shmem;

	/* Enough of each, so that a wrong unit or field is seen. */
	ASSERT_EQ(0, ftruncate(fd, 16 * MIB));
	shmem = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fill(anon, 32 * MIB, 1);
	fill(shmem, 16 * MIB, 1);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		long long before = from_meminfo(fields[i].name) * KIB;
		struct tamstat_total total;
		__u64 value;

		memset(&total, 0xa5, sizeof(total));
		ASSERT_LE(0, before);
		ASSERT_EQ(0, ask(&total, 0));
		memcpy(&value, (char *)&total + fields[i].offset, sizeof(value));
		if (!fields[i].exact) {
			near(_metadata, fields[i].name, before, value);
			continue;
		}
		EXPECT_EQ(before, value) {
			TH_LOG("%s", fields[i].name);
		}
	}
}

TEST(settings)
{
	struct tamstat_total total;

	ASSERT_EQ(0, ask(&total, 0));
	EXPECT_EQ(ps, total.page_size);
	EXPECT_EQ(get_number("/proc/sys/vm/overcommit_memory"), total.overcommit);
}

TEST(sums_on_demand)
{
	struct tamstat_total total;

	memset(&total, 0xa5, sizeof(total));
	ASSERT_EQ(0, ask(&total, 0));
	EXPECT_EQ(0, total.mask);
	EXPECT_EQ(0, total.nr_processes);
	EXPECT_EQ(0, total.sum_vm);
	EXPECT_EQ(0, total.sum_rss);
	ASSERT_EQ(0, ask(&total, TAMSTAT_TOTAL_SUM));
	EXPECT_EQ(TAMSTAT_TOTAL_SUM, total.mask);
	EXPECT_LE(1, total.nr_processes);
	EXPECT_LT(0, total.sum_rss);
	EXPECT_LT(total.sum_rss, total.sum_vm);
}

struct sums {
	long long n, vm, rss;
};

static struct sums sums_of_proc(void)
{
	static pid_t pids[MAX_PROCESSES];
	int n = proc_pids(pids, MAX_PROCESSES);
	struct sums sums = { 0 };

	for (int i = 0; i < n; i++) {
		long long vm = status_field(pids[i], "VmSize");

		if (vm < 0)
			continue;
		sums.n++;
		sums.vm += vm * KIB;
		sums.rss += status_field(pids[i], "VmRSS") * KIB;
	}
	return sums;
}

static void touch(void)
{
	char *p = mmap(NULL, 5 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	fill(p, 3 * MIB, 1);
}

/* Where nothing moves the sums are exact. */
static int sums_in_namespace(void *arg)
{
	pid_t children[4] = { stopped_child(touch), stopped_child(NULL), stopped_child(touch),
			      zombie_child() };
	struct tamstat_total total;
	struct sums sums;

	ask(&total, TAMSTAT_TOTAL_SUM);
	sums_of_proc();		/* what this costs is paid */
	sums = sums_of_proc();
	if (ask(&total, TAMSTAT_TOTAL_SUM))
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		end_child(children[i]);
	if (total.nr_processes != 4 || sums.n != 4)
		return 2;
	if (total.sum_vm != (__u64)sums.vm)
		return 3;
	if (total.sum_rss != (__u64)sums.rss)
		return 4;
	return 0;
}

TEST(sums_in_a_pid_namespace)
{
	int ret = in_pid_namespace(sums_in_namespace, NULL);

	if (ret == NO_NAMESPACE)
		SKIP(return, "no pid namespace");
	EXPECT_EQ(0, ret);
}

TEST(sums_of_the_system)
{
	const long long slack = 64 * MIB;	/* others may start and end */
	struct tamstat_total total;
	struct sums sums = sums_of_proc();

	ASSERT_EQ(0, ask(&total, TAMSTAT_TOTAL_SUM));
	EXPECT_GE(8, llabs((long long)total.nr_processes - sums.n));
	EXPECT_GE(slack, llabs((long long)total.sum_vm - sums.vm));
	EXPECT_GE(slack, llabs((long long)total.sum_rss - sums.rss));
}

TEST(sums_are_those_of_the_legacy_call)
{
	struct tamalloc_total_mem_stats legacy;
	struct tamstat_total total;

	if (!nrs[TAMALLOC_CALL_GET_TOTAL_MEM_STATS])
		SKIP(return, "no legacy calls");
	ASSERT_EQ(0, ask(&total, TAMSTAT_TOTAL_SUM));
	ASSERT_EQ(0, do_total_mem_stats(&legacy));
	EXPECT_GE(64 * KIB, llabs((long long)(total.sum_vm / KIB - legacy.total_reserved_kb)));
	EXPECT_GE(64 * KIB, llabs((long long)(total.sum_rss / KIB - legacy.total_committed_kb)));
}

TEST(errors_and_their_order)
{
	struct tamstat_total total;

	for (int bit = 1; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, ask(&total, 1U << bit));
	EXPECT_EQ(-EINVAL, do_total(NULL, ps + 1, 1U << 31));
	EXPECT_EQ(-EINVAL, do_total(NULL, TAMSTAT_TOTAL_SIZE_VER0 - 1, 0));
	EXPECT_EQ(-EINVAL, do_total(NULL, 0, 0));
	EXPECT_EQ(-E2BIG, do_total(NULL, ps + 1, 0));
	EXPECT_EQ(-E2BIG, do_total(NULL, SIZE_MAX, 0));
	EXPECT_EQ(-EFAULT, do_total(NULL, TAMSTAT_TOTAL_SIZE_VER0, 0));
	EXPECT_EQ(-EFAULT, do_total((void *)(1UL << 63), TAMSTAT_TOTAL_SIZE_VER0, 0));
}

TEST(sizes)
{
	const size_t ver0 = TAMSTAT_TOTAL_SIZE_VER0;
	const size_t sizes[] = { ver0, ver0 + 1, ver0 + 8, 999, ps };
	static unsigned char buf[2 * MAX_PAGE];
	char *end = page_before_guard();

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(buf, 0xa5, sizeof(buf));
		ASSERT_EQ(0, do_total(buf, sizes[i], 0));
		EXPECT_TRUE(is_zero(buf + ver0, sizes[i] - ver0));
		for (size_t k = sizes[i]; k < sizeof(buf); k++)
			EXPECT_EQ(0xa5, buf[k]);
	}
	EXPECT_EQ(0, do_total(end - ver0, ver0, TAMSTAT_TOTAL_SUM));
	EXPECT_EQ(-EFAULT, do_total(end - ver0 + 1, ver0, 0));
	EXPECT_EQ(-EFAULT, do_total(end - ver0, ver0 + 8, 0));
}

int main(int argc, char **argv)
{
	need_calls(NEED(TAMSTAT_TOTAL));
	return test_harness_run(argc, argv);
}
