/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the driver's end of vhost-user says to the device, and what it makes of the answers. A
 * question whose answer is wrong, late or missing ends the conversation: after that nobody can tell
 * which answer belongs to what.
 */
#include <vdev/status.h>
#include <vdev/virtio.h>

#include "core/mem.h"
#include "transport/vhost_user_driver.h"

#define BIT(feature) (1ull << VDEV_VHOST_USER_PROTOCOL_F_##feature)

#define PROTOCOL_WANTED                                                                            \
    (BIT(MQ) | BIT(REPLY_ACK) | BIT(CONFIG) | BIT(INFLIGHT_SHMFD) | BIT(RESET_DEVICE) |            \
     BIT(CONFIGURE_MEM_SLOTS) | BIT(STATUS))

#define CONFIGURATION_HEADER_BYTES vdev_vhost_user_configuration_size(0)

static int lose(struct vdev_vhost_user_driver *driver, uint32_t request,
                vdev_vhost_user_reason reason, int status)
{
    driver->lost = true;
    driver->failed_request = request;
    driver->failed_reason = reason;
    return status;
}

static int refuse(struct vdev_vhost_user_driver *driver, uint32_t request)
{
    driver->failed_request = request;
    driver->failed_reason = "the device refuses";
    return VDEV_ERROR_UNSUPPORTED;
}

static void close_descriptors(struct vdev_vhost_user_driver *driver)
{
    struct vdev_vhost_user_message *message = &driver->message;

    for (size_t i = 0; i < message->descriptor_count && i < VDEV_VHOST_USER_REGIONS; i++) {
        driver->configuration.operations->close(driver->configuration.context,
                                                message->descriptors[i]);
    }
    message->descriptor_count = 0;
}

static void begin(struct vdev_vhost_user_driver *driver)
{
    memset(&driver->message, 0, sizeof driver->message);
}

static int send(struct vdev_vhost_user_driver *driver, uint32_t request, size_t size,
                uint32_t flags)
{
    struct vdev_vhost_user_message *message = &driver->message;

    if (driver->lost) {
        return VDEV_ERROR_IO;
    }
    message->request = request;
    message->flags = VDEV_VHOST_USER_VERSION | flags;
    message->size = (uint32_t)size;
    if (driver->configuration.operations->send(driver->configuration.context, message) != 0) {
        return lose(driver, request, "the connection has ended", VDEV_ERROR_IO);
    }
    return VDEV_OK;
}

/* The answer to `request` is in driver->message, with its descriptors. */
static int receive(struct vdev_vhost_user_driver *driver, uint32_t request)
{
    struct vdev_vhost_user_message *message = &driver->message;
    uint64_t nanoseconds = driver->configuration.timeout_nanoseconds;

    begin(driver);
    int status = driver->configuration.operations->receive(driver->configuration.context, message,
                                                           nanoseconds);
    if (status != VDEV_OK) {
        return lose(driver, request,
                    status == VDEV_ERROR_TIMEOUT ? "no answer in time" : "the connection has ended",
                    status == VDEV_ERROR_TIMEOUT ? VDEV_ERROR_TIMEOUT : VDEV_ERROR_IO);
    }
    /* Nothing at all, where a piece of the space was asked for, is how a device refuses. */
    if (request == VDEV_VHOST_USER_GET_CONFIG && message->request == request &&
        message->size == 0 && message->descriptor_count == 0) {
        return refuse(driver, request);
    }
    vdev_vhost_user_reason reason = vdev_vhost_user_check_reply(message, request);
    if (reason != NULL) {
        close_descriptors(driver);
        return lose(driver, request, reason, VDEV_ERROR_CORRUPT);
    }
    return VDEV_OK;
}

/* Say what stands in driver->message; with REPLY_ACK, wait for what the device says to it. */
static int tell(struct vdev_vhost_user_driver *driver, uint32_t request, size_t size)
{
    bool acknowledged = vdev_vhost_user_driver_has(driver, VDEV_VHOST_USER_PROTOCOL_F_REPLY_ACK);

    int status = send(driver, request, size, acknowledged ? VDEV_VHOST_USER_NEED_REPLY : 0);
    if (status != VDEV_OK || !acknowledged) {
        return status;
    }
    status = receive(driver, request);
    if (status != VDEV_OK) {
        return status;
    }
    close_descriptors(driver);
    return driver->message.payload.u64 == 0 ? VDEV_OK : refuse(driver, request);
}

/* Ask what stands in driver->message, whose answer has no descriptors. */
static int ask(struct vdev_vhost_user_driver *driver, uint32_t request, size_t size)
{
    int status = send(driver, request, size, 0);
    if (status == VDEV_OK) {
        status = receive(driver, request);
    }
    if (status == VDEV_OK) {
        close_descriptors(driver);
    }
    return status;
}

int vdev_vhost_user_driver_get_u64(struct vdev_vhost_user_driver *driver, uint32_t request,
                                   uint64_t *value)
{
    begin(driver);
    int status = ask(driver, request, 0);
    if (status == VDEV_OK) {
        *value = driver->message.payload.u64;
    }
    return status;
}

int vdev_vhost_user_driver_set_u64(struct vdev_vhost_user_driver *driver, uint32_t request,
                                   uint64_t value)
{
    begin(driver);
    driver->message.payload.u64 = value;
    return tell(driver, request, sizeof value);
}

static int set_state(struct vdev_vhost_user_driver *driver, uint32_t request, uint16_t index,
                     uint32_t number)
{
    begin(driver);
    driver->message.payload.state.index = index;
    driver->message.payload.state.number = number;
    return tell(driver, request, sizeof driver->message.payload.state);
}

static int set_eventfd(struct vdev_vhost_user_driver *driver, uint32_t request, uint16_t index,
                       int descriptor)
{
    begin(driver);
    driver->message.payload.u64 = index;
    driver->message.descriptors[0] = descriptor;
    driver->message.descriptor_count = 1;
    return tell(driver, request, sizeof driver->message.payload.u64);
}

/* ---- a connection begins ---- */

/* How many queues the device says that it has; of a network device in practice it counts pairs,
 * and the control queue is not among them. */
static int greet_queues(struct vdev_vhost_user_driver *driver)
{
    uint64_t count = 0;

    if (!vdev_vhost_user_driver_has(driver, VDEV_VHOST_USER_PROTOCOL_F_MQ)) {
        return VDEV_OK;
    }
    int status = vdev_vhost_user_driver_get_u64(driver, VDEV_VHOST_USER_GET_QUEUE_NUM, &count);
    if (status != VDEV_OK) {
        return status;
    }
    if (driver->driver.id == VDEV_VIRTIO_ID_NET && count <= VDEV_VHOST_USER_DRIVER_QUEUES) {
        count = 2 * count + 1;
    }
    return count >= driver->configuration.queue_count
               ? VDEV_OK
               : lose(driver, VDEV_VHOST_USER_GET_QUEUE_NUM, "fewer queues than asked for",
                      VDEV_ERROR_UNSUPPORTED);
}

static int greet_memory(struct vdev_vhost_user_driver *driver)
{
    uint64_t slots = VDEV_VHOST_USER_REGIONS;

    if (vdev_vhost_user_driver_has(driver, VDEV_VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS)) {
        int status =
            vdev_vhost_user_driver_get_u64(driver, VDEV_VHOST_USER_GET_MAX_MEM_SLOTS, &slots);
        if (status != VDEV_OK) {
            return status;
        }
    }
    return slots >= driver->configuration.region_count
               ? VDEV_OK
               : lose(driver, VDEV_VHOST_USER_GET_MAX_MEM_SLOTS,
                      "fewer regions of memory than there are", VDEV_ERROR_UNSUPPORTED);
}

int vdev_vhost_user_driver_greet(struct vdev_vhost_user_driver *driver)
{
    driver->protocol = 0;
    driver->has_memory = false;
    int status =
        vdev_vhost_user_driver_get_u64(driver, VDEV_VHOST_USER_GET_FEATURES, &driver->offered);
    if (status == VDEV_OK && (driver->offered & 1ull << VDEV_VHOST_USER_F_PROTOCOL_FEATURES) != 0) {
        uint64_t protocol = 0;
        status = vdev_vhost_user_driver_get_u64(driver, VDEV_VHOST_USER_GET_PROTOCOL_FEATURES,
                                                &protocol);
        protocol &= PROTOCOL_WANTED & ~driver->configuration.without;
        if (status == VDEV_OK) {
            status = vdev_vhost_user_driver_set_u64(driver, VDEV_VHOST_USER_SET_PROTOCOL_FEATURES,
                                                    protocol);
            driver->protocol = protocol;
        }
    }
    if (status == VDEV_OK) {
        status = greet_queues(driver);
    }
    if (status == VDEV_OK) {
        status = greet_memory(driver);
    }
    if (status == VDEV_OK) {
        begin(driver);
        status = tell(driver, VDEV_VHOST_USER_SET_OWNER, 0);
    }
    return status;
}

int vdev_vhost_user_driver_tell_features(struct vdev_vhost_user_driver *driver)
{
    return vdev_vhost_user_driver_set_u64(
        driver, VDEV_VHOST_USER_SET_FEATURES,
        driver->features | (driver->offered & 1ull << VDEV_VHOST_USER_F_PROTOCOL_FEATURES));
}

/* ---- memory ---- */

static struct vdev_vhost_user_region wire(const struct vdev_vhost_user_driver_region *region)
{
    return (struct vdev_vhost_user_region){
        .guest_address = region->guest_address,
        .length = region->length,
        .user_address = (uintptr_t)region->pointer,
        .offset = region->offset,
    };
}

static int add_region(struct vdev_vhost_user_driver *driver,
                      const struct vdev_vhost_user_driver_region *region)
{
    begin(driver);
    driver->message.payload.region.region = wire(region);
    driver->message.descriptors[0] = region->descriptor;
    driver->message.descriptor_count = 1;
    return tell(driver, VDEV_VHOST_USER_ADD_MEM_REG, sizeof driver->message.payload.region);
}

static int set_table(struct vdev_vhost_user_driver *driver)
{
    const struct vdev_vhost_user_driver_configuration *configuration = &driver->configuration;

    begin(driver);
    for (size_t i = 0; i < configuration->region_count; i++) {
        driver->message.payload.memory.regions[i] = wire(&configuration->regions[i]);
        driver->message.descriptors[i] = configuration->regions[i].descriptor;
    }
    driver->message.payload.memory.count = (uint32_t)configuration->region_count;
    driver->message.descriptor_count = configuration->region_count;
    return tell(driver, VDEV_VHOST_USER_SET_MEM_TABLE,
                vdev_vhost_user_memory_size((uint32_t)configuration->region_count));
}

int vdev_vhost_user_driver_tell_memory(struct vdev_vhost_user_driver *driver)
{
    const struct vdev_vhost_user_driver_configuration *configuration = &driver->configuration;
    int status = VDEV_OK;

    if (driver->has_memory) {
        return VDEV_OK;
    }
    if (vdev_vhost_user_driver_has(driver, VDEV_VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS)) {
        for (size_t i = 0; status == VDEV_OK && i < configuration->region_count; i++) {
            status = add_region(driver, &configuration->regions[i]);
        }
    } else {
        status = set_table(driver);
    }
    if (status == VDEV_ERROR_UNSUPPORTED) {
        /* Some of it the device may have taken: nothing but another connection mends that. */
        return lose(driver, driver->failed_request, driver->failed_reason, VDEV_ERROR_IO);
    }
    driver->has_memory = status == VDEV_OK;
    return status;
}

/* ---- requests in flight ---- */

void vdev_vhost_user_driver_forget_inflight(struct vdev_vhost_user_driver *driver)
{
    if (driver->inflight_descriptor >= 0) {
        driver->configuration.operations->close(driver->configuration.context,
                                                driver->inflight_descriptor);
    }
    driver->inflight_descriptor = -1;
}

/* The device makes the memory; we keep it for the next, and never look into it. */
static int get_inflight(struct vdev_vhost_user_driver *driver)
{
    struct vdev_vhost_user_message *message = &driver->message;

    begin(driver);
    message->payload.inflight.queue_count = driver->configuration.queue_count;
    message->payload.inflight.queue_size = driver->configuration.queue_size_maximum;
    int status = send(driver, VDEV_VHOST_USER_GET_INFLIGHT_FD, sizeof message->payload.inflight, 0);
    if (status == VDEV_OK) {
        status = receive(driver, VDEV_VHOST_USER_GET_INFLIGHT_FD);
    }
    if (status != VDEV_OK) {
        return status;
    }
    if (message->payload.inflight.length == 0) {
        return VDEV_OK; /* it has no use for any */
    }
    if (message->payload.inflight.queue_count != driver->configuration.queue_count ||
        message->payload.inflight.queue_size != driver->configuration.queue_size_maximum) {
        close_descriptors(driver);
        return lose(driver, VDEV_VHOST_USER_GET_INFLIGHT_FD, "not the memory that was asked for",
                    VDEV_ERROR_CORRUPT);
    }
    driver->inflight_descriptor = message->descriptors[0];
    driver->inflight_length = message->payload.inflight.length;
    driver->inflight_offset = message->payload.inflight.offset;
    driver->inflight_queues = message->payload.inflight.queue_count;
    driver->inflight_queue_size = message->payload.inflight.queue_size;
    return VDEV_OK;
}

int vdev_vhost_user_driver_tell_inflight(struct vdev_vhost_user_driver *driver)
{
    struct vdev_vhost_user_message *message = &driver->message;

    if (!vdev_vhost_user_driver_has(driver, VDEV_VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD)) {
        return VDEV_OK;
    }
    if (driver->inflight_descriptor < 0) {
        int status = get_inflight(driver);
        if (status != VDEV_OK || driver->inflight_descriptor < 0) {
            return status;
        }
    }
    begin(driver);
    message->payload.inflight.length = driver->inflight_length;
    message->payload.inflight.offset = driver->inflight_offset;
    message->payload.inflight.queue_count = driver->inflight_queues;
    message->payload.inflight.queue_size = driver->inflight_queue_size;
    message->descriptors[0] = driver->inflight_descriptor;
    message->descriptor_count = 1;
    return tell(driver, VDEV_VHOST_USER_SET_INFLIGHT_FD, sizeof message->payload.inflight);
}

/* ---- rings ---- */

/* Where we see a guest address is what the protocol names the parts of a ring by. That they are
 * each in one region was seen when the queue was started. */
static uint64_t user_address(const struct vdev_vhost_user_driver *driver, uint64_t address)
{
    const struct vdev_vhost_user_driver_configuration *configuration = &driver->configuration;

    for (size_t i = 0; i < configuration->region_count; i++) {
        uint64_t offset = address - configuration->regions[i].guest_address;
        if (offset < configuration->regions[i].length) {
            return (uintptr_t)configuration->regions[i].pointer + offset;
        }
    }
    return 0;
}

static int set_addresses(struct vdev_vhost_user_driver *driver, uint16_t index)
{
    const struct vdev_virtqueue_configuration *ring = &driver->queues[index].configuration;
    union vdev_vhost_user_payload *payload = &driver->message.payload;

    begin(driver);
    payload->address.index = index;
    payload->address.descriptors = user_address(driver, ring->descriptor_address);
    payload->address.available = user_address(driver, ring->driver_address);
    payload->address.used = user_address(driver, ring->device_address);
    return tell(driver, VDEV_VHOST_USER_SET_VRING_ADDR, sizeof payload->address);
}

int vdev_vhost_user_driver_start_ring(struct vdev_vhost_user_driver *driver, uint16_t index,
                                      uint16_t base)
{
    const struct vdev_vhost_user_driver_configuration *configuration = &driver->configuration;

    int status = set_state(driver, VDEV_VHOST_USER_SET_VRING_NUM, index,
                           driver->queues[index].configuration.size);
    if (status == VDEV_OK) {
        status = set_state(driver, VDEV_VHOST_USER_SET_VRING_BASE, index, base);
    }
    if (status == VDEV_OK) {
        status = set_addresses(driver, index);
    }
    if (status == VDEV_OK) {
        status =
            set_eventfd(driver, VDEV_VHOST_USER_SET_VRING_CALL, index, configuration->calls[index]);
    }
    /* The ring may start with this one, so it is the last. */
    if (status == VDEV_OK) {
        status =
            set_eventfd(driver, VDEV_VHOST_USER_SET_VRING_KICK, index, configuration->kicks[index]);
    }
    if (status == VDEV_OK && (driver->offered & 1ull << VDEV_VHOST_USER_F_PROTOCOL_FEATURES) != 0) {
        status = set_state(driver, VDEV_VHOST_USER_SET_VRING_ENABLE, index, 1);
    }
    return status;
}

int vdev_vhost_user_driver_stop_ring(struct vdev_vhost_user_driver *driver, uint16_t index)
{
    begin(driver);
    driver->message.payload.state.index = index;
    int status = ask(driver, VDEV_VHOST_USER_GET_VRING_BASE, sizeof driver->message.payload.state);
    if (status == VDEV_OK && driver->message.payload.state.index != index) {
        return lose(driver, VDEV_VHOST_USER_GET_VRING_BASE, "the answer is of another queue",
                    VDEV_ERROR_CORRUPT);
    }
    return status;
}

int vdev_vhost_user_driver_reset_device(struct vdev_vhost_user_driver *driver)
{
    if (!vdev_vhost_user_driver_has(driver, VDEV_VHOST_USER_PROTOCOL_F_RESET_DEVICE)) {
        return VDEV_OK;
    }
    begin(driver);
    return tell(driver, VDEV_VHOST_USER_RESET_DEVICE, 0);
}

/* ---- configuration space ---- */

/*
 * Always from the beginning: there are devices that do not look at the offset, and user-mode Linux
 * asks so, too. There is no generation; but if bytes that were read before are others now, the
 * space has changed since.
 */
int vdev_vhost_user_driver_get_space(struct vdev_vhost_user_driver *driver, uint32_t length)
{
    union vdev_vhost_user_payload *payload = &driver->message.payload;

    if (!vdev_vhost_user_driver_has(driver, VDEV_VHOST_USER_PROTOCOL_F_CONFIG) ||
        length > sizeof driver->space) {
        return VDEV_ERROR_RANGE;
    }
    begin(driver);
    payload->configuration.length = length;
    int status =
        ask(driver, VDEV_VHOST_USER_GET_CONFIG, vdev_vhost_user_configuration_size(length));
    if (status != VDEV_OK) {
        return status;
    }
    if (driver->message.size != CONFIGURATION_HEADER_BYTES + length ||
        payload->configuration.offset != 0 || payload->configuration.length != length) {
        return lose(driver, VDEV_VHOST_USER_GET_CONFIG, "not the bytes that were asked for",
                    VDEV_ERROR_CORRUPT);
    }
    uint32_t known = length < driver->space_length ? length : driver->space_length;
    if (memcmp(driver->space, payload->configuration.bytes, known) != 0) {
        driver->generation++;
        driver->space_length = 0;
    }
    memcpy(driver->space, payload->configuration.bytes, length);
    if (driver->space_length < length) {
        driver->space_length = length;
    }
    return VDEV_OK;
}
