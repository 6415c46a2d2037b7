"""A mount namespace of a test's own."""


def propagation():
    """For `unshare --mount --propagation`: what a test mounts is its own. In a chroot whose root is no mount point nothing
    can be said of the root, so what surrounds the chroot decides."""
    with open("/proc/self/mountinfo") as mounts:
        root_is_mounted = any(line.split()[4] == "/" for line in mounts)
    return "private" if root_is_mounted else "unchanged"
