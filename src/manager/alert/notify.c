#include "manager/alert/notify.h"

#include "manager/alert/alert.h"

void notify_alert(struct app *a, const struct alert_type *t, const char *severity,
                  const char *target, const char *message, int64_t when_ms)
{
	(void)a, (void)t, (void)severity, (void)target, (void)message, (void)when_ms;
}
