/* Rows of System V and POSIX ipc, keys and BPF maps. */
#ifndef KMEM_EXHAUST_IPC_H
#define KMEM_EXHAUST_IPC_H

enum { UNCHARGED = 10000 }; /* of 200 bytes each, which is little for an object, these would take 2 MB */

int make_msgget(void);
void end_msgget(int i);

/* Of as many bytes as msgmnb says. */
void one_queue(void);

int make_msgsnd(void);
void end_msgsnd(int i);
int make_mq(void);
void end_mq(int i);
int make_semget(void);
void end_semget(int i);
int make_shmget(void);
void end_shmget(int i);
int make_key(void);

/* Kept by a map of maps: a descriptor of each would be charged as a file. */
int make_bpf(void);

/* Queues that hold more than a system's own limits, and that are gone when this program is. */
void unshare_ipc(void);

#endif
