// SPDX-License-Identifier: GPL-2.0-only
/* /proc/tamalloc/system, system.json and cpu: what the machine has, and where time went. */
#include <linux/cpumask.h>
#include <linux/fs_struct.h>
#include <linux/kernel_stat.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/path.h>
#include <linux/sched/cputime.h>
#include <linux/statfs.h>
#include <linux/tick.h>

#include "tam.h"

struct tam_memory {
	u64 total, used, free, available;	/* bytes */
};

struct tam_disk {
	u64 total, free, available;	/* bytes */
};

static const struct {
	const char *key, *line;
	int index;
} tam_times[] = {
	{ "user",	"CpuUser:",	CPUTIME_USER },
	{ "nice",	"CpuNice:",	CPUTIME_NICE },
	{ "system",	"CpuSystem:",	CPUTIME_SYSTEM },
	{ "idle",	"CpuIdle:",	CPUTIME_IDLE },
	{ "iowait",	"CpuIowait:",	CPUTIME_IOWAIT },
	{ "irq",	"CpuIrq:",	CPUTIME_IRQ },
	{ "softirq",	"CpuSoftirq:",	CPUTIME_SOFTIRQ },
	{ "steal",	"CpuSteal:",	CPUTIME_STEAL },
	{ "guest",	"CpuGuest:",	CPUTIME_GUEST },
	{ "guest_nice",	"CpuGuestNice:", CPUTIME_GUEST_NICE },
};

static void tam_read_memory(struct tam_memory *memory)
{
	struct sysinfo info;

	si_meminfo(&info);
	memory->total = (u64)info.totalram * info.mem_unit;
	memory->free = (u64)info.freeram * info.mem_unit;
	memory->available = min_t(u64, max(si_mem_available(), 0L), info.totalram) << PAGE_SHIFT;
	memory->used = memory->total - memory->available;
}

/* That of the reader's root directory: what `df /` tells the same reader. */
static int tam_read_disk(struct tam_disk *disk)
{
	struct kstatfs stat;
	struct path root;
	int err;

	get_fs_root(current->fs, &root);
	err = vfs_statfs(&root, &stat);
	path_put(&root);
	if (err)
		return err;
	disk->total = stat.f_blocks * stat.f_frsize;
	disk->free = stat.f_bfree * stat.f_frsize;
	disk->available = stat.f_bavail * stat.f_frsize;
	return 0;
}

/* Nanoseconds. What a processor without a tick has counted of its idle time is stale. */
static void tam_read_cpu(struct kernel_cpustat *stat, int cpu)
{
	u64 idle = -1ULL, iowait = -1ULL;

	kcpustat_cpu_fetch(stat, cpu);
	if (cpu_online(cpu)) {
		idle = get_cpu_idle_time_us(cpu, NULL);
		iowait = get_cpu_iowait_time_us(cpu, NULL);
	}
	if (idle != -1ULL)
		stat->cpustat[CPUTIME_IDLE] = idle * NSEC_PER_USEC;
	if (iowait != -1ULL)
		stat->cpustat[CPUTIME_IOWAIT] = iowait * NSEC_PER_USEC;
}

static void tam_read_all_cpus(struct kernel_cpustat *sum)
{
	int cpu, i;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		struct kernel_cpustat stat;

		tam_read_cpu(&stat, cpu);
		for (i = 0; i < NR_STATS; i++)
			sum->cpustat[i] += stat.cpustat[i];
	}
}

static void tam_show_size(struct seq_file *m, const char *line, u64 bytes)
{
	seq_printf(m, "%-14s %14llu kB\n", line, bytes >> 10);
}

static int tam_system_show(struct seq_file *m, void *v)
{
	struct kernel_cpustat cpu;
	struct tam_memory memory;
	struct tam_disk disk;
	int err = tam_read_disk(&disk), i;

	if (err)
		return err;
	tam_read_memory(&memory);
	tam_read_all_cpus(&cpu);
	tam_show_size(m, "MemTotal:", memory.total);
	tam_show_size(m, "MemUsed:", memory.used);
	tam_show_size(m, "MemFree:", memory.free);
	tam_show_size(m, "MemAvailable:", memory.available);
	for (i = 0; i < ARRAY_SIZE(tam_times); i++)
		seq_printf(m, "%-14s %14llu ms\n", tam_times[i].line,
			   div_u64(cpu.cpustat[tam_times[i].index], NSEC_PER_MSEC));
	tam_show_size(m, "DiskTotal:", disk.total);
	tam_show_size(m, "DiskFree:", disk.free);
	tam_show_size(m, "DiskAvailable:", disk.available);
	return 0;
}

static int tam_system_json_show(struct seq_file *m, void *v)
{
	struct kernel_cpustat cpu;
	struct tam_memory memory;
	struct tam_disk disk;
	int err = tam_read_disk(&disk), i;

	if (err)
		return err;
	tam_read_memory(&memory);
	tam_read_all_cpus(&cpu);
	seq_printf(m, "{\"memory\":{\"total\":%llu,\"used\":%llu", memory.total, memory.used);
	seq_printf(m, ",\"free\":%llu,\"available\":%llu}", memory.free, memory.available);
	seq_printf(m, ",\"cpu\":{\"online\":%u", num_online_cpus());
	for (i = 0; i < ARRAY_SIZE(tam_times); i++)
		seq_printf(m, ",\"%s\":%llu", tam_times[i].key,
			   cpu.cpustat[tam_times[i].index]);
	seq_printf(m, "},\"disk\":{\"total\":%llu,\"free\":%llu", disk.total, disk.free);
	seq_printf(m, ",\"available\":%llu}}\n", disk.available);
	return 0;
}

static void tam_show_cpu(struct seq_file *m, const struct kernel_cpustat *stat)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(tam_times); i++)
		seq_printf(m, " %12llu",
			   div_u64(stat->cpustat[tam_times[i].index], NSEC_PER_MSEC));
	seq_putc(m, '\n');
}

static int tam_cpu_show(struct seq_file *m, void *v)
{
	struct kernel_cpustat stat;
	int cpu, i;

	seq_puts(m, "ms      ");
	for (i = 0; i < ARRAY_SIZE(tam_times); i++)
		seq_printf(m, " %12s", tam_times[i].key);
	tam_read_all_cpus(&stat);
	seq_puts(m, "\nall     ");
	tam_show_cpu(m, &stat);
	for_each_online_cpu(cpu) {
		tam_read_cpu(&stat, cpu);
		seq_printf(m, "cpu%-5d", cpu);
		tam_show_cpu(m, &stat);
	}
	return 0;
}

struct proc_dir_entry *tam_create_system(struct proc_dir_entry *dir)
{
	return proc_create_single("system", 0444, dir, tam_system_show);
}

struct proc_dir_entry *tam_create_system_json(struct proc_dir_entry *dir)
{
	return proc_create_single("system.json", 0444, dir, tam_system_json_show);
}

struct proc_dir_entry *tam_create_cpu(struct proc_dir_entry *dir)
{
	return proc_create_single("cpu", 0444, dir, tam_cpu_show);
}
