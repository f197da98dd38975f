// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/tamalloc/processes: every process that the reader may see, and their sums, as one
 * JSON document. One process at a time is read and shown, so its length has no limit and
 * nothing is held meanwhile.
 */
#include <linux/overflow.h>
#include <linux/threads.h>

#include "tam.h"

/* Positions: 0 is what comes before the processes, their pids, and what comes behind. */
#define TAM_BEHIND	(PID_MAX_LIMIT + 1)

struct tam_list {
	struct tam_record record;
	u64 listed;
	struct {	/* over those with memory */
		u64 processes, reserved, committed;
	} totals;
};

static void tam_add(u64 *sum, u64 bytes)
{
	if (check_add_overflow(*sum, bytes, sum))
		*sum = U64_MAX;
}

static void tam_count(struct tam_list *list)
{
	const struct tam_record *r = &list->record;

	list->listed++;
	/* In execve what is reserved may be 0 for a moment: mprotect_fixup() of the stack. */
	list->totals.processes += r->reserved || r->committed;
	tam_add(&list->totals.reserved, r->reserved);
	tam_add(&list->totals.committed, r->committed);
}

/* What stands at @pos or behind it. */
static void *tam_seek(struct seq_file *m, loff_t *pos)
{
	struct tam_list *list = m->private;
	unsigned int nr = *pos;
	int err;

	if (*pos > TAM_BEHIND)
		return NULL;
	if (*pos < TAM_BEHIND) {
		err = tam_read_next(m->file, &nr, &list->record);
		if (!err) {
			*pos = nr;
			return &list->record;
		}
		if (err != -ESRCH)
			return ERR_PTR(err);
		*pos = TAM_BEHIND;
	}
	return &list->totals;
}

static void *tam_start(struct seq_file *m, loff_t *pos)
{
	if (*pos)
		return tam_seek(m, pos);
	memset(m->private, 0, sizeof(struct tam_list));
	return SEQ_START_TOKEN;
}

/*
 * Called once for all that was shown and reached the reader. tam_start() and tam_show()
 * may be called again for the same position.
 */
static void *tam_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct tam_list *list = m->private;

	if (v == &list->record)
		tam_count(list);
	++*pos;
	return tam_seek(m, pos);
}

static void tam_stop(struct seq_file *m, void *v)
{
}

static int tam_show(struct seq_file *m, void *v)
{
	struct tam_list *list = m->private;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "{\"processes\":[\n");
	} else if (v == &list->record) {
		if (list->listed)
			seq_puts(m, ",\n");
		tam_json_record(m, &list->record);
	} else {
		seq_printf(m, "\n],\"totals\":{\"processes\":%llu", list->totals.processes);
		seq_printf(m, ",\"reserved\":%llu,\"committed\":%llu}}\n",
			   list->totals.reserved, list->totals.committed);
	}
	return 0;
}

static const struct seq_operations tam_processes_ops = {
	.start	= tam_start,
	.next	= tam_next,
	.stop	= tam_stop,
	.show	= tam_show,
};

struct proc_dir_entry *tam_create_processes(struct proc_dir_entry *dir)
{
	return proc_create_seq_private("processes", 0444, dir, &tam_processes_ops,
				       sizeof(struct tam_list), NULL);
}
