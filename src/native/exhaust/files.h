/* Rows of sockets, files and names. */
#ifndef KMEM_EXHAUST_FILES_H
#define KMEM_EXHAUST_FILES_H

int make_tcp(void);
int make_udp(void);
int make_unix(void);
int make_socketpair(void);
int make_pipe(void);
int make_open(void);
int make_creat(void);
void end_name(int i);
int make_mkdir(void);
void end_mkdir(int i);
void one_file(void);
int make_link(void);
int make_symlink(void);
int make_memfd(void);

/* One file that is renamed repeatedly. */
void first_name(void);

int make_rename(void);
void end_rename(int i);
int make_stat(void);
int make_access(void);
int make_readlink(void);
void one_lockable(void);
int make_lock(void);
int make_files(int count);

/* Removes the file of `one_file` and `one_lockable`. */
void remove_file(void);

#endif
