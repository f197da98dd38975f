/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the memory of a fuzzer must look like: an arena of pages, of each what it may be used
 * for and every byte that it must have, and the report of a difference.
 */
#ifndef MODEL_H
#define MODEL_H

#include "region.h"

/* Pages before and behind an address that a huge page may have; 512 of 4 KiB make one. */
#define NR_SINGLE	256
#define NR_HUGE		512
#define NR_PAGES	(NR_SINGLE + NR_HUGE + 128)
/* Far below what mmap() chooses. */
#define ARENA		((char *)0x1000000000UL - NR_SINGLE * ps)

static struct page {
	bool mapped, shared;
	bool dont_fork, wipe_on_fork;
	int prot;
} pages[NR_PAGES];

static char *shadow;		/* the content, as long as the arena */

/* ---- chance --------------------------------------------------------------- */

static __u64 chance;		/* all that comes next depends on it alone */

static inline __u64 dice(void)
{
	__u64 z = chance += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline long below(long n)
{
	return dice() % n;
}

/* An index: array[any(array)]. */
#define any(array)	below(ARRAY_SIZE(array))

/* ---- report --------------------------------------------------------------- */

#define NR_RECENT	16

static struct step {
	const char *name;
	long a, b, c, ret;
} recent[NR_RECENT];

static __u64 seed;
static long step;
static int depth;		/* 1: in a child, 2: in a child of that */
static double began;

static inline void note(long a, long b, long c, long ret)
{
	struct step *s = &recent[step % NR_RECENT];

	s->a = a;
	s->b = b;
	s->c = c;
	s->ret = ret;
}

/* Ends the process: this is not what the kernel should do. */
static void differ(const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (long i = step - NR_RECENT + 1; i <= step; i++) {
		const struct step *s = &recent[(i + NR_RECENT) % NR_RECENT];

		if (i >= 0 && s->name)
			fprintf(stderr, "# step %ld: %s %ld %ld %#lx: %ld\n", i, s->name, s->a,
				s->b, s->c, s->ret);
	}
	fprintf(stderr, "# difference after %.1f s: seed %llu, step %ld, process %d: %s\n",
		now() - began, seed, step, depth, text);
	_exit(1);
}

static void on_fault(int nr, siginfo_t *info, void *context)
{
	differ("address %p: expected to be there, found signal %d", info->si_addr, nr);
}

/* ---- pages ---------------------------------------------------------------- */

static inline char *page(long i)
{
	return ARENA + i * ps;
}

static inline bool can_read(long i)
{
	return pages[i].mapped && (pages[i].prot & PROT_READ);
}

static inline bool can_write(long i)
{
	return pages[i].mapped && pages[i].prot == (PROT_READ | PROT_WRITE);
}

/* How many pages from @first on, @n at most, are mapped and private. */
static inline long private_run(long first, long n)
{
	long i = first;

	while (i < first + n && pages[i].mapped && !pages[i].shared)
		i++;
	return i - first;
}

/*
 * @n pages from @first on: often few, sometimes whole huge pages, and often the same as
 * before, where something has been done already.
 */
static inline void choose(long *first, long *n)
{
	static long last_first, last_n;
	long end = below(3) ? NR_SINGLE : NR_PAGES;
	long most = below(8) ? 8 : below(3) ? 64 : 640;

	if (last_n && below(4)) {
		*first = last_first;
		*n = last_n;
		return;
	}
	*first = below(8) ? below(end) : NR_SINGLE;
	*n = *first == NR_SINGLE && below(2) ? NR_HUGE : 1 + below(most);
	if (*n > NR_PAGES - *first)
		*n = NR_PAGES - *first;
	last_first = *first;
	last_n = *n;
}

static inline void map_pages(long first, long n, bool shared)
{
	for (long i = first; i < first + n; i++)
		pages[i] = (struct page) { .mapped = true, .shared = shared,
					   .prot = PROT_READ | PROT_WRITE };
	memset(shadow + first * ps, 0, n * ps);
}

static inline void unmap_pages(long first, long n)
{
	if (munmap(page(first), n * ps))
		differ("munmap of %ld pages at %ld: %s", n, first, strerror(errno));
	memset(&pages[first], 0, n * sizeof(*pages));
}

static inline void zero_pages(long first, long n)
{
	memset(shadow + first * ps, 0, n * ps);
}

/* Whether tamalloc_rezero() has to refuse. */
static inline bool must_fail(long first, long n)
{
	for (long i = first; i < first + n; i++)
		if (!can_write(i) || pages[i].shared)
			return true;
	return false;
}

/* Every byte that can be read. */
static inline void check_pages(long first, long n)
{
	for (long i = first; i < first + n; i++) {
		const char *found = page(i), *expected = shadow + i * ps;
		long at = 0;

		if (!can_read(i) || !memcmp(found, expected, ps))
			continue;
		while (at < ps && found[at] == expected[at])
			at++;
		if (at == ps)	/* it came right meanwhile */
			differ("address %p: not what it was a moment ago", found);
		differ("address %p: expected 0x%02x, found 0x%02x", found + at,
		       (unsigned char)expected[at], (unsigned char)found[at]);
	}
}

static inline void start_model(__u64 new_seed, double at)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	seed = new_seed;
	chance = new_seed;
	began = at;
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	shadow = mmap(NULL, NR_PAGES * ps, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	if (shadow == MAP_FAILED)
		abort();
	madvise(shadow, NR_PAGES * ps, MADV_NOHUGEPAGE);
}

/* Of a child: what fork() takes away. It leaves alone what would be written by both. */
static inline void fork_model(void)
{
	for (long i = 0; i < NR_PAGES; i++) {
		if (!pages[i].mapped)
			continue;
		if (pages[i].shared)
			unmap_pages(i, 1);
		else if (pages[i].dont_fork)
			pages[i].mapped = false;
		else if (pages[i].wipe_on_fork)
			zero_pages(i, 1);
	}
}

#endif /* MODEL_H */
