"""Renders chat templates in a process of its own; jinja2 as transformers sets it up.

A template comes with a model, from anybody, and may loop for ever or build gigabytes.
`chat_template` runs this file as a script and talks to it over pipes. It limits its own
memory, ends when a rendering takes too long, and needs the standard library and jinja2
only.

Each message, of either side, is its length in 8 bytes and JSON.

Reference: transformers, ``utils/chat_template_utils.py``.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import resource
import signal
import sys
from collections.abc import Callable
from typing import IO, Any, Final, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

__all__ = [
    "MEMORY_BYTES",
    "MOST_CHARACTERS",
    "PATIENCE",
    "read_message",
    "write_message",
]

MEMORY_BYTES: Final = 2**30
"""Address space of the process."""

MOST_CHARACTERS: Final = 2**26
"""Longest text of a conversation."""

PATIENCE: Final = 10
"""How many times its processor time a rendering may take by the clock."""

_LENGTH_BYTES: Final = 8


def read_message(read: Callable[[int], bytes]) -> Any:
    """The next message; None where the other side has gone."""
    header = read(_LENGTH_BYTES)
    if len(header) < _LENGTH_BYTES:
        return None
    size = int.from_bytes(header, "big")
    content = read(size)
    return json.loads(content) if len(content) == size else None


def write_message(stream: IO[bytes], message: Any) -> None:
    """Send a message; lone surrogates and NaN pass."""
    content = json.dumps(message).encode()
    stream.write(len(content).to_bytes(_LENGTH_BYTES, "big") + content)
    stream.flush()


class _Generation(Extension):
    """``{% generation %}`` marks the assistant's text; a scope of its own, printed."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        call = self.call_method("_printed")
        return nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _printed(self, caller: Callable[[], str]) -> str:
        return caller()


class _Dict:
    """``dict`` without the attributes of a class."""

    def __call__(self, *args: Any, **fields: Any) -> dict[Any, Any]:
        return dict(*args, **fields)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args)


class _Namespace(Namespace):
    """``namespace`` that takes no name with a leading underscore."""

    def __init__(*args: Any, **fields: Any) -> None:
        self, *rest = args
        content = dict(*rest, **fields)
        for name in content:
            _check_name(name)
        Namespace.__init__(self, content)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.TemplateError(f"a namespace cannot hold {name!r}")


@functools.lru_cache(maxsize=8)
def _compiled(template: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = _now
    environment.globals["dict"] = _Dict()
    environment.globals["namespace"] = _Namespace
    return environment.from_string(template)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,  # noqa: FBT001, by position in templates
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,  # noqa: FBT001
) -> str:
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _now(form: str) -> str:
    return dt.datetime.now().strftime(form)


def _rendered(request: dict[str, Any]) -> dict[str, str]:
    """The text, or what is wrong."""
    try:
        text = _compiled(request["template"]).render(request["variables"])
    except MemoryError:
        return {"error": f"needs more than {MEMORY_BYTES >> 20} MiB"}
    except RecursionError:
        return {"error": "nests too deeply"}
    except Exception as error:  # noqa: BLE001, whatever a template does, it is told
        return {"error": f"{error}"[:1000] or type(error).__name__}
    if len(text) > MOST_CHARACTERS:
        return {"error": f"gives more than {MOST_CHARACTERS:,} characters"}
    return {"text": text}


def _serve() -> None:
    """Answer requests until the other side has gone."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    bound = MEMORY_BYTES if most == resource.RLIM_INFINITY else min(most, MEMORY_BYTES)
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    with contextlib.suppress(BrokenPipeError):
        while (request := read_message(sys.stdin.buffer.read)) is not None:
            # Either signal ends the process, the alarm where the caller has gone.
            seconds = request["seconds"]
            signal.setitimer(signal.ITIMER_PROF, seconds)
            signal.alarm(2 * PATIENCE * seconds)
            reply = _rendered(request)
            signal.setitimer(signal.ITIMER_PROF, 0)
            write_message(sys.stdout.buffer, reply)
            signal.alarm(0)


if __name__ == "__main__":
    _serve()
