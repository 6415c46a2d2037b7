#!/usr/bin/env bash
# Installs what Posthouse needs from Debian 12's packages; installs nothing that is there already.
#   scripts/install-deps.sh build    compiler, libraries: enough for `make build` and `make run`
#   scripts/install-deps.sh test     the same, plus the clients, peers and tools that the tests use
#   scripts/install-deps.sh list SET prints the package names
# As root, or as a user with sudo. No service is started: newly installed servers are only test peers.
set -euo pipefail

build_packages=(
  ca-certificates git make cmake ninja-build ccache mold pkg-config g++-12 python3
  libboost1.81-dev libssl-dev librocksdb-dev libunbound-dev libicu-dev libidn2-dev libpsl-dev libgsasl-dev
  libargon2-dev libcrypt-dev libtomlplusplus-dev libcli11-dev libspdlog-dev libfmt-dev prometheus-cpp-dev
  libseccomp-dev libcap-dev libxxhash-dev libzstd-dev zlib1g-dev
  libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev
)
test_packages=(
  clang-19 clang-format-19 libclang-rt-19-dev llvm-19
  swaks libnet-ssleay-perl msmtp isync mutt curl openssl procps iproute2 bsdutils strace e2fsprogs mount
  libgmime-3.0-dev nsd ldnsutils postfix dovecot-core dovecot-imapd dovecot-lmtpd dovecot-pop3d procmail maildrop fetchmail mpop getmail6 fail2ban
  offlineimap3 neomutt alpine xz-utils poppler-utils libarchive-tools catdoc
)
# Some builds of nodejs bring npm themselves, and can't be installed beside Debian's.
command -v npm >/dev/null || test_packages+=(nodejs npm)

set_name=${1:-build}
case $set_name in
  build) wanted=("${build_packages[@]}") ;;
  test) wanted=("${build_packages[@]}" "${test_packages[@]}") ;;
  list)
    case ${2:-test} in
      build) printf '%s\n' "${build_packages[@]}" ;;
      *) printf '%s\n' "${build_packages[@]}" "${test_packages[@]}" ;;
    esac
    exit 0 ;;
  *) sed -n '2,7p' "$0" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "posthouse: all ${#wanted[@]} packages for '$set_name' are installed"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "posthouse: root or sudo is needed to install: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi

# While this runs, package scripts must not start the servers that they bring.
guard=/usr/sbin/policy-rc.d
made_guard=no
if [ ! -e $guard ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $guard >/dev/null
  "${as_root[@]}" chmod 755 $guard
  made_guard=yes
fi
cleanup() { [ $made_guard = no ] || "${as_root[@]}" rm -f $guard; }
trap cleanup EXIT

echo "posthouse: installing ${#missing[@]} packages: ${missing[*]}"
run_apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Progress-Fancy=0 \
    -o APT::Color=0 "$@"
}
run_apt update -q
if printf '%s\n' "${missing[@]}" | grep -qx postfix && command -v debconf-set-selections >/dev/null; then
  echo "postfix postfix/main_mailer_type select No configuration" | "${as_root[@]}" debconf-set-selections
fi
run_apt install -q -y --no-install-recommends "${missing[@]}"

# The peers are for tests in folders of their own: they shall not come up at the next boot either.
if [ -d /run/systemd/system ]; then
  for service in nsd postfix dovecot fail2ban; do
    if printf '%s\n' "${missing[@]}" | grep -q "^$service"; then
      "${as_root[@]}" systemctl disable --quiet "$service" 2>/dev/null || true
    fi
  done
fi
echo "posthouse: installed"
