"""The pickle in a PyTorch checkpoint, read without calling anything that it names.

A pickle is a program for a stack machine. Here only the instructions that a state dict
needs exist; the only names that it may use are those of tensors, storages and
``OrderedDict``, and none of them is imported: they become `Stored` descriptions.
``pickletools`` splits the program into instructions.

References: ``torch/_weights_only_unpickler.py`` of PyTorch; the opcodes of CPython's
``pickletools``.
"""

from __future__ import annotations

import pickletools
import warnings
from dataclasses import dataclass
from typing import Any, Final

from vaccine_swift._plurals import counted

__all__ = ["Storage", "Stored", "read_pickle"]

STORAGES: Final = {
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "DoubleStorage": "F64",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}
"""PyTorch's storage classes and the data types in the words of safetensors."""

_ORDERED_DICT: Final = "collections.OrderedDict"
_TENSORS: Final = frozenset(
    ["torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"]
)
_PARAMETER: Final = "torch._utils._rebuild_parameter"
_ALLOWED: Final = (
    frozenset([_ORDERED_DICT, _PARAMETER])
    | _TENSORS
    | frozenset(f"torch.{name}" for name in STORAGES)
)
_CONSTANTS: Final = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS: Final = frozenset(
    [
        *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("SHORT_BINUNICODE", "BINUNICODE"),
    ]
)
_EMPTY: Final = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}
_TUPLES: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True, slots=True)
class Storage:
    """An array of numbers in a record of the archive."""

    dtype: str
    key: str
    count: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor: where its elements lie in a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Name:
    """A global that the pickle names."""

    text: str


_MARK: Final = object()


def read_pickle(program: bytes) -> Any:
    """What a pickle describes: dicts, lists, tuples, numbers, texts and `Stored`.

    Parameters
    ----------
    program : bytes
        A pickle of protocol 2 to 5.

    Raises
    ------
    ValueError
        When it names a global beyond tensors and ``OrderedDict``, uses an instruction
        that a state dict does not need, or is cut off or corrupt.
    """
    machine = _Machine()
    try:
        # A text of protocol 0 with a strange escape is warned of before it is refused.
        with warnings.catch_warnings(action="ignore"):
            for opcode, argument, _ in pickletools.genops(program):
                if opcode.name == "STOP":
                    return machine.pop()
                machine.run(opcode.name, argument)
    except (IndexError, KeyError, TypeError, UnicodeError, OverflowError) as error:
        raise ValueError(f"corrupt pickle: {error}") from error
    raise ValueError("corrupt pickle: it has no end")


class _Machine:
    """The stack and the memo of one pickle."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def pop(self) -> Any:
        """Take the topmost value."""
        value = self._stack.pop()
        if value is _MARK:
            raise ValueError("corrupt pickle: a mark where a value belongs")
        return value

    def run(self, name: str, argument: Any) -> None:
        """Carry one instruction out."""
        stack = self._stack
        if name in ("PROTO", "FRAME"):
            return
        if name in _LITERALS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name == "MARK":
            stack.append(_MARK)
        elif name in _TUPLES:
            parts = [self.pop() for _ in range(_TUPLES[name])]
            stack.append(tuple(reversed(parts)))
        elif name == "TUPLE":
            stack.append(tuple(self._above_mark()))
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif name == "GLOBAL":
            stack.append(_named(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            last, module = self.pop(), self.pop()
            stack.append(_named(module, last))
        elif name == "BINPERSID":
            stack.append(_storage(self.pop()))
        elif name == "REDUCE":
            arguments, function = self.pop(), self.pop()
            stack.append(_called(function, arguments))
        else:
            self._change(name)

    def _change(self, name: str) -> None:
        """The instructions that fill what lies on the stack already."""
        if name in ("SETITEM", "SETITEMS"):
            items = self._above_mark() if name == "SETITEMS" else self._popped(2)
            target = self._stack[-1]
            for key, value in zip(items[::2], items[1::2], strict=True):
                if not isinstance(key, str | int):
                    raise ValueError("corrupt pickle: a key is no text and no integer")
                _dict(target)[key] = value
        elif name in ("APPEND", "APPENDS"):
            items = self._above_mark() if name == "APPENDS" else self._popped(1)
            if not isinstance(self._stack[-1], list):
                raise ValueError("corrupt pickle: items are appended to no list")
            self._stack[-1].extend(items)
        elif name == "BUILD":
            # The attributes of an OrderedDict, such as the versions of its modules.
            self.pop()
            _dict(self._stack[-1])
        else:
            raise ValueError(f"refused: a state dict needs no {name} instruction")

    def _popped(self, count: int) -> list[Any]:
        return [self.pop() for _ in range(count)][::-1]

    def _above_mark(self) -> list[Any]:
        place = len(self._stack) - 1
        while self._stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise ValueError("corrupt pickle: a mark is missing")
        values = self._stack[place + 1 :]
        del self._stack[place:]
        return values


def _dict(value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise ValueError("corrupt pickle: items are set in no dict")
    return value


def _named(module: object, name: object) -> _Name:
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError("corrupt pickle: a name is no text")
    text = f"{module}.{name}"
    if text not in _ALLOWED:
        raise ValueError(
            f"refused: the file asks for {text[:200]}, which is no tensor; nothing was "
            "executed"
        )
    return _Name(text)


def _called(function: object, arguments: Any) -> Any:
    """The description of what a call would make."""
    if not isinstance(function, _Name) or not isinstance(arguments, tuple):
        raise ValueError("corrupt pickle: something is called that has no name")
    if function.text == _ORDERED_DICT and arguments == ():
        return {}
    if function.text in _TENSORS and len(arguments) >= 4:
        return _tensor(*arguments[:4])
    if function.text == _PARAMETER and arguments and isinstance(arguments[0], Stored):
        return arguments[0]
    raise ValueError(f"refused: {function.text} with arguments that make no tensor")


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> Stored:
    if not isinstance(storage, Storage) or not all(
        isinstance(part, tuple) for part in (shape, strides)
    ):
        raise ValueError("corrupt pickle: a tensor without storage, shape or strides")
    if len(shape) != len(strides) or not all(
        map(_is_count, (offset, *shape, *strides))
    ):
        raise ValueError("corrupt pickle: a tensor's shape and strides must be counts")
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if all(shape) and last >= storage.count:
        raise ValueError(
            f"a tensor of shape {list(shape)} reaches beyond its storage of "
            f"{counted(storage.count, 'number')}"
        )
    return Stored(storage, offset, shape, strides)


def _storage(reference: Any) -> Storage:
    if not isinstance(reference, tuple) or len(reference) != 5:
        raise ValueError("corrupt pickle: a storage must be five values")
    tag, kind, key, _, count = reference
    name = kind.text.removeprefix("torch.") if isinstance(kind, _Name) else ""
    if tag != "storage" or name not in STORAGES or not isinstance(key, str):
        raise ValueError("corrupt pickle: a storage without type or key")
    if not _is_count(count):
        raise ValueError("corrupt pickle: a storage's size must be a count")
    return Storage(STORAGES[name], key, count)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62
