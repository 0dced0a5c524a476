"""The writers of the package: files and directories appear whole or not at all.

Everything is made in a directory ``.unfinished-…`` on the target's file system, flushed
to the disk and renamed. That directory is locked while its process lives, so what a
killed one leaves is told from what another one writes, and goes with the next write.
Files and directories get the permissions that the process's umask leaves.
"""

from vaccine_swift.files.directories import (
    new_directory,
    remove_directory,
    remove_stale,
    settle,
    staged_files,
)
from vaccine_swift.files.writing import (
    append_line,
    new_file,
    write_bytes,
    write_json,
    write_tensors,
    write_text,
)

__all__ = [
    "append_line",
    "new_directory",
    "new_file",
    "remove_directory",
    "remove_stale",
    "settle",
    "staged_files",
    "write_bytes",
    "write_json",
    "write_tensors",
    "write_text",
]
