/* The Test Anything Protocol: one line for each check, and the plan at the end. */
#ifndef KMEM_TEST_TAP_H
#define KMEM_TEST_TAP_H

#include <stdbool.h>

void check(bool good, const char *name);
void check_number(long long actual, long long expected, const char *name);
/* Either may be NULL. */
void check_text(const char *actual, const char *expected, const char *name);
/* What main returns: 0 if all was good. */
int end_of_checks(void);

void test_common(void);
void test_policy(void);
void test_filter(void);
void test_config(void);
void test_inject(void);
void test_describe(void);
void test_decide(void);
void test_errors(void);
void test_sizes(void);
void test_steps(void);
void test_events(void);
void test_btf(void);
void test_relocate(void);
void test_ring(void);
void test_interruptions(void);
void test_group(void);

#endif
