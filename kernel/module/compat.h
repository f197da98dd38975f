/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that the module is built for. */
#ifndef _TAM_COMPAT_H
#define _TAM_COMPAT_H

#include <linux/mm.h>
#include <linux/oom.h>

/* As /proc/PID/status counts in this kernel. */
#ifdef TAM_HAVE_MM_COUNTER_SUM
#define tam_mm_counter(mm, member)	get_mm_counter_sum(mm, member)
#else
#define tam_mm_counter(mm, member)	get_mm_counter(mm, member)
#endif

#ifdef CONFIG_TAMALLOC
/* mm/tamstat.c: vm.tamstat_scope */
bool tamstat_may_read(struct task_struct *task);

/* As /proc/PID/oom_score. */
static inline int tam_oom_score(struct task_struct *task)
{
	return max(oom_score(task), 0);
}
#else
static inline bool tamstat_may_read(struct task_struct *task)
{
	return true;
}

/* The kernel does not tell a module. */
static inline int tam_oom_score(struct task_struct *task)
{
	return -1;
}
#endif

#endif /* _TAM_COMPAT_H */
