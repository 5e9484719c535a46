# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Debian packages that the build, the tests and the comparison need, and how they get here.
# Sourced by ./run; it is no program of its own, and fetches nothing for the guest (guest.py does).

# One line each, so that a diff shows what a change came to need. docs/dependencies.md says what for.
required_packages=(
    gcc
    libc6-dev
    pkg-config
    meson
    ninja-build
    check
    libfdt-dev
    liburing-dev
    libseccomp-dev
    device-tree-compiler
    linux-libc-dev
    gcc-arm-none-eabi
    linux-libc-dev-armhf-cross
    gcc-arm-linux-gnueabihf
    libc6-dev-armhf-cross
    qemu-system-arm
    qemu-system-x86
    python3
    dpkg-dev
)

# What a test or a bench is the better for, and goes without if it cannot be had.
optional_packages=(
    dpdk-dev
)

missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            echo "$package"
    done
}

# Installs what is missing as root; otherwise names the one line that does.
ensure_packages() {
    local missing package
    if ! command -v dpkg-query >/dev/null; then
        echo "run: this needs Debian 12: there is no dpkg-query here" >&2
        return 1
    fi
    mapfile -t missing < <(missing_packages "${required_packages[@]}")
    [ "${#missing[@]}" -eq 0 ] && return 0
    if [ "$(id -u)" -ne 0 ]; then
        echo "sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        return 1
    fi
    echo "setup: installing ${#missing[@]} Debian packages: ${missing[*]}"
    apt-get update || echo "setup: apt-get update failed in part; going on with what is known" >&2
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}" &&
        return 0
    # Which one could not be had: the same question to each by itself names it.
    for package in $(missing_packages "${required_packages[@]}"); do
        apt-get install --yes --no-install-recommends --download-only "$package" >/dev/null 2>&1 ||
            echo "run: package $package could not be fetched (no network?)" >&2
    done
    return 1
}

# As root, what is missing of the optional ones; a line if that does not work, and no failure.
ensure_optional_packages() {
    local missing
    mapfile -t missing < <(missing_packages "${optional_packages[@]}")
    [ "${#missing[@]}" -eq 0 ] && return 0
    if [ "$(id -u)" -eq 0 ]; then
        echo "setup: installing what some tests compare with: ${missing[*]}"
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
            "${missing[@]}" >/dev/null 2>&1 && return 0
        apt-get update >/dev/null 2>&1
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
            "${missing[@]}" >/dev/null 2>&1 && return 0
    fi
    echo "setup: going on without ${missing[*]}: what compares with it is left out"
}
