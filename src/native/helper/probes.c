#include "probes.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf.h"
#include "btf.h"
#include "embedded.h"
#include "object.h"
#include "policy.h"

/*
 * Where struct pt_regs holds a call's number and arguments, and what identifies a call of a 32-bit program.  A 64-bit
 * program's int 0x80 looks like a 64-bit call: it gets another call's name.
 */
#if defined __x86_64__
static const struct refusals_config registers = {
    .number_at = 120,
    .mode_at = 136,
    .mode_mask = 0xffff,
    .mode_32_bit = 0x23,
    .arguments_at = {112, 104, 96, 56, 72, 64}, /* di, si, dx, r10, r8, r9 */
    .brk = SYS_brk,
};
#elif defined __aarch64__
static const struct refusals_config registers = {
    .number_at = 280,
    .mode_at = 264,
    .mode_mask = 0x10,
    .mode_32_bit = 0x10,
    .arguments_at = {272, 8, 16, 24, 32, 40}, /* the original x0, x1 to x5 */
    .brk = SYS_brk,
};
#else
static const struct refusals_config registers;
#endif

static struct {
  struct object object;
  struct refusals_config *config;
  const struct refusals_totals *totals;
} probes;

enum { CHARGE_FUNCTIONS = 2, CHARGE_ARGUMENTS = 3 };

/* In kernel versions that enforce a limit. */
uint32_t charge_function(void)
{
  const struct btf *kernel = kernel_btf();
  struct btf_name names[CHARGE_FUNCTIONS] = {{.name = "__memcg_kmem_charge", .kinds = 1u << BTF_KIND_FUNC},
                                             {.name = "obj_cgroup_charge_pages", .kinds = 1u << BTF_KIND_FUNC}};
  if (kernel == NULL)
    return 0;
  find_names(kernel, names, CHARGE_FUNCTIONS);
  for (int i = 0; i < CHARGE_FUNCTIONS; i++) {
    const struct btf_type *function = btf_type(kernel, names[i].id);
    const struct btf_type *prototype = function ? btf_type(kernel, function->type) : NULL;
    if (prototype && BTF_INFO_VLEN(prototype->info) == CHARGE_ARGUMENTS)
      return names[i].id;
  }
  errno = ENOENT;
  return 0;
}

/* Sets which argument of a call is a path. */
static void name_paths(void)
{
  for (int i = 0; i < policy.count; i++) {
    const struct call *c = &policy.call[i];
    if (c->arch == THIS_ARCH && c->nr < CALL_NUMBERS && (c->detail == DETAIL_PATH || c->detail == DETAIL_PATH_AT))
      probes.config->path_argument[c->nr] = (uint8_t)(c->detail_arg + 1);
  }
}

static bool add_group(const char *cgroup)
{
  uint32_t first = 0;
  int directory = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return false;
  bool added = set_entry(object_map(&probes.object, "group"), &first, &directory);
  int saved = errno;
  close(directory);
  errno = saved;
  return added;
}

static bool attach_programs(void)
{
  static const char *const sections[] = {"raw_tp/sys_enter", "raw_tp/sys_exit", "raw_tp/page_fault_user", "fexit"};
  uint32_t charge = charge_function();
  if (charge == 0)
    return false;
  for (unsigned i = 0; i < sizeof sections / sizeof *sections; i++) {
    uint32_t function = sections[i][0] == 'f' ? charge : 0;
    if (load_object_program(&probes.object, sections[i], function) < 0 ||
        !attach_object_program(&probes.object, sections[i]))
      return false;
  }
  return true;
}

bool attach_to_kernel(const char *cgroup)
{
  if (registers.number_at == 0) {
    errno = ENOSYS;
    return false;
  }
  if (!open_object(&probes.object, refusals_object, (size_t)(refusals_object_end - refusals_object)))
    return false;
  probes.config = object_variable(&probes.object, "config");
  probes.totals = object_variable(&probes.object, "totals");
  *probes.config = registers;
  name_paths();
  bool attached = add_group(cgroup) && attach_programs();
  int saved = errno;
  if (!attached)
    close_object(&probes.object);
  errno = saved;
  return attached;
}

void detach_from_kernel(void)
{
  detach_programs(&probes.object);
}

void set_joiner(pid_t joiner)
{
  probes.config->joiner = (uint32_t)joiner;
}

int refused_tasks(void)
{
  return object_map(&probes.object, "tasks");
}

int refusal_counts(void)
{
  return object_map(&probes.object, "counts");
}

int refusal_ring(void)
{
  return object_map(&probes.object, "ring");
}

struct refusals_totals refusals_totals(void)
{
  return probes.totals ? *probes.totals : (struct refusals_totals){0};
}
