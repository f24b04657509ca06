/* Replays a fuzz target's corpus: every file of the folder named on the command line, then nothing.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	size_t size = (size_t)st.st_size;
	uint8_t *data = malloc(size + 1);
	if (!data || read(fd, data, size) != st.st_size)
		abort();
	close(fd);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 1;
}

int main(int argc, char **argv)
{
	int n = 0;
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		if (!dir) {
			perror(argv[i]);
			return 1;
		}
		for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
			n += replay(dirfd(dir), e->d_name);
		closedir(dir);
	}
	printf("%d inputs replayed\n", n);
	return n == 0; /* an empty corpus tests nothing */
}
