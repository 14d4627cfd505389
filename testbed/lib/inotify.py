"""The little of Linux's inotify that the heartbeat monitor needs; Python's library has none."""

import ctypes
import os
import struct

IN_MODIFY, IN_CREATE, IN_DELETE = 0x2, 0x100, 0x200
_EVENT = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


class Watcher:
    """Tells which files of the watched folders were written to, made or deleted."""

    def __init__(self):
        self.handle = _check(_libc.inotify_init1(os.O_CLOEXEC))
        self.folders = {}

    def watch(self, folder):
        """Watches a folder; watching it again does nothing."""
        number = _check(_libc.inotify_add_watch(self.handle, os.fsencode(folder), IN_MODIFY | IN_CREATE | IN_DELETE))
        self.folders[number] = folder

    def wait(self):
        """Blocks until something happens; returns {path: union of event bits}."""
        data, at, changed = os.read(self.handle, 1 << 16), 0, {}
        while at < len(data):
            number, bits, _, length = _EVENT.unpack_from(data, at)
            name = os.fsdecode(data[at + _EVENT.size:at + _EVENT.size + length].rstrip(b"\0"))
            at += _EVENT.size + length
            if number in self.folders:
                path = os.path.join(self.folders[number], name)
                changed[path] = changed.get(path, 0) | bits
        return changed


def _check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
