#include "manager/forward/mail.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"

enum { CONNECT_MS = 10000, TOTAL_MS = 30000, RECEIVERS_MAX = 200, FETCH_MAX = 1 << 20 };

static void easy_done(CURL **easy)
{
	curl_easy_cleanup(*easy);
}

static void list_done(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static int progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const int *stop = arg;
	struct pollfd p = { .fd = *stop, .events = POLLIN };
	(void)a, (void)b, (void)c, (void)d;
	return poll(&p, 1, 0) > 0;
}

static size_t give(char *out, size_t size, size_t n, void *arg)
{
	struct str *rest = arg;
	size_t most = size * n < rest->n ? size * n : rest->n;
	if (most)
		memcpy(out, rest->p, most);
	*rest = str_skip(*rest, most);
	return most;
}

/* libcurl gives the type.
 * NOLINTNEXTLINE(readability-non-const-parameter) */
static size_t forget(char *p, size_t size, size_t n, void *arg)
{
	(void)p, (void)arg;
	return size * n;
}

/* libcurl's GnuTLS takes authorities from files alone: PEM goes into one that has no name. */
static int trust(CURL *easy, const char *pem, int *fd)
{
	char path[40];
	if (!*pem)
		return curl_easy_setopt(easy, CURLOPT_CAINFO,
		                        "/etc/ssl/certs/ca-certificates.crt") == CURLE_OK
		               ? 0
		               : -EIO;
	*fd = file_memfd("authorities", pem, strlen(pem));
	if (*fd < 0)
		return *fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	return curl_easy_setopt(easy, CURLOPT_CAINFO, path) == CURLE_OK ? 0 : -EIO;
}

static int common(CURL *easy, const json_t *order, int *stop, int *ca, char *error)
{
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)TOTAL_MS);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, progress);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, stop);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, forget);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	return trust(easy, json_text(order, "ca", ""), ca);
}

static int run(CURL *easy, const char *error, struct err *why)
{
	CURLcode rc = curl_easy_perform(easy);
	long status = 0;
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	if (rc == CURLE_ABORTED_BY_CALLBACK)
		return err_set(why, -EINTR, "the manager ends");
	if (rc != CURLE_OK)
		return err_set(why, -EIO, "%s", *error ? error : curl_easy_strerror(rc));
	return (int)status;
}

static int mail_options(CURL *easy, const json_t *order, struct curl_slist *to, struct str *text)
{
	char url[400], from[300];
	const char *user = json_text(order, "user", "");
	bool tls = json_bool(order, "startTls", false);
	snprintf(url, sizeof(url), "smtp://%s", json_text(order, "server", ""));
	snprintf(from, sizeof(from), "<%s>", json_text(order, "from", ""));
	CURLcode rc = curl_easy_setopt(easy, CURLOPT_URL, url);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp");
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_USE_SSL,
		                      (long)(tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_MAIL_FROM, from);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, to);
	if (rc == CURLE_OK && *user) {
		curl_easy_setopt(easy, CURLOPT_USERNAME, user);
		rc = curl_easy_setopt(easy, CURLOPT_PASSWORD, json_text(order, "password", ""));
	}
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, give);
	curl_easy_setopt(easy, CURLOPT_READDATA, text);
	curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	return rc == CURLE_OK ? 0 : -EINVAL;
}

int mail_send(const json_t *order, int stop, struct err *why)
{
	AUTO(closep) int ca = -1;
	AUTO(easy_done) CURL *easy = curl_easy_init();
	AUTO(list_done) struct curl_slist *to = NULL;
	const json_t *receivers = json_array_at(order, "to");
	struct str text = str_of(json_text(order, "text", ""));
	char error[CURL_ERROR_SIZE] = "";
	if (!easy || json_array_size(receivers) > RECEIVERS_MAX)
		return err_set(why, -EINVAL, "the mail has too many receivers");
	for (size_t i = 0; i < json_array_size(receivers); i++) {
		char address[300];
		snprintf(address, sizeof(address), "<%s>",
		         json_string_value(json_array_get(receivers, i)));
		to = curl_slist_append(to, address);
	}
	if (common(easy, order, &stop, &ca, error) < 0 || mail_options(easy, order, to, &text) < 0)
		return err_set(why, -EINVAL, "the mail server's address is not right");
	int rc = run(easy, error, why);
	return rc < 0 ? rc : 0;
}

int hook_send(const json_t *order, int stop, struct err *why)
{
	AUTO(closep) int ca = -1;
	AUTO(easy_done) CURL *easy = curl_easy_init();
	AUTO(list_done) struct curl_slist *headers = NULL;
	const char *body = json_text(order, "body", "{}");
	char error[CURL_ERROR_SIZE] = "";
	size_t i;
	json_t *v;
	headers = curl_slist_append(NULL, "Content-Type: application/json");
	json_array_foreach (json_object_get(order, "headers"), i, v)
		headers = curl_slist_append(headers, json_string_value(v));
	if (!easy || common(easy, order, &stop, &ca, error) < 0 ||
	    curl_easy_setopt(easy, CURLOPT_URL, json_text(order, "url", "")) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") != CURLE_OK)
		return err_set(why, -EINVAL, "the web hook's address is not right");
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	int rc = run(easy, error, why);
	if (rc >= 300)
		return err_set(why, -EREMOTEIO, "the web hook answered %d", rc);
	return rc < 0 ? rc : 0;
}

static size_t take(char *p, size_t size, size_t n, void *arg)
{
	struct buf *b = arg;
	if (size * n > FETCH_MAX - b->n)
		return 0;
	buf_add(b, p, size * n);
	return size * n;
}

int fetch(const json_t *order, int stop, struct buf *said, struct err *why)
{
	AUTO(closep) int ca = -1;
	AUTO(easy_done) CURL *easy = curl_easy_init();
	AUTO(list_done)
	struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
	const char *body = json_text(order, "body", "");
	char error[CURL_ERROR_SIZE] = "";
	if (!easy || common(easy, order, &stop, &ca, error) < 0 ||
	    curl_easy_setopt(easy, CURLOPT_URL, json_text(order, "url", "")) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") != CURLE_OK)
		return err_set(why, -EINVAL, "the address is not right");
	if (*body)
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, said);
	int rc = run(easy, error, why);
	if (rc >= 0 && rc != 200)
		return err_set(why, -EREMOTEIO, "it answered %d", rc);
	return rc < 0 ? rc : 0;
}
