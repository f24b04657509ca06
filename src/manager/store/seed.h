#pragma once

struct store;

/* Fills a new database with the objects that every manager has: 0, or -errno. */
int seed(struct store *s);
