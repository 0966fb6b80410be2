/*
 * A room: the root of one run.  It is an overlay of its own on a 9p mount of its own, since the guest's mount is never
 * revalidated (cache=loose): what was rebuilt on the host meanwhile would be seen in its old form.
 *
 * pivot_root(2) moves every process whose root and working directory are the guest's root, therefore the runner too: in a
 * room, the runner and the command see the same files by the same names.  The guest's own root is then below the room's
 * /run; in the command's mount namespace (spaces.h) it is not there at all.
 */
#ifndef KMEM_AGENT_ROOM_H
#define KMEM_AGENT_ROOM_H

/* Once, in the guest's own root. */
void setup_rooms(void);

void open_room(void);

/* Nobody is in it any more but the agent, the runner and what keeps its programs attached.  NULL, or what could not be removed. */
const char *close_room(void);

#endif
