#!/bin/sh
# Installs what the build needs of Debian (Python headers and venv, OpenBLAS) where it is missing,
# and says what to do where it cannot. Usage: install_requirements.sh PYTHON
set -eu

python=$1
packages=

fail() {
    echo "vaccine-swift: $1" >&2
    exit 1
}

command -v swift >/dev/null || fail \
    "Swift was not found: install a toolchain, 6.3 or later (swift.org/install), and put swift on PATH"

if ! command -v "$python" >/dev/null; then
    packages="python3 python3-dev python3-venv"
else
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail \
        "Python 3.11 or later is needed, $python is older: run make with PYTHON=/path/of/a/newer/one"
    "$python" -c 'import os, sysconfig, sys
sys.exit(not os.path.exists(sysconfig.get_paths()["include"] + "/Python.h"))' ||
        packages="$packages python3-dev"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || packages="$packages python3-venv"
fi
if ! find /usr/include /usr/local/include -name cblas.h 2>/dev/null | grep -q . ||
    ! find /usr/lib /usr/lib64 /usr/local/lib -name 'libopenblas.*' 2>/dev/null | grep -q .; then
    packages="$packages libopenblas-dev"
fi
[ -n "$packages" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    root=
elif sudo -n true 2>/dev/null; then
    root="sudo -n"
else
    fail "these packages are missing: run  sudo apt-get install $packages"
fi
command -v apt-get >/dev/null || fail \
    "these are missing (by their names in Debian), install them with your package manager: $packages"
export DEBIAN_FRONTEND=noninteractive
$root apt-get update -qq
# shellcheck disable=SC2086
$root apt-get install -qq -y --no-install-recommends $packages
