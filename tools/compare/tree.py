# SPDX-License-Identifier: BSD-2-Clause
"""The device tree of the native arrangements, in source form: a stand-in for the library's own writer.

It names exactly what the hypervisor's guests are shown, so that the same kernel does the same work.
"""

from machine import GUEST_MEMORY, compile_tree

FRAME = '''/dts-v1/;
/ {{
    #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&gic>;
    model = "vdev guest"; compatible = "arm,vexpress";
    chosen {{ }};
    aliases {{ serial0 = "/uart@1c090000"; }};
    memory@80000000 {{ device_type = "memory"; reg = <0x80000000 {memory:#x}>; }};
    cpus {{ #address-cells = <1>; #size-cells = <0>;
        cpu@0 {{ device_type = "cpu"; compatible = "arm,cortex-a15"; reg = <0>; }}; }};
    timer {{ compatible = "arm,armv7-timer"; interrupts = <1 13 0xf08>, <1 14 0xf08>, <1 11 0xf08>, <1 10 0xf08>; }};
    gic: interrupt-controller@2c001000 {{ compatible = "arm,cortex-a15-gic"; interrupt-controller;
        #interrupt-cells = <3>; #address-cells = <0>; reg = <0x2c001000 0x1000>, <0x2c002000 0x2000>; }};
    clock24: clock-24m {{ compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <24000000>; }};
    supply: regulator-3v3 {{ compatible = "regulator-fixed"; regulator-name = "3V3";
        regulator-min-microvolt = <3300000>; regulator-max-microvolt = <3300000>; regulator-always-on; }};
{devices}
}};
'''

UART = '''    uart@1c090000 { compatible = "arm,pl011", "arm,primecell"; reg = <0x1c090000 0x1000>; interrupts = <0 5 4>;
        clocks = <&clock24>, <&clock24>; clock-names = "uartclk", "apb_pclk"; };
'''
CARD = '''    mmci@1c050000 { compatible = "arm,pl180", "arm,primecell"; reg = <0x1c050000 0x1000>;
        interrupts = <0 9 4>, <0 10 4>; clocks = <&clock24>, <&clock24>; clock-names = "mclk", "apb_pclk";
        max-frequency = <12000000>; vmmc-supply = <&supply>; non-removable; };
'''
VIRTIO = '''    virtio_mmio@{base:x} {{ compatible = "virtio,mmio"; reg = <{base:#x} 0x200>; interrupts = <0 {line} 1>; }};
'''


def write(arrangement, files, path):
    if arrangement.interface == "virtio":
        devices = "".join(VIRTIO.format(base=base, line=line) for _, _, base, _, line in arrangement.devices.values())
        frame = FRAME.replace('aliases {{ serial0 = "/uart@1c090000"; }};', "")
    else:
        devices, frame = UART + CARD, FRAME
    compile_tree(frame.format(memory=GUEST_MEMORY, devices=devices), path)
