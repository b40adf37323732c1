"""A network namespace of one's own: no interface but loopback, and no sight of the other site's folder.

Only system calls (unshare(2), setns(2), mount(2)), so no tool is needed. Root needs CAP_SYS_ADMIN; anybody else
gets a user namespace around it, where the host allows that.
"""

import ctypes
import fcntl
import os
import pickle
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from devstack.errors import DevstackError, NamespaceUnavailableError

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_MS_REC = 16384
_MS_PRIVATE = 1 << 18
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1
_KINDS = {"user": _CLONE_NEWUSER, "net": _CLONE_NEWNET, "mnt": _CLONE_NEWNS}
_libc = ctypes.CDLL(None, use_errno=True)
T = TypeVar("T")


def isolate(*hidden: Path) -> None:
    """Move this process, and what it starts from now on, behind the gap; each folder of `hidden` looks empty.

    Raises NamespaceUnavailableError where the host or the container forbids it. Call it before any thread.
    """
    uid, gid = os.getuid(), os.getgid()
    kinds = _CLONE_NEWNET | _CLONE_NEWNS | (0 if uid == 0 else _CLONE_NEWUSER)
    try:
        _unshare(kinds)
        if uid != 0:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
            Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        _checked(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "mount")
        for folder in hidden:
            _checked(_libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"size=64k,mode=0700"), "mount")
        _bring_up("lo")
    except OSError as error:
        raise NamespaceUnavailableError(
            f"This host gives us no network namespace of our own ({error}). The gap can't be made real here: run as "
            "root with CAP_SYS_ADMIN (docker run --privileged), or where unprivileged user namespaces are allowed."
        ) from error


def entering(pid: int) -> Callable[[], None]:
    """A `preexec_fn` that moves a child into the namespaces of process `pid`."""
    own = {kind: os.stat(f"/proc/self/ns/{kind}").st_ino for kind in _KINDS}  # noqa: PTH116
    theirs = [kind for kind in _KINDS if os.stat(f"/proc/{pid}/ns/{kind}").st_ino != own[kind]]  # noqa: PTH116

    def enter() -> None:
        working = os.getcwd()  # noqa: PTH109 - a mount namespace takes one to its root
        files = [(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY), _KINDS[kind]) for kind in theirs]
        for file, kind in files:
            _checked(_libc.setns(file, kind), "setns")
            os.close(file)
        os.chdir(working)

    return enter


def call_inside(pid: int, function: Callable[..., T], *arguments: Any) -> T:
    """`function(*arguments)` in a forked child inside the namespaces of process `pid`; errors come back as errors."""
    enter = entering(pid)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            enter()
            said: tuple[bool, Any] = (True, function(*arguments))
        except Exception as error:
            said = (False, error)
        try:
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(pickle.dumps(said))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    if not answer:
        raise DevstackError(f"A child in the namespaces of process {pid} ended without an answer.")
    said_back: tuple[bool, Any] = pickle.loads(answer)  # noqa: S301 - written by our own child
    succeeded, value = said_back
    if not succeeded:
        raise value
    result: T = value
    return result


def network_interfaces() -> list[str]:
    """Names of the interfaces that this process sees."""
    return sorted(name for _, name in socket.if_nameindex())


def reaches(port: int) -> bool:
    """Whether this process can connect to `port` of the loopback address."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False


def _unshare(kinds: int) -> None:
    _checked(_libc.unshare(kinds), "unshare")


def _bring_up(interface: str) -> None:
    with socket.socket() as control:
        request = struct.pack("16sh14x", interface.encode(), 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", interface.encode(), flags | _IFF_UP))


def _checked(result: int, call: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{call}: {os.strerror(code)}")
