#pragma once
#include "agent/agent.h"

extern const struct program agent_program;
