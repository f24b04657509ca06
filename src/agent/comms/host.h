#pragma once
#include <jansson.h>

/* What the agent tells of its host. New references; never NULL. */
json_t *host_name(void);
json_t *host_platform(void);   /* "Debian GNU/Linux 12 (bookworm) (64 bit)" and the kernel */
json_t *host_interfaces(void); /* [{"name","MAC","IPs":[]}] */
