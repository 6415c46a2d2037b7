"""A mount namespace of a test's own."""
import os
import pathlib
import sys

INSIDE = "POSTHOUSE_TEST_NAMESPACE"


def propagation():
    """For `unshare --mount --propagation`: what a test mounts is its own. In a chroot whose root is no mount point nothing
    can be said of the root, so what surrounds the chroot decides."""
    with open("/proc/self/mountinfo") as mounts:
        root_is_mounted = any(line.split()[4] == "/" for line in mounts)
    return "private" if root_is_mounted else "unchanged"


def enter(module):
    """Call at the top of a test module: returns inside the namespace, as root (or through sudo), replaces the process
    outside."""
    if os.environ.get(INSIDE):
        return
    os.environ[INSIDE] = "yes"
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    keep = [f"{k}={v}" for k, v in os.environ.items() if k.isupper()]
    command = [*sudo, "env", *keep, "unshare", "--mount", "--propagation", propagation(), sys.executable, "-m", "unittest",
               "-v", module]
    os.chdir(pathlib.Path(__file__).resolve().parent)
    os.execvp(command[0], command)
