// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reserves memory with tamalloc, reads each byte of it, which must be 0, and writes a
 * letter there. Standard input: a size in MB; without one it is 10.
 *
 * Written only from the description of the calls, for Linux 6.1 and 6.12 on x86-64.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>

#define SYS_TAMALLOC	465
#define MB		(1024UL * 1024)

int main(void)
{
	unsigned long megabytes = 10;
	char *memory;
	long ret;

	printf("Size in MB: ");
	fflush(stdout);
	if (scanf("%lu", &megabytes) != 1)
		megabytes = 10;
	printf("\n");
	ret = syscall(SYS_TAMALLOC, megabytes * MB);
	if (ret == -1) {
		printf("tamalloc: %s\n", strerror(errno));
		return 1;
	}
	memory = (char *)ret;
	printf("%lu MB reserved at %p\n", megabytes, (void *)memory);

	srand(time(NULL));
	for (unsigned long i = 0; i < megabytes * MB; i++) {
		if (memory[i] != 0) {
			printf("byte %lu is %d, not 0\n", i, memory[i]);
			return 1;
		}
		memory[i] = 'A' + rand() % 26;
		if ((i + 1) % MB == 0)
			printf("%lu MB of zeroes\n", (i + 1) / MB);
	}
	for (unsigned long i = 0; i < megabytes * MB; i++) {
		if (memory[i] < 'A' || memory[i] > 'Z') {
			printf("byte %lu has lost its letter\n", i);
			return 1;
		}
	}
	printf("all %lu bytes were zero\n", megabytes * MB);
	return 0;
}
