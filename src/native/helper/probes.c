#include "probes.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf.h"
#include "btf.h"
#include "config.h"
#include "embedded.h"
#include "object.h"
#include "object_load.h"
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
  bool borrowed;
} probes;

enum { MOST_CHARGE_FUNCTIONS = 2, CHARGE_ARGUMENTS = 3 };

typedef uint32_t charge_functions[MOST_CHARGE_FUNCTIONS];

#define FUNCTION_NAMED(text)                     \
  {                                              \
    .name = (text), .kinds = 1u << BTF_KIND_FUNC \
  }

/* Those that exist, and have the arguments that the program expects, in this order; 0 with errno if there are none. */
static int find_functions(struct btf_name *names, charge_functions found)
{
  const struct btf *kernel = kernel_btf();
  int count = 0;
  if (kernel == NULL)
    return 0;
  find_names(kernel, names, MOST_CHARGE_FUNCTIONS);
  for (int i = 0; i < MOST_CHARGE_FUNCTIONS; i++) {
    const struct btf_type *function = btf_type(kernel, names[i].id);
    const struct btf_type *prototype = function ? btf_type(kernel, function->type) : NULL;
    if (prototype && BTF_INFO_VLEN(prototype->info) == CHARGE_ARGUMENTS)
      found[count++] = names[i].id;
  }
  if (count == 0)
    errno = ENOENT;
  return count;
}

/* In kernel versions that enforce a limit. */
uint32_t charge_function(void)
{
  struct btf_name names[] = {FUNCTION_NAMED("__memcg_kmem_charge"), FUNCTION_NAMED("obj_cgroup_charge_pages")};
  charge_functions found;
  return find_functions(names, found) > 0 ? found[0] : 0;
}

/* Later kernels have it only as a part of its two callers, which together do the same. */
static int find_charge_functions(charge_functions found)
{
  struct btf_name callers[] = {FUNCTION_NAMED("obj_cgroup_charge"), FUNCTION_NAMED("__memcg_kmem_charge_page")};
  found[0] = charge_function();
  return found[0] != 0 ? 1 : find_functions(callers, found);
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

enum { OF_CALLS = 2 };

bool attach_calls(struct object *object, bool native)
{
  static const char *const sections[] = {"raw_tp/sys_enter", "raw_tp/sys_exit", "raw_tp/page_fault_user", "fexit"};
  charge_functions charge;
  int count = native ? find_charge_functions(charge) : 0;
  if (native && count == 0)
    return false;
  for (unsigned i = 0; i < (native ? sizeof sections / sizeof *sections : OF_CALLS); i++) {
    uint32_t function = sections[i][0] == 'f' ? charge[0] : 0;
    if (load_object_program(object, sections[i], function) < 0 || !attach_object_program(object, sections[i]))
      return false;
  }
  return count < 2 || attach_also(object, "fexit", charge[1]);
}

/* Of the keeper's, those that detect the kernel's own refusals are attached last. */
static bool is_all_borrowed(void)
{
  return probes.borrowed && program_link(&probes.object, "fexit") >= 0;
}

bool attach_to_kernel(const char *cgroup)
{
  if (registers.number_at == 0) {
    errno = ENOSYS;
    return false;
  }
  probes.borrowed = config.lent_calls != NULL && borrow_object(&probes.object, &refusals_image, config.lent_calls);
  if (!probes.borrowed && !open_object(&probes.object, &refusals_image))
    return false;
  probes.config = object_variable(&probes.object, "config");
  probes.totals = object_variable(&probes.object, "totals");
  *probes.config = registers;
  name_paths();
  bool attached =
      (cgroup == NULL || add_group(cgroup)) && (is_all_borrowed() || attach_calls(&probes.object, cgroup != NULL));
  int saved = errno;
  if (!attached)
    close_object(&probes.object);
  errno = saved;
  return attached;
}

void forget_group(struct object *object)
{
  uint32_t first = 0;
  delete_entry(object_map(object, "group"), &first);
}

void detach_from_kernel(void)
{
  /* What is borrowed stays attached. */
  forget_group(&probes.object);
  detach_programs(&probes.object);
}

void set_joiner(pid_t joiner)
{
  probes.config->joiner = (uint32_t)joiner;
}

bool are_calls_borrowed(void)
{
  return probes.borrowed;
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
