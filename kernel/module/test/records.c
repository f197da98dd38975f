// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hazard: figures that differ from those of /proc; a process whose main thread has ended,
 * and which so seems to have no memory; a name that breaks the JSON around it. What /proc
 * says goes along with the listing, for judge.py to compare.
 */
#include "guest.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/mman.h>

/* Names end after 15 bytes, wherever that is. */
static const char *const names[] = {
	"a\"b\\c\"", "\\u0041\\", "\",\"pid\":1,\"x\":\"", "\x01\x02\n\t\r\b\f", "\x1b[31m\x1f\x7f",
	"caf\xc3\xa9 \xe2\x82\xac", "\xf0\x9f\x90\xa7 \xf4\x8f\xbf\xbf", "123456789012\xe2\x82", "\xff\xfe\x80\xbf",
	"\xc0\x80\xc1\xbf\xe0\x80\x80", "\xed\xa0\x80\xed\xbf\xbf", "\xf4\x90\x80\x80\xf5\x80\x80\x80", "\xc3(\xe2\x82(\xf0\x9f",
	"\xef\xbf\xbd\xef\xbf\xbe", "{}[],:null", "", " ",
};

#define NR_NAMES	(sizeof(names) / sizeof(names[0]))

static void set_name(const void *name)
{
	prctl(PR_SET_NAME, name);
}

static void test_names(void)
{
	struct text list = { .data = malloc(4096) };
	pid_t pids[NR_NAMES];
	struct text listing;

	for (size_t i = 0; i < NR_NAMES; i++) {
		pids[i] = start(set_name, names[i]);
		list.len += sprintf(list.data + list.len, "%d ", pids[i]);
		for (const char *c = names[i]; *c; c++)
			list.len += sprintf(list.data + list.len, "%02x", (unsigned char)*c);
		list.len += sprintf(list.data + list.len, "\n");
	}
	listing = read_file("processes", WHOLE);
	document("names expected", &list);
	document("processes names", &listing);
	for (size_t i = 0; i < NR_NAMES; i++)
		end(pids[i]);
}

static void *wait_for_the_end(void *unused)
{
	while (true)
		pause();
	return unused;
}

static void use_memory(const void *mib)
{
	const size_t size = (size_t)*(const int *)mib << 20;
	char *memory = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(memory, 1, size);
	munmap(memory, size / 2);	/* so that the peaks are above the figures */
	put("/proc/self/oom_score_adj", "123");
}

static void use_threads(const void *mib)
{
	pthread_t thread;

	use_memory(mib);
	for (int i = 0; i < 4; i++)
		pthread_create(&thread, NULL, wait_for_the_end, NULL);
}

static void *say_that_the_main_thread_has_ended(void *ready)
{
	char path[50], text[500] = "";

	snprintf(path, sizeof(path), "/proc/%d/stat", getpid());
	while (!strstr(text, ") Z ")) {
		int fd = open(path, O_RDONLY);

		if (read(fd, text, sizeof(text) - 1) < 0)
			_exit(1);
		close(fd);
	}
	if (write(*(int *)ready, "", 1) != 1)
		_exit(1);
	return wait_for_the_end(NULL);
}

static pid_t start_without_main_thread(int mib)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		give_up("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		use_memory(&mib);
		pthread_create(&thread, NULL, say_that_the_main_thread_has_ended, &ready[1]);
		syscall(SYS_exit, 0);
	}
	if (read(ready[0], &byte, 1) != 1)
		give_up("the process without a main thread did not start");
	return pid;
}

static pid_t start_zombie(void)
{
	pid_t pid = fork();
	siginfo_t info;

	if (!pid)
		_exit(0);
	waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
	return pid;
}

/* /proc tells the memory of a process whose main thread has ended only of the others. */
static pid_t thread_with_memory(pid_t pid)
{
	struct dirent *entry;
	pid_t thread = 0;
	char path[50];
	DIR *all;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	all = opendir(path);
	while (all && (entry = readdir(all)))
		if (atoi(entry->d_name) != pid)
			thread = atoi(entry->d_name) ?: thread;
	if (!thread)
		give_up("%s names no other thread", path);
	closedir(all);
	return thread;
}

static void compare(const char *what, pid_t pid, pid_t thread)
{
	static const char *const told[] = { "status", "stat", "oom_score", "oom_score_adj" };
	char path[100], name[100];

	printf("process %s %d\n", what, pid);
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		struct text text;

		snprintf(path, sizeof(path), "/proc/%d/%s", pid, told[i]);
		if (thread && !i)
			snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, thread, told[i]);
		text = read_file(path, WHOLE);
		snprintf(name, sizeof(name), "%s %d", told[i], pid);
		document(name, &text);
		free(text.data);
	}
}

void test_records(void)
{
	const int small = 5, big = 64;
	const pid_t plain = start(use_memory, &small), threads = start(use_threads, &big);
	const pid_t headless = start_without_main_thread(small), zombie = start_zombie();
	struct text listing = read_file("processes", WHOLE);

	check(!listing.error, "processes is read for the records%s%s", listing.error ? ": " : "", listing.why);
	document("processes records", &listing);
	compare("plain", plain, 0);
	compare("threads", threads, 0);
	compare("headless", headless, thread_with_memory(headless));
	compare("zombie", zombie, 0);
	end(plain);
	end(threads);
	end(headless);
	waitpid(zombie, NULL, 0);
	test_names();
}
