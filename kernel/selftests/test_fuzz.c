// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything that can be done to memory, by chance, in any order, against a model of
 * what must be there. Hazard: an order of events that nobody thought of, after which
 * tamalloc_rezero() leaves old bytes, or takes those of somebody else.
 *
 * TAMALLOC_FUZZ_SECONDS: how long, 30 without it.
 * TAMALLOC_FUZZ_SEED: one round, with this seed, instead.
 */
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#include "strange.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

#define KSM_DIR		"/sys/kernel/mm/ksm/"
#define STEPS		600	/* of a round */
#define CHILD_STEPS	30
#define MAX_DEPTH	2

static const enum swap_kind swaps[] = { SWAP_ZRAM, SWAP_FILE };
static pid_t child;
static int source;		/* a file that has MAX_PAGE bytes */

/* ---- content -------------------------------------------------------------- */

enum how { SOME_BYTES, ALL_BYTES, THE_SAME };	/* that KSM merges */

static void write_page(long i, enum how how)
{
	char *expected = shadow + i * ps;
	size_t at = 0, len = ps;

	if (how == ALL_BYTES) {
		fill(expected, ps, dice());
	} else if (how == THE_SAME) {
		memset(expected, 1 + below(3), ps);
	} else {
		at = below(ps);
		len = 1 + below(ps - at);
		memset(expected + at, 1 + below(255), len);
	}
	memcpy(page(i) + at, expected + at, len);
}

static void do_write(long first, long n)
{
	enum how how = below(3);

	note(first, n, how, 0);
	for (long i = first; i < first + n; i++)
		if (can_write(i))
			write_page(i, how);
}

/* The kernel writes; where it may not, it has to stop. */
static void do_read_file(long first, long n)
{
	long good = 0, ret;

	while (good < n && can_write(first + good))
		good++;
	if (n > MAX_PAGE / ps)
		return;
	ret = or_errno(pread(source, page(first), n * ps, 0));
	note(first, n, 0, ret);
	if (ret != (good ? good * ps : -EFAULT))
		differ("read() into memory: expected %ld pages, found %ld", good, ret);
	if (good && pread(source, shadow + first * ps, good * ps, 0) != good * ps)
		differ("read(): %s", strerror(errno));
}

static void do_check(long first, long n)
{
	note(first, n, 0, 0);
	check_pages(first, n);
}

/* ---- tamalloc_rezero ------------------------------------------------------ */

static bool is_error_of(long first, long n, bool armed, long ret)
{
	for (long i = first; i < first + n; i++) {
		if ((!pages[i].mapped && ret == -ENOMEM) ||
		    (pages[i].shared && ret == -EINVAL) ||
		    (pages[i].mapped && !(pages[i].prot & PROT_WRITE) && ret == -EACCES))
			return true;
	}
	return armed && ret == -EBUSY;
}

/* Pages of single size that take memory; where nobody may look, 0. */
static long resident(long first, long n)
{
	long found = 0;

	for (long i = first; i < first + n; i++) {
		if (page_entry(page(i)) & PM_PRESENT) {
			__u64 flags = page_flags(page(i));

			found += flags && !(flags & (KPF_ZERO_PAGE | KPF_COMPOUND));
		}
	}
	return found;
}

static void rezero(long first, long n, bool armed)
{
	const long len = n * ps;
	const size_t keeps[] = { 0, 1, ps, below(len), len - 1, len, SIZE_MAX, SIZE_MAX };
	const size_t keep = keeps[any(keeps)];
	long ret = do_rezero(page(first), len - below(ps), keep, 0), stay;

	note(first, n, keep, ret);
	if (ret < 0 ? !is_error_of(first, n, armed, ret) : (armed || must_fail(first, n)))
		differ("tamalloc_rezero() of %ld pages at %p: found %ld", n, page(first), ret);
	if (ret < 0)
		return;
	if (ret > len || (size_t)ret > keep || ret % ps)
		differ("tamalloc_rezero() of %ld pages that keeps %zu: found %ld", n, keep, ret);
	zero_pages(first, n);
	stay = below(4) ? 0 : resident(first, n);
	if (stay > ret / ps)
		differ("tamalloc_rezero() says %ld pages stay, found %ld", ret / ps, stay);
	if (below(2))
		check_pages(first, n);
}

static void do_rezero_some(long first, long n)
{
	rezero(first, n, false);
}

/* userfaultfd is to be told about a part of the range. */
static void do_rezero_armed(long first, long n)
{
	const long armed = private_run(first, n);
	struct uffdio_register reg = { { (unsigned long)page(first), armed * ps },
				       UFFDIO_REGISTER_MODE_WP, 0 };
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd < 0)
		return;
	if (armed && !ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &reg))
		rezero(first, n, true);
	close(fd);
}

/* ---- madvise() and others ------------------------------------------------- */

static void do_drop(long first, long n)
{
	long ret = or_errno(madvise(page(first), n * ps, MADV_DONTNEED_LOCKED));

	note(first, n, 0, ret);
	if (ret && ret != -ENOMEM)
		differ("MADV_DONTNEED_LOCKED: found %ld", ret);
	for (long i = first; i < first + n; i++)
		if (pages[i].mapped && !pages[i].shared)
			zero_pages(i, 1);
}

static void do_page_out(long first, long n)
{
	madvise(page(first), n * ps, MADV_PAGEOUT);
	note(first, n, 0, 0);
	if (!below(8))
		wait_for_writeback();
}

/* Clean pages, of which swap has a copy. */
static void do_page_out_and_in(long first, long n)
{
	do_page_out(first, n);
	wait_for_writeback();
	check_pages(first, n);
}

/* Nothing of this changes what is there. */
static void do_advise(long first, long n)
{
	static const int advice[] = {
		MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLLAPSE, MADV_MERGEABLE, MADV_UNMERGEABLE,
		MADV_COLD, MADV_WILLNEED, MADV_POPULATE_READ, MADV_DONTDUMP, MADV_DODUMP,
	};
	const int what = advice[any(advice)];

	note(first, n, what, or_errno(madvise(page(first), n * ps, what)));
}

static void do_lock(long first, long n)
{
	bool on = below(2);

	note(first, n, on, on ? mlock(page(first), n * ps) : munlock(page(first), n * ps));
}

static void do_inherit(long first, long n)
{
	static const int advice[] = {
		MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK, MADV_KEEPONFORK,
	};
	const int what = advice[any(advice)];

	n = private_run(first, n);
	note(first, n, what, 0);
	if (!n)
		return;
	if (madvise(page(first), n * ps, what))
		differ("madvise %d: %s", what, strerror(errno));
	for (long i = first; i < first + n; i++) {
		if (what == MADV_DONTFORK || what == MADV_DOFORK)
			pages[i].dont_fork = what == MADV_DONTFORK;
		else
			pages[i].wipe_on_fork = what == MADV_WIPEONFORK;
	}
}

static void do_protect(long first, long n)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ, PROT_READ | PROT_WRITE };
	const int prot = prots[any(prots)];

	n = private_run(first, n);
	note(first, n, prot, 0);
	if (!n)
		return;
	if (mprotect(page(first), n * ps, prot))
		differ("mprotect %d: %s", prot, strerror(errno));
	for (long i = first; i < first + n; i++)
		pages[i].prot = prot;
}

static void do_allow_all(long first, long n)
{
	for (long i = 0; i < NR_PAGES; i += n) {
		n = private_run(i, NR_PAGES - i);
		if (n && mprotect(page(i), n * ps, PROT_READ | PROT_WRITE))
			differ("mprotect: %s", strerror(errno));
		for (long k = i; k < i + n; k++)
			pages[k].prot = PROT_READ | PROT_WRITE;
		n = n ?: 1;
	}
	note(0, NR_PAGES, 0, 0);
}

/* ---- mappings ------------------------------------------------------------- */

static void do_unmap(long first, long n)
{
	note(first, n, 0, 0);
	if (n <= 64)
		unmap_pages(first, n);
}

static void map(long first, long n, bool shared)
{
	int flags = MAP_ANONYMOUS | MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE | MAP_NORESERVE);

	if (mmap(page(first), n * ps, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED)
		differ("mmap: %s", strerror(errno));
	map_pages(first, n, shared);
}

static void do_map(long first, long n)
{
	bool shared = n <= 8 && !below(4);

	note(first, n, shared, 0);
	map(first, n, shared);
}

/* New memory appears where the kernel likes, and is moved into the arena. */
static void do_allocate(long first, long n)
{
	struct tamalloc_args args = {
		.size = n * ps - below(ps), .flags = dice() & 0x7f,
		.align = below(2) ? 0 : ps << below(10),
		.name = below(2) ? 0 : (unsigned long)"fuzz",
	};
	bool legacy = nrs[TAMALLOC_CALL_TAMALLOC] && !below(4);
	long ret;

	if ((args.flags & TAMALLOC_HUGE) && (args.flags & TAMALLOC_NOHUGE))
		args.flags &= ~TAMALLOC_HUGE;
	if (legacy)
		args = (struct tamalloc_args) { .size = args.size };
	ret = legacy ? do_tamalloc(args.size) : do_tamalloc2(&args, sizeof(args));
	note(first, n, args.flags, ret);
	if (ret < 0 || (args.align && ret % (long)args.align))
		differ("tamalloc2() of %ld pages, aligned to %lld: found %ld", n, args.align, ret);
	if (mremap((void *)ret, n * ps, n * ps, MREMAP_MAYMOVE | MREMAP_FIXED, page(first)) !=
	    page(first))
		differ("mremap of new memory: %s", strerror(errno));
	map_pages(first, n, false);
	for (long i = first; i < first + n; i++) {
		pages[i].dont_fork = args.flags & TAMALLOC_DONTFORK;
		pages[i].wipe_on_fork = args.flags & TAMALLOC_WIPEONFORK;
	}
}

static void move_model(long to, long from, long n, bool stay)
{
	memcpy(&pages[to], &pages[from], n * sizeof(*pages));
	memcpy(shadow + to * ps, shadow + from * ps, n * ps);
	if (stay)
		zero_pages(from, n);
	else
		memset(&pages[from], 0, n * sizeof(*pages));
}

/* Fails where the pages are of more than one mapping. */
static void do_move(long from, long n)
{
	const bool stay = !below(3);
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (stay ? MREMAP_DONTUNMAP : 0);
	long to = below(NR_PAGES);

	n = private_run(from, n);
	if (to + n > NR_PAGES)
		to = NR_PAGES - n;
	if (!n || (to < from + n && from < to + n))
		return;
	unmap_pages(to, n);
	if (mremap(page(from), n * ps, n * ps, flags, page(to)) == page(to)) {
		move_model(to, from, n, stay);
		note(from, n, to, stay);
	} else {
		note(from, n, to, -errno);
	}
}

/* ---- processes ------------------------------------------------------------ */

static void run_steps(long n);

static void join_child(void)
{
	int status = child ? join(child) : 0;

	child = 0;
	if (status)
		differ("in a child: exit status %d", status);
}

static void do_fork(long first, long n)
{
	const __u64 chance_of_child = dice();

	join_child();
	note(0, 0, 0, 0);
	if (depth == MAX_DEPTH)
		return;
	child = fork_child();
	if (child)
		return;
	depth++;
	chance = chance_of_child;
	fork_model();
	run_steps(below(CHILD_STEPS));
	if (below(2))
		nap();
	check_pages(0, NR_PAGES);
	join_child();
	_exit(0);
}

/* ---- the machine ---------------------------------------------------------- */

static void do_disturb(long first, long n)
{
	unsigned long nodes[2] = { 1, 2 };
	int what = is_root() ? below(8) : 0;
	int from = below(2);

	note(what, 0, 0, 0);
	if (what == 0) {	/* what was written before is not kept any more */
		put_file("/proc/self/clear_refs", "4");
	} else if (what == 1 && !depth) {	/* all that is swapped out comes back */
		swap_off(swaps[from]);
		swap_on(swaps[from]);
	} else if (what == 2) {
		put_file("/proc/sys/vm/compact_memory", "1");
	} else {
		syscall(__NR_migrate_pages, 0, 8, &nodes[from], &nodes[!from]);
	}
}

/* ---- statistics ----------------------------------------------------------- */

static void check_tamstat(const struct tamstat *st, pid_t pid, pid_t parent)
{
	const __u64 rss = st->rss_anon + st->rss_file + st->rss_shmem;

	if (st->pid != pid || st->ppid != parent || st->uid != getuid())
		differ("tamstat() of %d: found %d of %d", pid, st->pid, st->ppid);
	if (st->flags & TAMSTAT_F_KTHREAD || (!(st->flags & TAMSTAT_F_NOMM) && !st->vm_total))
		differ("tamstat() of %d: found flags %#x", pid, st->flags);
	if (st->vm_peak < st->vm_total || st->rss_peak < rss || rss % ps || st->swap % ps)
		differ("tamstat() of %d: peaks %llu, %llu of %llu, %llu", pid, st->vm_peak,
		       st->rss_peak, st->vm_total, rss);
}

static void do_tamstat_some(long first, long n)
{
	struct tamstat st;
	long ret = do_tamstat(P_PID, 0, &st, sizeof(st), below(2) * TAMSTAT_LIST_APPROX);
	long vm = vm_pages();

	note(0, 0, 0, ret);
	if (ret)
		differ("tamstat(): found %ld", ret);
	check_tamstat(&st, getpid(), getppid());
	if (st.vm_total != (__u64)vm * ps)
		differ("vm_total: expected %ld pages, found %lld bytes", vm, st.vm_total);
	if (!child)
		return;
	ret = do_tamstat(P_PID, child, &st, sizeof(st), 0);
	if (ret)
		differ("tamstat() of a child: found %ld", ret);
	check_tamstat(&st, child, getpid());
}

static void do_list_all(long first, long n)
{
	static struct tamstat list[16];
	struct tamstat_list_req req = { .size = sizeof(req), .rec_size = sizeof(*list),
					.mask = dice() };
	int last = 0, own = 0;

	while (req.cursor != TAMSTAT_CURSOR_END) {
		long ret = do_list(&req, list, (1 + below(16)) * sizeof(*list), 0);

		note(0, 0, 0, ret);
		if (ret < 0 || ret > 16)
			differ("tamstat_list(): found %ld", ret);
		for (long i = 0; i < ret; i++) {
			if (list[i].pid <= last)
				differ("tamstat_list(): found %d behind %d", list[i].pid, last);
			last = list[i].pid;
			own += last == getpid() || last == child;
		}
	}
	if (own != 1 + !!child)
		differ("tamstat_list(): %d of the own processes", own);
}

static void do_total_some(long first, long n)
{
	struct tamstat_total t;
	long ret = do_total(&t, sizeof(t), TAMSTAT_TOTAL_SUM);

	note(0, 0, 0, ret);
	if (ret || t.page_size != ps || t.ram_free > t.ram || t.ram_available > t.ram ||
	    t.swap_free > t.swap || t.nr_processes < 1 || t.sum_rss > t.sum_vm ||
	    t.sum_vm < (__u64)vm_pages() * ps)
		differ("tamstat_total(): %ld, or figures that cannot be", ret);
}

/* ---- rounds --------------------------------------------------------------- */

static const struct operation {
	const char *name;
	int weight;
	void (*run)(long first, long n);
} operations[] = {
	{ "write", 96, do_write },
	{ "read_file", 12, do_read_file },
	{ "check", 32, do_check },
	{ "rezero", 96, do_rezero_some },
	{ "rezero_armed", 4, do_rezero_armed },
	{ "drop", 16, do_drop },
	{ "page_out", 32, do_page_out },
	{ "page_out_and_in", 24, do_page_out_and_in },
	{ "advise", 24, do_advise },
	{ "lock", 4, do_lock },
	{ "inherit", 8, do_inherit },
	{ "protect", 12, do_protect },
	{ "allow_all", 12, do_allow_all },
	{ "unmap", 4, do_unmap },
	{ "map", 12, do_map },
	{ "allocate", 16, do_allocate },
	{ "move", 12, do_move },
	{ "fork", 12, do_fork },
	{ "disturb", 1, do_disturb },
	{ "tamstat", 4, do_tamstat_some },
	{ "list", 4, do_list_all },
	{ "total", 4, do_total_some },
	{ "strange", 32, do_strange },
};

static const struct operation *choose_operation(void)
{
	const struct operation *op = operations;
	long left = 0;

	for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
		left += operations[i].weight;
	left = below(left);
	while (left >= op->weight)
		left -= op++->weight;
	return op;
}

static void run_steps(long n)
{
	for (long end = step + n; step < end;) {
		const struct operation *op = choose_operation();
		long first, count;

		choose(&first, &count);
		step++;
		recent[step % NR_RECENT] = (struct step) { .name = op->name };
		op->run(first, count);
		if (!(step % 100))
			check_pages(0, NR_PAGES);
	}
}

/* In a process of its own. */
static void run_round(__u64 new_seed, double start)
{
	start_model(new_seed, start);
	map(0, NR_PAGES, false);
	madvise(page(NR_SINGLE), (NR_PAGES - NR_SINGLE) * ps, MADV_HUGEPAGE);
	run_steps(STEPS);
	join_child();
	check_pages(0, NR_PAGES);
	_exit(0);
}

FIXTURE(fuzz)
{
};

FIXTURE_SETUP(fuzz)
{
	static unsigned long bytes[MAX_PAGE / sizeof(long)];

	fill(bytes, sizeof(bytes), CONTENT);
	source = memfd_create("source", MFD_CLOEXEC);
	ASSERT_EQ((ssize_t)sizeof(bytes), write(source, bytes, sizeof(bytes)));
	guard = page_before_guard();
	for (size_t i = 0; i < ARRAY_SIZE(swaps); i++) {
		char *problem = swap_on(swaps[i]);

		if (problem)
			TH_LOG("not swapped out: %s", problem);
	}
}

FIXTURE_TEARDOWN(fuzz)
{
	for (size_t i = 0; i < ARRAY_SIZE(swaps); i++)
		swap_off(swaps[i]);
}

TEST_F_TIMEOUT(fuzz, memory_is_what_the_model_says, 3600)
{
	const char *given = getenv("TAMALLOC_FUZZ_SEED");
	const double seconds = atof(getenv("TAMALLOC_FUZZ_SECONDS") ?: "30");
	const int at_once = given ? 1 : 2;
	const double start = now();
	__u64 next = given ? strtoull(given, NULL, 0) : time(NULL) * 1000ULL;
	long rounds = 0;
	bool ok = true;

	fprintf(stderr, "# first seed %llu\n", next);
	do {
		pid_t process[2];

		for (int i = 0; i < at_once; i++, next++) {
			process[i] = fork_child();
			if (!process[i])
				run_round(next, start);
		}
		for (int i = 0; i < at_once; i++)
			ok = !join(process[i]) && ok;
		rounds += at_once;
	} while (ok && !given && now() < start + seconds);
	fprintf(stderr, "# %ld rounds of %d steps, last seed %llu\n", rounds, STEPS, next - 1);
	EXPECT_TRUE(ok);
}

int main(int argc, char **argv)
{
	need_calls(NEED(TAMALLOC2) | NEED(REZERO) | NEED(TAMSTAT) | NEED(TAMSTAT_LIST) |
		   NEED(TAMSTAT_TOTAL));
	prepare_swap();
	if (is_root() && restore_at_exit(KSM_DIR "run")) {
		restore_at_exit(KSM_DIR "sleep_millisecs");
		restore_at_exit(KSM_DIR "pages_to_scan");
		put_file(KSM_DIR "sleep_millisecs", "20");
		put_file(KSM_DIR "pages_to_scan", "500");
		put_file(KSM_DIR "run", "1");
	}
	return test_harness_run(argc, argv);
}
