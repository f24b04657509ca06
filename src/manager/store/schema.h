#pragma once

/* The schema's steps, from schema/NNN.sql; NULL ends them. The build makes this array. */
extern const char *const schema_steps[];
