// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each call again and again, in which the kernel lets the first, the second, ... place
 * fail that can: an allocation, a copy from or to the program. Hazard: a path that is
 * only taken when memory is short, and there returns what no manual page names, leaves
 * half a mapping behind, or forgets to free or to unlock something.
 */
#include "region.h"

#define FAILSLAB	"/sys/kernel/debug/failslab/"
#define PAGE_ALLOC	"/sys/kernel/debug/fail_page_alloc/"
#define USERCOPY	"/sys/kernel/debug/fail_usercopy/"
#define MAX_POINTS	100000	/* more can fail in no call */
#define LEN		(64 * KIB)

/* ---- injection ------------------------------------------------------------ */

static const char *const settings[][2] = {
	{ FAILSLAB "ignore-gfp-wait", "N" },
	{ FAILSLAB "verbose", "0" },
	{ PAGE_ALLOC "ignore-gfp-wait", "N" },
	{ PAGE_ALLOC "ignore-gfp-highmem", "N" },
	{ PAGE_ALLOC "min-order", "0" },
	{ PAGE_ALLOC "verbose", "0" },
	{ USERCOPY "verbose", "0" },
};

static int fail_nth = -1;

/* From here on the @nth place of this thread fails. */
static void arm(int nth)
{
	char text[20];
	int len = snprintf(text, sizeof(text), "%d", nth);

	if (pwrite(fail_nth, text, len, 0) != len)
		abort();
}

/* Whether one has failed. This itself is a place that can. */
static bool disarm(void)
{
	char left[20] = "";
	bool failed = pread(fail_nth, left, sizeof(left) - 1, 0) > 0 && atoi(left) == 0;

	while (pwrite(fail_nth, "0", 1, 0) != 1)
		;
	return failed;
}

/* ---- the calls ------------------------------------------------------------ */

static struct tamalloc_args args;
static struct region region;
static pid_t child;
static int pidfd;
static struct tamstat records[8];
static struct tamstat_list_req req;

static long run_tamalloc(void)
{
	return do_tamalloc(LEN);
}

static long run_tamalloc2(void)
{
	return do_tamalloc2(&args, sizeof(args));
}

static void prepare_region(void)
{
	region_new(&region, SMALL);
	fill_region(&region);
}

static void prepare_shared(void)
{
	prepare_region();
	child = fork_child();
	if (!child)
		pause();
}

static void prepare_swapped(void)
{
	prepare_region();
	page_out(region.p, region.len);
}

/* Of a huge page, if there is one to be had. */
static void prepare_part(void)
{
	region_new(&region, pmd_size ? PART : SMALL);
	fill_region(&region);
}

static long run_rezero(void)
{
	return do_rezero(region.p, region.len, SIZE_MAX, 0);
}

static long run_rezero_without_keep(void)
{
	return do_rezero(region.p, region.len, 0, 0);
}

static long run_tamstat(void)
{
	return do_tamstat(P_PID, 0, records, sizeof(*records), 0);
}

static long run_tamstat_pidfd(void)
{
	return do_tamstat(P_PIDFD, pidfd, records, sizeof(*records), 0);
}

static long run_list(void)
{
	req = (struct tamstat_list_req) { .size = sizeof(req), .rec_size = sizeof(*records),
					  .mask = ~0ULL };
	return do_list(&req, records, sizeof(records), 0);
}

static long run_total(void)
{
	return do_total(records, sizeof(struct tamstat_total), TAMSTAT_TOTAL_SUM);
}

static long run_mem_stats(void)
{
	return do_mem_stats(getpid(), records);
}

static long run_total_mem_stats(void)
{
	return do_total_mem_stats(records);
}

/* ---- what holds in every call --------------------------------------------- */

#define NONE	0
#define MEMORY	1		/* ENOMEM */
#define COPY	2		/* EFAULT */

FIXTURE(call)
{
	char before[32 * KIB], after[32 * KIB];	/* the mappings */
};

FIXTURE_VARIANT(call)
{
	int call;
	void (*prepare)(void);
	long (*run)(void);
	struct tamalloc_args args;
	int errors;		/* those that must be seen, and no others */
};

FIXTURE_SETUP(call)
{
	char *problem = NULL;

	if (!nrs[variant->call])
		SKIP(return, "this kernel does not have the legacy calls");
	if (variant->prepare == prepare_swapped)
		problem = swap_on(SWAP_ZRAM);
	if (problem)
		SKIP(return, "%s", problem);
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fail_nth);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		ASSERT_TRUE(put_file(settings[i][0], settings[i][1]));
	pidfd = syscall(SYS_pidfd_open, getpid(), 0);
	ASSERT_LE(0, pidfd);
}

FIXTURE_TEARDOWN(call)
{
	if (variant->prepare == prepare_swapped)
		swap_off(SWAP_ZRAM);
}

FIXTURE_VARIANT_ADD(call, tamalloc) {
	.call = TAMALLOC_CALL_TAMALLOC, .run = run_tamalloc, .errors = MEMORY,
};

FIXTURE_VARIANT_ADD(call, tamalloc2) {
	.call = TAMALLOC_CALL_TAMALLOC2, .run = run_tamalloc2, .errors = MEMORY | COPY,
	.args = { .size = LEN },
};

FIXTURE_VARIANT_ADD(call, tamalloc2_huge) {
	.call = TAMALLOC_CALL_TAMALLOC2, .run = run_tamalloc2, .errors = MEMORY | COPY,
	.args = { .size = LEN, .flags = TAMALLOC_HUGE },
};

FIXTURE_VARIANT_ADD(call, tamalloc2_nohuge) {
	.call = TAMALLOC_CALL_TAMALLOC2, .run = run_tamalloc2, .errors = MEMORY | COPY,
	.args = { .size = LEN, .flags = TAMALLOC_NOHUGE },
};

FIXTURE_VARIANT_ADD(call, tamalloc2_account) {
	.call = TAMALLOC_CALL_TAMALLOC2, .run = run_tamalloc2, .errors = MEMORY | COPY,
	.args = { .size = LEN, .flags = TAMALLOC_ACCOUNT },
};

FIXTURE_VARIANT_ADD(call, tamalloc2_dontdump) {
	.call = TAMALLOC_CALL_TAMALLOC2, .run = run_tamalloc2, .errors = MEMORY | COPY,
	.args = { .size = LEN, .flags = TAMALLOC_DONTDUMP },
};

FIXTURE_VARIANT_ADD(call, tamalloc2_dontfork) {
	.call = TAMALLOC_CALL_TAMALLOC2, .run = run_tamalloc2, .errors = MEMORY | COPY,
	.args = { .size = LEN, .flags = TAMALLOC_DONTFORK },
};

FIXTURE_VARIANT_ADD(call, tamalloc2_wipeonfork) {
	.call = TAMALLOC_CALL_TAMALLOC2, .run = run_tamalloc2, .errors = MEMORY | COPY,
	.args = { .size = LEN, .flags = TAMALLOC_WIPEONFORK },
};

FIXTURE_VARIANT_ADD(call, tamalloc2_populate) {
	.call = TAMALLOC_CALL_TAMALLOC2, .run = run_tamalloc2, .errors = MEMORY | COPY,
	.args = { .size = LEN, .flags = TAMALLOC_POPULATE },
};

FIXTURE_VARIANT_ADD(call, tamalloc2_name_and_alignment) {
	.call = TAMALLOC_CALL_TAMALLOC2, .run = run_tamalloc2, .errors = MEMORY | COPY,
	.args = { .size = LEN, .align = MIB, .name = (unsigned long)"nth" },
};

FIXTURE_VARIANT_ADD(call, rezero) {
	.call = TAMALLOC_CALL_REZERO, .run = run_rezero, .errors = NONE,
	.prepare = prepare_region,
};

FIXTURE_VARIANT_ADD(call, rezero_without_keep) {
	.call = TAMALLOC_CALL_REZERO, .run = run_rezero_without_keep, .errors = NONE,
	.prepare = prepare_region,
};

FIXTURE_VARIANT_ADD(call, rezero_of_shared) {
	.call = TAMALLOC_CALL_REZERO, .run = run_rezero, .errors = NONE,
	.prepare = prepare_shared,
};

FIXTURE_VARIANT_ADD(call, rezero_of_swapped) {
	.call = TAMALLOC_CALL_REZERO, .run = run_rezero, .errors = NONE,
	.prepare = prepare_swapped,
};

FIXTURE_VARIANT_ADD(call, rezero_of_a_part) {
	.call = TAMALLOC_CALL_REZERO, .run = run_rezero_without_keep, .errors = NONE,
	.prepare = prepare_part,
};

FIXTURE_VARIANT_ADD(call, tamstat) {
	.call = TAMALLOC_CALL_TAMSTAT, .run = run_tamstat, .errors = COPY,
};

FIXTURE_VARIANT_ADD(call, tamstat_pidfd) {
	.call = TAMALLOC_CALL_TAMSTAT, .run = run_tamstat_pidfd, .errors = COPY,
};

FIXTURE_VARIANT_ADD(call, tamstat_list) {
	.call = TAMALLOC_CALL_TAMSTAT_LIST, .run = run_list, .errors = COPY,
};

FIXTURE_VARIANT_ADD(call, tamstat_total) {
	.call = TAMALLOC_CALL_TAMSTAT_TOTAL, .run = run_total, .errors = COPY,
};

FIXTURE_VARIANT_ADD(call, get_mem_stats) {
	.call = TAMALLOC_CALL_GET_MEM_STATS, .run = run_mem_stats, .errors = COPY,
};

FIXTURE_VARIANT_ADD(call, get_total_mem_stats) {
	.call = TAMALLOC_CALL_GET_TOTAL_MEM_STATS, .run = run_total_mem_stats, .errors = COPY,
};

static void get_mappings(char *text, size_t size)
{
	if (get_file("/proc/self/maps", text, size) <= 0)
		abort();
}

static bool is_among(long ret, int errors)
{
	return (ret == -ENOMEM && errors & MEMORY) || (ret == -EFAULT && errors & COPY);
}

static void check_region(struct __test_metadata *_metadata, long ret)
{
	EXPECT_TRUE(ret < 0 ? is_untouched(&region) : is_zero(region.p, region.len));
	EXPECT_TRUE(canaries_live(&region));
	region_free(&region);
	if (child)
		end_child(child);
	child = 0;
}

TEST_F_TIMEOUT(call, fails_as_documented_at_every_place, 3600)
{
	const bool maps = variant->run == run_tamalloc || variant->run == run_tamalloc2;
	int nth, no_memory = 0, no_copy = 0, success = 0;
	bool failed = true;

	args = variant->args;
	get_mappings(self->after, sizeof(self->after));	/* so that all is there that it needs */
	for (nth = 0; failed && nth < MAX_POINTS; nth++) {
		long ret;

		if (variant->prepare)
			variant->prepare();
		get_mappings(self->before, sizeof(self->before));
		arm(nth);		/* the first time none */
		ret = variant->run();
		failed = disarm() || !nth;

		if (maps && ret > 0)
			munmap((void *)ret, LEN);
		get_mappings(self->after, sizeof(self->after));
		EXPECT_STREQ(self->before, self->after);
		if (variant->call == TAMALLOC_CALL_REZERO)
			check_region(_metadata, ret);
		no_memory += ret == -ENOMEM;
		no_copy += ret == -EFAULT;
		success += ret >= 0;
		ASSERT_TRUE(ret >= 0 || (failed && nth && is_among(ret, variant->errors))) {
			TH_LOG("place %d: %s", nth, strerror(-ret));
		}
	}
	TH_LOG("%d places: %d times ENOMEM, %d EFAULT, %d success", nth - 2, no_memory, no_copy,
	       success - 2);
	EXPECT_FALSE(failed);
	EXPECT_EQ(!!(variant->errors & MEMORY), !!no_memory);
	EXPECT_EQ(!!(variant->errors & COPY), !!no_copy);
}

int main(int argc, char **argv)
{
	need_calls(NEED(TAMALLOC2) | NEED(REZERO) | NEED(TAMSTAT) | NEED(TAMSTAT_LIST) |
		   NEED(TAMSTAT_TOTAL));
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (!restore_at_exit(settings[i][0])) {
			ksft_print_header();
			ksft_exit_skip("this kernel does not inject failures, or not for us\n");
		}
	}
	find_huge_pages();
	prepare_swap();
	return test_harness_run(argc, argv);
}
