// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hazard: one watched pid for all readers, so that what somebody writes changes what
 * others read; a pid that is somebody else's by the time it is read; a write that is taken
 * although it is no pid.
 */
#include "guest.h"

#include <linux/sched.h>
#include <pthread.h>

static int open_watch(void)
{
	int fd = open(TAM "/watch", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		give_up(TAM "/watch: open: %s", strerror(errno));
	return fd;
}

/* 0, or the negated errno. */
static int watch(int fd, pid_t pid)
{
	char text[20];

	snprintf(text, sizeof(text), "%d\n", pid);
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* The pid of the answer, or the negated errno. */
static int watched(int fd)
{
	char answer[1000];
	ssize_t n = pread(fd, answer, sizeof(answer) - 1, 0);

	if (n < 0)
		return -errno;
	answer[n] = '\0';
	return strncmp(answer, "{\"pid\":", 7) || answer[n - 1] != '\n' ? 0 : atoi(answer + 7);
}

static void test_two_readers(pid_t one, pid_t other)
{
	int a = open_watch(), b = open_watch();

	check(watched(a) == getpid(), "watch tells of the reader before a pid is written: %d", watched(a));
	check(!watch(a, one) && !watch(b, other), "two readers write a pid each");
	check(watched(a) == one && watched(b) == other, "and each reads its own: %d %d, %d %d", one, watched(a), other,
	      watched(b));
	check(!watch(b, 0) && watched(b) == getpid() && watched(a) == one, "0 is the writer");
	close(a);
	close(b);
}

static int hammer(const void *pid)
{
	const pid_t mine = *(const pid_t *)pid;
	int fd = open_watch();

	for (int i = 0; i < 2000; i++) {
		int err = watch(fd, mine), got = watched(fd);

		if (!err && got == mine)
			continue;
		printf("# %d: time %d: write %s, read %d\n", mine, i, strerror(-err), got);
		fflush(stdout);
		return 1;
	}
	return 0;
}

static void test_at_once(pid_t one, pid_t other)
{
	int status, failures = 0;

	fflush(stdout);
	for (int i = 0; i < 4; i++)
		if (!fork())
			_exit(hammer(i % 2 ? &one : &other));
	for (int i = 0; i < 4; i++) {
		wait(&status);
		failures += status != 0;
	}
	check(!failures, "four readers at once never read another's process");
}

struct shared {
	int fd;
	pid_t pids[2];
	volatile bool done;
};

static void *write_in_turn(void *arg)
{
	struct shared *s = arg;

	for (int i = 0; !s->done; i++)
		watch(s->fd, s->pids[i % 2]);
	return NULL;
}

static void test_shared(pid_t one, pid_t other)
{
	struct shared s = { open_watch(), { one, other }, false };
	int wrong = 0, last = 0;
	pthread_t thread;

	watch(s.fd, one);
	pthread_create(&thread, NULL, write_in_turn, &s);
	for (int i = 0; i < 5000 && !wrong; i++) {
		last = watched(s.fd);
		wrong = last != one && last != other;
	}
	s.done = true;
	pthread_join(thread, NULL);
	check(!wrong, "one thread reads while another writes to the same file: %d", last);
	close(s.fd);
}

static void *keep_running(void *tid)
{
	*(volatile pid_t *)tid = gettid();
	while (true)
		pause();
	return NULL;
}

static void test_refusals(pid_t pid)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {
		{ "", EINVAL }, { "\n", EINVAL }, { "abc", EINVAL }, { "1x", EINVAL }, { "1 2", EINVAL }, { "0x1", EINVAL },
		{ "99999999999", ERANGE }, { "00000000000000001", EINVAL }, { "-1", ESRCH }, { "4194305", ESRCH },
		{ "2147483647", ESRCH }, { "2", ESRCH },	/* a kernel thread */
	};
	volatile pid_t tid = 0;
	pthread_t thread;
	int fd = open_watch(), got;

	watch(fd, pid);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		got = write(fd, cases[i].text, strlen(cases[i].text)) < 0 ? errno : 0;
		check(got == cases[i].error, "watch refuses \"%s\": %s", cases[i].text, strerror(got));
	}
	got = syscall(SYS_write, fd, NULL, 5) < 0 ? errno : 0;
	check(got == EFAULT, "watch refuses what cannot be read: %s", strerror(got));
	pthread_create(&thread, NULL, keep_running, (void *)&tid);
	while (!tid)
		usleep(1000);
	got = watch(fd, tid);
	check(got == -ESRCH, "watch refuses the id of a thread: %s", strerror(-got));
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	check(watched(fd) == pid, "what was refused changes nothing: %d", watched(fd));
	close(fd);
}

static pid_t start_with_pid(pid_t pid)
{
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (unsigned long)&pid, .set_tid_size = 1 };
	pid_t child = syscall(SYS_clone3, &args, sizeof(args));

	while (!child)
		pause();
	return child;
}

static void test_ended(void)
{
	pid_t pid = start(NULL, NULL), again;
	int fd = open_watch(), got;

	watch(fd, pid);
	end(pid);
	got = watched(fd);
	check(got == -ESRCH, "a process that has ended is gone: %s", strerror(-got));
	again = start_with_pid(pid);
	got = watched(fd);
	check(again == pid && got == -ESRCH, "also when its pid is another's: %d %d, %s", pid, again, strerror(-got));
	check(!watch(fd, pid) && watched(fd) == pid, "which can be watched as well");
	end(again);
	close(fd);
}

/* A write moves the position to the start of the new answer. */
static void test_position(pid_t one, pid_t other)
{
	int fd = open_watch();
	struct text first, second;

	watch(fd, one);
	first = read_fd(fd, "watch", 10);
	watch(fd, other);
	second = read_fd(fd, "watch, after another pid", 10);
	document("watch first", &first);
	document("watch second", &second);
	check(number_in(&first, "pid") == (unsigned int)one && number_in(&second, "pid") == (unsigned int)other,
	      "what is read after a write is the new answer");
	close(fd);
}

void test_watch(void)
{
	pid_t one = start(NULL, NULL), other = start(NULL, NULL);

	test_two_readers(one, other);
	test_at_once(one, other);
	test_shared(one, other);
	test_refusals(one);
	test_position(one, other);
	end(one);
	end(other);
	test_ended();
}
