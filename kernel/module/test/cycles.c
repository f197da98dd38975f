// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hazard: a module that is unloaded while its files are open or being read, and leaves
 * behind code that runs, memory, or files that lead nowhere.
 */
#include "guest.h"

#include <sys/mman.h>

#define READERS		3
#define HELD		8	/* files that a reader keeps open */

static struct reader {
	unsigned long whole, cut;	/* files read to their end, or until the module was gone */
	char fault[300];
} *readers;
static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = number;
}

/* One file; false: something is wrong with it. */
static bool read_once(struct reader *r, const char *path, int *held)
{
	struct text text;
	int fd = open(path, O_RDONLY);

	if (fd < 0) {
		if (errno == ENOENT)
			return true;
		snprintf(r->fault, sizeof(r->fault), "%s: open: %s", path, strerror(errno));
		return false;
	}
	text = read_fd(fd, path, 200);
	if (!text.error && text.len)
		r->whole++;
	else if (text.error == EIO)
		r->cut++;
	else
		snprintf(r->fault, sizeof(r->fault), "%s", text.error ? text.why : "an empty file");
	free(text.data);
	if (*held >= 0)
		close(*held);
	*held = fd;
	return !r->fault[0];
}

static void read_until_stopped(struct reader *r)
{
	int held[HELD];

	memset(held, -1, sizeof(held));
	for (unsigned int i = 0; !stop; i++) {
		char path[100];

		snprintf(path, sizeof(path), TAM "/%s", files[i % NR_FILES]);
		if (!read_once(r, path, &held[i % HELD]))
			_exit(1);
	}
	_exit(0);
}

/* Null, or what is wrong. */
static const char *fault_of_cycle(void)
{
	static char fault[300];
	int fds[NR_FILES], err = load_module();
	char path[100], byte;

	if (err) {
		snprintf(fault, sizeof(fault), "load: %s", strerror(-err));
		return fault;
	}
	for (size_t i = 0; i < NR_FILES; i++) {
		snprintf(path, sizeof(path), TAM "/%s", files[i]);
		fds[i] = open(path, O_RDWR * !strcmp(files[i], "watch"));
		if (fds[i] < 0 || read(fds[i], &byte, 1) != 1)
			snprintf(fault, sizeof(fault), "%s, loaded: %s", path, strerror(errno));
	}
	usleep(2000);	/* the readers' turn */
	err = unload_module();
	if (err)
		snprintf(fault, sizeof(fault), "unload: %s", strerror(-err));
	for (size_t i = 0; i < NR_FILES; i++) {
		if (read(fds[i], &byte, 1) >= 0 || errno != EIO)
			snprintf(fault, sizeof(fault), "%s, unloaded, is read: %s", files[i], strerror(errno));
		if (!strcmp(files[i], "watch") && (write(fds[i], "1", 1) >= 0 || errno != EIO))
			snprintf(fault, sizeof(fault), "watch, unloaded, is written: %s", strerror(errno));
		close(fds[i]);
	}
	if (!access(TAM, F_OK))
		snprintf(fault, sizeof(fault), TAM " is still there");
	return fault[0] ? fault : NULL;
}

void test_cycles(int cycles)
{
	const char *fault = NULL;
	pid_t pids[READERS];
	int done = 0;

	readers = mmap(NULL, READERS * sizeof(*readers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fflush(stdout);
	for (int i = 0; i < READERS; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			signal(SIGTERM, on_signal);
			read_until_stopped(&readers[i]);
		}
	}
	while (done < cycles && !fault) {
		fault = fault_of_cycle();
		done += !fault;
	}
	check(done == cycles, "%d cycles of loading and unloading with open files%s%s", done, fault ? ": " : "",
	      fault ?: "");
	for (int i = 0; i < READERS; i++) {
		int status = 0;

		kill(pids[i], SIGTERM);
		waitpid(pids[i], &status, 0);
		check(!status && readers[i].whole, "reader %d: %lu files to their end, %lu cut off, status %d%s%s", i,
		      readers[i].whole, readers[i].cut, status, readers[i].fault[0] ? ": " : "", readers[i].fault);
	}
}
