// SPDX-License-Identifier: GPL-2.0-only
/*
 * Discovery. Hazard: a number that is not the one of the call makes the library
 * call something else, and prctl and sysfs that disagree make two libraries.
 */
#include "tamtest.h"

static const char * const names[NR_CALLS] = {
	[TAMALLOC_CALL_TAMALLOC2]	= "nr_tamalloc2",
	[TAMALLOC_CALL_REZERO]		= "nr_tamalloc_rezero",
	[TAMALLOC_CALL_TAMSTAT]		= "nr_tamstat",
	[TAMALLOC_CALL_TAMSTAT_LIST]	= "nr_tamstat_list",
	[TAMALLOC_CALL_TAMSTAT_TOTAL]	= "nr_tamstat_total",
	[TAMALLOC_CALL_TAMALLOC]	= "nr_tamalloc",
	[TAMALLOC_CALL_GET_MEM_STATS]	= "nr_get_mem_stats",
	[TAMALLOC_CALL_GET_TOTAL_MEM_STATS] = "nr_get_total_mem_stats",
};

static const char *path_of(const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), SYSFS_DIR "%s", name);
	return path;
}

static long ask(unsigned long what, unsigned long a, unsigned long b, unsigned long c)
{
	return or_errno(prctl(PR_TAMALLOC, what, a, b, c));
}

TEST(version)
{
	EXPECT_EQ(TAMALLOC_ABI_VERSION, ask(PR_TAMALLOC_ABI, 0, 0, 0));
}

TEST(prctl_refuses_what_it_does_not_know)
{
	EXPECT_EQ(-EINVAL, ask(PR_TAMALLOC_NR + NR_CALLS, 0, 0, 0));
	EXPECT_EQ(-EINVAL, ask(PR_TAMALLOC_NR + 1000, 0, 0, 0));
	EXPECT_EQ(-EINVAL, ask(INT_MAX, 0, 0, 0));
	EXPECT_EQ(-EINVAL, ask(-1UL, 0, 0, 0));
	EXPECT_EQ(-EINVAL, ask(1UL << 32, 0, 0, 0));
	EXPECT_EQ(-EINVAL, ask((1UL << 32) + PR_TAMALLOC_NR, 0, 0, 0));
}

TEST(prctl_refuses_more_arguments)
{
	for (unsigned long what = PR_TAMALLOC_ABI; what <= PR_TAMALLOC_NR + NR_CALLS; what++) {
		EXPECT_EQ(-EINVAL, ask(what, 1, 0, 0));
		EXPECT_EQ(-EINVAL, ask(what, 0, 1, 0));
		EXPECT_EQ(-EINVAL, ask(what, 0, 0, 1));
		EXPECT_EQ(-EINVAL, ask(what, 0, 0, 1UL << 32));
	}
}

TEST(sysfs_and_prctl_agree)
{
	unsigned long features;
	char text[64];

	ASSERT_LT(0, get_file(path_of("features"), text, sizeof(text)));
	EXPECT_EQ(0, strncmp(text, "0x", 2));
	features = strtoul(text, NULL, 16);
	EXPECT_EQ(0, features >> NR_CALLS);
	EXPECT_EQ(TAMALLOC_ABI_VERSION, get_number(path_of("abi_version")));
	for (int i = 0; i < NR_CALLS; i++) {
		long nr = ask(PR_TAMALLOC_NR + i, 0, 0, 0);

		EXPECT_EQ(nr > 0, (features >> i) & 1);
		if (nr > 0) {
			EXPECT_EQ(nr, get_number(path_of(names[i])));
		} else {
			EXPECT_EQ(-EINVAL, nr);
			EXPECT_NE(0, access(path_of(names[i]), F_OK));
		}
	}
}

TEST(numbers_differ)
{
	for (int i = 0; i < NR_CALLS; i++)
		for (int k = 0; k < i; k++)
			EXPECT_TRUE(!nrs[i] || nrs[i] != nrs[k]);
}

/* The legacy calls come together or not at all. */
TEST(modern_calls_are_all_there)
{
	for (int i = 0; i < TAMALLOC_CALL_TAMALLOC; i++)
		EXPECT_NE(0, nrs[i]);
	EXPECT_EQ(!nrs[TAMALLOC_CALL_TAMALLOC], !nrs[TAMALLOC_CALL_GET_MEM_STATS]);
	EXPECT_EQ(!nrs[TAMALLOC_CALL_TAMALLOC], !nrs[TAMALLOC_CALL_GET_TOTAL_MEM_STATS]);
}

TEST(sysfs_files)
{
	DIR *dir = opendir(SYSFS_DIR);
	struct dirent *entry;
	int expected = 2, seen = 0;

	ASSERT_NE(NULL, dir);
	for (int i = 0; i < NR_CALLS; i++)
		expected += !!nrs[i];
	while ((entry = readdir(dir))) {
		const char *path = path_of(entry->d_name);
		struct stat st;
		char text[64];
		long len;

		if (entry->d_name[0] == '.')
			continue;
		seen++;
		ASSERT_EQ(0, stat(path, &st));
		EXPECT_EQ(0444, st.st_mode & 07777);
		EXPECT_EQ(0, st.st_uid);
		EXPECT_EQ(-EACCES, or_errno(open(path, O_WRONLY | O_CLOEXEC)));
		len = get_file(path, text, sizeof(text));
		ASSERT_LT(1, len);
		EXPECT_EQ(text + len - 1, strchr(text, '\n')) {
			TH_LOG("%s is not one line", path);
		}
	}
	closedir(dir);
	EXPECT_EQ(expected, seen);
}

/* How a library makes sure that a number belongs to the call: only EINVAL is right. */
TEST(harmless_calls)
{
	const unsigned int unknown = 1U << 31;

	EXPECT_EQ(-EINVAL, do_tamalloc2(NULL, 0));
	EXPECT_EQ(-EINVAL, do_rezero(NULL, 0, 0, unknown));
	EXPECT_EQ(-EINVAL, do_tamstat(0, 0, NULL, 0, unknown));
	EXPECT_EQ(-EINVAL, do_list(NULL, NULL, 0, unknown));
	EXPECT_EQ(-EINVAL, do_total(NULL, 0, unknown));
}

TEST(scope_setting)
{
	long long old = get_number(SCOPE);
	struct stat st;

	EXPECT_LE(0, old);
	EXPECT_GE(2, old);
	ASSERT_EQ(0, stat(SCOPE, &st));
	EXPECT_EQ(0644, st.st_mode & 07777);
	if (!is_root()) {
		EXPECT_FALSE(put_file(SCOPE, "0"));
		return;
	}
	EXPECT_FALSE(put_file(SCOPE, "3"));
	EXPECT_FALSE(put_file(SCOPE, "-1"));
	EXPECT_EQ(old, get_number(SCOPE));
	for (int scope = 2; scope >= 0; scope--) {
		EXPECT_TRUE(put_filef(SCOPE, "%d", scope));
		EXPECT_EQ(scope, get_number(SCOPE));
	}
	put_filef(SCOPE, "%lld", old);
}

int main(int argc, char **argv)
{
	need_calls(0);
	restore_at_exit(SCOPE);
	return test_harness_run(argc, argv);
}
