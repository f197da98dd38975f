/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tamalloc tests share: the calls, /proc, processes that stand still,
 * settings that are put back, and control groups.
 */
#ifndef TAMTEST_H
#define TAMTEST_H

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <linux/tamalloc.h>

#ifndef PR_SET_MDWE		/* since Linux 6.3 */
#define PR_SET_MDWE		65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

#include "kselftest_harness.h"

#define KIB		1024L
#define MIB		(1024 * KIB)
#define GIB		(1024 * MIB)
#define TIB		(1024 * GIB)
#define MAX_PAGE	(64 * KIB)	/* of every machine: for arrays */
#define NR_CALLS	8
#define ALICE		12345	/* users without any rights */
#define BOB		12346
#define SYSFS_DIR	"/sys/kernel/mm/tamalloc/"
#define SCOPE		"/proc/sys/vm/tamstat_scope"
#define THP_DIR		"/sys/kernel/mm/transparent_hugepage/"
#define THP_SIZE	THP_DIR "hpage_pmd_size"

/* ---- the calls ------------------------------------------------------------ */

static long nrs[NR_CALLS];	/* 0: not there */
static long ps;			/* page size */

static inline long or_errno(long ret)
{
	return ret == -1 ? -errno : ret;
}

/* What this kernel says to a number that it does not know. */
static inline long no_such_call(void)
{
	return or_errno(syscall(-1L));
}

static inline long do_tamalloc2(struct tamalloc_args *args, size_t usize)
{
	return or_errno(syscall(nrs[TAMALLOC_CALL_TAMALLOC2], args, usize));
}

static inline long do_rezero(const void *addr, size_t len, size_t keep, unsigned int flags)
{
	return or_errno(syscall(nrs[TAMALLOC_CALL_REZERO], addr, len, keep, flags));
}

static inline long do_tamstat(int which, int id, void *buf, size_t usize, unsigned int flags)
{
	return or_errno(syscall(nrs[TAMALLOC_CALL_TAMSTAT], which, id, buf, usize, flags));
}

static inline long do_list(struct tamstat_list_req *req, void *buf, size_t size, unsigned int flags)
{
	return or_errno(syscall(nrs[TAMALLOC_CALL_TAMSTAT_LIST], req, buf, size, flags));
}

static inline long do_total(void *buf, size_t usize, unsigned int flags)
{
	return or_errno(syscall(nrs[TAMALLOC_CALL_TAMSTAT_TOTAL], buf, usize, flags));
}

static inline long do_tamalloc(size_t size)
{
	return or_errno(syscall(nrs[TAMALLOC_CALL_TAMALLOC], size));
}

static inline long do_mem_stats(pid_t pid, void *buf)
{
	return or_errno(syscall(nrs[TAMALLOC_CALL_GET_MEM_STATS], pid, buf));
}

static inline long do_total_mem_stats(void *buf)
{
	return or_errno(syscall(nrs[TAMALLOC_CALL_GET_TOTAL_MEM_STATS], buf));
}

/* Memory from tamalloc2(), or NULL and errno. */
static inline char *reserve(size_t size, __u64 flags)
{
	struct tamalloc_args args = { .size = size, .flags = flags };
	long addr = do_tamalloc2(&args, sizeof(args));

	if (addr < 0 && addr >= -4095) {
		errno = -addr;
		return NULL;
	}
	return (char *)addr;
}

static inline void find_calls(void)
{
	ps = sysconf(_SC_PAGESIZE);
	for (int i = 0; i < NR_CALLS; i++) {
		long nr = prctl(PR_TAMALLOC, PR_TAMALLOC_NR + i, 0, 0, 0);

		nrs[i] = nr > 0 ? nr : 0;
	}
}

/* Instead of TEST_HARNESS_MAIN: without the calls in @need nothing is tested. */
static inline void need_calls(unsigned int need)
{
	find_calls();
	setvbuf(stderr, NULL, _IOLBF, 0);
	if (prctl(PR_TAMALLOC, PR_TAMALLOC_ABI, 0, 0, 0) < 0) {
		ksft_print_header();
		ksft_exit_skip("this kernel does not have tamalloc\n");
	}
	for (int i = 0; i < NR_CALLS; i++) {
		if ((need & (1U << i)) && !nrs[i]) {
			ksft_print_header();
			ksft_exit_skip("this kernel does not have call %d of tamalloc\n", i);
		}
	}
}

#define NEED(call)	(1U << TAMALLOC_CALL_##call)

static inline bool is_root(void)
{
	return geteuid() == 0;
}

/* ---- memory --------------------------------------------------------------- */

/* Accesses that the compiler leaves where they are. */
static inline char load(const void *p)
{
	return __atomic_load_n((const char *)p, __ATOMIC_RELAXED);
}

static inline void store(void *p, char c)
{
	__atomic_store_n((char *)p, c, __ATOMIC_RELAXED);
}

static inline bool is_zero(const void *p, size_t len)
{
	const unsigned long *w = p;
	unsigned long all = 0;

	for (size_t i = 0; i < len / sizeof(*w); i++)
		all |= w[i];
	for (size_t i = len / sizeof(*w) * sizeof(*w); i < len; i++)
		all |= ((const char *)p)[i];
	return !all;
}

/* Each word depends on its address and is never 0. */
static inline unsigned long pattern(const unsigned long *w, unsigned long seed)
{
	return (((unsigned long)w ^ seed) * 0x9e3779b97f4a7c15UL) | 1;
}

static inline void fill(void *p, size_t len, unsigned long seed)
{
	unsigned long *w = p;

	for (size_t i = 0; i < len / sizeof(*w); i++)
		w[i] = pattern(&w[i], seed);
}

static inline bool is_filled(const void *p, size_t len, unsigned long seed)
{
	const unsigned long *w = p;

	for (size_t i = 0; i < len / sizeof(*w); i++)
		if (w[i] != pattern(&w[i], seed))
			return false;
	return true;
}

/* A page, and behind it one that cannot be touched; the end of the first. */
static inline char *page_before_guard(void)
{
	char *p = mmap(NULL, 2 * ps, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + ps, ps, PROT_NONE))
		abort();
	return p + ps;
}

static inline long minor_faults(void)
{
	static struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);	/* may fault itself, when it has counted */
	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/*
 * After a fork, what is written to faults once; so does the place where the kernel
 * notes the processor at a context switch (rseq), whenever that is.
 */
static inline void settle_after_fork(void)
{
	const struct timespec t = { .tv_nsec = 1000000 };

	nanosleep(&t, NULL);
}

/*
 * For who counts faults: on another processor a translation may still be there that
 * was read-only once, and costs one more.
 */
static inline void stay_on_one_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/*
 * Up to Linux 6.1 a thread adds the pages that it has faulted in to the counters of
 * its process every 64 faults, and when it unmaps something: from here on they are
 * complete, but for what other threads have not added yet.
 */
static inline void settle_counters(void)
{
	char *p = mmap(NULL, ps, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	store(p, 1);
	munmap(p, ps);
}

static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Waits for something that another part of the kernel does. */
static inline void nap(void)
{
	const struct timespec t = { .tv_nsec = 5000000 };

	nanosleep(&t, NULL);
}

/* ---- files ---------------------------------------------------------------- */

/* The start of a file, with a NUL; its length or -1. Allocates nothing. */
static inline long get_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = -1;

	buf[0] = '\0';
	if (fd < 0)
		return -1;
	while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	close(fd);
	buf[len] = '\0';
	return n < 0 ? -1 : (long)len;
}

static inline bool put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

static inline bool put_filef(const char *path, const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return put_file(path, text);
}

/* The first number of a file, -1 without one. */
static inline long long get_number(const char *path)
{
	char text[64], *end;
	long long value;

	if (get_file(path, text, sizeof(text)) < 0)
		return -1;
	value = strtoll(text, &end, 0);
	return end == text ? -1 : value;
}

/* The number behind @name at the start of a line, -1 without one. */
static inline long long find_field(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, name, len) && strchr(": \t", p[len]))
			return strtoll(p + len + 1, NULL, 10);
	}
	return -1;
}

static inline long long file_field(const char *path, const char *name)
{
	static char text[64 * KIB];

	return get_file(path, text, sizeof(text)) < 0 ? -1 : find_field(text, name);
}

/* A field of /proc/PID/status: kB, or a plain number. */
static inline long long status_field(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return file_field(path, name);
}

/* A number of /proc/PID/FILE. */
static inline long long proc_number(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return get_number(path);
}

/* A field of /proc/PID/stat, counted from 1 as in proc(5), from 4 on. */
static inline long long stat_field(pid_t pid, int field)
{
	char path[64], text[1024], *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (get_file(path, text, sizeof(text)) < 0)
		return -1;
	p = strrchr(text, ')');	/* the name may contain anything */
	for (int i = 2; p && i < field; i++)
		p = strchr(p + 1, ' ');
	return p ? strtoll(p, NULL, 10) : -1;
}

static inline long long from_meminfo(const char *name)
{
	return file_field("/proc/meminfo", name);
}

static inline long long from_vmstat(const char *name)
{
	return file_field("/proc/vmstat", name);
}

/* ---- settings that are put back ------------------------------------------- */

static struct saved_setting {
	char path[100];
	char value[100];
} saved_settings[16];
static int nr_saved_settings;

static void restore_settings(void)
{
	while (nr_saved_settings > 0) {
		struct saved_setting *s = &saved_settings[--nr_saved_settings];

		put_file(s->path, s->value);
	}
}

/*
 * For main(): tests run in processes of their own and may be killed, so that only
 * main can put back what they change. False if there is no such setting.
 */
static inline bool restore_at_exit(const char *path)
{
	struct saved_setting *s = &saved_settings[nr_saved_settings];
	char *choice;

	if (nr_saved_settings == ARRAY_SIZE(saved_settings))
		abort();
	snprintf(s->path, sizeof(s->path), "%s", path);
	if (get_file(path, s->value, sizeof(s->value)) < 0)
		return false;
	choice = strchr(s->value, '[');	/* "always [madvise] never" */
	if (choice) {
		memmove(s->value, choice + 1, strlen(choice));
		s->value[strcspn(s->value, "]")] = '\0';
	}
	if (!nr_saved_settings++)
		atexit(restore_settings);
	return true;
}

/* ---- mappings ------------------------------------------------------------- */

/* The lines of /proc/self/smaps about the mapping of @addr. */
static inline char *smaps_of(const void *addr)
{
	static char text[8 * KIB];
	FILE *file = fopen("/proc/self/smaps", "re");
	bool found = false;
	char line[512];
	size_t len = 0;

	text[0] = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		char *end;
		unsigned long from = strtoul(line, &end, 16), to;

		if (*end == '-') {	/* no field has a '-' there */
			to = strtoul(end + 1, NULL, 16);
			found = from <= (unsigned long)addr && (unsigned long)addr < to;
		}
		if (found)
			len += snprintf(text + len, sizeof(text) - len, "%s", line);
	}
	if (file)
		fclose(file);
	return text;
}

static inline long long smaps_field(const void *addr, const char *name)
{
	return find_field(smaps_of(addr), name);
}

static inline bool has_vm_flag(const void *addr, const char *flag)
{
	const char *flags = strstr(smaps_of(addr), "VmFlags:");
	char word[8];

	snprintf(word, sizeof(word), " %s ", flag);
	return flags && strstr(flags, word);
}

/* What stands in brackets behind the mapping, "" without it. */
static inline char *vma_name(const void *addr)
{
	static char name[128];
	const char *line = smaps_of(addr), *end = strchr(line, '\n'), *open;

	name[0] = '\0';
	open = strchr(line, '[');
	if (open && end && open < end)
		snprintf(name, sizeof(name), "%.*s", (int)(end - open), open);
	return name;
}

#define PM_PFN		0x007fffffffffffffULL
#define PM_SOFT_DIRTY	0x0080000000000000ULL
#define PM_SWAP		0x4000000000000000ULL
#define PM_PRESENT	0x8000000000000000ULL

static inline __u64 page_entry(const void *addr)
{
	static int fd = -1;
	static pid_t owner;
	__u64 entry = 0;

	if (owner != getpid()) {	/* it shows who opened it */
		owner = getpid();
		fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	}
	if (pread(fd, &entry, sizeof(entry), (unsigned long)addr / ps * 8) != sizeof(entry))
		abort();
	return entry;
}

/* How many pages have this bit. */
static inline long count_pages(const char *p, size_t len, __u64 bit)
{
	long n = 0;

	for (size_t i = 0; i < len; i += ps)
		n += !!(page_entry(p + i) & bit);
	return n;
}

/* <linux/kernel-page-flags.h> */
#define KPF_SWAPCACHE	0x00002000ULL	/* 13 */
#define KPF_COMPOUND	0x00018000ULL	/* 15, 16: head, tail */
#define KPF_ZERO_PAGE	0x01000000ULL	/* 24 */

/* Flags of the page at @addr; root only, others get 0. */
static inline __u64 page_flags(const void *addr)
{
	__u64 flags = 0, pfn = page_entry(addr) & PM_PFN;
	static int fd;

	if (!fd)
		fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	if (!pfn || pread(fd, &flags, sizeof(flags), pfn * sizeof(flags)) != sizeof(flags))
		return 0;
	return flags;
}

/* How many pages take memory: not those that only map the zero page. Root only. */
static inline long count_resident(const char *p, size_t len)
{
	long n = 0;

	for (size_t i = 0; i < len; i += ps)
		n += (page_entry(p + i) & PM_PRESENT) && !(page_flags(p + i) & KPF_ZERO_PAGE);
	return n;
}

/* ---- processes ------------------------------------------------------------ */

#define NO_MDWE		96	/* exit status of deny_write_execute() */

/*
 * From now on this process must not get memory that is writable and executable, and
 * by its personality what is readable is executable.
 */
static inline void deny_write_execute(void)
{
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0))
		_exit(NO_MDWE);
	if (personality(personality(~0UL) | READ_IMPLIES_EXEC) == -1)
		_exit(99);
}

/* fork() of a child that does not outlive its parent. */
static inline pid_t fork_child(void)
{
	pid_t parent = getpid(), child = fork();

	if (child < 0)
		abort();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent && getppid() != 0)
			_exit(99);
	}
	return child;
}

/* Its exit status, or minus the signal that ended it. */
static inline int join(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		return -1000;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static inline void end_child(pid_t child)
{
	kill(child, SIGKILL);
	join(child);
}

/* A child that has done its work and stands still. */
static inline pid_t stopped_child(void (*work)(void))
{
	pid_t child = fork_child();
	int status;

	if (!child) {
		if (work)
			work();
		settle_counters();
		raise(SIGSTOP);
		_exit(0);
	}
	if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status))
		abort();
	return child;
}

/* Ended, but nobody has asked for it yet. */
static inline pid_t zombie_child(void)
{
	pid_t child = fork_child();
	siginfo_t info;

	if (!child)
		_exit(0);
	if (waitid(P_PID, child, &info, WEXITED | WNOWAIT))
		abort();
	return child;
}

/* A pid that nobody has. */
static inline pid_t missing_pid(void)
{
	pid_t child = fork_child();

	if (!child)
		_exit(0);
	join(child);
	return child;
}

/* The kernel thread that is there on every machine, 0 where it cannot be seen. */
static inline pid_t kthread_pid(void)
{
	char comm[32];

	get_file("/proc/2/comm", comm, sizeof(comm));
	return strcmp(comm, "kthreadd\n") ? 0 : 2;
}

/* Gives up all rights; ptrace may look at it as at any program of that user. */
static inline void become_user(uid_t uid)
{
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid) ||
	    prctl(PR_SET_DUMPABLE, 1) || prctl(PR_SET_PDEATHSIG, SIGKILL))
		_exit(98);
}

#define NO_NAMESPACE	97	/* a status of in_pid_namespace() */

/*
 * Runs @work as process 1 of a new pid namespace that has its own /proc; the exit
 * status is what it returns.
 */
static inline int in_pid_namespace(int (*work)(void *), void *arg)
{
	int flags = CLONE_NEWPID | CLONE_NEWNS | (is_root() ? 0 : CLONE_NEWUSER);
	pid_t child = fork_child();

	if (child)
		return join(child);
	if (unshare(flags))
		_exit(NO_NAMESPACE);
	child = fork_child();
	if (child)
		_exit(join(child));
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, NULL))
		_exit(NO_NAMESPACE);
	_exit(work(arg));
}

/* Every process, in the order of /proc; their number. */
static inline int proc_pids(pid_t *pids, int max)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int n = 0;

	while (dir && n < max && (entry = readdir(dir))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0)
			pids[n++] = pid;
	}
	if (dir)
		closedir(dir);
	return n;
}

/* ---- control groups ------------------------------------------------------- */

/*
 * A new group with a memory controller and this process in it; "" if that cannot
 * be had.
 */
static inline char *enter_cgroup(void)
{
	static char dir[100];
	char path[200];

	snprintf(dir, sizeof(dir), "/sys/fs/cgroup/tamalloc-%d", getpid());
	put_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	snprintf(path, sizeof(path), "%s/memory.max", dir);
	if (mkdir(dir, 0755) || access(path, W_OK)) {
		rmdir(dir);
		dir[0] = '\0';
		return dir;
	}
	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	if (!put_filef(path, "%d", getpid()))
		abort();
	return dir;
}

static inline bool cgroup_put(const char *dir, const char *file, const char *text)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return put_file(path, text);
}

static inline void leave_cgroup(const char *dir)
{
	if (!dir[0])
		return;
	put_filef("/sys/fs/cgroup/cgroup.procs", "%d", getpid());
	for (int i = 0; i < 100 && rmdir(dir); i++)
		nap();
}

#endif /* TAMTEST_H */
