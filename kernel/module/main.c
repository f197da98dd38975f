// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/tamalloc: what processes have reserved and what they use, and what the machine
 * has, for kernels without the system calls. See README.md.
 */
#include <linux/module.h>

#include "tam.h"

static struct proc_dir_entry *tam_dir;

static int __init tam_init(void)
{
	tam_dir = proc_mkdir("tamalloc", NULL);
	if (!tam_dir)
		return -ENOMEM;
	if (tam_create_system(tam_dir) && tam_create_system_json(tam_dir) &&
	    tam_create_cpu(tam_dir) && tam_create_processes(tam_dir) &&
	    tam_create_watch(tam_dir))
		return 0;
	proc_remove(tam_dir);
	return -ENOMEM;
}

/* Waits for those who are reading; files that are still open answer EIO from then on. */
static void __exit tam_exit(void)
{
	proc_remove(tam_dir);
}

module_init(tam_init);
module_exit(tam_exit);

MODULE_DESCRIPTION("Memory statistics of processes and of the system in /proc/tamalloc");
MODULE_AUTHOR("The tamalloc authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(TAM_VERSION);
