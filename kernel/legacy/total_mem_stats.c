// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reserved and committed memory, summed over all processes.
 *
 * Written only from the description of the calls, for Linux 6.1 and 6.12 on x86-64.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>

#define SYS_GET_TOTAL_MEM_STATS	467

struct total_mem_stats {
	unsigned long total_reserved_kb;
	unsigned long total_committed_kb;
};

int main(void)
{
	struct total_mem_stats t;

	if (syscall(SYS_GET_TOTAL_MEM_STATS, &t)) {
		printf("get_total_mem_stats: %s\n", strerror(errno));
		return 1;
	}
	printf("Reserved:  %lu kB (%lu MB)\n", t.total_reserved_kb, t.total_reserved_kb / 1024);
	printf("Committed: %lu kB (%lu MB)\n", t.total_committed_kb, t.total_committed_kb / 1024);
	return 0;
}
