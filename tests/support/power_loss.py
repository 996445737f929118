"""What a disk may hold after the power went: rebuilt from the system calls of a real run.

strace records each call that changes a file or makes it durable, with its bytes. The calls are
applied to a model of the file system that knows, for every file and every folder, what the program
sees and what has certainly reached the disk. Between any two calls the power may go; what is left
then is one of these (after Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014):

    all      everything that was written
    names    every name, but only the bytes that were synced
    bytes    every byte, but only the names whose folders were synced
    synced   only what was synced
    torn     everything, but only half of the last write

Mailbox and letters lie outside: another machine has them, and keeps what it was told.
"""

from __future__ import annotations

import ast
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.faults import Desk

CALLS = (
    "openat,open,creat,write,pwrite64,writev,pwritev,ftruncate,truncate,fsync,fdatasync,rename,"
    "renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,sendfile,copy_file_range,"
    "fallocate"
)
UNKNOWN = ("writev", "pwritev", "truncate", "link", "linkat", "rmdir", "sendfile", "fallocate",
           "copy_file_range")  # fmt: skip
LINE = re.compile(r"(\d+\.\d+) (\w+)\((.*)\) += (.+?) <([\d.]+)>$")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
OPEN = re.compile(r"<((?:\\x[0-9a-f]{2})+)>")
MODELS = ("all", "names", "bytes", "synced", "torn")


@dataclass(frozen=True)
class Call:
    """One system call on a path below the folder, when it had come to its end."""

    at: float
    name: str
    paths: tuple[str, ...]  # relative to the folder
    data: bytes = b""
    offset: int = -1  # -1: where the file is being written
    flags: str = ""


def record(desk: Desk, trace: Path) -> list[Call]:
    """One pass of the real command; gives its calls in their order."""
    trace.mkdir()
    words = ["strace", "-ff", "-qq", "-y", "-ttt", "-T", "-xx", "-s", str(2**24)]
    before = [*words, "-e", f"trace={CALLS}", "-o", str(trace / "t")]
    done = desk.run("once", before=before)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    calls = [
        call
        for file in trace.iterdir()
        for line in file.read_text("ascii").splitlines()
        if (call := _call(line, f"{desk.folder}/"))
    ]
    return sorted(calls, key=lambda one: one.at)


def _call(line: str, folder: str) -> Call | None:
    found = LINE.match(line)
    if found is None or found[4].startswith("-1"):
        return None
    began, name, words, result, took = found.groups()
    texts = [_bytes(one[1]) for one in TEXT.finditer(words)]
    opened = [_bytes(one[1]).decode() for one in OPEN.finditer(words)]
    if name in ("openat", "open", "creat") and "O_CREAT" not in words and "O_TRUNC" not in words:
        return None
    if name in ("write", "pwrite64", "ftruncate", "fsync", "fdatasync", *UNKNOWN):
        paths = opened[:1]
    else:
        paths = [one.decode() for one in texts]
    inside = tuple(one.removeprefix(folder) for one in paths if one.startswith(folder))
    if not inside:
        return None
    assert name not in UNKNOWN, f"the model does not know this call: {line[:200]}"
    data, offset = b"", -1
    if name in ("write", "pwrite64"):
        (data,) = texts
        data = data[: int(result)]
        offset = int(words.rpartition(", ")[2]) if name == "pwrite64" else -1
    if name == "ftruncate":
        offset = int(words.rpartition(", ")[2])
    return Call(
        float(began) + float(took),
        name,
        inside,
        data,
        offset,
        words if name.startswith("o") else "",
    )


def _bytes(hexed: str) -> bytes:
    return bytes(ast.literal_eval(f'b"{hexed}"'))


@dataclass
class Node:
    """A file or a folder: what the program sees, and what is certainly on the disk."""

    names: dict[str, Node] | None = None  # of a folder
    synced_names: dict[str, Node] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    synced: bytes = b""
    at: int = 0  # where the next plain write goes


class Disk:
    """The file system below one folder."""

    def __init__(self, folder: Path) -> None:
        self.root = _load(folder)
        self.last: tuple[Node, int, int, bytes] | None = None  # node, offset, length, before

    def node(self, path: str) -> Node:
        """The file or folder of that name."""
        found = self.root
        for part in Path(path).parts:
            assert found.names is not None
            found = found.names[part]
        return found

    def _place(self, path: str) -> tuple[dict[str, Node], str]:
        parent = self.node(str(Path(path).parent)) if "/" in path else self.root
        assert parent.names is not None
        return parent.names, Path(path).name

    def apply(self, call: Call) -> None:
        """Changes the files as the call did."""
        self.last = None
        path = call.paths[0]
        if call.name in ("openat", "open", "creat"):
            self._opened(path, call.flags)
        elif call.name in ("mkdir", "mkdirat"):
            names, name = self._place(path)
            names[name] = Node(names={})
        elif call.name.startswith("rename"):
            names, name = self._place(path)
            targets, target = self._place(call.paths[1])
            targets[target] = names.pop(name)
        elif call.name.startswith("unlink"):
            names, name = self._place(path)
            del names[name]
        elif call.name in ("fsync", "fdatasync"):
            node = self.node(path)
            node.synced, node.synced_names = bytes(node.data), dict(node.names or {})
        elif call.name == "ftruncate":
            node = self.node(path)
            del node.data[call.offset :]
            node.data.extend(bytes(call.offset - len(node.data)))
        else:
            self._written(self.node(path), call)

    def _opened(self, path: str, flags: str) -> None:
        names, name = self._place(path)
        if name not in names:
            names[name] = Node()
        node = names[name]
        if "O_TRUNC" in flags:
            node.data.clear()
        node.at = len(node.data) if "O_APPEND" in flags else 0

    def _written(self, node: Node, call: Call) -> None:
        offset = node.at if call.offset < 0 else call.offset
        node.data.extend(bytes(max(0, offset - len(node.data))))
        before = bytes(node.data[offset : offset + len(call.data)])
        node.data[offset : offset + len(call.data)] = call.data
        if call.offset < 0:
            node.at = offset + len(call.data)
        self.last = (node, offset, len(call.data), before)

    def files(self, model: str = "all", below: str = "var") -> dict[str, bytes]:
        """What is there below that folder after the power went, by path."""
        if below not in (self.root.names or {}):
            return {}
        if model != "torn":
            return dict(_files(self.node(below), model, below))
        if self.last is None:
            return {}
        node, offset, length, before = self.last
        whole = bytes(node.data)
        half = length // 2
        node.data[offset + half : offset + length] = before[half:]
        if len(before) <= half:
            del node.data[offset + half :]
        found = dict(_files(self.node(below), "all", below))
        node.data[:] = whole
        return found


def _files(node: Node, model: str, path: str) -> Iterator[tuple[str, bytes]]:
    if node.names is None:
        yield path, node.synced if model in ("names", "synced") else bytes(node.data)
        return
    names = node.synced_names if model in ("bytes", "synced") else node.names
    for name, child in names.items():
        yield from _files(child, model, f"{path}/{name}" if path else name)


def _load(path: Path) -> Node:
    if path.is_dir():
        names = {one.name: _load(one) for one in path.iterdir()}
        return Node(names=names, synced_names=dict(names))
    data = path.read_bytes()
    return Node(data=bytearray(data), synced=data)


@dataclass(frozen=True)
class State:
    """What may be found: the disk's files, and what the machines outside have."""

    moment: str  # "call 17 of 900, synced, before fsync var/x"
    files: Mapping[str, bytes]  # below var/, without the shared memory of SQLite
    outside: Mapping[str, bytes]  # mailbox and letters


def states(
    folder: Path, calls: Sequence[Call], ignore: Callable[[Call], bool] = lambda call: False
) -> Iterator[State]:
    """Every state between two calls that differs from those before it.

    ``folder`` is a copy of what was there when the recording began. Syncs that ``ignore`` names
    are left out, as if the program did not make them.
    """
    disk, seen = Disk(folder), set[tuple[int, int]]()
    for number, call in enumerate((*calls, None)):
        outside = {**disk.files(below="in"), **disk.files(below="out")}
        beyond = hash(tuple(sorted(outside)))
        for model in MODELS:
            files = {
                path: data
                for path, data in disk.files(model, "var").items()
                if not path.endswith("-shm")
            }
            mark = hash(tuple((path, zlib.crc32(files[path])) for path in sorted(files)))
            if files and (mark, beyond) not in seen:
                seen.add((mark, beyond))
                then = f"{call.name} {call.paths[0]}" if call else "the end"
                where = f"call {number} of {len(calls)}, {model}, before {then}"
                yield State(where, files, outside)
        if call is not None and not ignore(call):
            disk.apply(call)
        elif call is not None:
            disk.last = None
