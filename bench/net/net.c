/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network's part of the comparison in a Linux guest: one window for each call, marked from
 * here, so that little else is in it, and a line of what was found. It judges nothing: the host
 * does (tools/compare/network.py, which also has the other side of every exchange).
 *
 * usage: net NUMBER icmp|tcp-out|tcp-in|udp-SIZE ADDRESS PORT [count]
 *
 * "count": the instructions of kernel and user are counted by event counter 0, which bench/native
 * has set up and opened to user programs. Without it nothing here touches the performance monitors:
 * a hypervisor keeps its guest off them and counts itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PATTERN_SIZE = 64 << 10,
    TRANSFER = 4 << 20,
    PINGS = 100,
    PING_SIZE = 1400, /* without the ICMP header, as ping counts */
    DATAGRAMS = 1000,
    DATAGRAM_HEADER = 6, /* window, 2 bytes, and number, 4 bytes; the most significant first */
    DATAGRAM_MAXIMUM = 1472,
    IN_FLIGHT = 4,
    /*
     * QEMU's LAN9118 has room for seven full frames received, and its network hands over at once
     * what a window permits: what is beyond is lost, and the guest idles until it is sent again. So
     * the window is one frame more, in every arrangement alike: its last is sent when the first has
     * been acknowledged. 1,440 bytes are what QEMU's network puts into one.
     */
    RECEIVE_WINDOW = 8 * 1440,
    RECEIVE_BUFFER = 64 << 10,
    PATIENCE = 5000, /* ms without an answer until what is in flight is given up */
    GIVING_UP = 3,   /* so often, and then the window ends: nobody is there */
};

#define MARK_PAGE   0x1C130000
#define MARK_OFFSET 0x614

/* Twice over, so that what begins anywhere is in one piece. */
static unsigned char pattern[2 * PATTERN_SIZE];
static unsigned char data[TRANSFER];
static volatile uint32_t *mark_register;
static bool counting;

static void fail(const char *what)
{
    printf("vdev: failed: net: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- counters ---- */

#ifdef __arm__
static void clear_overflow(void)
{
    __asm__ volatile("mcr p15, 0, %0, c9, c12, 3" : : "r"(1)); /* PMOVSR */
}

static bool overflowed(void)
{
    uint32_t value;
    __asm__ volatile("mrc p15, 0, %0, c9, c12, 3" : "=r"(value));
    return (value & 1) != 0;
}

static uint32_t read_counter(void)
{
    uint32_t value;
    __asm__ volatile("mcr p15, 0, %1, c9, c12, 5\n\t" /* PMSELR */
                     "isb\n\t"
                     "mrc p15, 0, %0, c9, c13, 2" /* PMXEVCNTR */
                     : "=r"(value)
                     : "r"(0));
    return value;
}
#else
#error "this is a program for the guest"
#endif

struct interface {
    uint64_t in, out, lost;
};

static uint64_t statistic(const char *name)
{
    char path[96];
    unsigned long long value = 0;
    snprintf(path, sizeof path, "/sys/class/net/eth0/statistics/%s", name);
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%llu", &value) != 1) {
        fail(path);
    }
    fclose(file);
    return value;
}

static struct interface look_at_interface(void)
{
    return (struct interface){statistic("rx_packets"), statistic("tx_packets"),
                              statistic("rx_dropped") + statistic("rx_errors")};
}

static struct {
    struct interface before;
    uint32_t instructions;
    struct timespec time, after;
} start;

static void begin(unsigned window)
{
    start.before = look_at_interface();
    clock_gettime(CLOCK_MONOTONIC, &start.time);
    *mark_register = window * 2 - 1;
    if (counting) {
        clear_overflow();
        start.instructions = read_counter();
    }
}

/* Right up to 2^32 instructions, of which no window takes a half. */
static uint64_t end(unsigned window)
{
    uint64_t instructions = 0;
    if (counting) {
        instructions = read_counter();
        instructions += (uint64_t)overflowed() << 32;
        instructions -= start.instructions;
    }
    *mark_register = window * 2;
    clock_gettime(CLOCK_MONOTONIC, &start.after);
    return instructions;
}

/* What every window says, after its end: words NAME=VALUE. `frames` each way are those on the wire,
 * which the interface's own numbers are not where it moves several as one. */
static void say(const char *name, uint64_t instructions, uint64_t frames_out, uint64_t frames_in,
                const char *rest)
{
    struct interface now = look_at_interface();
    printf("vdev: net-%s frames-out=%" PRIu64 " frames-in=%" PRIu64 " interface-out=%" PRIu64
           " interface-in=%" PRIu64 " interface-lost=%" PRIu64,
           name, frames_out, frames_in, now.out - start.before.out, now.in - start.before.in,
           now.lost - start.before.lost);
    if (counting) {
        printf(" instructions=%" PRIu64, instructions);
    }
    printf(" microseconds=%lld", (start.after.tv_sec - start.time.tv_sec) * 1000000ll +
                                     (start.after.tv_nsec - start.time.tv_nsec) / 1000);
    printf(" %s\n", rest);
}

/* ---- datagrams: ICMP and UDP ---- */

struct tally {
    unsigned sent, received, corrupt, duplicates, reordered, given_up;
    uint32_t next; /* the number after the highest that came */
    bool seen[DATAGRAMS];
};

static void tally_answer(struct tally *tally, uint32_t number)
{
    if (tally->seen[number]) {
        tally->duplicates++;
        return;
    }
    tally->seen[number] = true;
    tally->received++;
    if (number < tally->next) {
        tally->reordered++;
    } else {
        tally->next = number + 1;
    }
}

static void say_tally(const char *name, uint64_t instructions, const struct tally *tally)
{
    char rest[128];
    snprintf(rest, sizeof rest, "sent=%u received=%u corrupt=%u duplicates=%u reordered=%u",
             tally->sent, tally->received, tally->corrupt, tally->duplicates, tally->reordered);
    say(name, instructions, tally->sent, tally->received + tally->corrupt + tally->duplicates,
        rest);
}

static bool await(int file)
{
    struct pollfd poll_file = {.fd = file, .events = POLLIN};
    return poll(&poll_file, 1, PATIENCE) > 0;
}

/* The bytes of a numbered datagram: a piece of the pattern whose place follows from the number. */
static size_t place(unsigned window, uint32_t number, bool answer)
{
    return (number * 1021u + window * 7919u + (answer ? PATTERN_SIZE / 2 : 0)) % PATTERN_SIZE;
}

static void fill(unsigned char *bytes, size_t length, size_t from)
{
    memcpy(bytes, pattern + from, length);
}

static bool is_filled(const unsigned char *bytes, size_t length, size_t from)
{
    return memcmp(bytes, pattern + from, length) == 0;
}

static uint16_t internet_checksum(const void *bytes, size_t length)
{
    const unsigned char *each = bytes;
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < length; i += 2) {
        sum += (uint32_t)each[i] << 8 | each[i + 1];
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return htons((uint16_t)~sum);
}

/* One ping and its answer, or what took its place; false if nothing came. Numbers below 0 are for
 * practice. */
static bool ping(int file, const struct sockaddr_in *server, unsigned window, int number,
                 struct tally *tally)
{
    static unsigned char request[sizeof(struct icmphdr) + PING_SIZE], answer[2048];
    struct icmphdr *header = (struct icmphdr *)request;
    size_t from = place(window, (uint32_t)number, false);

    memset(header, 0, sizeof *header);
    header->type = ICMP_ECHO;
    header->un.echo.id = htons((uint16_t)(window << 8 | 0x56));
    header->un.echo.sequence = htons((uint16_t)number);
    fill(request + sizeof *header, PING_SIZE, from);
    header->checksum = internet_checksum(request, sizeof request);
    if (sendto(file, request, sizeof request, 0, (const struct sockaddr *)server, sizeof *server) !=
        (ssize_t)sizeof request) {
        fail("ping");
    }
    tally->sent++;
    while (await(file)) {
        ssize_t length = recv(file, answer, sizeof answer, 0);
        size_t skip = (answer[0] & 15u) * 4u;
        struct icmphdr got;
        if (length < (ssize_t)(skip + sizeof got)) {
            continue;
        }
        memcpy(&got, answer + skip, sizeof got);
        if (got.type != ICMP_ECHOREPLY || got.un.echo.id != header->un.echo.id) {
            continue;
        }
        if (got.un.echo.sequence != header->un.echo.sequence ||
            length != (ssize_t)(skip + sizeof request) ||
            !is_filled(answer + skip + sizeof got, PING_SIZE, from)) {
            tally->corrupt++;
            return true;
        }
        if (number >= 0) {
            tally_answer(tally, (uint32_t)number);
        }
        return true;
    }
    tally->given_up++;
    return false;
}

static void do_icmp(unsigned window, const struct sockaddr_in *server)
{
    static struct tally tally, practice;
    int file = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    if (file < 0) {
        fail("an ICMP socket");
    }
    /* The first one finds out who the neighbour is, and is not counted. */
    if (!ping(file, server, window, -1, &practice)) {
        errno = ETIMEDOUT;
        fail("the first ping");
    }
    begin(window);
    for (int i = 0; i < PINGS && tally.given_up < GIVING_UP; i++) {
        ping(file, server, window, i, &tally);
    }
    say_tally("icmp", end(window), &tally);
}

static void take_answer(int file, unsigned window, size_t size, struct tally *tally)
{
    unsigned char answer[DATAGRAM_MAXIMUM + 1];
    ssize_t length = recv(file, answer, sizeof answer, 0);
    if (length < 0) {
        fail("recv");
    }
    if (length != (ssize_t)size) {
        tally->corrupt++;
        return;
    }
    unsigned whose = (unsigned)answer[0] << 8 | answer[1];
    uint32_t number = (uint32_t)answer[2] << 24 | (uint32_t)answer[3] << 16 |
                      (uint32_t)answer[4] << 8 | answer[5];
    if (whose != window || number >= DATAGRAMS ||
        !is_filled(answer + DATAGRAM_HEADER, size - DATAGRAM_HEADER, place(window, number, true))) {
        tally->corrupt++;
        return;
    }
    tally_answer(tally, number);
}

static void do_udp(unsigned window, const char *name, size_t size, const struct sockaddr_in *server)
{
    static struct tally tally;
    unsigned char request[DATAGRAM_MAXIMUM];
    int file = socket(AF_INET, SOCK_DGRAM, 0);
    if (file < 0 || connect(file, (const struct sockaddr *)server, sizeof *server) != 0) {
        fail("a UDP socket");
    }
    begin(window);
    for (uint32_t number = 0; number < DATAGRAMS && tally.given_up < GIVING_UP;) {
        unsigned due = 0;
        for (; due < IN_FLIGHT && number < DATAGRAMS; due++, number++) {
            const unsigned char header[DATAGRAM_HEADER] = {
                (unsigned char)(window >> 8),  (unsigned char)window,
                (unsigned char)(number >> 24), (unsigned char)(number >> 16),
                (unsigned char)(number >> 8),  (unsigned char)number,
            };
            memcpy(request, header, sizeof header);
            fill(request + sizeof header, size - sizeof header, place(window, number, false));
            if (send(file, request, size, 0) != (ssize_t)size) {
                fail("send");
            }
            tally.sent++;
        }
        for (; due != 0 && await(file); due--) {
            take_answer(file, window, size, &tally);
        }
        tally.given_up += due != 0;
    }
    say_tally(name, end(window), &tally);
}

/* ---- TCP ---- */

/* 4 MiB of rotations of the pattern: what disk_data in tools/compare/workload.py makes. */
static void make_data(unsigned window)
{
    for (size_t block = 0; block < TRANSFER / PATTERN_SIZE; block++) {
        fill(data + block * PATTERN_SIZE, PATTERN_SIZE,
             (block * 1021 + window * 7919) % PATTERN_SIZE);
    }
}

static int open_stream(const struct sockaddr_in *server)
{
    const int window = RECEIVE_WINDOW, space = RECEIVE_BUFFER;
    int file = socket(AF_INET, SOCK_STREAM, 0);
    if (file < 0) {
        fail("a TCP socket");
    }
    /* A buffer whose size was asked for stays as it is, and so the window does. */
    if (setsockopt(file, SOL_SOCKET, SO_RCVBUF, &space, sizeof space) != 0 ||
        setsockopt(file, IPPROTO_TCP, TCP_WINDOW_CLAMP, &window, sizeof window) != 0) {
        fail("a receive window");
    }
    if (connect(file, (const struct sockaddr *)server, sizeof *server) != 0) {
        fail("connect");
    }
    return file;
}

/* All of it, or less if the other side ends. */
static size_t receive(int file, unsigned char *bytes, size_t size)
{
    size_t filled = 0;
    while (filled < size) {
        ssize_t got = recv(file, bytes + filled, size - filled, 0);
        if (got < 0) {
            fail("recv");
        }
        if (got == 0) {
            break;
        }
        filled += (size_t)got;
    }
    return filled;
}

static void transmit(int file, const unsigned char *bytes, size_t size)
{
    while (size != 0) {
        ssize_t sent = send(file, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            fail("send");
        }
        bytes += sent;
        size -= (size_t)sent;
    }
}

static void do_tcp(unsigned window, const char *name, const struct sockaddr_in *server, bool out)
{
    char order[64];
    unsigned char checksum[64];
    struct tcp_info info;
    socklen_t length = sizeof info;
    char rest[160];

    if (out) {
        make_data(window);
    } else {
        memset(data, 0, sizeof data); /* its pages are there before the window */
    }
    int file = open_stream(server);
    int order_length = snprintf(order, sizeof order, "%s %u %u\n", name, window, TRANSFER);
    begin(window);
    transmit(file, (const unsigned char *)order, (size_t)order_length);
    size_t got;
    if (out) {
        transmit(file, data, TRANSFER);
        got = receive(file, checksum, sizeof checksum); /* of what the server has got */
    } else {
        got = receive(file, data, TRANSFER);
    }
    uint64_t instructions = end(window);
    /* Segments as the wire has them: one that a driver or the stack has put together from many, or
     * will have taken apart, counts as those. */
    memset(&info, 0, sizeof info);
    if (getsockopt(file, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) {
        fail("TCP_INFO");
    }
    close(file);
    snprintf(rest, sizeof rest, "mss=%u retransmitted=%u data-out=%u data-in=%u bytes=%zu",
             out ? info.tcpi_snd_mss : info.tcpi_rcv_mss, info.tcpi_total_retrans,
             info.tcpi_data_segs_out, info.tcpi_data_segs_in, out ? TRANSFER : got);
    say(name, instructions, info.tcpi_segs_out, info.tcpi_segs_in, rest);
    if (out) {
        printf("vdev: checksum %s %.*s\n", name, (int)got, (const char *)checksum);
        return;
    }
    FILE *result = fopen("/tmp/data", "w");
    if (result == NULL || fwrite(data, 1, got, result) != got || fclose(result) != 0) {
        fail("/tmp/data");
    }
}

/* ---- the command ---- */

static void prepare(void)
{
    int memory = open("/dev/mem", O_RDWR | O_SYNC);
    void *page = memory < 0
                     ? MAP_FAILED
                     : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, MARK_PAGE);
    if (page == MAP_FAILED) {
        fail("/dev/mem");
    }
    mark_register = (volatile uint32_t *)((unsigned char *)page + MARK_OFFSET);
    FILE *file = fopen("/pattern", "r");
    if (file == NULL || fread(pattern, 1, PATTERN_SIZE, file) != PATTERN_SIZE) {
        fail("/pattern");
    }
    fclose(file);
    memcpy(pattern + PATTERN_SIZE, pattern, PATTERN_SIZE);
}

int main(int count, char **arguments)
{
    struct sockaddr_in server = {.sin_family = AF_INET};
    if (count < 5 || inet_pton(AF_INET, arguments[3], &server.sin_addr) != 1) {
        errno = EINVAL;
        fail("arguments");
    }
    unsigned window = (unsigned)atoi(arguments[1]);
    const char *name = arguments[2];
    server.sin_port = htons((uint16_t)atoi(arguments[4]));
    counting = count > 5 && strcmp(arguments[5], "count") == 0;
    prepare();
    if (strcmp(name, "icmp") == 0) {
        do_icmp(window, &server);
    } else if (strncmp(name, "udp-", 4) == 0) {
        unsigned long size = strtoul(name + 4, NULL, 10);
        if (size <= DATAGRAM_HEADER || size > DATAGRAM_MAXIMUM) {
            errno = EINVAL;
            fail(name);
        }
        do_udp(window, name, size, &server);
    } else {
        do_tcp(window, name, &server, strcmp(name, "tcp-out") == 0);
    }
    return 0;
}
