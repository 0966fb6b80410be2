/* Clocks and pauses. */
#ifndef KMEM_COMMON_CLOCK_H
#define KMEM_COMMON_CLOCK_H

#include <stdint.h>

uint64_t now_ns(void);

/* Since boot, suspended time included. */
int64_t uptime_ms(void);

void sleep_ms(long ms);
void sleep_us(long us);

#endif
