// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table of reserved and committed memory and the OOM score. Standard input: a pid, or
 * 0 for all processes.
 *
 * Written only from the description of the calls, for Linux 6.1 and 6.12 on x86-64.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <sys/types.h>

#define SYS_GET_MEM_STATS	466

struct mem_stats {
	unsigned long reserved_kb;
	unsigned long committed_kb;
	unsigned int oom_score;
};

static int show(pid_t pid)
{
	struct mem_stats s;

	if (syscall(SYS_GET_MEM_STATS, pid, &s))
		return errno;
	printf("%8d %14lu %14lu %7.2f %6u\n", pid, s.reserved_kb, s.committed_kb,
	       s.reserved_kb ? 100.0 * s.committed_kb / s.reserved_kb : 0.0, s.oom_score);
	return 0;
}

int main(void)
{
	struct dirent *entry;
	int pid, error;
	DIR *proc;

	printf("PID, or 0 for all: ");
	fflush(stdout);
	if (scanf("%d", &pid) != 1) {
		printf("\nno number\n");
		return 1;
	}
	printf("\n%8s %14s %14s %7s %6s\n", "PID", "Reserved (kB)", "Committed (kB)", "Used %",
	       "OOM");
	if (pid) {
		error = show(pid);
		if (error)
			printf("%d: %s\n", pid, strerror(error));
		return error != 0;
	}
	proc = opendir("/proc");
	if (!proc) {
		printf("/proc: %s\n", strerror(errno));
		return 1;
	}
	while ((entry = readdir(proc))) {
		pid = atoi(entry->d_name);
		error = pid > 0 ? show(pid) : 0;
		/* It may have ended, or have no memory, as kernel threads. */
		if (error && error != ESRCH && error != ENOMEM) {
			printf("%d: %s\n", pid, strerror(error));
			return 1;
		}
	}
	closedir(proc);
	return 0;
}
