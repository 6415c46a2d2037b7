#!/usr/bin/env bash
# Boots a Debian 12 with systemd in a container, installs Posthouse there as docs/operations.md tells, and checks what the
# units of packaging/systemd promise (checks.py). As root on Debian 12, whether systemd runs there or not:
#   tests/systemd/run.sh                  # everything; about two minutes the first time
#   tests/systemd/run.sh Sockets Reload   # only these classes of checks.py
# Environment: MIRROR (of Debian), KEEP=1 (leaves the container's folder for a look), BASE (a tarball: taken as the fresh
# Debian if it is there, made if it is not).
# The container has a network of its own with nothing but loopback. It and all its files are gone afterwards.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
packages=systemd,systemd-sysv,dbus,man-db,procps,iproute2,openssl,curl,swaks,python3
[ "$(id -u)" -eq 0 ] || { echo "run.sh: as root, please" >&2; exit 2; }

say() { echo "run.sh: $*" >&2; }
fail() { say "$*"; exit 1; }

install_missing() {
  local missing=()
  for package in debootstrap systemd-container; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing ${missing[*]}"
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; } \
    >"$work/apt.log" 2>&1 || { cat "$work/apt.log" >&2; fail "could not install ${missing[*]}"; }
}

mirror_of_this_machine() {
  apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep -m1 '/debian/*$' || echo http://deb.debian.org/debian
}

# The packages whose libraries the program is linked with.
libraries() {
  ldd "$project/build/release/posthouse" | awk '$3 ~ /^\// {print $3}' | while read -r file; do
    for name in "$file" "$(readlink -f "$file")" "/usr$file"; do
      dpkg-query -S "$name" 2>/dev/null | cut -d: -f1 && break
    done
  done | sort -u | paste -sd,
}

make_root() {
  mkdir -m 755 "$root"
  if [ -n "${BASE:-}" ] && [ -s "$BASE" ]; then
    tar -C "$root" -xf "$BASE"
  else
    say "making a fresh Debian 12"
    debootstrap --variant=minbase --include="$packages,$(libraries)" bookworm "$root" "${MIRROR:-$(mirror_of_this_machine)}" \
      >"$work/debootstrap.log" 2>&1 || { tail -20 "$work/debootstrap.log" >&2; fail "debootstrap failed"; }
    [ -z "${BASE:-}" ] || tar -C "$root" -cf "$BASE" .
  fi
  chmod 755 "$root"
  make --no-print-directory -C "$project" install DESTDIR="$root" >"$work/install.log" 2>&1 \
    || { tail -20 "$work/install.log" >&2; fail "make install failed"; }
  cp "$here/checks.py" "$root/root/checks.py"
}

inside() {
  nsenter -t "$leader" -a env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}

# The first process of the container: surely that one, for everything else is this machine itself.
find_leader() {
  leader=$(awk '{print $1}' "/proc/$nspawn/task/$nspawn/children" 2>/dev/null || true)
  [ -n "$leader" ] && [ "$(cat "/proc/$leader/comm" 2>/dev/null)" = systemd ] \
    && [ "$(awk '/^NSpid:/ {print $NF}' "/proc/$leader/status" 2>/dev/null)" = 1 ] \
    && cmp -s "/proc/$leader/root/root/checks.py" "$here/checks.py"
}

control_groups() {
  awk -v name="$(basename "$work")" '$3 == "cgroup2" || ($3 == "cgroup" && $4 ~ /name=systemd/) {print $2 "/" name}' /proc/mounts
}

enter_own_control_group() {
  local self=$BASHPID group
  for group in $(control_groups); do mkdir -p "$group" && echo "$self" >"$group/cgroup.procs"; done
}

leave_no_control_group() {
  local group
  for group in $(control_groups); do
    [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} +
  done
}

boot() {
  # Landlock's calls are not among those that systemd-nspawn 252 lets through.
  local options=(-D "$root" -b --private-network --register=no --console=pipe --link-journal=no
    --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self")
  # Without a systemd here there is nobody to ask for a scope: the container gets a control group that we make.
  [ -d /run/systemd/system ] || options+=(--keep-unit)
  (
    [ -d /run/systemd/system ] || enter_own_control_group
    exec setsid systemd-nspawn "${options[@]}"
  ) >>"$work/console.log" 2>&1 </dev/null &
  nspawn=$!
  for _ in $(seq 600); do
    kill -0 "$nspawn" 2>/dev/null || break
    if find_leader; then
      case $(inside systemctl is-system-running 2>/dev/null || true) in running | degraded) return ;; esac
    fi
    sleep 0.1
  done
  cat "$work/console.log" >&2
  fail "the container did not boot"
}

shut_down() {
  [ -n "$nspawn" ] && kill -0 "$nspawn" 2>/dev/null || return 0
  find_leader && kill -RTMIN+4 "$leader"  # systemd: power off
  for _ in $(seq 300); do kill -0 "$nspawn" 2>/dev/null || return 0; sleep 0.1; done
  kill -KILL "$nspawn"
}

finish() {
  status=$?
  shut_down || true
  leave_no_control_group || true
  if [ "${KEEP:-}" = 1 ]; then say "kept: $work"; else rm -rf --one-file-system "$work"; fi
  [ $status -eq 0 ] && say "all is well" || say "FAILED"
  exit $status
}

nspawn='' leader=''
work=$(mktemp -d "${TMPDIR:-/var/tmp}/posthouse-systemd-XXXXXX")
root=$work/root
trap finish EXIT
trap 'exit 130' INT TERM
chmod 755 "$work"

make --no-print-directory -C "$project" build >"$work/build.log" 2>&1 || { tail -20 "$work/build.log" >&2; fail "the build failed"; }
install_missing
make_root
boot
say "booted: systemd $(inside systemctl --version | awk 'NR == 1 {print $2}')"
inside python3 /root/checks.py "$@"
[ $# -eq 0 ] || exit 0
inside systemctl stop posthouse.service
inside systemctl enable --now posthouse.socket posthouse.service
say "booting again"
shut_down
boot
inside python3 /root/checks.py AfterReboot
