// SPDX-License-Identifier: GPL-2.0-only
/* Reads processes: which there are, who may see them, and their figures. */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/time_namespace.h>
#include <linux/user_namespace.h>

#include "compat.h"
#include "tam.h"

/* That of the mount through which the file was opened, as for everything in /proc. */
struct pid_namespace *tam_pid_ns(const struct file *file)
{
	return proc_pid_ns(file_inode(file)->i_sb);
}

/*
 * The memory of the process, or NULL, and the credentials of the thread that has it: those
 * of a main thread that has ended are those of the moment when it did. Only the structure
 * is pinned: who held the address space would run exit_mmap() of somebody else's hundred
 * gigabytes.
 */
static struct mm_struct *tam_grab_mm(struct task_struct *task, const struct cred **cred)
{
	struct mm_struct *mm = NULL;
	struct task_struct *t;

	*cred = NULL;
	rcu_read_lock();
	/* for_each_thread() would ask kernels that prove locking for tasklist_lock, unexported. */
	list_for_each_entry_rcu(t, &task->signal->thread_head, thread_node) {
		task_lock(t);
		mm = t->mm;
		if (mm) {
			mmgrab(mm);
			*cred = get_task_cred(t);
		}
		task_unlock(t);
		if (mm)
			break;
	}
	rcu_read_unlock();
	if (!mm)
		*cred = get_task_cred(task);
	return mm;
}

/*
 * ptrace_may_access(PTRACE_MODE_READ_FSCREDS) is not exported. This is what it asks for,
 * but for the hooks of security modules other than that of capabilities.
 */
static bool tam_may_trace(const struct cred *target, struct mm_struct *mm)
{
	const struct cred *cred = current_cred();
	bool same = uid_eq(cred->fsuid, target->uid) && uid_eq(cred->fsuid, target->euid) &&
		    uid_eq(cred->fsuid, target->suid) && gid_eq(cred->fsgid, target->gid) &&
		    gid_eq(cred->fsgid, target->egid) && gid_eq(cred->fsgid, target->sgid) &&
		    cred->user_ns == target->user_ns &&
		    cap_issubset(target->cap_permitted, cred->cap_effective);

	if (!same && !ns_capable_noaudit(target->user_ns, CAP_SYS_PTRACE))
		return false;
	return !mm || __get_dumpable(READ_ONCE(mm->flags)) == SUID_DUMP_USER ||
	       ns_capable_noaudit(mm->user_ns, CAP_SYS_PTRACE);
}

/* The option hidepid of the mount hides from the reader what it hides of /proc/PID. */
static int tam_check_mount(const struct file *file, struct task_struct *task,
			   const struct cred *cred, struct mm_struct *mm)
{
	struct proc_fs_info *info = proc_sb_info(file_inode(file)->i_sb);

	if (info->hide_pid == HIDEPID_OFF || same_thread_group(task, current))
		return 0;
	if (info->hide_pid != HIDEPID_NOT_PTRACEABLE && in_group_p(info->pid_gid))
		return 0;
	if (tam_may_trace(cred, mm))
		return 0;
	return info->hide_pid == HIDEPID_NO_ACCESS ? -EPERM : -ESRCH;
}

static u64 tam_bytes(unsigned long pages)
{
	return (u64)pages << PAGE_SHIFT;
}

static void tam_fill_mm(struct tam_record *r, struct mm_struct *mm)
{
	r->reserved = tam_bytes(READ_ONCE(mm->total_vm));
	r->committed = tam_bytes(tam_mm_counter(mm, MM_ANONPAGES) +
				 tam_mm_counter(mm, MM_FILEPAGES) +
				 tam_mm_counter(mm, MM_SHMEMPAGES));
	r->swap = tam_bytes(tam_mm_counter(mm, MM_SWAPENTS));
	r->page_tables = mm_pgtables_bytes(mm);
	/* The marks are only moved when the figures fall. */
	r->peak_reserved = max(r->reserved, tam_bytes(READ_ONCE(mm->hiwater_vm)));
	r->peak = max(r->committed, tam_bytes(READ_ONCE(mm->hiwater_rss)));
}

/* -EAGAIN: it is gone, or was replaced by a thread of its own that called execve(). */
static int tam_fill(struct tam_record *r, const struct file *file, struct task_struct *task,
		    struct mm_struct *mm)
{
	struct pid_namespace *ns = tam_pid_ns(file);
	bool alive;

	memset(r, 0, sizeof(*r));
	rcu_read_lock();
	alive = pid_alive(task);
	if (alive) {
		r->pid = task_tgid_nr_ns(task, ns);
		r->parent = task_tgid_nr_ns(rcu_dereference(task->real_parent), ns);
	}
	rcu_read_unlock();
	if (!alive)
		return -EAGAIN;
	if (!r->pid)
		return -ESRCH;
	r->uid = from_kuid_munged(file->f_cred->user_ns, task_uid(task));
	get_task_comm(r->comm, task);
	r->threads = READ_ONCE(task->signal->nr_threads);
	r->start_ns = timens_add_boottime_ns(task->start_boottime);
	r->oom_score = tam_oom_score(task);
	r->oom_score_adj = READ_ONCE(task->signal->oom_score_adj);
	if (mm)
		tam_fill_mm(r, mm);
	return 0;
}

/* 0, -EPERM, -ESRCH or -EAGAIN. */
static int tam_read_task(const struct file *file, struct task_struct *task, struct tam_record *r)
{
	const struct cred *cred;
	struct mm_struct *mm;
	int err;

	if (task->flags & PF_KTHREAD)
		return -ESRCH;
	mm = tam_grab_mm(task, &cred);
	err = tam_check_mount(file, task, cred, mm);
	if (!err && !tamstat_may_read(task))
		err = -EPERM;
	if (!err)
		err = tam_fill(r, file, task, mm);
	put_cred(cred);
	if (mm)
		mmdrop(mm);
	return err;
}

/**
 * tam_read_pid - the figures of one process, as the reader may see it
 * @file: through which it is read
 * @pid: the process
 * @record: all of it is written
 *
 * Return: 0; -ESRCH: it has ended, is a thread or a kernel thread, or hidden; -EPERM
 */
int tam_read_pid(const struct file *file, struct pid *pid, struct tam_record *record)
{
	int err = -EAGAIN;

	while (err == -EAGAIN) {
		struct task_struct *task = get_pid_task(pid, PIDTYPE_TGID);

		if (!task)
			return -ESRCH;
		err = tam_read_task(file, task, record);
		put_task_struct(task);
	}
	return err;
}

static struct pid *tam_find_process(struct pid_namespace *ns, unsigned int *nr)
{
	struct pid *pid;

	rcu_read_lock();
	while ((pid = find_ge_pid(*nr, ns))) {
		*nr = pid_nr_ns(pid, ns);
		if (pid_task(pid, PIDTYPE_TGID))
			break;
		++*nr;
	}
	get_pid(pid);
	rcu_read_unlock();
	return pid;
}

/**
 * tam_read_next - the next process that the reader may see
 * @file: through which it is read
 * @nr: the lowest pid to look at; becomes that of the process
 * @record: all of it is written
 *
 * One at a time, so that no lock is held while the figures are copied.
 *
 * Return: 0; -ESRCH: there is none; -EINTR: the reader is being killed
 */
int tam_read_next(const struct file *file, unsigned int *nr, struct tam_record *record)
{
	struct pid_namespace *ns = tam_pid_ns(file);
	struct pid *pid;

	for (; (pid = tam_find_process(ns, nr)); ++*nr) {
		int err = tam_read_pid(file, pid, record);

		put_pid(pid);
		cond_resched();		/* pread() at an offset comes here again and again */
		if (fatal_signal_pending(current))
			return -EINTR;
		if (!err)
			return 0;
	}
	return -ESRCH;
}
