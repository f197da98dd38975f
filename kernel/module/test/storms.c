// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hazard: processes that begin, end, or are replaced by one of their threads while they
 * are read. A listing must not fail, nor lose or repeat a process that was there all the
 * time.
 */
#include "guest.h"

#include <pthread.h>

#define STORMS		4

static void *begin_again(void *name)
{
	execl("/proc/self/exe", name, "exec", NULL);
	_exit(1);
}

/* Forever: a thread calls execve, and so becomes the main thread. */
void storm_of_execve(const char *name)
{
	pthread_t thread;

	pthread_create(&thread, NULL, begin_again, (void *)name);
	while (true)
		pause();
}

static pid_t start_execve(void)
{
	pid_t pid = fork();

	if (!pid) {
		execl("/proc/self/exe", "storm", "exec", NULL);
		_exit(1);
	}
	return pid;
}

static pid_t start_forks(void)
{
	pid_t pid = fork();

	while (!pid) {
		pid_t child = fork();

		if (!child)
			_exit(0);
		waitpid(child, NULL, 0);
	}
	return pid;
}

/* Null, or what is wrong with the listing. */
static const char *fault_of(const struct text *listing, const pid_t *there)
{
	static char fault[500];
	pid_t pids[MAX_PIDS];
	size_t n = pids_in(listing, pids);

	if (listing->error)
		return listing->why;
	for (size_t i = 1; i < n; i++) {
		if (pids[i - 1] < pids[i])
			continue;
		snprintf(fault, sizeof(fault), "%d comes before %d", pids[i - 1], pids[i]);
		return fault;
	}
	for (size_t i = 0; i < STORMS; i++) {
		if (has_pid(pids, n, there[i]))
			continue;
		snprintf(fault, sizeof(fault), "%d, of %d all the time, is not among its %zu processes", there[i], getpid(), n);
		return fault;
	}
	return NULL;
}

static void test_listings(const char *storm, const pid_t *there, int times)
{
	const char *fault = NULL;
	int i;

	for (i = 0; i < times && !fault; i++) {
		struct text listing = read_file("processes", i % 2 ? WHOLE : 512);

		fault = fault_of(&listing, there);
		if (fault || i % (times / 3) == 0)
			document("processes storm", &listing);
		free(listing.data);
	}
	check(!fault, "%d listings while %s%s%s", i, storm, fault ? ": " : "", fault ?: "");
}

/*
 * Memory is never missing: the thread that calls execve has some at every moment. But
 * what it has reserved may be 0 for one: mprotect_fixup(), by which execve makes the
 * stack, takes its pages from mm->total_vm before it adds them again.
 */
static void test_watching(const char *storm, const pid_t *there, int times)
{
	int fd = open(TAM "/watch", O_RDWR), i;
	char why[500] = "";

	for (i = 0; i < times && !why[0]; i++) {
		const pid_t pid = there[i % STORMS];
		struct text answer;
		char text[20];

		snprintf(text, sizeof(text), "%d", pid);
		if (write(fd, text, strlen(text)) < 0) {
			snprintf(why, sizeof(why), ": write of %d: %s", pid, strerror(errno));
			break;
		}
		answer = read_fd(fd, "watch", WHOLE);
		if (answer.error)
			snprintf(why, sizeof(why), ": %d: %s", pid, answer.why);
		else if ((!number_in(&answer, "reserved") && !number_in(&answer, "committed")) ||
			 number_in(&answer, "pid") != (unsigned int)pid)
			snprintf(why, sizeof(why), ": %d: %s", pid, answer.data);
		free(answer.data);
	}
	check(!why[0], "%d answers of watch while %s%s", i, storm, why);
	close(fd);
}

static void test_storm(const char *storm, pid_t (*begin)(void), int times)
{
	pid_t pids[STORMS];

	fflush(stdout);
	for (int i = 0; i < STORMS; i++)
		pids[i] = begin();
	test_listings(storm, pids, times);
	test_watching(storm, pids, 10 * times);
	for (int i = 0; i < STORMS; i++)
		end(pids[i]);
}

void test_storms(int times)
{
	test_storm("threads call execve", start_execve, times);
	test_storm("processes begin and end", start_forks, times);
}
