/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory to re-zero, with canaries around it, and swap to page it out to.
 */
#ifndef REGION_H
#define REGION_H

#include <sys/swap.h>
#include <sys/sysmacros.h>

#include "tamtest.h"

#define CANARY		0xca
#define CONTENT		0xc0
#define SAME		0x5a	/* each byte, where pages have to be equal */

/* ---- regions -------------------------------------------------------------- */

enum shape {
	SMALL,		/* 16 single pages, 4 around them, never huge */
	MEDIUM,		/* 64 pages, 16 around them, huge as the system likes */
	HUGE,		/* 2 huge pages, one around them */
	PART,		/* 61 pages in the middle of a huge page */
};

enum content { FILLED, EQUAL, ZERO };

struct region {
	char *map, *p;		/* the mapping, the region in it */
	size_t map_len, len;
	enum shape shape;
	enum content content;	/* what the preparation put there */
	bool read_only;		/* in the page table, so that the first write faults */
	pid_t child;		/* who shares it */
	int fd;			/* who holds its pages */
	int pipe[2];
};

static long pmd_size;		/* of a huge page, 0 without them */
static const char *huge_problem; /* why there are none, NULL with them */

/* For main(). Some tests hold two dozens of them, and a child a copy of some. */
static inline void find_huge_pages(void)
{
	pmd_size = get_number(THP_SIZE);
	if (pmd_size < 0)
		huge_problem = "no transparent huge pages";
	else if (from_meminfo("MemTotal") * KIB < 32 * pmd_size)
		huge_problem = "too little memory for huge pages of this size";
	if (huge_problem)
		pmd_size = 0;
}

static inline void region_new(struct region *r, enum shape shape)
{
	size_t around = shape == SMALL ? 4 * ps : shape == MEDIUM ? 16 * ps : pmd_size;
	size_t align = around;
	char *p;

	memset(r, 0, sizeof(*r));
	r->shape = shape;
	r->len = shape == SMALL ? 16 * ps : shape == MEDIUM ? 64 * ps :
		 shape == HUGE ? 2 * pmd_size : 61 * ps;
	r->map_len = shape == PART ? pmd_size : r->len + 2 * around;
	p = mmap(NULL, r->map_len + align, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		abort();
	r->map = (char *)(((unsigned long)p + align - 1) / align * align);
	r->p = r->map + (shape == PART ? 128 * ps : (long)around);
	munmap(p, r->map - p);
	munmap(r->map + r->map_len, align - (r->map - p));
	r->fd = -1;
	if (shape == SMALL)
		madvise(r->map, r->map_len, MADV_NOHUGEPAGE);
	if (shape == HUGE || shape == PART)
		madvise(r->map, r->map_len, MADV_HUGEPAGE);
}

static inline char *region_end(const struct region *r)
{
	return r->p + r->len;
}

static inline void fill_canaries(struct region *r)
{
	fill(r->map, r->p - r->map, CANARY);
	fill(region_end(r), r->map + r->map_len - region_end(r), CANARY);
}

static inline bool canaries_live(const struct region *r)
{
	return is_filled(r->map, r->p - r->map, CANARY) &&
	       is_filled(region_end(r), r->map + r->map_len - region_end(r), CANARY);
}

static inline void fill_region(struct region *r)
{
	fill_canaries(r);
	fill(r->p, r->len, CONTENT);
}

static inline bool is_same(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != SAME)
			return false;
	return true;
}

static inline bool is_untouched(const struct region *r)
{
	if (r->content == FILLED)
		return is_filled(r->p, r->len, CONTENT);
	if (r->content == ZERO)
		return is_zero(r->p, r->len);
	return is_same(r->p, r->len);
}

static inline void region_free(struct region *r)
{
	munmap(r->map, r->map_len);	/* fails where it is sealed */
}

/* ---- swap ----------------------------------------------------------------- */

enum swap_kind { SWAP_NONE, SWAP_ZRAM, SWAP_FILE, NR_SWAP };

#define SWAP_SIZE	(24 * MIB)

static char swap_path[NR_SWAP][200];
static char swap_problem[NR_SWAP][100];
static char zram_name[32];
static bool zram_added;

/* As mkswap(8) does it. */
static inline bool write_swap_header(int fd)
{
	union {
		struct {
			char boot[1024];
			__u32 version, last_page, nr_bad;
		};
		char page[MAX_PAGE];
	} header = { .version = 1, .last_page = SWAP_SIZE / ps - 1 };

	memcpy(header.page + ps - 10, "SWAPSPACE2", 10);
	return pwrite(fd, &header, ps, 0) == ps;
}

static inline bool make_swap_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	static char zeroes[MIB];
	bool ok = fd >= 0;

	for (long at = 0; ok && at < SWAP_SIZE; at += sizeof(zeroes))	/* no holes */
		ok = write(fd, zeroes, sizeof(zeroes)) == sizeof(zeroes);
	ok = ok && write_swap_header(fd) && !fsync(fd);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* A device that nobody uses: the first one, or one more. */
static inline bool make_zram(void)
{
	char path[100], text[32] = "0";
	unsigned int major, minor;
	int fd;
	bool ok;

	if (get_number("/sys/block/zram0/disksize") != 0) {
		if (get_file("/sys/class/zram-control/hot_add", text, sizeof(text)) < 0)
			return false;
		zram_added = true;
	}
	snprintf(zram_name, sizeof(zram_name), "zram%d", atoi(text));
	snprintf(path, sizeof(path), "/sys/block/%s/disksize", zram_name);
	if (!put_filef(path, "%ld", SWAP_SIZE))
		return false;
	snprintf(path, sizeof(path), "/sys/block/%s/dev", zram_name);
	get_file(path, text, sizeof(text));
	if (sscanf(text, "%u:%u", &major, &minor) != 2)
		return false;
	snprintf(swap_path[SWAP_ZRAM], sizeof(swap_path[0]), "%s/tamalloc-zram-%d",
		 getenv("TMPDIR") ?: "/tmp", getpid());
	if (mknod(swap_path[SWAP_ZRAM], S_IFBLK | 0600, makedev(major, minor)))
		return false;
	fd = open(swap_path[SWAP_ZRAM], O_RDWR | O_CLOEXEC);
	ok = fd >= 0 && write_swap_header(fd) && !fsync(fd);
	if (fd >= 0)
		close(fd);
	return ok;
}

static void remove_swap(void)
{
	char path[100];

	for (int kind = SWAP_ZRAM; kind < NR_SWAP; kind++) {
		swapoff(swap_path[kind]);
		unlink(swap_path[kind]);
	}
	if (!zram_name[0])
		return;
	snprintf(path, sizeof(path), "/sys/block/%s/reset", zram_name);
	for (int i = 0; i < 100 && !put_file(path, "1"); i++)
		nap();
	if (zram_added)
		put_file("/sys/class/zram-control/hot_remove", zram_name + strlen("zram"));
}

/* For main(). What cannot be had is said by swap_on(). */
static inline void prepare_swap(void)
{
	const char *dir = getenv("TAMALLOC_SWAP_DIR") ?: "/mnt/swapfs";

	if (!is_root()) {
		for (int kind = SWAP_ZRAM; kind < NR_SWAP; kind++)
			snprintf(swap_problem[kind], sizeof(swap_problem[0]), "swap needs root");
		return;
	}
	atexit(remove_swap);
	if (!make_zram())
		snprintf(swap_problem[SWAP_ZRAM], sizeof(swap_problem[0]), "no zram: %s",
			 strerror(errno));
	if (access(dir, W_OK))
		dir = getenv("TMPDIR") ?: "/tmp";
	snprintf(swap_path[SWAP_FILE], sizeof(swap_path[0]), "%s/tamalloc-swap-%d", dir, getpid());
	if (!make_swap_file(swap_path[SWAP_FILE]))
		snprintf(swap_problem[SWAP_FILE], sizeof(swap_problem[0]), "no swap file: %s",
			 strerror(errno));
}

/* From now on pages go there and nowhere else. NULL, or why not. */
static inline char *swap_on(enum swap_kind kind)
{
	if (kind == SWAP_NONE || swap_problem[kind][0])
		return kind == SWAP_NONE ? NULL : swap_problem[kind];
	if (swapon(swap_path[kind], SWAP_FLAG_PREFER | SWAP_FLAG_PRIO_MASK)) {
		snprintf(swap_problem[kind], sizeof(swap_problem[0]), "swapon: %s",
			 strerror(errno));
		return swap_problem[kind];
	}
	return NULL;
}

static inline bool swap_off(enum swap_kind kind)
{
	return kind == SWAP_NONE || !swapoff(swap_path[kind]);
}

/* Pages it out as far as the kernel does it; how many pages are still there. */
static inline long page_out(char *p, size_t len)
{
	long resident = -1;

	for (int i = 0; i < 50 && resident; i++) {
		if (i)
			nap();
		madvise(p, len, MADV_PAGEOUT);
		resident = count_resident(p, len);
	}
	return resident;
}

static inline void wait_for_writeback(void)
{
	for (int i = 0; i < 1000 && from_vmstat("nr_writeback"); i++)
		nap();
}

#endif /* REGION_H */
