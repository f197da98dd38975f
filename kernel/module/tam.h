/* SPDX-License-Identifier: GPL-2.0-only */
/* /proc/tamalloc: what its files share. */
#ifndef _TAM_H
#define _TAM_H

#include <linux/fs.h>
#include <linux/pid.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

/* tam_task.c */

/* One process, in the words of /proc/PID. Sizes are in bytes, 0 when it has ended. */
struct tam_record {
	pid_t pid;
	pid_t parent;		/* 0: not visible */
	uid_t uid;		/* real */
	char comm[TASK_COMM_LEN];
	int threads;
	u64 start_ns;		/* since boot */
	u64 reserved;		/* VmSize */
	u64 committed;		/* VmRSS */
	u64 peak_reserved;	/* VmPeak */
	u64 peak;		/* VmHWM */
	u64 swap;		/* VmSwap */
	u64 page_tables;	/* VmPTE */
	int oom_score;		/* -1: not known */
	int oom_score_adj;
};

struct pid_namespace *tam_pid_ns(const struct file *file);
int tam_read_pid(const struct file *file, struct pid *pid, struct tam_record *record);
int tam_read_next(const struct file *file, unsigned int *nr, struct tam_record *record);

/* tam_json.c */

void tam_json_string(struct seq_file *m, const char *text);
void tam_json_record(struct seq_file *m, const struct tam_record *record);

/* The files; each returns the entry, or NULL. */
struct proc_dir_entry *tam_create_system(struct proc_dir_entry *dir);
struct proc_dir_entry *tam_create_system_json(struct proc_dir_entry *dir);
struct proc_dir_entry *tam_create_cpu(struct proc_dir_entry *dir);
struct proc_dir_entry *tam_create_processes(struct proc_dir_entry *dir);
struct proc_dir_entry *tam_create_watch(struct proc_dir_entry *dir);

#endif /* _TAM_H */
