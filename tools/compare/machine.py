# SPDX-License-Identifier: BSD-2-Clause
"""The machine of every arrangement: QEMU's command line, in this one place, the same on every run.

It starts nothing; boot.py does.
"""

import os
import subprocess

# What makes two runs agree: time is counted in instructions, and an idle guest's jumps to its next
# timer at once. Not so where a server on the other side works in the host's time: there the guest's
# timers would ring and its transmissions be repeated while the answer is on its way, in no time but
# for many instructions. With "sleep" an idle guest waits as long as the answer takes.
FLAGS = (
    "-M",
    "vexpress-a15,secure=off,virtualization=on",
    "-m",
    "1024",
    "-smp",
    "1",
    "-rtc",
    "base=2026-01-01,clock=vm",
    "-global",
    "virtio-mmio.force-legacy=false",
    "-nodefaults",
    "-display",
    "none",
    "-monitor",
    "none",
    "-no-reboot",
)


def time_flags(sleep):
    return ("-icount", f"shift=0,sleep={'on' if sleep else 'off'}")


# The board has a sound device, which needs none of the host's.
ENVIRONMENT = dict(os.environ, QEMU_AUDIO_DRV="none")

# An idle virtio-mmio slot's register: see the marks in setup/init.
MARK_REGISTER = 0x1C130614

INTERRUPT_CONTROLLER = 0x2C001000

# Physical addresses that the hypervisor's image expects things at.
DESCRIPTION_ADDRESS = 0x88000000
DRIVER_ADDRESS = 0x89000000
KERNEL_ADDRESS = 0x8A000000
INITRD_ADDRESS = 0x8C000000
GUEST_MEMORY = 256 << 20
DRIVER_MEMORY = 2 << 20
# Where Linux finds things on the board itself: kernel and tree as in bench/native/native.S.
NATIVE_MEMORY = (0x80000000, 1024 << 20)
NATIVE_KERNEL, NATIVE_TREE, NATIVE_INITRD = 0x84000000, 0x88000000, 0x8A000000

# The network controller's address, and so the guest's.
MAC_ADDRESS = "52:54:00:12:34:56"
# QEMU's user network: nothing outside this machine is needed, and nothing outside sees it.
NETWORK = ("-netdev", "user,id=net,ipv6=off")

BOARD = {
    "console": ("arm,pl011", "pl011", 0x1C090000, 0x1000, 5),
    "disk": ("arm,pl181", "pl181", 0x1C050000, 0x1000, 9),
    "net": ("smsc,lan9118", "lan9118", 0x1A000000, 0x1000, 15),
}
# Devices of a BeagleBoard, in a machine that is none: Linux's own drivers take them as they are.
OMAP3 = {
    "console": BOARD["console"],
    "second-console": ("ti,omap3-uart", "omap3-uart-2", 0x49020000, 0x1000, 50),
    "gpio": ("ti,omap3-gpio", "omap3-gpio", 0x49056000, 0x1000, 51),
}
VIRTIO = {
    "console": ("virtio,mmio", "virtio-console", 0x1C130000, 0x200, 40),
    "disk": ("virtio,mmio", "virtio-block", 0x1C130200, 0x200, 41),
    "net": ("virtio,mmio", "virtio-net", 0x1C130400, 0x200, 42),
}
# A machine that is a BeagleBoard to its guest, as far as that looks: what stands in every
# arrangement, and the console and the disk, by the board's devices or by virtio.
BEAGLE_ALWAYS = {
    "timer": ("ti,omap3430-timer", "omap3-gptimer", 0x48318000, 0x1000, 37),
    "counter": ("ti,omap-counter32k", "omap3-counter", 0x48320000, 0x1000, None),
    "gpio": ("ti,omap3-gpio", "omap3-gpio", 0x48310000, 0x1000, 29),
    "gpio-2": ("ti,omap3-gpio", "omap3-gpio-2", 0x49056000, 0x1000, 33),
    "clocks": ("ti,omap3-cm", "omap3-cm", 0x48004000, 0x2000, None),
    "power": ("ti,omap3-prm", "omap3-prm", 0x48306000, 0x2000, None),
}
BEAGLE = {
    "console": ("ti,omap3-uart", "omap3-uart", 0x49020000, 0x1000, 74),
    "disk": ("ti,omap3-hsmmc", "omap3-hsmmc", 0x4809C000, 0x1000, 83),
    **BEAGLE_ALWAYS,
}
BEAGLE_VIRTIO = {
    "console": ("virtio,mmio", "virtio-console", 0x4A100000, 0x200, 74),
    "disk": ("virtio,mmio", "virtio-block", 0x4A100200, 0x200, 83),
    **BEAGLE_ALWAYS,
}


# Where the real drivers of shared devices are: in the hypervisor, in one driver VM for all, or in one
# for each.
PLACEMENTS = ("hypervisor", "driver-vm", "driver-vms")


class Arrangement:
    """One boot: which guest, who has the devices, which interface the guest sees of them, and where
    the drivers of those are that it shares."""

    def __init__(
        self, name, title, interface, virtualized, devices, guest="linux", placement="hypervisor"
    ):
        self.name, self.title, self.interface = name, title, interface
        self.virtualized, self.devices, self.guest = virtualized, devices, guest
        self.placement = placement if name in ("pure", "para") else "none"

    @property
    def has_driver_vms(self):
        return self.placement in PLACEMENTS[1:]

    def interface_of(self, device):
        """As the report calls it: `device` is the report's word, console or block."""
        compatible = self.devices["disk" if device == "block" else device][0]
        return "virtio-mmio" if compatible == "virtio,mmio" else compatible.partition(",")[2]

    def of_device(self, compatible):
        """How the hypervisor is to supply a device: what nobody compares is always emulated."""
        others = [device[0] for device in BEAGLE_ALWAYS.values()]
        return "pure" if self.guest == "beagle" and compatible in others else self.name

    def boot_arguments(self, work, server=None):
        """The kernel's command line. The marks go to a page in which drivers have claimed
        registers, and only iomem=relaxed lets devmem map that. The kernel's own console is never
        hvc0: as such it would take a ^O of the work for its SysRq key."""
        console, disk = ("hvc0", "vda") if self.interface == "virtio" else ("ttyAMA0", "mmcblk0")
        counted = "" if self.virtualized else " vdev.count=yes"
        network = f" vdev.server={server}{counted}" if server else ""
        return (
            f"console=ttyAMA0 quiet loglevel=1 panic=-1 iomem=relaxed mem={GUEST_MEMORY >> 20}M "
            f"vdev.console={console} vdev.disk={disk} vdev.second-console=ttyO1 "
            f"vdev.work={','.join(work)}{network}"
        )


ARRANGEMENTS = {
    "native-board": Arrangement("native", "native-board", "board", False, BOARD),
    "native-virtio": Arrangement("native", "native-virtio", "virtio", False, VIRTIO),
    "vm-owned": Arrangement("vm-owned", "vm-owned", "board", True, BOARD),
    "pure": Arrangement("pure", "pure", "board", True, BOARD),
    "para": Arrangement("para", "para", "virtio", True, VIRTIO),
    "beagle-pure": Arrangement("pure", "beagle-pure", "board", True, BEAGLE, "beagle"),
    "beagle-para": Arrangement("para", "beagle-para", "virtio", True, BEAGLE_VIRTIO, "beagle"),
    **{
        f"{name}-{placement}": Arrangement(
            *(name, f"{name}-{placement}", interface, True, devices), placement=placement
        )
        for name, interface, devices in (("pure", "board", BOARD), ("para", "virtio", VIRTIO))
        for placement in PLACEMENTS[1:]
    },
    # No part of the comparison, which has nothing native to hold it against: for ./run test.
    "omap3": Arrangement("pure", "omap3", "board", True, OMAP3),
}


class Files:
    """Where the build has put what a boot needs."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.kernel = os.path.join(self.build, "guest", "zImage")
        self.initrd = os.path.join(self.build, "guest", "initramfs.cpio.gz")
        self.hypervisor = os.path.join(self.build, "arm", "hyp", "hyp.elf")
        self.native = os.path.join(self.build, "arm", "bench", "native", "native.elf")
        self.bench, self.switch, self.partner = (
            os.path.join(self.build, "arm", "bench", "guest", f"{name}.bin")
            for name in ("entries", "switch", "switch-partner")
        )
        self.hostile = os.path.join(self.build, "arm", "tests", "guest", "hostile.bin")
        self.machines = os.path.join(self.build, "arm", "tests", "machines", "machines.bin")
        self.driver = os.path.join(self.build, "arm", "images", "driver", "driver.bin")
        self.network_initrd = os.path.join(self.build, "guest", "network.cpio.gz")
        self.filter = os.path.join(self.build, "host", "tools", "compare", "trace-filter")
        self.guest_tree = os.path.join(self.build, "host", "tools", "guest-tree")

    def beagle(self, arrangement):
        """The bare-metal image that is the whole guest."""
        return os.path.join(self.build, "arm", "images", "beagle", f"{arrangement.title}.bin")

    def missing(self, arrangement):
        """The first file that a boot of this arrangement needs and that is not there, or None."""
        if arrangement.guest == "beagle":
            needed = [self.beagle(arrangement)]
        else:
            needed = [self.kernel, self.initrd, self.filter]
        needed += [self.hypervisor] if arrangement.virtualized else [self.guest_tree, self.native]
        needed += [self.driver] if arrangement.has_driver_vms else []
        return next((path for path in needed if not os.path.exists(path)), None)


def compile_tree(text, path):
    """Writes a device tree, given as source, in its binary form."""
    result = subprocess.run(
        ["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", path, "-"],
        input=text.encode(),
        stderr=subprocess.PIPE,
    )
    if result.returncode:
        raise RuntimeError(f"dtc refused {path}: {result.stderr.decode(errors='replace').strip()}")


def _node(name, device, arrangement, more=""):
    compatible, _, base, size, interrupt = device
    line = "" if interrupt is None else f" interrupts = <{interrupt}>;"
    return f"""
        {name} {{ compatible = "{compatible}"; arrangement = "{arrangement}";
            reg = <{base:#x} {size:#x}>;{line}{more} }};"""


def _vm(number, properties, nodes):
    return f"""
    vm@{number} {{ reg = <{number} 0>; #address-cells = <1>; #size-cells = <1>;
        {properties}{nodes}
    }};"""


def source(machines, measure=False):
    """A system description's source. With `measure` the hypervisor finds its longest path, which
    slows it down."""
    more = " measure-longest;" if measure else ""
    return f"""/dts-v1/;
/ {{ compatible = "vdev,system"; #address-cells = <1>; #size-cells = <1>;{more}{"".join(machines)}
}};
"""


def _drivers(arrangement, nodes, driver_size):
    """The driver VMs of these devices, and for each device the name of its own."""
    together = arrangement.placement == "driver-vm"
    of = {node: 1 if together else 1 + index for index, node in enumerate(nodes)}
    machines = [
        _vm(
            number,
            f'machine = "driver"; priority = <1>; memory = <{DRIVER_MEMORY:#x}>; bootargs = "";'
            f" kernel = <{DRIVER_ADDRESS:#x} {driver_size:#x}>;",
            "".join(_node(node, BOARD[node], "vm-owned") for node in nodes if of[node] == number),
        )
        for number in sorted(set(of.values()))
    ]
    return machines, {node: f"vm@{number}" for node, number in of.items()}


def description(arrangement, kernel_size, initrd_size, bootargs, work, driver_size=0, measure=False):
    """What the hypervisor is told, as device tree source; examples/systems/ explains every
    property. The guest has a network if it has work to do there, and driver VMs what it uses."""
    network = "net" in work or "shell" in work
    present = [node for node in arrangement.devices if node != "net" or network]
    drivers, driver_of = [], {}
    if arrangement.has_driver_vms:
        drivers, driver_of = _drivers(arrangement, present, driver_size)
    nodes = ""
    for node in present:
        device, more = arrangement.devices[node], ""
        if node == "net":
            more += f" local-mac-address = [{MAC_ADDRESS.replace(':', ' ')}];"
        if node in driver_of:
            more += f' driver-vm = "{driver_of[node]}";'
        nodes += _node(node, device, arrangement.of_device(device[0]), more)
    properties = f'memory = <{GUEST_MEMORY:#x}>; bootargs = "{bootargs}";'
    properties += f" kernel = <{KERNEL_ADDRESS:#x} {kernel_size:#x}>;"
    if arrangement.guest != "linux":
        properties = f'machine = "{arrangement.guest}"; {properties}'
    if initrd_size:
        properties += f" initrd = <{INITRD_ADDRESS:#x} {initrd_size:#x}>;"
    return source([_vm(0, properties, nodes), *drivers], measure)


def bare_source(images, devices=(), measure=False):
    """The same of bare-metal guests, one for each image, given with its address; the first has the
    devices, as name, device and arrangement."""
    machines = [
        _vm(
            number,
            f'memory = <{GUEST_MEMORY:#x}>; bootargs = "";'
            f" kernel = <{address:#x} {os.path.getsize(path):#x}>;",
            "".join(_node(*each) for each in devices) if number == 0 else "",
        )
        for number, (path, address) in enumerate(images)
    ]
    return source(machines, measure)


def _load(path, address):
    return ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]


def _native(arrangement, files, directory, bootargs):
    """The part of the command line that starts Linux on the board itself."""
    tree = os.path.join(directory, "guest.dtb")
    subprocess.run(
        [
            *(files.guest_tree, "--native", "-o", tree, "--bootargs", bootargs),
            *("--interface", "virtio" if arrangement.interface == "virtio" else "pl"),
            *("--memory", *(hex(number) for number in NATIVE_MEMORY)),
            *("--initrd", hex(NATIVE_INITRD), str(os.path.getsize(files.initrd))),
        ],
        check=True,
    )
    return [
        *("-kernel", files.native),
        *_load(files.kernel, NATIVE_KERNEL),
        *_load(tree, NATIVE_TREE),
        *_load(files.initrd, NATIVE_INITRD),
    ]


def command(
    arrangement,
    files,
    directory,
    console,
    trace,
    work,
    disk,
    kernel=None,
    second=None,
    server=None,
    measure=False,
):
    """QEMU's command line. `console` is a character device's type and options, `second` too, of the
    second console, or None; `trace` a descriptor that QEMU inherits or None; `kernel` replaces
    Linux; `server` is the address and port, as the guest sees them, of the network's other side;
    with `measure` the hypervisor finds its longest path."""
    arguments = ["qemu-system-arm", *FLAGS, *time_flags("net" in work), *NETWORK]
    kind, _, options = console.partition(",")
    arguments += ["-chardev", ",".join(filter(None, (kind, "id=console", options)))]
    if trace is not None:
        arguments += ["-trace", "memory_region_ops_*", "-D", f"/dev/fd/{trace}"]
    bootargs = arrangement.boot_arguments(work, server)
    drive = f"file={disk},format=raw,cache=writeback"
    if arrangement.interface == "virtio" and not arrangement.virtualized:
        arguments += [
            "-serial",
            f"file:{directory}/serial.log",
            "-device",
            "virtio-serial-device,bus=virtio-mmio-bus.0",
            "-device",
            "virtconsole,chardev=console",
            "-drive",
            f"if=none,id=disk,{drive}",
            "-device",
            "virtio-blk-device,drive=disk,bus=virtio-mmio-bus.1",
            "-device",
            f"virtio-net-device,netdev=net,mac={MAC_ADDRESS},bus=virtio-mmio-bus.2",
        ]
    else:
        arguments += ["-serial", "chardev:console", "-drive", f"if=sd,{drive}"]
        arguments += ["-net", f"nic,model=lan9118,netdev=net,macaddr={MAC_ADDRESS}"]
    if not arrangement.virtualized:
        return arguments + _native(arrangement, files, directory, bootargs)
    if arrangement.guest == "beagle":
        kernel = files.beagle(arrangement)
    image = kernel or files.kernel
    tree = os.path.join(directory, "system.dtb")
    compile_tree(
        description(
            arrangement,
            os.path.getsize(image),
            0 if kernel else os.path.getsize(files.initrd),
            bootargs,
            work,
            os.path.getsize(files.driver) if arrangement.has_driver_vms else 0,
            measure,
        ),
        tree,
    )
    arguments += ["-serial", f"file:{directory}/hypervisor.log", "-kernel", files.hypervisor]
    if second:
        kind, _, options = second.partition(",")
        arguments += ["-chardev", ",".join(filter(None, (kind, "id=second", options)))]
        arguments += ["-serial", "chardev:second"]
    arguments += _load(tree, DESCRIPTION_ADDRESS) + _load(image, KERNEL_ADDRESS)
    if not kernel:
        arguments += _load(files.initrd, INITRD_ADDRESS)
    if arrangement.has_driver_vms:
        arguments += _load(files.driver, DRIVER_ADDRESS)
    return arguments


def system_command(files, tree, images, serials, disk, network, sleep):
    """QEMU's command line for a system of any number of machines: `tree` is the description's blob,
    `images` the files that it names and their addresses, `serials` the character devices of the
    board's UARTs, as type and options. Without `network` the machines reach only each other."""
    arguments = ["qemu-system-arm", *FLAGS, *time_flags(sleep)]
    for index, serial in enumerate(serials):
        kind, _, options = serial.partition(",")
        arguments += ["-chardev", ",".join(filter(None, (kind, f"id=serial{index}", options)))]
        arguments += ["-serial", f"chardev:serial{index}"]
    arguments += [*NETWORK[:-1], NETWORK[-1] + ("" if network else ",restrict=on")]
    arguments += ["-net", f"nic,model=lan9118,netdev=net,macaddr={MAC_ADDRESS}"]
    arguments += ["-drive", f"if=sd,file={disk},format=raw,cache=writeback"]
    arguments += ["-kernel", files.hypervisor] + _load(tree, DESCRIPTION_ADDRESS)
    for path, address in images:
        arguments += _load(path, address)
    return arguments
