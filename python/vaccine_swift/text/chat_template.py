"""Chat templates, rendered apart within bounds of time and size.

Reference: transformers, ``utils/chat_template_utils.py``.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vaccine_swift.files.plain_json import plain
from vaccine_swift.text.chat_template_worker import (
    PATIENCE,
    read_message,
    write_message,
)

__all__ = ["SECONDS", "named_templates", "render_chat"]

SECONDS: Final = 10
"""Longest time of one rendering, of the processor."""

_REASONING: Final = ("reasoning_content", "thinking", "reasoning")


def named_templates(templates: object) -> dict[str, str]:
    """The templates of a tokeniser's configuration by name; a single one is "default".

    Raises
    ------
    ValueError
        When the default or the one for tools is no string.
    """
    if isinstance(templates, list):
        templates = {
            entry.get("name"): entry.get("template")
            for entry in templates
            if isinstance(entry, Mapping)
        }
    if not isinstance(templates, Mapping):
        templates = {"default": templates}
    named = {str(name): text for name, text in templates.items() if text is not None}
    for name in ("default", "tool_use"):
        if not isinstance(named.get(name, ""), str):
            raise ValueError(f"chat_template must be a string, got {named[name]!r}")
    return {name: text for name, text in named.items() if isinstance(text, str)}


def render_chat(
    template: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    add_generation_prompt: bool,
    tools: Sequence[Any] | None,
    variables: Mapping[str, Any],
) -> str:
    """A conversation as the text that the model was trained on.

    The template runs in a process of its own, which has 10 s of the processor, 1 GiB of
    memory and 67 million characters at most.

    Parameters
    ----------
    template : str
        Jinja source.
    messages : sequence of mapping
        Each with ``role`` and ``content``.
    add_generation_prompt : bool
        Whether the text ends with the opening of an assistant's turn.
    tools : sequence or None
        What the assistant may call, as JSON schemas.
    variables : mapping
        ``bos_token``, ``eos_token``, … and what else the template asks for.

    Raises
    ------
    TypeError
        When `messages` is no sequence of mappings.
    ValueError
        When the template is not valid, refuses the messages, or exceeds a bound.
    OSError
        When no process can be started.
    """
    if isinstance(messages, (str, Mapping)) or not all(
        isinstance(message, Mapping) for message in messages
    ):
        raise TypeError(
            "messages must be a list of dicts with 'role' and 'content', "
            f"got {messages!r}"
        )
    given = {
        "messages": [_with_reasoning(message) for message in messages],
        "tools": tools,
        "documents": None,
        "add_generation_prompt": add_generation_prompt,
    }
    request = {
        "template": template,
        "variables": plain({**variables, **given}),
        "seconds": SECONDS,
    }
    reply = _WORKER.ask(request)
    if "error" in reply:
        raise ValueError(f"chat_template: {reply['error']}")
    return reply["text"]


def _with_reasoning(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message whose reasoning has all the names that templates know it by."""
    given = [message[name] for name in _REASONING if message.get(name) is not None]
    if not given:
        return dict(message)
    return {"thinking": given[0], **message, "reasoning_content": given[0]}


class _Worker:
    """The process that renders: started at need, one request at a time."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def forget(self) -> None:
        """Begin anew, as a child after a fork must: the process is its parent's."""
        if self._process is not None:
            self._process.returncode = 0  # not to be waited for here
        self._turn = threading.Lock()
        self._process = None

    def ask(self, request: Any) -> dict[str, str]:
        """The answer to a request; the process is ended when it does not come."""
        with self._turn, self._whole():
            process = self._running()
            reply = None
            with contextlib.suppress(BrokenPipeError):
                assert process.stdin is not None
                write_message(process.stdin, request)
                end = time.monotonic() + PATIENCE * SECONDS
                reply = read_message(_Pipe(process, end).read)
            if reply is None:
                self.stop()
                if process.returncode == -signal.SIGPROF:
                    raise TimeoutError
                reply = {"error": "ended the process that renders it"}
            return reply

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """End the process where an exchange is broken off, by Ctrl-C or by time."""
        try:
            yield
        except TimeoutError:
            self.stop()
            raise ValueError(f"chat_template: takes longer than {SECONDS} s") from None
        except BaseException:
            self.stop()
            raise

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.stop()
            script = Path(__file__).with_name("chat_template_worker.py")
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ
                | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # Ctrl-C is the caller's
            )
        return self._process

    def stop(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()


class _Pipe:
    """The output of a process, read until a moment."""

    def __init__(self, process: subprocess.Popen[bytes], end: float) -> None:
        assert process.stdout is not None
        self._file = process.stdout.fileno()
        self._end = end

    def read(self, size: int) -> bytes:
        """So many bytes, fewer where the process has ended.

        Raises
        ------
        TimeoutError
            When they do not come in time.
        """
        parts = bytearray()
        poll = select.poll()
        poll.register(self._file, select.POLLIN)
        while len(parts) < size:
            left = self._end - time.monotonic()
            if left <= 0 or not poll.poll(1000 * left):
                raise TimeoutError
            part = os.read(self._file, min(size - len(parts), 1 << 16))
            if not part:
                break
            parts += part
        return bytes(parts)


_WORKER: Final = _Worker()
os.register_at_fork(after_in_child=_WORKER.forget)
atexit.register(_WORKER.stop)
