/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TAP interface as a device of the net class. One frame is one call of read or writev; before it
 * stands the same header as in a virtio ring.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include <vdev/host/tap_net.h>
#include <vdev/status.h>

#include "host/error.h"
#include "host/net_port.h"

/* Of Linux 6.2, which Debian 12's headers do not have. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20u
#define TUN_F_USO6 0x40u
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5u
#endif

#define EVERYTHING      (VDEV_NET_CHECKSUM | VDEV_NET_TCP4 | VDEV_NET_TCP6 | VDEV_NET_UDP | VDEV_NET_ECN)
#define TCP_HEADER_MOST 60u
#define UDP_HEADER      8u
#define FRAME_MAXIMUM   (VDEV_NET_SEGMENTED_BYTES + VDEV_NET_TAG_BYTES)

_Static_assert(sizeof(struct virtio_net_hdr_v1) == VDEV_HOST_TAP_HEADER_BYTES,
               "the header without hash");

struct vdev_host_tap {
    struct vdev_host_net_port port; /* first */
    char name[IFNAMSIZ];
    size_t header_bytes; /* 0: no header */
    bool offloads;
    _Alignas(8) uint8_t frame[VDEV_HOST_TAP_HEADER_BYTES + FRAME_MAXIMUM];
};

/* ---- the header ---- */

void vdev_host_tap_put_header(uint8_t header[VDEV_HOST_TAP_HEADER_BYTES], uint32_t length,
                              const struct vdev_net_offload *offload)
{
    struct virtio_net_hdr_v1 to = {0};
    uint32_t needs = offload->needs;

    if ((needs & VDEV_NET_CHECKSUM) != 0) {
        to.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        to.csum_start = htole16(offload->checksum_start);
        to.csum_offset = htole16(offload->checksum_offset);
        if ((needs & (VDEV_NET_TCP4 | VDEV_NET_TCP6 | VDEV_NET_UDP)) != 0) {
            /* How much the kernel is to have in one piece: the headers, and not more than there is.
             */
            uint32_t headers = offload->checksum_start +
                               ((needs & VDEV_NET_UDP) != 0 ? UDP_HEADER : TCP_HEADER_MOST);
            headers = headers < length ? headers : length;
            to.hdr_len = htole16((uint16_t)(headers < UINT16_MAX ? headers : UINT16_MAX));
            to.gso_size = htole16(offload->segment_size);
            to.gso_type = (needs & VDEV_NET_TCP4) != 0   ? VIRTIO_NET_HDR_GSO_TCPV4
                          : (needs & VDEV_NET_TCP6) != 0 ? VIRTIO_NET_HDR_GSO_TCPV6
                                                         : VIRTIO_NET_HDR_GSO_UDP_L4;
            if ((needs & VDEV_NET_ECN) != 0) {
                to.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
            }
        }
    } else if (offload->checksum_valid) {
        to.flags = VIRTIO_NET_HDR_F_DATA_VALID;
    }
    memcpy(header, &to, sizeof to);
}

int vdev_host_tap_get_header(const uint8_t header[VDEV_HOST_TAP_HEADER_BYTES], uint32_t length,
                             uint16_t mtu, struct vdev_net_offload *offload)
{
    struct virtio_net_hdr_v1 from;
    unsigned needs = 0;

    memcpy(&from, header, sizeof from);
    *offload = (struct vdev_net_offload){0};
    if ((from.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0) {
        needs = VDEV_NET_CHECKSUM;
        offload->checksum_start = le16toh(from.csum_start);
        offload->checksum_offset = le16toh(from.csum_offset);
    } else if ((from.flags & VIRTIO_NET_HDR_F_DATA_VALID) != 0) {
        offload->checksum_valid = true;
    }
    switch (from.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE:
        break;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        needs |= VDEV_NET_TCP4;
        break;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        needs |= VDEV_NET_TCP6;
        break;
    case VIRTIO_NET_HDR_GSO_UDP_L4:
        needs |= VDEV_NET_UDP;
        break;
    default:
        return VDEV_ERROR_UNSUPPORTED;
    }
    if ((needs & ~VDEV_NET_CHECKSUM) != 0) {
        offload->segment_size = le16toh(from.gso_size);
        if ((from.gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0) {
            needs |= VDEV_NET_ECN;
        }
    }
    offload->needs = (uint8_t)needs;
    return vdev_net_check(length, offload, EVERYTHING, mtu);
}

/* ---- frames ---- */

static struct vdev_host_tap *tap_of(struct vdev_host_net_port *port)
{
    return (struct vdev_host_tap *)port;
}

static int send_frame(struct vdev_host_net_port *port, struct vdev_net_frame *frame,
                      enum vdev_net_drop *dropped)
{
    struct vdev_host_tap *tap = tap_of(port);
    struct iovec vector[1 + VDEV_HOST_NET_BUFFERS];
    uint8_t header[VDEV_HOST_TAP_HEADER_BYTES];
    size_t length;
    ssize_t written;

    vdev_host_tap_put_header(header, frame->length, &frame->offload);
    vector[0] = (struct iovec){header, tap->header_bytes};
    int count = vdev_host_net_frame_vector(frame, 0, vector + 1, &length);
    do {
        written = writev(port->wire.descriptor, vector, count + 1);
    } while (written < 0 && errno == EINTR);
    if (written >= 0) {
        return VDEV_OK;
    }
    switch (errno) {
    case EAGAIN:
        return VDEV_ERROR_AGAIN;
    case EIO: /* the interface is down */
        *dropped = VDEV_NET_DROP_NO_LINK;
        return VDEV_OK;
    case EINVAL: /* not what its headers say, by the kernel's own look */
        *dropped = VDEV_NET_DROP_OFFLOAD;
        return VDEV_ERROR_IO;
    case ENOMEM:
    case ENOBUFS:
        *dropped = VDEV_NET_DROP_FULL;
        return VDEV_OK;
    case EBADFD:
    case ENODEV:
    case ENXIO:
        vdev_host_net_port_end(port, "%s: the interface is gone", tap->name);
        return VDEV_ERROR_STATE;
    default: /* EFAULT: the peer's memory went away */
        *dropped = VDEV_NET_DROP_SHORT;
        return VDEV_ERROR_IO;
    }
}

static int receive(struct vdev_host_net_port *port, struct vdev_net_arrival *arrival,
                   const uint8_t **bytes)
{
    struct vdev_host_tap *tap = tap_of(port);
    ssize_t length = read(port->wire.descriptor, tap->frame, tap->header_bytes + FRAME_MAXIMUM);

    if (length < 0) {
        if (errno == EAGAIN || errno == EINTR) {
            return errno == EINTR ? VDEV_ERROR_AGAIN : VDEV_ERROR_EMPTY;
        }
        vdev_host_net_port_end(port, errno == EBADFD ? "%s: the interface is gone" : "%s: %s",
                               tap->name, strerror(errno));
        return VDEV_ERROR_STATE;
    }
    if ((size_t)length < tap->header_bytes + VDEV_NET_HEADER_BYTES) {
        port->net.received.dropped[VDEV_NET_DROP_SHORT]++;
        return VDEV_ERROR_AGAIN;
    }
    arrival->length = (uint32_t)((size_t)length - tap->header_bytes);
    arrival->offload = (struct vdev_net_offload){0};
    *bytes = tap->frame + tap->header_bytes;
    int status = tap->header_bytes == 0
                     ? vdev_net_check(arrival->length, &arrival->offload, 0, port->net.mtu)
                     : vdev_host_tap_get_header(tap->frame, arrival->length, port->net.mtu,
                                                &arrival->offload);
    if (status != VDEV_OK) {
        port->net.received
            .dropped[vdev_net_drop_of(status, status == VDEV_ERROR_INVALID ? 1 : 0)]++;
        return VDEV_ERROR_AGAIN;
    }
    return VDEV_OK;
}

static bool set_offloads(const struct vdev_host_tap *tap, uint32_t accepts)
{
    unsigned long flags = 0;

    if ((accepts & VDEV_NET_CHECKSUM) != 0) {
        flags = TUN_F_CSUM;
        flags |= (accepts & VDEV_NET_TCP4) != 0 ? TUN_F_TSO4 : 0;
        flags |= (accepts & VDEV_NET_TCP6) != 0 ? TUN_F_TSO6 : 0;
        flags |= (accepts & VDEV_NET_UDP) != 0 ? TUN_F_USO4 | TUN_F_USO6 : 0;
        if ((accepts & VDEV_NET_ECN) != 0 && (accepts & (VDEV_NET_TCP4 | VDEV_NET_TCP6)) != 0) {
            flags |= TUN_F_TSO_ECN;
        }
    }
    return ioctl(tap->port.wire.descriptor, TUNSETOFFLOAD, flags) == 0;
}

/* What the kernel may leave to do for a frame; with less it does so itself. */
static void accepts(struct vdev_host_net_port *port, uint32_t accepts)
{
    struct vdev_host_tap *tap = tap_of(port);

    if (tap->offloads && !set_offloads(tap, accepts & port->net.takes)) {
        set_offloads(tap, 0);
    }
}

static const struct vdev_host_net_port_operations operations = {
    .send = send_frame,
    .receive = receive,
    .accepts = accepts,
};

/* ---- opening ---- */

static int open_interface(const char *name, struct vdev_host_error *error)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

    if (strlen(name) == 0 || strlen(name) >= sizeof request.ifr_name) {
        vdev_host_error_set(error, "no name of an interface: %s", name);
        return -1;
    }
    strcpy(request.ifr_name, name);
    int descriptor = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        vdev_host_error_set(error, "/dev/net/tun: %s", strerror(errno));
        return -1;
    }
    if (ioctl(descriptor, TUNSETIFF, &request) < 0) {
        vdev_host_error_set(
            error, "%s: %s", name,
            errno == EPERM    ? "no such TAP interface for this user, and not permitted to make one"
            : errno == EBUSY  ? "in use by another"
            : errno == EINVAL ? "no TAP interface, or one of several queues"
                              : strerror(errno));
        close(descriptor);
        return -1;
    }
    return descriptor;
}

/* Its kind, and its header as it is to be. */
static bool look_at(struct vdev_host_tap *tap, int descriptor, struct vdev_host_error *error)
{
    struct ifreq request = {0};
    int size = VDEV_HOST_TAP_HEADER_BYTES;
    int little = 1;

    if (ioctl(descriptor, TUNGETIFF, &request) < 0) {
        vdev_host_error_set(error, "descriptor %d is no TAP interface", descriptor);
        return false;
    }
    memcpy(tap->name, request.ifr_name, sizeof tap->name - 1);
    if ((request.ifr_flags & IFF_TAP) == 0 || (request.ifr_flags & IFF_NO_PI) == 0) {
        vdev_host_error_set(error, "%s: not a TAP interface without packet information", tap->name);
        return false;
    }
    if ((request.ifr_flags & IFF_VNET_HDR) == 0) {
        return true;
    }
    if (ioctl(descriptor, TUNSETVNETHDRSZ, &size) < 0 ||
        (ioctl(descriptor, TUNSETVNETLE, &little) < 0 && __BYTE_ORDER == __BIG_ENDIAN)) {
        vdev_host_error_set(error, "%s: no header as in virtio 1: %s", tap->name, strerror(errno));
        return false;
    }
    tap->header_bytes = VDEV_HOST_TAP_HEADER_BYTES;
    return true;
}

static uint16_t mtu_of(const char *name)
{
    struct ifreq request = {0};
    int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int mtu = VDEV_NET_MTU;

    strcpy(request.ifr_name, name);
    if (probe >= 0) {
        if (ioctl(probe, SIOCGIFMTU, &request) == 0) {
            mtu = request.ifr_mtu;
        }
        close(probe);
    }
    return (uint16_t)(mtu < (int)VDEV_NET_MTU_MAXIMUM ? mtu : (int)VDEV_NET_MTU_MAXIMUM);
}

/* What the kernel understands: by trying it out. Nothing is left to the client until it says so. */
static uint32_t find_takes(struct vdev_host_tap *tap)
{
    const uint32_t kinds = VDEV_NET_CHECKSUM | VDEV_NET_TCP4 | VDEV_NET_TCP6;
    uint32_t takes = set_offloads(tap, EVERYTHING)             ? EVERYTHING
                     : set_offloads(tap, kinds | VDEV_NET_ECN) ? kinds | VDEV_NET_ECN
                     : set_offloads(tap, kinds)                ? kinds
                                                               : 0;

    set_offloads(tap, 0);
    return takes;
}

struct vdev_host_tap *vdev_host_tap_open(const struct vdev_host_tap_configuration *configuration,
                                         struct vdev_host_error *error)
{
    struct vdev_host_tap *tap = calloc(1, sizeof *tap);
    int descriptor = configuration->descriptor;

    if (tap == NULL) {
        vdev_host_error_set(error, "no memory");
        return NULL;
    }
    if (configuration->interface != NULL) {
        descriptor = open_interface(configuration->interface, error);
    } else if (fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0 ||
               fcntl(descriptor, F_SETFL, O_RDWR | O_NONBLOCK) < 0) {
        vdev_host_error_set(error, "descriptor %d: %s", descriptor, strerror(errno));
        descriptor = -1;
    }
    if (descriptor < 0) {
        free(tap);
        return NULL;
    }
    tap->port.wire.descriptor = descriptor;
    if (look_at(tap, descriptor, error)) {
        tap->offloads = tap->header_bytes != 0;
        uint32_t takes = tap->offloads ? find_takes(tap) : 0;
        if (vdev_host_net_port_open(
                &tap->port, &operations,
                &(struct vdev_host_net_port_configuration){
                    .loop = configuration->loop,
                    .descriptor = descriptor,
                    .address = configuration->address,
                    .mtu = configuration->mtu != 0 ? configuration->mtu : mtu_of(tap->name),
                    .takes = configuration->no_offloads ? 0 : takes,
                    .polled = configuration->polled,
                    .failed = configuration->failed,
                    .context = configuration->context,
                },
                error)) {
            return tap;
        }
    }
    if (configuration->interface != NULL) {
        close(descriptor);
    }
    free(tap);
    return NULL;
}

struct vdev_net *vdev_host_tap_net(struct vdev_host_tap *tap)
{
    return &tap->port.net;
}

const char *vdev_host_tap_name(const struct vdev_host_tap *tap)
{
    return tap->name;
}

void vdev_host_tap_drain(struct vdev_host_tap *tap, unsigned milliseconds)
{
    vdev_host_net_port_drain(&tap->port, milliseconds);
}

void vdev_host_tap_close(struct vdev_host_tap *tap)
{
    if (tap != NULL) {
        vdev_host_net_port_close(&tap->port);
        free(tap);
    }
}
