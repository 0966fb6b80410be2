#!/usr/bin/python3
"""Opens connections to a server on 127.0.0.1 and keeps them, silent, until FILE is there; says how many it has got.
With LOG and TEXT it opens no more when the text is in the log.

usage: hold-connections.py PORT HOW-MANY FILE [LOG TEXT]
"""
import os
import resource
import socket
import sys
import time

port, wanted, end = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
held = []
for _ in range(wanted):
    try:
        held.append(socket.create_connection(("127.0.0.1", port), timeout=2))
    except OSError as error:
        print("after", len(held), "connections:", error, flush=True)
        break
    if len(sys.argv) > 5:
        time.sleep(0.01)
        if sys.argv[5] in open(sys.argv[4]).read():
            break
print("holds", len(held), "connections", flush=True)
deadline = time.monotonic() + 30
while not os.path.exists(end) and time.monotonic() < deadline:
    time.sleep(0.05)
