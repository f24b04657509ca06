#pragma once
#include <stdint.h>

uint64_t clock_ms(void);      /* wall clock, milliseconds since the epoch */
uint64_t clock_mono_ms(void); /* CLOCK_MONOTONIC */
uint64_t clock_mono_ns(void);
int64_t clock_utc_offset_s(void); /* of this host's time zone now; east is positive */
/* "2026-11-25 12:12:38.822914 [+0900]" in local time: the form dsa_control prints. */
void clock_stamp(char out[static 48]);
