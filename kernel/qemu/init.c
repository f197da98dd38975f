// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first and only program of a guest that tamk boots: sets the guest up, then runs the tests, one program, or a shell.
 *
 * Kernel command line:  tam.mode=test|run|shell|probe
 * From the initramfs:   /tam/tests    tests: LIMIT NAME COMMAND, one a line
 *                       /tam/splats   tests, run: expressions that no line of the kernel's log may match
 *                       /tam/program, /tam/args, /tam/env, /tam/stdin   run; args and env: strings that end with a NUL
 *                       (env also for tests)
 *                       /tam/modules/   modules to load before anything else, in the order of their names
 *                       /tam/foreign    the kernel is not one of ours, and may lack the driver of the disk
 * To the host:          virtio ports "report" (KTAP and the verdict), "stdout", "stderr"
 *
 * A test is a program that prints TAP: every result counts, exit status 4 is a skip. COMMAND plant:FAULT is not a program but a
 * fault for check-harness.sh. Results go to the port and, through /dev/kmsg, to the console, where they keep their place among
 * the kernel's own lines.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SWAP_DIR	"/mnt/swapfs"	/* where the tests put their swap files; /dev/zram0 is theirs, too */
#define KILL_SECONDS	10		/* for a test to die once it was killed */
#define PORT_SECONDS	10		/* for a port to appear once its driver is there */
#define MAX_SPLATS	64
#define KSFT_SKIP	4		/* tools/testing/selftests/kselftest.h */

static int report = -1;			/* the port */
static int kmsg_out = -1, kmsg_in = -1;
static regex_t splats[MAX_SPLATS];
static int nr_splats;
static char complaint[256];		/* first splat since it was last cleared */
static int kunit_pass, kunit_fail, kunit_skip;

/* ---- talking to the host -------------------------------------------------- */

static bool write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		len -= n;
	}
	return true;
}

/* One line to the host, and to the console as well. */
__attribute__((format(printf, 1, 2)))
static void say(const char *format, ...)
{
	char line[900] = "tam: ";
	va_list args;
	size_t len;

	va_start(args, format);
	vsnprintf(line + 5, sizeof(line) - 6, format, args);
	va_end(args);
	len = strlen(line);
	line[len++] = '\n';
	write_all(kmsg_out, line, len);
	write_all(report, line + 5, len - 5);
}

__attribute__((noreturn))
static void leave_guest(void)
{
	/* QEMU ends then; to switch the machine off takes ACPI, without which the kernel is built a sixth sooner. */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

/* The harness itself failed: there is no verdict, the line says why. */
__attribute__((noreturn))
static void give_up(const char *what)
{
	say("# harness: %s: %s", what, strerror(errno));
	leave_guest();
}

static int find_port(const char *name)
{
	char path[300], found[64];
	struct dirent *entry;
	DIR *dir = opendir("/sys/class/virtio-ports");

	while (dir && (entry = readdir(dir))) {
		FILE *file;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		found[0] = '\0';
		if (fscanf(file, "%63s", found) != 1)
			found[0] = '\0';
		fclose(file);
		if (!strcmp(found, name)) {
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			closedir(dir);
			return open(path, O_WRONLY | O_CLOEXEC);
		}
	}
	if (dir)
		closedir(dir);
	errno = ENODEV;
	return -1;
}

/* They come one by one, and the slower the larger a page is. */
static int open_port(const char *name)
{
	int port = find_port(name);

	for (int i = 0; port < 0 && i < 100 * PORT_SECONDS; i++) {
		usleep(10000);
		port = find_port(name);
	}
	return port;
}

/* ---- small files ---------------------------------------------------------- */

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write_all(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Whole file and a NUL behind it. */
static char *get(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t room = 4096, len = 0;
	char *text = malloc(room + 1);
	ssize_t n;

	while (fd >= 0 && text && (n = read(fd, text + len, room - len)) > 0) {
		len += n;
		if (len == room)
			text = realloc(text, (room *= 2) + 1);
	}
	if (fd < 0 || !text)
		give_up(path);
	close(fd);
	text[len] = '\0';
	if (size)
		*size = len;
	return text;
}

/* The strings of a file, each with a NUL at its end, and a null pointer. */
static char **get_strings(const char *path)
{
	size_t size, n = 0;
	char *text = get(path, &size), *end = text + size;
	char **strings = calloc(size + 1, sizeof(*strings));

	if (!strings)
		give_up(path);
	for (; text < end; text += strlen(text) + 1)
		strings[n++] = text;
	return strings;
}

static void read_environment(void)
{
	for (char **env = get_strings("/tam/env"); *env; env++)
		putenv(*env);
}

/* ---- the kernel's log ----------------------------------------------------- */

static void read_splats(void)
{
	char *line, *rest = get("/tam/splats", NULL);

	while ((line = strsep(&rest, "\n"))) {
		if (!*line || *line == '#')
			continue;
		if (nr_splats == MAX_SPLATS || regcomp(&splats[nr_splats++], line, REG_EXTENDED | REG_NOSUB)) {
			errno = EINVAL;
			give_up(line);
		}
	}
}

static void judge_line(const char *text)
{
	int pass, fail, skip;
	const char *word = text + strspn(text, " ");

	for (int i = 0; i < nr_splats && !complaint[0]; i++)
		if (!regexec(&splats[i], text, 0, NULL, 0))
			snprintf(complaint, sizeof(complaint), "%s", text);
	if (!strncmp(word, "not ok ", 7))
		kunit_fail++;
	if (sscanf(text, "# Totals: pass:%d fail:%d skip:%d", &pass, &fail, &skip) == 3) {
		kunit_pass += pass;
		kunit_fail += fail;
		kunit_skip += skip;
	}
}

/* What the kernel said since the last time. Lines of user space (facility 1 and above) do not count. */
static void read_log(void)
{
	char record[8192];
	unsigned int prio;
	ssize_t n;

	for (;;) {
		char *text;

		n = read(kmsg_in, record, sizeof(record) - 1);
		if (n < 0 && errno == EPIPE) {	/* overwritten before we came */
			snprintf(complaint, sizeof(complaint), "lines of the kernel's log were lost");
			continue;
		}
		if (n <= 0)
			return;
		record[n] = '\0';
		text = strchr(record, ';');
		if (!text || sscanf(record, "%u", &prio) != 1 || prio >> 3)
			continue;
		*strchrnul(text, '\n') = '\0';
		judge_line(text + 1);
	}
}

/* ---- the guest ------------------------------------------------------------ */

static void must_mount(const char *what, const char *where, const char *type)
{
	mkdir(where, 0755);
	if (mount(what, where, type, 0, NULL))
		give_up(where);
}

/* Drivers of a kernel that has them as modules. */
static void load_modules(void)
{
	struct dirent **entries;
	int n = scandir("/tam/modules", &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char path[300];
		int fd;

		if (entries[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/tam/modules/%s", entries[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
			give_up(path);
		close(fd);
	}
}

static void set_up(void)
{
	umask(022);
	must_mount("dev", "/dev", "devtmpfs");
	must_mount("proc", "/proc", "proc");
	must_mount("sys", "/sys", "sysfs");
	kmsg_out = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	kmsg_in = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	load_modules();
	report = open_port("report");
	if (report < 0 || kmsg_out < 0 || kmsg_in < 0)
		give_up("ports");
	must_mount("debug", "/sys/kernel/debug", "debugfs");
	must_mount("cgroup2", "/sys/fs/cgroup", "cgroup2");
	must_mount("tmp", "/tmp", "tmpfs");
	must_mount("shm", "/dev/shm", "tmpfs");
	must_mount("pts", "/dev/pts", "devpts");
	must_mount("huge", "/dev/hugepages", "hugetlbfs");
	chmod("/tmp", 01777);
	chmod("/dev/shm", 01777);
	symlink("/proc/self/fd", "/dev/fd");
	put("/sys/fs/cgroup/cgroup.subtree_control", "+memory +cpuset");
	mkdir("/mnt", 0755);
	if (access("/tam/foreign", F_OK) || !access("/dev/vda", F_OK))
		must_mount("/dev/vda", SWAP_DIR, "ext2");
	if (chdir("/tmp"))
		give_up("/tmp");
}

/* ---- one program ---------------------------------------------------------- */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Starts the clock of a child with standard input, output and error from these files. */
static void become(int in, int out, int err)
{
	const struct rlimit no_core = { 0, RLIM_INFINITY };

	setsid();
	setrlimit(RLIMIT_CORE, &no_core);
	setenv("PATH", "/bin", 1);
	setenv("HOME", "/tmp", 1);
	setenv("TMPDIR", "/tmp", 1);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
}

static pid_t must_fork(void)
{
	pid_t child = fork();

	if (child < 0)
		give_up("fork");
	return child;
}

/* Collects whatever has ended; true and its wait status when the child is among it. */
static bool reap(pid_t child, int *status)
{
	bool found = false;
	int some;
	pid_t pid;

	while ((pid = waitpid(-1, &some, WNOHANG)) > 0) {
		if (pid == child) {
			*status = some;
			found = true;
		}
	}
	return found;
}

/* Ends every other process. False: one cannot be killed. */
static bool kill_all(void)
{
	double end = now() + KILL_SECONDS;

	while (now() < end) {
		kill(-1, SIGKILL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return true;
		usleep(1000);
	}
	return false;
}

/* ---- tests ---------------------------------------------------------------- */

enum verdict { PASS, FAIL, TIMEOUT, SPLAT };	/* the worse, the greater */

struct test {
	int limit;
	char name[100], command[200];
	/* what its lines said */
	char line[1000];
	size_t len;
	int planned, ok, not_ok, skipped;
	char reason[200];
};

static int number, nr_ok, nr_not_ok, nr_skip;	/* of the results so far */
static int sub_ok, sub_not_ok, sub_skip;	/* of the tests inside them */
static enum verdict verdict;

static void pass(const char *name)
{
	nr_ok++;
	say("ok %d %s", ++number, name);
}

static void skip(const char *name, const char *reason)
{
	nr_skip++;
	say("ok %d %s # SKIP %s", ++number, name, reason[0] ? reason : "no reason given");
}

__attribute__((format(printf, 3, 4)))
static void fail(enum verdict how, const char *name, const char *format, ...)
{
	char why[500];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	nr_not_ok++;
	if (how > verdict)
		verdict = how;
	say("not ok %d %s # %s", ++number, name, why);
}

/* Passes unless the kernel complained. */
static bool kernel_complained(const char *name)
{
	bool yes;

	read_log();
	yes = complaint[0];
	if (yes)
		fail(SPLAT, name, "kernel: %s", complaint);
	complaint[0] = '\0';
	return yes;
}

static void end_of_line(struct test *t)
{
	bool ok = !strncmp(t->line, "ok ", 3), not_ok = !strncmp(t->line, "not ok ", 7);
	const char *skip;

	t->line[t->len] = '\0';
	dprintf(report, "    %s\n", t->line);
	t->len = 0;
	sscanf(t->line, "1..%d", &t->planned);
	skip = strcasestr(t->line, "# skip");
	if (skip) {
		skip += strlen("# skip");
		snprintf(t->reason, sizeof(t->reason), "%s", skip + strspn(skip, " "));
	}
	if (ok && skip)
		t->skipped++;
	else
		t->ok += ok;
	t->not_ok += not_ok || !strncmp(t->line, "Bail out!", 9);
}

static void take_output(struct test *t, int fd)
{
	char text[4096];
	ssize_t n;

	while ((n = read(fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (text[i] == '\n' || t->len == sizeof(t->line) - 1)
				end_of_line(t);
			if (text[i] != '\n')
				t->line[t->len++] = text[i];
		}
	}
}

/* The faults of check-harness.sh, each in the place of a test. */
static void plant(const char *fault)
{
	const char *lkdtm = "/sys/kernel/debug/provoke-crash/DIRECT";

	if (!strcmp(fault, "warn"))
		put(lkdtm, "WARNING");
	if (!strcmp(fault, "panic"))
		put(lkdtm, "PANIC");
	while (!strcmp(fault, "hang"))
		pause();
	puts("TAP version 13");
	puts(!strcmp(fault, "short") ? "1..2" : "1..1");
	if (!strcmp(fault, "fail"))
		puts("not ok 1 planted");
	else
		puts(!strcmp(fault, "skip") ? "ok 1 planted # SKIP planted" : "ok 1 planted");
	fflush(stdout);
	_exit(strcmp(fault, "fail") ? 0 : 1);
}

/* These two are faults of the guest, not of a test. */
static void plant_in_guest(const char *command)
{
	if (!strcmp(command, "plant:truncate"))
		leave_guest();
	while (!strcmp(command, "plant:stuck"))
		pause();
}

static pid_t start_test(const struct test *t, int out)
{
	pid_t child = must_fork();

	if (child)
		return child;
	become(open("/dev/null", O_RDONLY), out, out);
	if (!strncmp(t->command, "plant:", 6))
		plant(t->command + 6);
	execl(t->command, t->command, NULL);
	fprintf(stderr, "%s: %s\n", t->command, strerror(errno));
	_exit(127);
}

static void judge(const struct test *t, int status)
{
	int results = t->ok + t->not_ok + t->skipped;

	if (kernel_complained(t->name))
		return;
	if (WIFSIGNALED(status))
		fail(FAIL, t->name, "killed by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) == KSFT_SKIP && !t->not_ok)
		skip(t->name, t->reason);
	else if (WEXITSTATUS(status) && t->not_ok)
		fail(FAIL, t->name, "%d of %d failed, exit status %d", t->not_ok, results, WEXITSTATUS(status));
	else if (WEXITSTATUS(status))
		fail(FAIL, t->name, "exit status %d", WEXITSTATUS(status));
	else if (t->not_ok || results != t->planned || results == 0)
		fail(FAIL, t->name, "exit status 0, but %d of %d results and %d of them failed", results, t->planned, t->not_ok);
	else
		pass(t->name);
}

static void run_test(struct test *t)
{
	double end = now() + t->limit;
	bool ended = false;
	int fds[2], status = 0;
	pid_t child;

	dprintf(report, "# start: %s\n", t->name);	/* what hangs if nothing follows */
	plant_in_guest(t->command);
	if (pipe2(fds, O_CLOEXEC) || fcntl(fds[0], F_SETFL, O_NONBLOCK))
		give_up("pipe");
	child = start_test(t, fds[1]);
	close(fds[1]);
	while (!ended && now() < end) {
		struct pollfd output = { fds[0], POLLIN, 0 };

		poll(&output, 1, 20);
		take_output(t, fds[0]);
		read_log();
		ended = reap(child, &status);
		if (output.revents & POLLHUP && !ended)
			usleep(1000);
	}
	if (!kill_all()) {
		fail(TIMEOUT, t->name, "cannot be killed");
		say("# verdict: timeout");
		leave_guest();
	}
	take_output(t, fds[0]);
	if (t->len)
		end_of_line(t);
	close(fds[0]);
	sub_ok += t->ok;
	sub_not_ok += t->not_ok;
	sub_skip += t->skipped;
	if (ended)
		judge(t, status);
	else if (!kernel_complained(t->name))
		fail(TIMEOUT, t->name, "no end after %d s", t->limit);
}

static void judge_kunit(void)
{
	char reason[50];

	read_log();
	snprintf(reason, sizeof(reason), "%d of %d skipped", kunit_skip, kunit_pass + kunit_skip);
	if (kunit_fail)
		fail(FAIL, "kunit", "%d of %d failed", kunit_fail, kunit_pass + kunit_fail);
	else if (kunit_skip)
		skip("kunit", reason);
	else if (!kunit_pass)
		skip("kunit", "the kernel ran none");
	else
		pass("kunit");
	sub_ok += kunit_pass;
	sub_not_ok += kunit_fail;
	sub_skip += kunit_skip;
}

/* Only where the kernel has kmemleak. It reports what is older than five seconds. */
static void judge_leaks(void)
{
	static const char path[] = "/sys/kernel/debug/kmemleak";
	char *found;

	sleep(6);
	/* When it runs out of memory it switches itself off, and then refuses to scan. */
	if (!put(path, "scan") || !put(path, "scan")) {
		fail(SPLAT, "kmemleak", "it does not scan: %s", strerror(errno));
		return;
	}
	found = get(path, NULL);
	if (found[0]) {
		dprintf(report, "%s\n", found);
		fail(SPLAT, "kmemleak", "unreferenced objects");
	} else if (!kernel_complained("kmemleak")) {
		pass("kmemleak");
	}
	free(found);
}

static void run_tests(void)
{
	static const char *const names[] = { "pass", "fail", "timeout", "splat" };
	bool leaks = !access("/sys/kernel/debug/kmemleak", R_OK);
	char *line, *list = get("/tam/tests", NULL), *rest = list;
	int plan = 2 + leaks;

	for (const char *p = list; *p; p++)
		plan += *p == '\n';
	say("KTAP version 1");
	say("1..%d", plan);
	if (!kernel_complained("boot"))
		pass("boot");
	judge_kunit();
	while ((line = strsep(&rest, "\n")) && *line) {
		struct test t = { .planned = -1 };

		if (sscanf(line, "%d %99s %199s", &t.limit, t.name, t.command) != 3) {
			errno = EINVAL;
			give_up(line);
		}
		run_test(&t);
	}
	if (leaks)
		judge_leaks();
	say("# Totals: pass:%d fail:%d skip:%d error:0", nr_ok, nr_not_ok, nr_skip);
	say("# inside: pass:%d fail:%d skip:%d", sub_ok, sub_not_ok, sub_skip);
	say("# verdict: %s", names[verdict]);
}

/* ---- one program of the user's --------------------------------------------- */

static bool forward(int from, int to)
{
	char text[32768];
	ssize_t n = read(from, text, sizeof(text));

	return n > 0 && write_all(to, text, n);
}

static void run_program(void)
{
	int out[2], err[2], ports[2] = { open_port("stdout"), open_port("stderr") }, status = 0;
	char **args = get_strings("/tam/args");
	bool ended = false;
	pid_t child;

	if (ports[0] < 0 || ports[1] < 0 || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		give_up("ports");
	say("# start: %s", args[0]);
	complaint[0] = '\0';
	child = must_fork();
	if (!child) {
		become(open("/tam/stdin", O_RDONLY), out[1], err[1]);
		execv("/tam/program", args);
		fprintf(stderr, "%s: %s\n", args[0], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	close(out[1]);
	close(err[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	while (!ended) {
		struct pollfd pipes[2] = { { out[0], POLLIN, 0 }, { err[0], POLLIN, 0 } };

		poll(pipes, 2, 20);
		ended = reap(child, &status);	/* first: what it wrote is then in the pipes */
		while (forward(out[0], ports[0]) || forward(err[0], ports[1]))
			;
		read_log();
		if (!ended && (pipes[0].revents | pipes[1].revents) & POLLHUP)
			usleep(1000);
	}
	read_log();
	if (complaint[0])
		say("# kernel: %s", complaint);
	say("# exit: %d", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	say("# verdict: %s", complaint[0] ? "splat" : "pass");
}

static void run_shell(void)
{
	pid_t child = must_fork();

	dprintf(report, "# start: shell\n");
	if (!child) {
		int tty;

		setsid();
		tty = open("/dev/ttyS0", O_RDWR);
		ioctl(tty, TIOCSCTTY, 0);
		become(tty, tty, tty);
		setenv("TERM", "vt100", 1);
		setenv("PS1", "guest# ", 1);
		execl("/bin/busybox", "sh", NULL);
		perror("/bin/busybox");
		_exit(127);
	}
	while (waitpid(-1, NULL, 0) != child)
		;
}

int main(void)
{
	char *mode;

	mkdir("/proc", 0555);
	mount("proc", "/proc", "proc", 0, NULL);
	mode = strstr(get("/proc/cmdline", NULL), "tam.mode=");
	umount("/proc");
	mode = mode ? strndup(mode + 9, strcspn(mode + 9, " \n")) : "";

	set_up();
	if (!strcmp(mode, "test") || !strcmp(mode, "run")) {
		read_splats();
		read_environment();
	}
	if (!strcmp(mode, "probe"))
		say("# alive");
	else if (!strcmp(mode, "run"))
		run_program();
	else if (!strcmp(mode, "shell"))
		run_shell();
	else
		run_tests();
	leave_guest();
}
