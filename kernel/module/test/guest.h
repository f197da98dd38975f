/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the module share. They run as root in a guest, one program, and write
 * "ok" and "not ok" lines and documents for judge.py to standard output.
 */
#ifndef GUEST_H
#define GUEST_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAM		"/proc/tamalloc"
#define KMEMLEAK	"/sys/kernel/debug/kmemleak"
#define ANYBODY		1000	/* uid and gid of the unprivileged */
#define MAX_PIDS	4096
#define WHOLE		(1 << 16)	/* bytes to read at once */

static const char *const files[] = { "system", "system.json", "cpu", "processes", "watch" };

#define NR_FILES	(sizeof(files) / sizeof(files[0]))

/* What was read, with a NUL behind it; or which read failed and why. */
struct text {
	char *data;
	size_t len;
	int error;
	char why[300];
};

/* guest.c */

/* Says what holds, or what should; a failure does not end the test. */
__attribute__((format(printf, 2, 3)))
bool check(bool ok, const char *format, ...);
__attribute__((noreturn, format(printf, 1, 2)))
void give_up(const char *format, ...);

struct text read_fd(int fd, const char *path, size_t chunk);
struct text read_file(const char *path, size_t chunk);	/* path is relative to TAM, or absolute */
void document(const char *name, const struct text *text);
void put(const char *path, const char *text);

/* The pids of a listing, in its order. */
size_t pids_in(const struct text *text, pid_t *pids);
bool has_pid(const pid_t *pids, size_t n, pid_t pid);
unsigned long long number_in(const struct text *text, const char *key);	/* ~0: no such key */

/* A process that does what it is given and then waits for its end; it is ready on return. */
pid_t start(void (*prepare)(const void *), const void *arg);
void end(pid_t pid);
int run(int (*body)(const void *), const void *arg);	/* the exit status of a child, or -signal */

int load_module(void);		/* 0, or -errno */
int unload_module(void);

void test_reading(void);	/* reading.c */
void test_records(void);	/* records.c */
void test_watch(void);		/* watch.c */
void test_visibility(void);	/* visibility.c */
void test_storms(int times);	/* storms.c */
__attribute__((noreturn))
void storm_of_execve(const char *name);
void test_cycles(int cycles);	/* cycles.c */

#endif
