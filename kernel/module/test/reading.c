// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hazard: a listing that is longer than a page, or is read in small pieces, starts some of
 * its work again, and so names a process twice, leaves one out, or adds one up twice. A
 * file without a release leaks at every open.
 */
#include "guest.h"

#include <sys/statvfs.h>

#define CROWD	100	/* processes: their listing is longer than four pages */

static void test_modes(void)
{
	for (size_t i = 0; i < NR_FILES; i++) {
		const mode_t mode = S_IFREG | (strcmp(files[i], "watch") ? 0444 : 0666);
		struct stat found = { .st_mode = 0 };
		char path[100];

		snprintf(path, sizeof(path), TAM "/%s", files[i]);
		check(!stat(path, &found) && found.st_mode == mode, "%s has mode %o", path, found.st_mode);
	}
}

static void test_pieces(void)
{
	static const size_t chunks[] = { 1, 7, 1000, 4096, WHOLE };
	char name[100];

	for (size_t i = 0; i < NR_FILES; i++) {
		for (size_t c = 0; c < sizeof(chunks) / sizeof(chunks[0]); c++) {
			struct text text = read_file(files[i], chunks[c]);

			check(!text.error && text.len, "%s is read %zu bytes at a time%s%s", files[i], chunks[c],
			      text.error ? ": " : "", text.why);
			snprintf(name, sizeof(name), "%s by-%zu", files[i], chunks[c]);
			document(name, &text);
			free(text.data);
		}
	}
}

/* From its start again after it was read in part, and from the middle. */
static void test_seeking(void)
{
	int fd = open(TAM "/processes", O_RDONLY);
	struct text text;
	char part[300];

	check(read(fd, part, sizeof(part)) == sizeof(part) && !lseek(fd, 0, SEEK_SET), "processes can be read again");
	text = read_fd(fd, "processes, again", 4096);
	document("processes again", &text);
	check(pread(fd, part, 100, 5000) == 100, "and from the middle");
	check(lseek(fd, 0, SEEK_SET) == 0, "and from its start after that");
	free(text.data);
	text = read_fd(fd, "processes, the third time", WHOLE);
	document("processes thrice", &text);
	free(text.data);
	close(fd);
}

/* What the kernel itself says before and after goes along for comparison. */
static void test_system(void)
{
	static const char *const around[] = { "/proc/meminfo", "/proc/stat" };
	char name[100];

	for (int after = 0; after <= 1; after++) {
		for (size_t i = 0; i < 2; i++) {
			struct text text = read_file(around[i], WHOLE);

			snprintf(name, sizeof(name), "%s %s", around[i], after ? "after" : "before");
			document(name, &text);
			free(text.data);
		}
		for (size_t i = 0; i < 3 && !after; i++) {
			struct text text = read_file(files[i], WHOLE);

			snprintf(name, sizeof(name), "%s between", files[i]);
			document(name, &text);
			free(text.data);
		}
	}
}

/* The root of the guest is a file system without a size; that of this reader has one. */
static int read_below_a_root(const void *file)
{
	struct text text, expected = { .data = malloc(100) };
	struct statvfs disk;
	int fd = open(TAM "/system.json", O_RDONLY);

	(void)file;
	mkdir("/tmp/root", 0755);
	if (mount("none", "/tmp/root", "tmpfs", 0, "size=8M") || chroot("/tmp/root") || chdir("/"))
		return 1;
	text = read_fd(fd, "system.json", WHOLE);
	if (statvfs("/", &disk))
		return 1;
	expected.len = sprintf(expected.data, "%llu", (unsigned long long)disk.f_blocks * disk.f_frsize);
	document("system.json below-a-root", &text);
	document("disk expected", &expected);
	return 0;
}

static unsigned long long kernel_memory(void)
{
	struct text text = read_file("/proc/meminfo", WHOLE);
	char *line = strstr(text.data, "SUnreclaim:");
	unsigned long long kb = line ? strtoull(line + strlen("SUnreclaim:"), NULL, 10) : 0;

	free(text.data);
	return kb;
}

/* A kernel with kmemleak is slow, and tells leaks in the end; there, KASAN keeps for a while what was freed. */
static void test_opening(void)
{
	const bool judged_later = !access(KMEMLEAK, R_OK);
	const int times = judged_later ? 100 : 5000;
	unsigned long long before = 0, after;

	for (size_t i = 0; i < NR_FILES; i++) {
		char path[100];

		snprintf(path, sizeof(path), TAM "/%s", files[i]);
		for (int n = 0; n < 2 * times; n++) {
			int fd = open(path, O_RDONLY);

			if (n == times)
				before = kernel_memory();
			if (fd < 0 || close(fd))
				give_up("%s, open number %d: %s", path, n, strerror(errno));
		}
		after = kernel_memory();
		check(judged_later || after < before + 500,
		      "%s, opened and closed %d times, leaks nothing: %llu kB before, %llu after", path, times, before,
		      after);
	}
}

void test_reading(void)
{
	pid_t crowd[CROWD];

	for (int i = 0; i < CROWD; i++)
		crowd[i] = start(NULL, NULL);
	test_modes();
	test_pieces();
	test_seeking();
	for (int i = 0; i < CROWD; i++)
		end(crowd[i]);
	test_system();
	check(!run(read_below_a_root, NULL), "system.json is read below another root");
	test_opening();
}
