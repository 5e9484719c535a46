/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Linux guest that sends as fast as it can and asks nobody: full-size UDP datagrams to one
 * address, for a time. It receives nothing and measures nothing but how many it got rid of.
 *
 * usage: flood ADDRESS MILLISECONDS
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

enum { PORT = 9 /* discard */, LENGTH = 1472 };

static long long milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
    static const char data[LENGTH];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    unsigned long sent = 0, refused = 0;

    if (argc != 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
        fprintf(stderr, "usage: flood ADDRESS MILLISECONDS\n");
        return 2;
    }
    int out = socket(AF_INET, SOCK_DGRAM, 0);
    if (out < 0) {
        perror("flood");
        return 1;
    }
    /* Not connected, so that a refusal by the other side is no error here. */
    for (long long end = milliseconds() + atoi(argv[2]); milliseconds() < end;) {
        if (sendto(out, data, sizeof data, 0, (struct sockaddr *)&to, sizeof to) == LENGTH) {
            sent++;
        } else {
            refused++;
        }
    }
    printf("sent=%lu refused=%lu bytes=%d\n", sent, refused, LENGTH);
    return 0;
}
