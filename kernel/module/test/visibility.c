// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hazard: a module that tells whoever asks what the mount option hidepid, a pid namespace
 * or the sysctl vm.tamstat_scope hides. The judges are /proc/PID/status of the same mount
 * and, where there is one, the system call.
 */
#include "guest.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>

#define SOME_GROUP	2000

static const struct role {
	const char *name;
	uid_t uid;
	gid_t gid;
	bool undumpable, capable, namespace;
	bool traceable;		/* by ANYBODY */
} roles[] = {
	{ "own", ANYBODY, ANYBODY, .traceable = true },
	{ "own, not dumpable", ANYBODY, ANYBODY, .undumpable = true },
	{ "own, of another group", ANYBODY, ANYBODY + 1, .traceable = false },
	{ "own, with a capability", ANYBODY, ANYBODY, .capable = true },
	{ "own, in a user namespace of its own", ANYBODY, ANYBODY, .namespace = true, .traceable = true },
	{ "another's", ANYBODY + 1, ANYBODY + 1, .traceable = false },
	{ "root's", 0, 0, .traceable = false },
};

#define NR_ROLES	(sizeof(roles) / sizeof(roles[0]))

static pid_t role_pids[NR_ROLES];
static pid_t all[MAX_PIDS];	/* what root sees */
static size_t nr_all;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("# %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(100);
}

static void become(uid_t uid, gid_t gid, gid_t also)
{
	must(!setgroups(also != 0, &also) && !setresgid(gid, gid, gid) && !setresuid(uid, uid, uid), "set ids");
	must(!prctl(PR_SET_DUMPABLE, 1), "PR_SET_DUMPABLE");	/* which another uid has taken away */
}

static void keep_one_capability(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { .permitted = 1 << CAP_NET_RAW } };

	must(!syscall(SYS_capset, &header, data), "capset");
}

static void play(const void *arg)
{
	const struct role *role = arg;

	if (role->capable)
		must(!prctl(PR_SET_KEEPCAPS, 1), "PR_SET_KEEPCAPS");
	become(role->uid, role->gid, 0);
	if (role->capable)
		keep_one_capability();
	if (role->namespace)
		must(!unshare(CLONE_NEWUSER), "unshare");
	must(!prctl(PR_SET_DUMPABLE, !role->undumpable), "PR_SET_DUMPABLE");
}

static const char *role_of(pid_t pid)
{
	for (size_t i = 0; i < NR_ROLES; i++)
		if (role_pids[i] == pid)
			return roles[i].name;
	return "not of this test";
}

struct mounted {
	const char *options, *where;
	int refusal;		/* of what is hidden */
	bool shows_all;		/* to anybody */
	bool shows_members;	/* all to those of SOME_GROUP */
};

static bool status_is_shown(const char *proc, pid_t pid)
{
	struct text text;
	char path[100];

	snprintf(path, sizeof(path), "%s/%d/status", proc, pid);
	text = read_file(path, WHOLE);
	free(text.data);
	return !text.error;
}

static int watch_error(int fd, pid_t pid)
{
	char text[20];

	snprintf(text, sizeof(text), "%d", pid);
	return write(fd, text, strlen(text)) < 0 ? errno : 0;
}

static struct text listing_of(const char *proc)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/tamalloc/processes", proc);
	return read_file(path, WHOLE);
}

static int open_watch_of(const char *proc)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/tamalloc/watch", proc);
	fd = open(path, O_RDWR);
	must(fd >= 0, path);
	return fd;
}

/* The number of processes about which module and /proc differ. */
static int differences(const struct mounted *m)
{
	struct text listing = listing_of(m->where);
	int fd = open_watch_of(m->where), wrong = 0;
	pid_t pids[MAX_PIDS];
	size_t n = pids_in(&listing, pids);

	must(!listing.error, listing.why);
	for (size_t i = 0; i < nr_all; i++) {
		const bool shown = status_is_shown(m->where, all[i]), listed = has_pid(pids, n, all[i]);
		const int error = watch_error(fd, all[i]);

		if (listed == shown && error == (shown ? 0 : m->refusal))
			continue;
		printf("# %d, %s: status is %s, processes %s it, watch says %s\n", all[i], role_of(all[i]),
		       shown ? "shown" : "hidden", listed ? "lists" : "lacks", strerror(error));
		wrong++;
	}
	for (size_t i = 0; i < NR_ROLES; i++) {
		if (has_pid(pids, n, role_pids[i]) == (m->shows_all || roles[i].traceable))
			continue;
		printf("# %d, %s: is %s\n", role_pids[i], roles[i].name, roles[i].traceable ? "hidden" : "listed");
		wrong++;
	}
	wrong += !has_pid(pids, n, getpid());
	fflush(stdout);
	return wrong;
}

static int differences_for_anybody(const void *m)
{
	become(ANYBODY, ANYBODY, 0);
	return differences(m);
}

static int differences_for_member(const void *m)
{
	become(ANYBODY, ANYBODY, SOME_GROUP);
	return differences(m);
}

static int differences_for_root(const void *arg)
{
	struct mounted m = *(const struct mounted *)arg;

	m.shows_all = true;
	return differences(&m);
}

static void test_hidepid(void)
{
	static const struct mounted mounts[] = {
		{ "hidepid=0", "/tmp/proc0", 0, .shows_all = true, .shows_members = true },
		{ "hidepid=1", "/tmp/proc1", EPERM, .shows_all = false },
		{ "hidepid=2", "/tmp/proc2", ESRCH, .shows_all = false },
		{ "hidepid=4", "/tmp/proc4", ESRCH, .shows_all = false },
		{ "hidepid=2,gid=2000", "/tmp/proc2g", ESRCH, .shows_members = true },
		{ "hidepid=4,gid=2000", "/tmp/proc4g", ESRCH, .shows_all = false },
	};
	struct mounted m;
	int got;

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		m = mounts[i];
		mkdir(m.where, 0755);
		if (mount("proc", m.where, "proc", 0, m.options))
			give_up("mount -o %s: %s", m.options, strerror(errno));
		got = run(differences_for_anybody, &m);
		check(!got, "%s: anybody sees what /proc shows: %d differences", m.options, got);
		got = run(differences_for_root, &m);
		check(!got, "%s: and root: %d differences", m.options, got);
		m.shows_all = m.shows_members;
		got = run(differences_for_member, &m);
		check(!got, "%s: and a member of group %d: %d differences", m.options, SOME_GROUP, got);
		umount(m.where);
	}
}

/* Numbers of pids outside mean nothing inside. */
static int read_in_namespace(const void *outside)
{
	const char *where = "/tmp/proc-ns";
	struct text listing;
	pid_t pids[MAX_PIDS], child;
	int fd, error;

	must(getpid() == 1, "the first of the namespace");
	must(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
	mkdir(where, 0755);
	must(!mount("proc", where, "proc", 0, NULL), where);
	child = start(NULL, NULL);
	listing = listing_of(where);
	must(!listing.error, listing.why);
	must(pids_in(&listing, pids) == 2 && pids[0] == 1 && pids[1] == child, listing.data);
	must(number_in(&listing, "parent") == 0, listing.data);
	fd = open_watch_of(where);
	error = watch_error(fd, *(const pid_t *)outside);
	must(error == ESRCH, "watch of a pid outside");
	must(!watch_error(fd, child), "watch of a pid inside");
	return 0;
}

static int enter_namespace(const void *outside)
{
	must(!unshare(CLONE_NEWPID | CLONE_NEWNS), "unshare");
	return run(read_in_namespace, outside);
}

#define PR_TAMALLOC	0x54414d41
#define TAMSTAT		3	/* PR_TAMALLOC_NR + TAMALLOC_CALL_TAMSTAT */

static int differences_from_call(const void *arg)
{
	const int scope = *(const int *)arg;
	const long call = prctl(PR_TAMALLOC, TAMSTAT, 0, 0, 0);
	struct text listing;
	pid_t pids[MAX_PIDS];
	int wrong = 0, fd;
	size_t n;

	become(ANYBODY, ANYBODY, 0);
	fd = open_watch_of("/proc");
	listing = listing_of("/proc");
	must(!listing.error, listing.why);
	n = pids_in(&listing, pids);
	for (size_t i = 0; i < nr_all; i++) {
		unsigned char record[192];
		const bool told = !syscall(call, P_PID, all[i], record, sizeof(record), 0);
		const bool listed = has_pid(pids, n, all[i]);
		const int error = watch_error(fd, all[i]);

		if (listed == told && error == (told ? 0 : EPERM))
			continue;
		printf("# %d, %s: the call %s it, processes %s it, watch says %s\n", all[i], role_of(all[i]),
		       told ? "tells" : "refuses", listed ? "lists" : "lacks", strerror(error));
		wrong++;
	}
	for (size_t i = 0; i < NR_ROLES; i++) {
		const bool own = roles[i].uid == ANYBODY;
		const bool expected = scope == 0 || (scope == 1 && own) || roles[i].traceable;

		if (has_pid(pids, n, role_pids[i]) == expected)
			continue;
		printf("# scope %d: %d, %s: is %s\n", scope, role_pids[i], roles[i].name, expected ? "hidden" : "listed");
		wrong++;
	}
	fflush(stdout);
	return wrong;
}

static void test_scope(void)
{
	char text[2] = "0";

	if (prctl(PR_TAMALLOC, TAMSTAT, 0, 0, 0) < 0) {
		printf("# this kernel has no vm.tamstat_scope\n");
		return;
	}
	for (int scope = 0; scope <= 2; scope++) {
		int got;

		text[0] = '0' + scope;
		put("/proc/sys/vm/tamstat_scope", text);
		got = run(differences_from_call, &scope);
		check(!got, "vm.tamstat_scope %d: anybody sees what the call tells: %d differences", scope, got);
	}
	put("/proc/sys/vm/tamstat_scope", "0");
}

void test_visibility(void)
{
	struct text listing;
	int got;

	for (size_t i = 0; i < NR_ROLES; i++)
		role_pids[i] = start(play, &roles[i]);
	listing = read_file("processes", WHOLE);
	if (listing.error)
		give_up("%s", listing.why);
	nr_all = pids_in(&listing, all);
	test_hidepid();
	got = run(enter_namespace, &role_pids[0]);
	check(!got, "a pid namespace hides what is outside: %d", got);
	test_scope();
	for (size_t i = 0; i < NR_ROLES; i++)
		end(role_pids[i]);
}
