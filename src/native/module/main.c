// SPDX-License-Identifier: GPL-2.0
/*
 * A limit on kernel memory for one control group, on kernels that no longer enforce memory.kmem.limit_in_bytes.
 *
 * The kernel charges kernel memory by pages: obj_cgroup_charge() and __memcg_kmem_charge_page() call
 * try_charge_memcg(), which also charges user memory.  ftrace makes calls from those two functions come here first.
 * What does not fit is refused, as those kernels did.  Otherwise the pages are counted before the kernel charges them,
 * so that tasks on several CPUs together never exceed the limit.
 *
 * The kernel records each change of a group's kernel memory with __mod_memcg_state(MEMCG_KMEM); a decrease there is
 * subtracted from our count, a charge is in it already.  cgroup v2 has no other count.
 *
 * The group is known by its cgroup's number, which the kernel never uses again: nothing keeps the group, and its limit
 * ends with it.  Descendants count too.
 *
 * /proc/kmem_native/ has the files of cgroup v1, and `group`: writing the number of an empty group's directory
 * starts a new count without a limit; 0 ends it, and detaches from the kernel's functions.
 */
#include <linux/ftrace.h>
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/memcontrol.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/page_counter.h>
#include <linux/proc_fs.h>
#include <linux/static_call.h>
#include <linux/uaccess.h>

static DEFINE_MUTEX(changing);
static u64 group; /* 0: none */
static unsigned long limit = PAGE_COUNTER_MAX;
static atomic_long_t usage, max_usage, failcnt;

/* The kernel's functions that charge kernel memory; which of them are inlined into others depends on the build. */
static const char *const chargers[] = {"obj_cgroup_charge_pages", "obj_cgroup_charge", "__memcg_kmem_charge_page"};
static struct {
  unsigned long start, end;
} ranges[ARRAY_SIZE(chargers)];

static bool notrace is_of_kmem(unsigned long caller)
{
  int i;

  for (i = 0; i < ARRAY_SIZE(ranges); i++)
    if (caller >= ranges[i].start && caller < ranges[i].end)
      return true;
  return false;
}

static bool notrace is_ours(struct mem_cgroup *memcg)
{
  const struct cgroup *cgroup = memcg->css.cgroup;
  u64 ours = READ_ONCE(group);
  int level;

  for (level = cgroup->level; ours && level >= 0; level--)
    if (cgroup_id(cgroup->ancestors[level]) == ours)
      return true;
  return false;
}

static void notrace raise_max(long now)
{
  long max = atomic_long_read(&max_usage);

  while (now > max && !atomic_long_try_cmpxchg(&max_usage, &max, now))
    ;
}

static int charge_nothing(struct mem_cgroup *memcg, gfp_t gfp, unsigned int pages)
{
  return -ENOMEM;
}

/* The kernel's function.  It is not exported, and may not be the target of an indirect call. */
DEFINE_STATIC_CALL(charge, charge_nothing);

/* In place of the kernel's function, if kernel memory is charged to our group. */
static noinline notrace int charge_kmem(struct mem_cgroup *memcg, gfp_t gfp, unsigned int pages)
{
  long now = atomic_long_add_return(pages, &usage);
  int error;

  if (now > 0 && now > READ_ONCE(limit) && !(gfp & __GFP_NOFAIL)) {
    atomic_long_sub(pages, &usage);
    atomic_long_inc(&failcnt);
    return -ENOMEM;
  }
  error = static_call(charge)(memcg, gfp, pages);
  if (error)
    atomic_long_sub(pages, &usage);
  else
    raise_max(now);
  return error;
}

static void notrace on_charge(unsigned long ip, unsigned long caller, struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
  struct pt_regs *regs = ftrace_get_regs(fregs);

  if (regs && is_of_kmem(caller) && is_ours((struct mem_cgroup *)regs->di))
    regs->ip = (unsigned long)charge_kmem;
}

static void notrace on_change(unsigned long ip, unsigned long caller, struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
  struct pt_regs *regs = ftrace_get_regs(fregs);

  if (regs && (int)regs->si == MEMCG_KMEM && (int)regs->dx < 0 && is_ours((struct mem_cgroup *)regs->di))
    atomic_long_add((int)regs->dx, &usage);
}

static struct ftrace_ops charge_ops = {
    .func = on_charge,
    .flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY,
};
static struct ftrace_ops change_ops = {
    .func = on_change,
    .flags = FTRACE_OPS_FL_SAVE_REGS,
};

static bool attached;

static int attach(void)
{
  int error = register_ftrace_function(&change_ops);

  if (error)
    return error;
  error = register_ftrace_function(&charge_ops);
  if (error)
    unregister_ftrace_function(&change_ops);
  attached = !error;
  return error;
}

static void detach(void)
{
  if (!attached)
    return;
  unregister_ftrace_function(&charge_ops);
  unregister_ftrace_function(&change_ops);
  attached = false;
}

static int set_group(u64 number)
{
  WRITE_ONCE(group, 0);
  WRITE_ONCE(limit, PAGE_COUNTER_MAX);
  if (!number) {
    detach();
    return 0;
  }
  /* What still charges to the previous group must not change the new count. */
  synchronize_rcu();
  atomic_long_set(&usage, 0);
  atomic_long_set(&max_usage, 0);
  atomic_long_set(&failcnt, 0);
  WRITE_ONCE(group, number);
  return attached ? 0 : attach();
}

/* Like the kernels that had this limit: a limit below the usage is refused. */
static int set_limit(s64 bytes)
{
  unsigned long before = limit,
                pages = bytes < 0 ? PAGE_COUNTER_MAX : min_t(u64, bytes >> PAGE_SHIFT, PAGE_COUNTER_MAX);

  WRITE_ONCE(limit, pages);
  smp_mb();
  if (atomic_long_read(&usage) <= (long)pages)
    return 0;
  WRITE_ONCE(limit, before);
  return -EBUSY;
}

enum { GROUP, LIMIT, USAGE, MAX_USAGE, FAILCNT, FILES };
static const char *const names[FILES] = {"group", "memory.kmem.limit_in_bytes", "memory.kmem.usage_in_bytes",
                                         "memory.kmem.max_usage_in_bytes", "memory.kmem.failcnt"};

static u64 value_of(long which)
{
  switch (which) {
  case GROUP: return group;
  case LIMIT: return (u64)limit << PAGE_SHIFT;
  case USAGE: return (u64)max(atomic_long_read(&usage), 0L) << PAGE_SHIFT;
  case MAX_USAGE: return (u64)atomic_long_read(&max_usage) << PAGE_SHIFT;
  default: return atomic_long_read(&failcnt);
  }
}

static ssize_t read_value(struct file *file, char __user *to, size_t size, loff_t *at)
{
  char text[24];
  int length = scnprintf(text, sizeof(text), "%llu\n", value_of((long)pde_data(file_inode(file))));

  return simple_read_from_buffer(to, size, at, text, length);
}

static ssize_t write_value(struct file *file, const char __user *from, size_t size, loff_t *at)
{
  long which = (long)pde_data(file_inode(file));
  s64 value;
  int error = kstrtoll_from_user(from, size, 0, &value);

  if (error)
    return error;
  mutex_lock(&changing);
  if (which == GROUP)
    error = set_group(value);
  else if (which == LIMIT)
    error = set_limit(value);
  else if (which == MAX_USAGE)
    atomic_long_set(&max_usage, max(atomic_long_read(&usage), 0L));
  else if (which == FAILCNT)
    atomic_long_set(&failcnt, 0);
  else
    error = -EINVAL;
  mutex_unlock(&changing);
  return error ? error : size;
}

static const struct proc_ops value_ops = {
    .proc_read = read_value,
    .proc_write = write_value,
    .proc_lseek = default_llseek,
};

static int __init make_files(void)
{
  struct proc_dir_entry *folder = proc_mkdir_mode("kmem_native", 0500, NULL);
  long i;

  for (i = 0; folder && i < FILES; i++)
    if (!proc_create_data(names[i], 0600, folder, &value_ops, (void *)i))
      return -ENOMEM;
  return folder ? 0 : -ENOMEM;
}

/* kallsyms_lookup_name() is not for modules: a probe that is never armed finds the function. */
static unsigned long __init address_of(const char *name)
{
  struct kprobe probe = {.symbol_name = name, .flags = KPROBE_FLAG_DISABLED};

  if (register_kprobe(&probe))
    return 0;
  unregister_kprobe(&probe);
  return (unsigned long)probe.addr;
}

static bool __init find_range(int i)
{
  unsigned long address = address_of(chargers[i]), offset, size;
  char text[KSYM_SYMBOL_LEN], *plus;

  sprint_symbol(text, address); /* NAME+OFFSET/SIZE */
  plus = strrchr(text, '+');
  if (!address || !plus || sscanf(plus, "+0x%lx/0x%lx", &offset, &size) != 2)
    return false;
  ranges[i].start = address - offset;
  ranges[i].end = address - offset + size;
  return true;
}

static int __init filter(struct ftrace_ops *ops, const char *name)
{
  return ftrace_set_filter(ops, (unsigned char *)name, strlen(name), 1);
}

static int __init start(void)
{
  unsigned long function = address_of("try_charge_memcg");
  bool found = false;
  int i, error;

  for (i = 0; i < ARRAY_SIZE(chargers); i++)
    found |= find_range(i);
  if (!found || !function)
    return -ENOENT;
  static_call_update(charge, (void *)function);
  error = filter(&charge_ops, "try_charge_memcg");
  if (!error)
    error = filter(&change_ops, "__mod_memcg_state");
  if (!error)
    error = make_files();
  if (error)
    remove_proc_subtree("kmem_native", NULL);
  return error;
}

static void __exit stop(void)
{
  remove_proc_subtree("kmem_native", NULL);
  set_group(0);
}

module_init(start);
module_exit(stop);
MODULE_DESCRIPTION("A limit on kernel memory for one control group");
MODULE_LICENSE("GPL");
