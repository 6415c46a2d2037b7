"""A disk whose power can be cut: an ext4 file system in a file. What was not flushed before the cut is gone after it."""
import fcntl
import os
import pathlib
import signal
import struct
import subprocess
import time

from posthouse import wait_until

MIB = 1 << 20
SHUTDOWN = 0x8004587D     # EXT4_IOC_SHUTDOWN
WITHOUT_THE_LOG = 2       # EXT4_GOING_FLAGS_NOLOGFLUSH: not even the file system's own journal is brought to the disk


def state_of(thread):
    """The letter that proc(5) has for it."""
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]


class Disk:
    """Only root can make one; it is seen in the mount namespace of the test."""

    def __init__(self, where, mebibytes):
        self.image, self.path = pathlib.Path(f"{where}/disk.img"), pathlib.Path(f"{where}/disk")
        self.path.mkdir(parents=True)
        with open(self.image, "wb") as image:
            image.truncate(mebibytes * MIB)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)
        self.mount()

    def mount(self):
        """The file system's own journal is replayed here. By itself the kernel writes nothing for five minutes."""
        subprocess.run(["mount", "-o", "loop,commit=300", self.image, self.path], check=True)

    def start_machine(self):
        """What is on the disk is older than the start of a machine, as after any power cut."""
        with open("/proc/uptime") as uptime:
            before = time.time() - float(uptime.read().split()[0]) - 60
        for folder, _, files in os.walk(self.path):
            for name in files:
                if name.endswith(".lock"):
                    os.utime(pathlib.Path(folder, name), (before, before))

    def unmount(self):
        subprocess.run(["umount", self.path], check=True)

    def cut(self, processes):
        """Cuts the power and ends the processes, which must be all that use the disk. They are stopped first, each of their
        threads between two calls of the system: to a flush that is under way while the power goes, Linux may answer that all
        went well."""
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        wait_until(lambda: all(state_of(thread) == "T" for process in processes
                               for thread in pathlib.Path(f"/proc/{process}/task").iterdir()), what="the stop")
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(folder, SHUTDOWN, struct.pack("I", WITHOUT_THE_LOG))
        finally:
            os.close(folder)
            for process in processes:
                os.kill(process, signal.SIGKILL)

    def remove(self):
        subprocess.run(["umount", "--lazy", self.path], stderr=subprocess.DEVNULL)
        self.image.unlink()
        self.path.rmdir()
