/* The figures of the run, so far and at its end. */
#ifndef KMEM_HELPER_SUMMARY_H
#define KMEM_HELPER_SUMMARY_H

void send_totals(void);
void send_summary(void);

#endif
