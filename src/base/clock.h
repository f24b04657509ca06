#pragma once
#include <stdint.h>

uint64_t clock_ms(void);      /* wall clock, milliseconds since the epoch */
uint64_t clock_mono_ms(void); /* CLOCK_MONOTONIC */
uint64_t clock_mono_ns(void);
/* "2026-11-25 12:12:38.822914 [+0900]" in local time: the form dsa_control prints. */
void clock_stamp(char out[static 48]);
