#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Whoever opens a protected file waits for the sensor, the guard too. So a thread of the guard that
 * opens nothing, allocates nothing and takes no lock of others looks at a page that the sensor
 * writes the time into, and kills it when the time stands still: the kernel then lets everybody
 * through, since nobody else holds the group.
 */
struct watchdog;

/* NULL and a line in the log when it cannot be. It lives as long as the process. */
struct watchdog *watchdog_new(unsigned silent_ms);
/* A sensor is about to be born: the clock starts, the page's descriptor (the caller's) is for it.
 */
int watchdog_page(struct watchdog *w);
/* Watches this process from now on; 0: nobody. */
void watchdog_watch(struct watchdog *w, pid_t pid);
/* Was the one that it watched last killed for its silence? Asked once. */
bool watchdog_bit(struct watchdog *w);

/* In the sensor: the page, or NULL; and a sign of life. */
void *watchdog_map(int fd);
void watchdog_alive(void *page);
