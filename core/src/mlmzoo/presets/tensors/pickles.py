"""What a pickle would do, found out without doing it."""

from __future__ import annotations

import pickletools
from typing import IO, Any

PICKLE_BYTES = 2**20
"""Longest pickle of a state dict: the names and shapes of ten thousand tensors, no values. Each
byte can become an object."""

NESTING = 32
"""Deepest nesting of tuples, and of what is being put together; state dicts have about five."""

_ITEM_BYTES = {
    **{f"torch {kind}Storage": 1 for kind in ("Bool", "Byte", "Char")},
    **{f"torch {kind}Storage": 2 for kind in ("BFloat16", "Half", "Short")},
    **{f"torch {kind}Storage": 4 for kind in ("Float", "Int")},
    **{f"torch {kind}Storage": 8 for kind in ("ComplexFloat", "Double", "Long")},
}

ALLOWED = frozenset(
    {
        "collections OrderedDict",
        "torch Size",
        "torch.nn.parameter Parameter",
        "torch._utils _rebuild_parameter",
        "torch._utils _rebuild_tensor",
        "torch._utils _rebuild_tensor_v2",
        *_ITEM_BYTES,
    }
)
"""What a state dict of plain tensors is made of: a part of what PyTorch itself would let pass."""

_VALUES = frozenset(
    "BININT BININT1 BININT2 BINFLOAT BINUNICODE LONG1 NEWFALSE NEWTRUE NONE SHORT_BINSTRING "
    "EMPTY_DICT EMPTY_SET".split()
)
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_FILLING = {"APPEND": 1, "BUILD": 1, "SETITEM": 2}


def survey(file: IO[bytes]) -> tuple[dict[str, int], Any]:
    """Go through one pickle, making none of its objects, and leave the file at its end.

    Returns:
        Key of each storage that it asks for -> number of its bytes; and the pickled value where
        that is a list, else something else.

    Raises:
        ValueError: It is longer than `PICKLE_BYTES`, nested deeper than `NESTING`, broken, or
            asks for something beside plain tensors.
    """
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(_Bounded(file)):  # type: ignore[arg-type]
            machine.take(opcode.name, argument)
        return machine.storages, machine.stack.pop()
    except (IndexError, KeyError) as error:
        raise ValueError("its pickle is broken") from error


class _Machine:
    """What PyTorch's reader of pickles does with its stack; it knows these instructions only.

    A tuple is kept with its depth in front, a list only where it is the outermost value, a name of
    the program as `_Global`; an object is ``None``.
    """

    def __init__(self) -> None:
        self.storages: dict[str, int] = {}
        self.stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def take(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name == "GLOBAL":
            if argument not in ALLOWED:
                raise _Asks(argument.replace(" ", "."))
            stack.append(_Global(argument))
        elif name in _VALUES:
            stack.append(argument)
        elif name == "EMPTY_LIST":
            stack.append(None if stack or self._marked else [])
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif name == "MARK":
            self._marked.append(stack)
            _bound(len(self._marked))
            self.stack = []
        elif name in ("TUPLE", "APPENDS", "SETITEMS"):
            self.stack = self._marked.pop()
            if name == "TUPLE":
                self.stack.append(_tuple(stack))
            else:
                self._fill(stack)
        elif name in _TUPLES:
            self.stack.append(_tuple(self._popped(_TUPLES[name])))
        elif name in _FILLING:
            self._fill(self._popped(_FILLING[name]))
        elif name in ("REDUCE", "NEWOBJ"):
            self._popped(2)
            stack.append(None)
        elif name == "BINPERSID":
            self._storage(stack.pop())
            stack.append(None)
        elif name not in ("PROTO", "STOP"):
            raise _Asks(name)

    def _popped(self, count: int) -> list[Any]:
        return [self.stack.pop() for _ in range(count)][::-1]

    def _fill(self, items: list[Any]) -> None:
        if isinstance(filled := self.stack[-1], list):
            filled.extend(items)

    def _storage(self, asked: Any) -> None:
        """Note a storage: its kind of number, its key, its device and how many numbers it has."""
        parts: Any = asked if isinstance(asked, tuple) else [None] * 6
        _, what, kind, key, _, count, *_ = parts
        plain = type(key) is str and key.isascii() and type(count) is int and count >= 0
        if what != "storage" or not plain or not isinstance(kind, _Global):
            raise ValueError("it asks for a storage in a way that PyTorch does not")
        bytes_ = count * _ITEM_BYTES[kind]
        self.storages[key] = max(bytes_, self.storages.get(key, 0))


class _Global(str):
    """What stands for something of the program, and equals no text to its type."""


class _Asks(ValueError):
    def __init__(self, what: str) -> None:
        super().__init__(f"it asks for {what!r:.100}")


def _tuple(items: list[Any]) -> tuple[Any, ...]:
    depth = 1 + max((item[0] for item in items if isinstance(item, tuple)), default=0)
    _bound(depth)
    return depth, *items


def _bound(depth: int) -> None:
    if depth > NESTING:
        raise ValueError(f"its pickle is nested more than {NESTING} levels deep")


class _Bounded:
    """A file of which only so much is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = PICKLE_BYTES

    def read(self, size: int) -> bytes:
        return self._take(self._file.read(min(size, self._left + 1)))

    def readline(self) -> bytes:
        return self._take(self._file.readline(self._left + 1))

    def _take(self, found: bytes) -> bytes:
        self._left -= len(found)
        if self._left < 0:
            raise ValueError(f"its pickle is longer than {PICKLE_BYTES} bytes")
        return found
