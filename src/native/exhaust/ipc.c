#include "ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/file.h"
#include "object.h"

int make_msgget(void)
{
  return keep_id(msgget(IPC_PRIVATE, 0600));
}
void end_msgget(int i)
{
  msgctl(number[i], IPC_RMID, NULL);
}

void one_queue(void)
{
  first = msgget(IPC_PRIVATE, 0600);
}

int make_msgsnd(void)
{
  static struct {
    long type;
    char text[1024];
  } message = {.type = 1};
  return msgsnd(first, &message, sizeof message.text, IPC_NOWAIT);
}

void end_msgsnd(int i)
{
  if (i == 0)
    msgctl(first, IPC_RMID, NULL);
}

int make_mq(void)
{
  struct mq_attr small = {.mq_maxmsg = 1, .mq_msgsize = 1};
  return mq_open(object_name(made), O_CREAT | O_EXCL | O_RDWR, 0600, &small);
}

void end_mq(int i)
{
  mq_unlink(object_name(i));
}
int make_semget(void)
{
  return keep_id(semget(IPC_PRIVATE, 32, 0600));
}
void end_semget(int i)
{
  semctl(number[i], 0, IPC_RMID);
}
int make_shmget(void)
{
  return keep_id(shmget(IPC_PRIVATE, PAGE, 0600));
}
void end_shmget(int i)
{
  shmctl(number[i], IPC_RMID, NULL);
}
int make_key(void)
{
  return (int)syscall(SYS_add_key, "user", file_name(made), "x", 1, KEY_SPEC_PROCESS_KEYRING);
}

int make_bpf(void)
{
  union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
  int fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map);
  if (fd < 0)
    return fd;
  if (made == 0) {
    union bpf_attr outer = {.map_type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4};
    outer.max_entries = UNCHARGED, outer.inner_map_fd = (uint32_t)fd;
    first = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &outer, sizeof outer);
  }
  union bpf_attr entry = {.map_fd = (uint32_t)first};
  entry.key = (uint64_t)(uintptr_t)&made, entry.value = (uint64_t)(uintptr_t)&fd;
  long updated = syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &entry, sizeof entry);
  int error = errno;
  close(fd);
  errno = error;
  return (int)updated;
}

void unshare_ipc(void)
{
  if (unshare(CLONE_NEWIPC) < 0)
    return;
  write_file("/proc/sys/kernel/msgmnb", "100000000");
  write_file("/proc/sys/fs/mqueue/queues_max", "100000");
}
