#!/usr/bin/python3
"""Makes kernel objects of one kind until the kernel refuses one, says which call failed and how, then gives back half
and tries once more. Exits 0 where all that happened, 1 where nothing was refused, 2 where giving back did not help.

usage: until-refused.py KIND [MOST]
"""
import ctypes
import errno
import mmap
import os
import resource
import socket
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
PAGE = mmap.PAGESIZE
IPC_PRIVATE, IPC_CREAT, IPC_RMID = 0, 0o1000, 0
CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWUTS = 0x08000000, 0x40000000, 0x04000000


def call(name, *args):
    """A call of libc; raises OSError with its errno."""
    result = getattr(libc, name)(*args)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return result


def named(name, make):
    """The error of a call that Python makes for us does not say which one it was."""

    def made(index):
        try:
            return make(index)
        except OSError as error:
            error.filename = name
            raise

    return made


class Kind:
    """`make(index)` makes one and returns what `drop` gives back."""

    def __init__(self, make, drop=os.close):
        self.make, self.drop = make, drop


def tcp():
    return Kind(named("socket", lambda _: socket.socket(socket.AF_INET, socket.SOCK_STREAM).detach()))


def unix():
    return Kind(named("socket", lambda _: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).detach()))


def pipe():
    return Kind(named("pipe", lambda _: os.pipe2(os.O_CLOEXEC)), lambda ends: [os.close(end) for end in ends])


def epoll():
    """Entries: the same files again and again, in one epoll after the other."""
    files = [os.eventfd(0) for _ in range(500)]
    polls = []

    def make(index):
        if index % len(files) == 0:
            polls.append(call("epoll_create1", 0))
        event = (ctypes.c_uint32 * 3)(1, 0, 0)
        call("epoll_ctl", polls[-1], 1, files[index % len(files)], event)
        return polls[-1], files[index % len(files)]

    return Kind(make, lambda entry: call("epoll_ctl", entry[0], 2, entry[1], None))


def inotify():
    """Watches: the same folders again and again, by one inotify after the other."""
    names = [f"watched-{index}".encode() for index in range(100)]
    for name in names:
        os.mkdir(name)
    watchers = []

    def make(index):
        if index % len(names) == 0:
            watchers.append(call("inotify_init1", 0))
        return watchers[-1], call("inotify_add_watch", watchers[-1], names[index % len(names)], 0x2)

    return Kind(make, lambda watch: call("inotify_rm_watch", *watch))


def vma():
    """Mappings: each second page of a large one gets other rights, which splits it."""
    size = 65_000 * PAGE
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    start = libc.mmap(None, size, 1, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, -1, 0)

    def make(index):
        call("mprotect", start + 2 * index * PAGE, PAGE, 0)
        return index

    # Equal neighbours become one mapping again.
    return Kind(make, lambda index: call("mprotect", start + 2 * index * PAGE, PAGE, 1))


def file():
    """Open files, each with a name and an inode of its own."""
    return Kind(named("open", lambda index: os.open(f"file-{index}", os.O_CREAT | os.O_RDWR)))


def message():
    """System V messages of 4 KiB, in as many queues as it takes; in an IPC namespace of its own."""
    call("unshare", CLONE_NEWIPC)
    text = ctypes.create_string_buffer(b"\x01" + bytes(7) + b"m" * 4096)
    queues = []

    def make(index):
        if index % 3 == 0:
            queues.append(call("msgget", IPC_PRIVATE, 0o600 | IPC_CREAT))
        call("msgsnd", queues[-1], text, ctypes.c_size_t(4096), 0)
        return queues[-1]

    def drop(queue):
        call("msgrcv", queue, text, ctypes.c_size_t(4096), ctypes.c_long(0), 0)

    return Kind(make, drop)


def shm():
    """System V segments, of which no page is ever touched; in an IPC namespace of its own."""
    call("unshare", CLONE_NEWIPC)
    return Kind(
        lambda _: call("shmget", IPC_PRIVATE, ctypes.c_size_t(PAGE), 0o600 | IPC_CREAT),
        lambda segment: call("shmctl", segment, IPC_RMID, None),
    )


def key():
    libc.syscall.restype = ctypes.c_long
    add, keyctl, session, unlink = 248, 250, -3, 9
    # Not the keyring of whoever started this.
    call("syscall", keyctl, 1, None)
    return Kind(
        named("add_key", lambda index: call("syscall", add, b"user", b"kmem-%d" % index, b"x" * 16, 16, session)),
        lambda serial: call("syscall", keyctl, unlink, serial, session),
    )


def timer():
    """POSIX timers that never go off."""
    event = (ctypes.c_int * 16)(0, 0, 0, 1)  # SIGEV_NONE
    libc.timer_delete.argtypes = [ctypes.c_void_p]

    def make(_):
        timer_id = ctypes.c_void_p()
        call("timer_create", 1, event, ctypes.byref(timer_id))
        return timer_id

    return Kind(make, lambda timer_id: call("timer_delete", timer_id))


def namespace():
    """Network namespaces: each has a loopback interface, tables and /proc/net of its own; a descriptor keeps each."""

    def make(_):
        call("unshare", CLONE_NEWNET)
        return named("open", lambda _: os.open("/proc/self/ns/net", os.O_RDONLY))(0)

    return Kind(make)


KINDS = {
    maker.__name__: maker
    for maker in (tcp, unix, pipe, epoll, inotify, vma, file, message, shm, key, timer, namespace)
}


def main(name, most=65_000):
    # The kernel's refusal is asked for, not that of ulimit -n.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kind = KINDS[name]()
    # Python's own memory has to be there before the kernel says no.
    made = [None] * most
    refusal = None
    count = 0
    try:
        while count < most:
            made[count] = kind.make(count)
            count += 1
    except OSError as error:
        refusal = error
    if refusal is None:
        print(f"{count} of kind {name}, and none was refused")
        return 1
    for index in range(count // 2, count):
        kind.drop(made[index])
    word = errno.errorcode[refusal.errno]
    print(f"{count} of kind {name}, then {refusal.filename}: {word}, {refusal.strerror}")
    # The kernel gives some things back a little later.
    time.sleep(0.5)
    try:
        kind.make(count // 2)
    except OSError as error:
        print(f"half of them given back: {errno.errorcode[error.errno]} all the same")
        return 2
    print("half of them given back: there is room again")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
