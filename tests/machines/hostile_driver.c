#include "machines.h"
void hostile_driver_main(const struct hyp_boot *boot, uint32_t variant){(void)boot;(void)variant;}
