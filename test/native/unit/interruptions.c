#include "../../../src/native/helper/interruptions.h"

#include <stdint.h>

#include "tap.h"

void test_interruptions(void)
{
  begin_listener(7, false);
  note_id(7, UINT64_MAX - 1, true);
  note_id(7, UINT64_MAX, true);
  check_number(interruptions(), 0, "interruptions: the first number and the next are none");
  note_id(7, 2, true);
  check_number(interruptions(), 2, "interruptions: a gap counts, also where the numbers wrap around");
  begin_listener(200, true);
  note_id(200, 5000, true);
  note_id(7, 3, true);
  check_number(interruptions(), 2, "interruptions: each listener has numbers of its own");
  note_id(200, 5010, false);
  note_id(200, 5011, true);
  check_number(interruptions(), 2, "interruptions: after the end of the run none counts");
  check(has_lost(7), "interruptions: a listener that lost a call");
  note_repaired(7, 1);
  check_number(interruptions(), 1, "interruptions: one that is repaired counts no more");
  note_repaired(7, 3);
  check_number(interruptions(), 0, "interruptions: copies that are repaired count for no other one");
  check(has_lost(7), "interruptions: there may be more of them");
  note_repaired(200, 1);
  check(has_lost(200) && interruptions() == 0, "interruptions: of those after the end of the run none counts");
  note_gone(7);
  note_gone(200);
  check_number(interruptions(), 1, "interruptions: a caller that is gone counts where a signal could do that");
  begin_listener(200, false);
  note_id(200, 9, true);
  check_number(interruptions(), 1, "interruptions: a descriptor that is used again begins anew");
}
