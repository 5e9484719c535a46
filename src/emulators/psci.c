/* SPDX-License-Identifier: BSD-2-Clause */
/* PSCI 1.0 for a guest with one processor [ARM DEN 0022C, §5]. Not the call's way to here. */
#include <vdev/emulators/psci.h>

enum {
    POWER_DOWN = 1 << 16, /* CPU_SUSPEND's power_state: StateType */
    VERSION_1_0 = 0x00010000,
    MIGRATION_NOT_NEEDED = 2,
    SUCCESS = 0,
    NOT_SUPPORTED = -1,
    INVALID_PARAMETERS = -2,
    DENIED = -3,
    ALREADY_ON = -4,
    ON = 0, /* AFFINITY_INFO's */
};

#define PSCI_VERSION           0x84000000u
#define PSCI_CPU_SUSPEND       0x84000001u
#define PSCI_CPU_OFF           0x84000002u
#define PSCI_CPU_ON            0x84000003u
#define PSCI_AFFINITY_INFO     0x84000004u
#define PSCI_MIGRATE_INFO_TYPE 0x84000006u
#define PSCI_SYSTEM_OFF        0x84000008u
#define PSCI_SYSTEM_RESET      0x84000009u
#define PSCI_FEATURES          0x8400000au

/* All from 0 to 10 but MIGRATE and MIGRATE_INFO_UP_CPU. */
static int32_t features(uint32_t function)
{
    return function >= PSCI_VERSION && function <= PSCI_FEATURES && function != 0x84000005u &&
                   function != 0x84000007u
               ? SUCCESS
               : NOT_SUPPORTED;
}

enum vdev_psci_action vdev_psci_call(uint32_t function, uint32_t argument, uint32_t *result)
{
    enum vdev_psci_action action = VDEV_PSCI_RETURN;
    int32_t value = NOT_SUPPORTED;

    switch (function) {
    case PSCI_VERSION:
        value = VERSION_1_0;
        break;
    case PSCI_CPU_SUSPEND: /* a standby, which may end at once; there is no power-down */
        if ((argument & POWER_DOWN) != 0) {
            value = INVALID_PARAMETERS;
        } else {
            value = SUCCESS;
            action = VDEV_PSCI_STANDBY;
        }
        break;
    case PSCI_CPU_OFF: /* the only one: SYSTEM_OFF is meant for that */
        value = DENIED;
        break;
    case PSCI_CPU_ON:
        value = argument == 0 ? ALREADY_ON : INVALID_PARAMETERS;
        break;
    case PSCI_AFFINITY_INFO:
        value = argument == 0 ? ON : INVALID_PARAMETERS;
        break;
    case PSCI_MIGRATE_INFO_TYPE:
        value = MIGRATION_NOT_NEEDED;
        break;
    case PSCI_SYSTEM_OFF:
        action = VDEV_PSCI_OFF;
        break;
    case PSCI_SYSTEM_RESET:
        action = VDEV_PSCI_RESET;
        break;
    case PSCI_FEATURES:
        value = features(argument);
        break;
    default:
        break;
    }
    *result = (uint32_t)value;
    return action;
}
