#!/bin/sh
# Runs a test with its temporary files in memory, where there is room: flushes cost nothing there.
room=$(df --output=avail -k /dev/shm 2>/dev/null | tail -1)
[ -w /dev/shm ] && [ "${room:-0}" -ge 2097152 ] && export TMPDIR=/dev/shm
exec "$@"
