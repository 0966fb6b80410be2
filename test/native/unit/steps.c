/* To which step something is attributed. */
#include <unistd.h>

#include "../../../src/native/helper/accounts.h"
#include "../../../src/native/helper/steps.h"
#include "tap.h"

void test_steps(void)
{
  check_number(step_index_for(0), -1, "steps: none runs, and none has ended");
  struct running *first = add_running(0, true);
  first->command = getpid();
  add_running(1, false);
  check_number(step_index_for(0), 0, "steps: the one that it comes from");
  check_number(step_index_for(9), 1, "steps: else the latest in the foreground");
  check(step_of_command(getpid()) == running_step(0), "steps: a command's");
  check_number(step_by_parents(getppid()), -1, "steps: parents that are no step's");
  check_number(step_by_parents(getpid()), 0, "steps: a step's own process");
  note_max_of_steps(100);
  note_max_of_steps(50);
  check(running_step(0)->max == 100 && running_step(1)->max == 100, "steps: the highest usage is that of all");
  running_step(0)->denials = 3;
  check_number(denials_of(running_step(0)), 3, "accounts: denials that were booked");
  open_account(running_step(1));
  forget_step(1);
  check_number(step_index_for(9), 0, "steps: else the latest in the background");
  forget_step(0);
  check_number(step_index_for(0), 1, "steps: else the one that ended last");
  note_max_of_steps(200);
  check_number(ended_step()->max, 200, "steps: whose account is open");
  forget_ended_step();
  check_number(step_index_for(0), -1, "steps: until it is closed");
  begin_outside();
  check(ended_step() != NULL && step_index_for(0) == OUTSIDE, "steps: a step of the runner's own has an account, too");
  forget_ended_step();
  bool all = true;
  for (int i = 0; i < MAX_STEPS; i++)
    all &= add_running(i, true) != NULL;
  check(all && add_running(MAX_STEPS, true) == NULL, "steps: as many as there is room for");
  for (int i = 0; i < MAX_STEPS; i++)
    forget_step(i);
  check_number(steps_running(), 0, "steps: all are gone");
}
