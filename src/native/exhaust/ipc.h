/* Rows of System V and POSIX ipc, keys and BPF maps. */
#ifndef KMEM_EXHAUST_IPC_H
#define KMEM_EXHAUST_IPC_H

enum { UNCHARGED = 10000 }; /* at 200 bytes each, little for an object, these would take 2 MB */

int make_msgget(void);
void end_msgget(int i);

/* A queue that holds msgmnb bytes. */
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

/* Held by a map of maps: a descriptor for each would be charged as a file. */
int make_bpf(void);

/* Allows queues above the system's own limits, which disappear when this program exits. */
void unshare_ipc(void);

#endif
