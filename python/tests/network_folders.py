"""One folder as several machines see it: a server's, mounted once for each by FUSE.

Each mount has caches of its own, as machines have, of names and attributes as well.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server")
CACHED = "dcache_timeout=1,dcache_stat_timeout=1,attr_timeout=1,entry_timeout=1"
BRICK = """
volume files
    type storage/posix
    option directory {served}
end-volume
volume locked
    type features/locks
    subvolumes files
end-volume
volume served
    type protocol/server
    option transport-type tcp
    option transport.socket.bind-address 127.0.0.1
    option transport.socket.listen-port {port}
    option auth.addr.locked.allow 127.0.0.1
    subvolumes locked
end-volume
"""
VIEW = """
volume there
    type protocol/client
    option transport-type tcp
    option remote-host 127.0.0.1
    option remote-port {port}
    option remote-subvolume locked
end-volume
volume cached
    type performance/md-cache
    option md-cache-timeout 1
    subvolumes there
end-volume
"""


@contextmanager
def by_sshfs(served: Path, mounts: list[Path]) -> Iterator[None]:
    """An SFTP server for each mount; skips the test where there is no sshfs."""
    server = next(filter(shutil.which, SERVERS), None)
    if server is None or not shutil.which("sshfs"):
        pytest.skip("needs sshfs and openssh-sftp-server")
    with ExitStack() as ends:
        for mount in mounts:
            ours, theirs = socket.socketpair()
            pipes = {"stdin": ours, "stdout": ours}
            ends.enter_context(running([server], **pipes))
            view = ["sshfs", f":{served}", str(mount), "-f", "-o", f"passive,{CACHED}"]
            pipes = {"stdin": theirs, "stdout": theirs}
            ends.enter_context(mounted(view, mount, **pipes))
            ours.close()
            theirs.close()
        yield


@contextmanager
def by_gluster(served: Path, mounts: list[Path]) -> Iterator[None]:
    """A server at 127.0.0.1 alone; skips the test where there is no GlusterFS."""
    if not shutil.which("glusterfsd"):
        pytest.skip("needs glusterfs-server and glusterfs-client")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    files = []
    for text in (BRICK, VIEW):
        files.append(served.with_name(f"{len(files)}.vol"))
        files[-1].write_text(text.format(served=served, port=port))
    log = ["-N", "-l", str(served.with_name("gluster.log"))]
    with ExitStack() as ends:
        server = ["glusterfsd", "-f", str(files[0]), *log]
        ends.enter_context(running(server))
        wait_for_the_server(port)
        for mount in mounts:
            view = ["glusterfs", "-f", str(files[1]), *log, str(mount)]
            ends.enter_context(mounted(view, mount))
        yield


def wait_for_the_server(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > until:
                pytest.skip("the server does not start here")
            time.sleep(0.05)


@contextmanager
def mounted(command: list[str], mount: Path, **options) -> Iterator[None]:
    with running(command, **options) as process:
        until = time.monotonic() + 20
        while not mount.is_mount():
            if process.poll() is not None or time.monotonic() > until:
                pytest.skip(f"{command[0]} cannot mount here")
            time.sleep(0.05)
        try:
            yield
        finally:
            subprocess.run(["umount", "-l", str(mount)], check=False)


@contextmanager
def running(command: list[str], **options) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
