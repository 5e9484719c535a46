/* SPDX-License-Identifier: BSD-2-Clause */
/* See options.h. One table says what there is; reading, checking and help go by it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define BLOCK   (1u << DEVICE_BLOCK)
#define CONSOLE (1u << DEVICE_CONSOLE)
#define NET     (1u << DEVICE_NET)
#define PROCESS (1u << DEVICE_KINDS) /* may stand with any device, and holds for all of them */
#define ALL     (BLOCK | CONSOLE | NET)

enum form { FLAG, TEXT, NUMBER };

struct option {
    const char *name;
    const char *value; /* what stands for it in the help; NULL of a flag */
    enum form form;
    unsigned where;
    size_t offset; /* in struct device_options, or of PROCESS in struct options */
    long least, most;
    const char *help;
};

const char *const device_names[DEVICE_KINDS] = {"block", "console", "net"};

#define DEVICE(field) offsetof(struct device_options, field)
#define WHOLE(field)  offsetof(struct options, field)

static const struct option table[] = {
    {"--socket", "PATH", TEXT, ALL, DEVICE(socket), 0, 0,
     "listen at this UNIX socket; counters are at PATH.ctl"},
    {"--fd", "N", NUMBER, ALL, DEVICE(fd), 0, 1 << 20,
     "listen at an inherited socket instead; without either, at LISTEN_FDS' in turn"},
    {"--image", "FILE", TEXT, BLOCK, DEVICE(image), 0, 0, "the file or block device to serve"},
    {"--read-only", NULL, FLAG, BLOCK, DEVICE(read_only), 0, 0, "the guest may not write"},
    {"--direct", NULL, FLAG, BLOCK, DEVICE(direct), 0, 0, "past the page cache (O_DIRECT)"},
    {"--serial", "ID", TEXT, BLOCK, DEVICE(serial), 0, 0,
     "serial number, 20 bytes at most; default: the file's name"},
    {"--queues", "N", NUMBER, BLOCK, DEVICE(queues), 1, 64, "queues to offer; default: 1"},
    {"--queue-size", "N", NUMBER, ALL, DEVICE(queue_size), 4, 1024,
     "longest queue, a power of two; default: 256"},
    {"--pty", NULL, FLAG, CONSOLE, DEVICE(pty), 0, 0, "a pseudoterminal, whose name is logged"},
    {"--link", "PATH", TEXT, CONSOLE, DEVICE(link), 0, 0, "a symbolic link to it"},
    {"--stdio", NULL, FLAG, CONSOLE, DEVICE(stdio), 0, 0, "standard input and output"},
    {"--listen", "PATH", TEXT, CONSOLE, DEVICE(listen), 0, 0,
     "a UNIX socket that a program connects to"},
    {"--tap", "NAME", TEXT, NET, DEVICE(tap), 0, 0, "a TAP interface"},
    {"--stream", "ADDRESS", TEXT, NET, DEVICE(stream), 0, 0,
     "a stream of frames, as passt and QEMU have it: PATH or HOST:PORT"},
    {"--mac", "ADDRESS", TEXT, NET, DEVICE(mac), 0, 0, "the guest's address; default: made up"},
    {"--mtu", "BYTES", NUMBER, NET, DEVICE(mtu), 68, 65535, "default: the interface's, or 1500"},
    {"--log", "LEVEL", TEXT, PROCESS, WHOLE(log), 0, 0, "error, info or debug; default: info"},
    {"--sandbox", "MODE", TEXT, PROCESS, WHOLE(sandbox_text), 0, 0,
     "on, off or strict; default: on"},
    {"--user", "NAME", TEXT, PROCESS, WHOLE(user), 0, 0, "become this user after set-up"},
    {"--ready-fd", "N", NUMBER, PROCESS, WHOLE(ready_fd), 0, 1 << 20,
     "write a line there when all devices listen, and close it"},
    {"--poll-us", "N", NUMBER, PROCESS, WHOLE(poll_us), 0, 1000000,
     "look for work for so many microseconds before sleeping; default: 0"},
};

#define OPTIONS (sizeof table / sizeof *table)

/* ---- help ---- */

static void list(FILE *out, unsigned where)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        char left[40];
        if ((table[i].where & where) == 0) {
            continue;
        }
        snprintf(left, sizeof left, "%s%s%s", table[i].name, table[i].value != NULL ? " " : "",
                 table[i].value != NULL ? table[i].value : "");
        fprintf(out, "  %-20s %s\n", left, table[i].help);
    }
}

static const char *const synopses[DEVICE_KINDS] = {
    "vdev serve block --socket PATH --image FILE [options]",
    "vdev serve console --socket PATH (--pty | --stdio | --listen PATH) [options]",
    "vdev serve net --socket PATH (--tap NAME | --stream ADDRESS) [options]",
};

static void help_device(FILE *out, enum device_kind kind)
{
    fprintf(out, "usage: %s\n\nof the device:\n", synopses[kind]);
    list(out, 1u << kind);
    fprintf(out, "\nof the process:\n");
    list(out, PROCESS);
}

void options_help(FILE *out)
{
    fprintf(out, "usage:\n");
    for (size_t kind = 0; kind < DEVICE_KINDS; kind++) {
        fprintf(out, "  %s\n", synopses[kind]);
    }
    fprintf(out,
            "  vdev serve DEVICE ... -- DEVICE ...\n"
            "\n"
            "Offers devices to virtual machines by vhost-user, until SIGTERM or SIGINT: requests\n"
            "that were begun are then finished first. `vdev serve DEVICE --help` has the options\n"
            "of a device.\n"
            "\nof the process:\n");
    list(out, PROCESS);
    fprintf(out,
            "\n%s\n"
            "\nNOTIFY_SOCKET and LISTEN_FDS are taken notice of, as systemd has them.\n"
            "exit status: 0 ended as asked, 1 failure, 2 usage\n",
            sandbox_off_text);
}

/* ---- reading ---- */

static int wrong(const char *command, const char *what, const char *why)
{
    fprintf(stderr, "vdev: serve %s: %s: %s (see vdev serve %s --help)\n", command, what, why,
            command);
    return EXIT_USAGE;
}

/* The option that an argument names, and where its value begins if it is in the same argument. */
static const struct option *find(const char *argument, unsigned where, const char **value)
{
    size_t length = strcspn(argument, "=");

    *value = argument[length] == '=' ? argument + length + 1 : NULL;
    for (size_t i = 0; i < OPTIONS; i++) {
        if ((table[i].where & where) != 0 && strlen(table[i].name) == length &&
            memcmp(table[i].name, argument, length) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

static bool number(const char *text, long least, long most, long *value)
{
    char *end;

    errno = 0;
    *value = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == 0 && *value >= least && *value <= most;
}

static bool read_mac(const char *text, uint8_t *address)
{
    unsigned all = 0;

    for (int i = 0; i < 6; i++, text += 3) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *high = text[0] != 0 ? strchr(digits, text[0]) : NULL;
        const char *low = high != NULL && text[1] != 0 ? strchr(digits, text[1]) : NULL;
        if (low == NULL || text[2] != (i < 5 ? ':' : 0)) {
            return false;
        }
        address[i] = (uint8_t)((high - digits) % 16 * 16 + (low - digits) % 16);
        all |= address[i];
    }
    return all != 0 && (address[0] & 1) == 0;
}

/* What can be told wrong of one device without looking at anything. */
static int check(struct device_options *device)
{
    const char *name = device_names[device->kind];

    if (device->socket != NULL && device->fd >= 0) {
        return wrong(name, "--fd", "not together with --socket");
    }
    if (device->queue_size != 0 && (device->queue_size & (device->queue_size - 1)) != 0) {
        return wrong(name, "--queue-size", "is not a power of two");
    }
    switch (device->kind) {
    case DEVICE_BLOCK:
        if (device->image == NULL) {
            return wrong(name, "--image", "is missing");
        }
        if (device->serial != NULL && strlen(device->serial) > 20) {
            return wrong(name, "--serial", "is longer than 20 bytes");
        }
        break;
    case DEVICE_CONSOLE:
        if (device->pty + device->stdio + (device->listen != NULL) != 1) {
            return wrong(name, "--pty, --stdio, --listen", "one of them is needed");
        }
        if (device->link != NULL && !device->pty) {
            return wrong(name, "--link", "goes with --pty");
        }
        break;
    default:
        if ((device->tap != NULL) + (device->stream != NULL) != 1) {
            return wrong(name, "--tap, --stream", "one of them is needed");
        }
        if (device->mac != NULL && !read_mac(device->mac, device->address)) {
            return wrong(name, "--mac",
                         "is not the address of one station, such as 02:00:00:00:00:01");
        }
        break;
    }
    return -1;
}

/* One device and its options, up to `--` or the end. *used: how many arguments. */
static int read_device(struct options *options, int count, char **arguments, int *used)
{
    struct device_options *device = &options->devices[options->device_count];
    size_t kind = 0;
    int i;

    while (kind < DEVICE_KINDS && strcmp(arguments[0], device_names[kind]) != 0) {
        kind++;
    }
    if (kind == DEVICE_KINDS) {
        fprintf(stderr, "vdev: serve: %s: no such device (see vdev serve --help)\n", arguments[0]);
        return EXIT_USAGE;
    }
    *device = (struct device_options){.kind = (enum device_kind)kind, .fd = -1};
    for (i = 1; i < count && strcmp(arguments[i], "--") != 0; i++) {
        const char *value;
        if (strcmp(arguments[i], "--help") == 0) {
            help_device(stdout, device->kind);
            return 0;
        }
        const struct option *option = find(arguments[i], 1u << kind | PROCESS, &value);
        if (option == NULL) {
            return wrong(device_names[kind], arguments[i], "no such option");
        }
        char *field =
            (option->where == PROCESS ? (char *)options : (char *)device) + option->offset;
        if (option->form == FLAG) {
            if (value != NULL) {
                return wrong(device_names[kind], option->name, "has no value");
            }
            *(bool *)field = true;
            continue;
        }
        if (value == NULL) {
            if (i + 1 == count || strcmp(arguments[i + 1], "--") == 0) {
                return wrong(device_names[kind], option->name, "a value is missing");
            }
            value = arguments[++i];
        }
        if (option->form == TEXT) {
            *(const char **)field = value;
        } else if (!number(value, option->least, option->most, (long *)field)) {
            return wrong(device_names[kind], option->name, "is no number in the range allowed");
        }
    }
    *used = i;
    options->device_count++;
    return check(device);
}

int options_read(struct options *options, int count, char **arguments)
{
    memset(options, 0, sizeof *options);
    options->ready_fd = -1;
    if (count == 0) {
        fprintf(stderr, "vdev: serve: which device? (see vdev serve --help)\n");
        return EXIT_USAGE;
    }
    if (strcmp(arguments[0], "--help") == 0) {
        options_help(stdout);
        return 0;
    }
    for (int i = 0; i < count;) {
        int used = 0;
        if (options->device_count == OPTIONS_DEVICES) {
            fprintf(stderr, "vdev: serve: more than %d devices\n", OPTIONS_DEVICES);
            return EXIT_USAGE;
        }
        int status = read_device(options, count - i, arguments + i, &used);
        if (status >= 0) {
            return status;
        }
        i += used;
        if (i < count && ++i == count) { /* the `--` */
            fprintf(stderr, "vdev: serve: no device after -- (see vdev serve --help)\n");
            return EXIT_USAGE;
        }
    }
    if (options->sandbox_text != NULL &&
        !sandbox_mode_parse(options->sandbox_text, &options->sandbox)) {
        fprintf(stderr, "vdev: serve: --sandbox: %s: not on, off or strict\n",
                options->sandbox_text);
        return EXIT_USAGE;
    }
    return -1;
}
