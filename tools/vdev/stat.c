/* SPDX-License-Identifier: BSD-2-Clause */
/* `vdev stat`: asks a running process for its counters and prints them, for people or as JSON. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "control_address.h"
#include "options.h"

#define PATIENCE_MILLIS 2000

static const char help[] =
    "usage: vdev stat [--json] SOCKET | PID\n"
    "\n"
    "Prints the counters of a running `vdev serve`: of the device at SOCKET, or of all devices\n"
    "of a process, which only its own user and root may ask for by its number.\n"
    "\n"
    "Names: requests and bytes by kind; errors, those answered with an error; in_flight; "
    "latency_ns,\n"
    "from the back-end to the file and back, of all requests so far; queue.N.requests, taken from\n"
    "queue N, .bytes, .kicks and .interrupts. All count from when the device was made.\n"
    "\n"
    "exit status: 0, 1 failure, 2 usage\n";

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "vdev: stat: %s: %s\n", what, why);
    return EXIT_FAILURE;
}

/* All that the other end has to say; NULL: errno says why not. The caller frees it. */
static char *ask(const struct sockaddr_un *address, socklen_t length)
{
    char *text = NULL;
    size_t size = 0;
    char buffer[4096];
    ssize_t count = 0;

    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0) {
        return NULL;
    }
    FILE *out = open_memstream(&text, &size);
    if (out == NULL || connect(connection, (const struct sockaddr *)address, length) != 0) {
        count = -1;
    }
    while (count >= 0) {
        struct pollfd ready = {.fd = connection, .events = POLLIN};
        if (poll(&ready, 1, PATIENCE_MILLIS) != 1) {
            errno = ETIMEDOUT;
            count = -1;
            break;
        }
        count = read(connection, buffer, sizeof buffer);
        if (count <= 0) {
            break;
        }
        fwrite(buffer, 1, (size_t)count, out);
    }
    int error = errno;
    if (out != NULL) {
        fclose(out);
    }
    close(connection);
    if (count < 0) {
        free(text);
        text = NULL;
    }
    errno = error;
    return text;
}

static bool is_number(const char *text)
{
    return *text != 0 && strspn(text, "0123456789") == strlen(text);
}

static void print_string(const char *text)
{
    putchar('"');
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\') {
            printf("\\%c", *text);
        } else if ((unsigned char)*text < ' ') {
            printf("\\u%04x", (unsigned char)*text);
        } else {
            putchar(*text);
        }
    }
    putchar('"');
}

/* `{"devices": [{"device": "block", "requests.read": 3, ...}]}` */
static void print_json(char *text)
{
    const char *between = "";
    bool open = false;

    printf("{\"devices\": [");
    for (char *line = text; *line != 0;) {
        size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] != 0);
        line[length] = 0;
        char *value = strchr(line, ' ');
        if (value == NULL) {
            if (open) {
                printf("}");
                open = false;
                between = ", ";
            }
        } else {
            *value++ = 0;
            printf("%s", between);
            if (!open) {
                printf("{");
                open = true;
            }
            print_string(line);
            printf(": ");
            if (is_number(value)) {
                printf("%s", value);
            } else {
                print_string(value);
            }
            between = ", ";
        }
        line = next;
    }
    printf("%s]}\n", open ? "}" : "");
}

static void print_table(char *text)
{
    for (char *line = text; *line != 0;) {
        size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] != 0);
        line[length] = 0;
        char *value = strchr(line, ' ');
        if (value != NULL) {
            *value++ = 0;
        }
        printf("%-26s%s%s\n", line, value != NULL ? " " : "", value != NULL ? value : "");
        line = next;
    }
}

int control_stat(int count, char **arguments)
{
    const char *which = NULL;
    bool json = false;
    struct sockaddr_un address;

    for (int i = 0; i < count; i++) {
        if (strcmp(arguments[i], "--help") == 0) {
            fputs(help, stdout);
            return EXIT_SUCCESS;
        }
        if (strcmp(arguments[i], "--json") == 0) {
            json = true;
        } else if (which == NULL && arguments[i][0] != '-') {
            which = arguments[i];
        } else {
            fprintf(stderr, "vdev: stat: %s: not understood (see vdev stat --help)\n",
                    arguments[i]);
            return EXIT_USAGE;
        }
    }
    if (which == NULL) {
        fprintf(stderr, "vdev: stat: which process? (see vdev stat --help)\n");
        return EXIT_USAGE;
    }
    socklen_t length = is_number(which) && strlen(which) < 20
                           ? control_address_of_process(&address, which)
                           : control_address_of_socket(&address, which);
    if (length == 0) {
        return fail(which, "is too long for a socket's path");
    }
    char *text = ask(&address, length);
    if (text == NULL) {
        return fail(which, errno == ECONNREFUSED || errno == ENOENT ? "nobody serves there"
                                                                    : strerror(errno));
    }
    if (*text == 0) {
        free(text);
        return fail(which, "not permitted");
    }
    if (json) {
        print_json(text);
    } else {
        print_table(text);
    }
    free(text);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : fail("standard output", strerror(errno));
}
