#include "machines.h"
void hostile_client_main(const struct hyp_boot *boot, uint32_t variant){(void)boot;(void)variant;}
