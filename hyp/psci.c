/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's firmware interface: PSCI 1.0 [ARM DEN 0022C] for a machine with one processor, and
 * what every SMCCC call gets that nobody knows.
 */
#include "hyp.h"

enum {
    PSCI_VERSION = 0x84000000,
    PSCI_CPU_SUSPEND = 0x84000001,
    PSCI_CPU_OFF = 0x84000002,
    PSCI_CPU_ON = 0x84000003,
    PSCI_AFFINITY_INFO = 0x84000004,
    PSCI_MIGRATE_INFO_TYPE = 0x84000006,
    PSCI_SYSTEM_OFF = 0x84000008,
    PSCI_SYSTEM_RESET = 0x84000009,
    PSCI_FEATURES = 0x8400000a,
    POWER_DOWN = 1 << 16,
    PSCI_VERSION_1_0 = 0x00010000,
    MIGRATION_NOT_NEEDED = 2,
    SUCCESS = 0,
    NOT_SUPPORTED = -1,
    INVALID_PARAMETERS = -2,
    DENIED = -3,
    ALREADY_ON = -4,
    LAST_MARK = 0, /* of the counters, as the machine stops */
};

static int32_t features(uint32_t function)
{
    switch (function) {
    case PSCI_VERSION:
    case PSCI_CPU_SUSPEND:
    case PSCI_CPU_OFF:
    case PSCI_CPU_ON:
    case PSCI_AFFINITY_INFO:
    case PSCI_MIGRATE_INFO_TYPE:
    case PSCI_SYSTEM_OFF:
    case PSCI_SYSTEM_RESET:
    case PSCI_FEATURES:
        return SUCCESS;
    default:
        return NOT_SUPPORTED;
    }
}

void psci_call(struct registers *registers)
{
    const uint32_t argument = registers->r[1];
    int32_t result;

    switch (registers->r[0]) {
    case PSCI_VERSION:
        result = PSCI_VERSION_1_0;
        break;
    case PSCI_CPU_SUSPEND: /* a standby that ends at once, as any may; there is no power-down */
        result = (argument & POWER_DOWN) == 0 ? SUCCESS : INVALID_PARAMETERS;
        break;
    case PSCI_CPU_OFF: /* the only one: SYSTEM_OFF is meant for that */
        result = DENIED;
        break;
    case PSCI_CPU_ON:
        result = argument == 0 ? ALREADY_ON : INVALID_PARAMETERS;
        break;
    case PSCI_AFFINITY_INFO:
        result = argument == 0 ? SUCCESS : INVALID_PARAMETERS; /* 0: on */
        break;
    case PSCI_MIGRATE_INFO_TYPE:
        result = MIGRATION_NOT_NEEDED;
        break;
    case PSCI_SYSTEM_OFF:
    case PSCI_SYSTEM_RESET:
        count_mark(LAST_MARK);
        log_print("vdev: %s asked for %s\n", vm_current->name,
                  registers->r[0] == PSCI_SYSTEM_OFF ? "power-off" : "a reset");
        schedule_stop();
        return;
    case PSCI_FEATURES:
        result = features(argument);
        break;
    default:
        result = NOT_SUPPORTED;
        break;
    }
    registers->r[0] = (uint32_t)result;
}
