// SPDX-License-Identifier: GPL-2.0-only
/* See guest.h. Usage: module_test CYCLES < tamalloc_stats.ko */
#include "guest.h"

#include <stdarg.h>

static int number, failed;
static char *module;
static size_t module_size;

bool check(bool ok, const char *format, ...)
{
	va_list args;

	failed += !ok;
	printf("%sok %d - ", ok ? "" : "not ", ++number);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	return ok;
}

void give_up(const char *format, ...)
{
	va_list args;

	printf("not ok %d - ", ++number);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	_exit(1);
}

struct text read_fd(int fd, const char *path, size_t chunk)
{
	size_t room = WHOLE;
	struct text text = { .data = malloc(room + 1) };
	ssize_t n = 1;

	while (text.data && n > 0) {
		if (text.len + chunk > room)
			text.data = realloc(text.data, (room = 2 * room + chunk) + 1);
		n = read(fd, text.data + text.len, chunk);
		text.len += n > 0 ? n : 0;
	}
	if (n < 0) {
		text.error = errno;
		snprintf(text.why, sizeof(text.why), "%s: read %zu bytes at %zu: %s", path, chunk, text.len,
			 strerror(errno));
	}
	text.data[text.len] = '\0';
	return text;
}

struct text read_file(const char *name, size_t chunk)
{
	struct text text = { .error = 0 };
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s%s%s", *name == '/' ? "" : TAM, *name == '/' ? "" : "/", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		text.error = errno;
		text.data = strdup("");
		snprintf(text.why, sizeof(text.why), "%s: open: %s", path, strerror(errno));
		return text;
	}
	text = read_fd(fd, path, chunk);
	close(fd);
	return text;
}

void document(const char *name, const struct text *text)
{
	if (text->error) {
		check(false, "%s: %s", name, text->why);
		return;
	}
	printf("document %s %zu\n", name, text->len);
	fwrite(text->data, 1, text->len, stdout);
	putchar('\n');
	fflush(stdout);
}

void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		give_up("cannot write \"%s\" to %s: %s", text, path, strerror(errno));
	close(fd);
}

/* A name cannot look like a key: its quotes are escaped. */
size_t pids_in(const struct text *text, pid_t *pids)
{
	const char *p = text->data;
	size_t n = 0;

	while (n < MAX_PIDS && (p = strstr(p, "\"pid\":")))
		pids[n++] = strtol(p += strlen("\"pid\":"), NULL, 10);
	return n;
}

bool has_pid(const pid_t *pids, size_t n, pid_t pid)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += pids[i] == pid;
	return found == 1;
}

unsigned long long number_in(const struct text *text, const char *key)
{
	char quoted[50];
	const char *p;

	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	p = strstr(text->data, quoted);
	return p ? strtoull(p + strlen(quoted), NULL, 10) : ~0ULL;
}

pid_t start(void (*prepare)(const void *), const void *arg)
{
	int ready[2];
	char byte;
	pid_t pid;

	fflush(stdout);
	if (pipe2(ready, O_CLOEXEC))
		give_up("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		give_up("fork: %s", strerror(errno));
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (prepare)
			prepare(arg);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		while (true)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		give_up("a child of the test did not start");
	close(ready[0]);
	return pid;
}

void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int run(int (*body)(const void *), const void *arg)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		give_up("fork: %s", strerror(errno));
	if (!pid)
		_exit(body(arg));
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int load_module(void)
{
	return syscall(SYS_init_module, module, module_size, "") ? -errno : 0;
}

int unload_module(void)
{
	return syscall(SYS_delete_module, "tamalloc_stats", O_NONBLOCK) ? -errno : 0;
}

static void read_module(void)
{
	struct text text = read_fd(0, "standard input", WHOLE);

	if (text.error || !text.len)
		give_up("there is no module on standard input: %s", text.why);
	module = text.data;
	module_size = text.len;
}

/* Only where the kernel has kmemleak. It reports what is older than five seconds. */
static void test_leaks(void)
{
	struct text found;

	if (access(KMEMLEAK, R_OK))
		return;
	sleep(6);
	put(KMEMLEAK, "scan");
	put(KMEMLEAK, "scan");
	found = read_file(KMEMLEAK, WHOLE);
	check(!found.error && !found.len, "kmemleak finds nothing%s%s", found.len ? ": " : "", found.data);
}

int main(int argc, char **argv)
{
	int err, cycles;

	if (argc == 2 && !strcmp(argv[1], "exec"))
		storm_of_execve(argv[0]);
	if (argc != 2)
		give_up("Usage: module_test CYCLES < MODULE");
	cycles = atoi(argv[1]);
	read_module();
	err = load_module();
	if (!check(!err, "the module loads: %s", strerror(-err)))
		return 1;
	check(load_module() == -EEXIST, "and not twice");
	test_reading();
	test_records();
	test_watch();
	test_visibility();
	test_storms(100 + 2 * cycles);
	err = unload_module();
	check(!err, "the module unloads: %s", strerror(-err));
	test_cycles(cycles);
	test_leaks();
	printf("1..%d\n", number);
	return failed != 0;
}
