// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/tamalloc/watch: write a pid, read that process. Whoever has opened the file has a
 * pid of his own, at first that of the process that opened it.
 */
#include <linux/mutex.h>
#include <linux/pid_namespace.h>
#include <linux/slab.h>

#include "tam.h"

/* Everybody may write: it changes only what the writer reads, and that only within his rights. */
#define TAM_WATCH_MODE	0666

struct tam_watch {
	struct mutex lock;	/* of pid: the file may be shared by threads */
	struct pid *pid;	/* the process, also when its number has a new owner */
};

static struct pid *tam_watched(struct tam_watch *watch)
{
	struct pid *pid;

	mutex_lock(&watch->lock);
	pid = get_pid(watch->pid);
	mutex_unlock(&watch->lock);
	return pid;
}

static int tam_watch_show(struct seq_file *m, void *v)
{
	struct pid *pid = tam_watched(m->private);
	struct tam_record record;
	int err = tam_read_pid(m->file, pid, &record);

	put_pid(pid);
	if (err)
		return err;
	tam_json_record(m, &record);
	seq_putc(m, '\n');
	return 0;
}

static int tam_watch_open(struct inode *inode, struct file *file)
{
	struct tam_watch *watch = kzalloc(sizeof(*watch), GFP_KERNEL_ACCOUNT);
	int err;

	if (!watch)
		return -ENOMEM;
	mutex_init(&watch->lock);
	watch->pid = get_pid(task_tgid(current));
	err = single_open(file, tam_watch_show, watch);
	if (err) {
		put_pid(watch->pid);
		kfree(watch);
	}
	return err;
}

static int tam_watch_release(struct inode *inode, struct file *file)
{
	struct tam_watch *watch = ((struct seq_file *)file->private_data)->private;

	put_pid(watch->pid);
	kfree(watch);
	return single_release(inode, file);
}

static struct pid *tam_find(const struct file *file, int nr)
{
	struct pid *pid;

	rcu_read_lock();
	pid = get_pid(nr ? find_pid_ns(nr, tam_pid_ns(file)) : task_tgid(current));
	rcu_read_unlock();
	return pid;
}

/* What the reader may not see is refused here, and again when it is read. */
static ssize_t tam_watch_write(struct file *file, const char __user *text, size_t count,
			       loff_t *ppos)
{
	struct tam_watch *watch = ((struct seq_file *)file->private_data)->private;
	struct tam_record record;
	struct pid *pid;
	int nr, err;

	if (count > 16)
		return -EINVAL;
	err = kstrtoint_from_user(text, count, 10, &nr);
	if (err)
		return err;
	pid = tam_find(file, nr);
	err = pid ? tam_read_pid(file, pid, &record) : -ESRCH;
	if (!err) {
		mutex_lock(&watch->lock);
		swap(watch->pid, pid);
		mutex_unlock(&watch->lock);
		*ppos = 0;	/* the next read begins at the start of the new answer */
	}
	put_pid(pid);
	return err ?: count;
}

static const struct proc_ops tam_watch_ops = {
	.proc_open	= tam_watch_open,
	.proc_read_iter	= seq_read_iter,
	.proc_write	= tam_watch_write,
	.proc_lseek	= seq_lseek,
	.proc_release	= tam_watch_release,
};

struct proc_dir_entry *tam_create_watch(struct proc_dir_entry *dir)
{
	return proc_create("watch", TAM_WATCH_MODE, dir, &tam_watch_ops);
}
