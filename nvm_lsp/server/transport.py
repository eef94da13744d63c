"""How messages come and go: standard input and output, TCP, WebSocket; one server a connection.

It knows framing and connections, not what messages mean, except that a request can be cancelled
while it still waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING:
    from nvm_lsp.server.server import NvmServer

__all__ = ["NO_JSON", "Inbox", "serve_stdio", "serve_tcp", "serve_websocket"]

log = logging.getLogger(__name__)

#: Bytes of one message at most; a longer one ends the connection.
MAX_MESSAGE_BYTES = 256 * 2**20
#: Header lines of one message, and bytes of one of them, at most.
_MAX_HEADERS = 16
_MAX_HEADER_BYTES = 1024
#: Messages that wait before a socket is no longer read.
_MAX_WAITING = 1000
#: Seconds between looks at whether the client's process is still there.
_WATCH_SECONDS = 3.0

#: What a message is taken for that is no JSON.
NO_JSON = object()

NewServer = Callable[[], "NvmServer"]


class FramingError(Exception):
    """What came is no message of the base protocol (LSP 3.17, Base Protocol)."""


class Inbox:
    """Messages that have come and wait; it knows which of them have been cancelled meanwhile."""

    def __init__(self) -> None:
        self._waiting: deque[Any] = deque()
        self._numbers: set[Any] = set()
        self._cancelled: set[Any] = set()
        self._something = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, body: bytes | str) -> None:
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            data = NO_JSON
        if isinstance(data, dict):
            if data.get("method") == "$/cancelRequest" and self._cancel(data.get("params")):
                return
            number = data.get("id")
            if "method" in data and isinstance(number, int | str):
                self._numbers.add(number)
        self._waiting.append(data)
        self._something.set()

    def close(self) -> None:
        self._closed = True
        self._something.set()

    async def get(self) -> tuple[Any, bool] | None:
        """The next message and whether it was cancelled; None at the end."""
        while not self._waiting:
            if self._closed:
                return None
            self._something.clear()
            await self._something.wait()
        data = self._waiting.popleft()
        cancelled = False
        if isinstance(data, dict) and isinstance(data.get("id"), int | str):
            self._numbers.discard(data["id"])
            cancelled = data["id"] in self._cancelled
            self._cancelled.discard(data["id"])
        return data, cancelled

    def _cancel(self, params: Any) -> bool:
        """Whether the request to cancel still waits."""
        number = params.get("id") if isinstance(params, dict) else None
        if not isinstance(number, int | str) or number not in self._numbers:
            return False
        self._cancelled.add(number)
        return True


async def _converse(server: NvmServer, inbox: Inbox) -> int:
    """Handles messages until the client leaves; the exit code (LSP 3.17, exit)."""
    server.inbox = inbox
    try:
        while server.exit_code is None:
            message = await inbox.get()
            if message is None:
                break
            try:
                server.protocol.receive(message[0], cancelled=message[1])
            except (BrokenPipeError, ConnectionError):
                break
            except Exception as error:
                server.report("handling a message", error)
            # Whatever else goes on, runs for instance, has its turn.
            await asyncio.sleep(0)
    finally:
        await server.close()
    if server.exit_code is not None:
        return server.exit_code
    return 0 if server.was_shut_down else 1


# Standard input and output --------------------------------------------------------------------


def serve_stdio(new_server: NewServer) -> int:
    """Serves the client that started this process; the exit code."""
    stdin, stdout = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What is printed by mistake, be it by a process that a plugin starts, is no message.
    with contextlib.suppress(OSError, AttributeError):  # there may be no standard error
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = sys.stderr

    async def serve() -> int:
        loop = asyncio.get_running_loop()
        inbox = Inbox()
        server = new_server()
        server.protocol.set_writer(_StdoutWriter(stdout, inbox.close))
        # A thread of its own, and no executor's: a read that never ends must not hold up the end.
        source = _Unlocked(stdin.fileno())
        threading.Thread(target=_read_stdin, args=(source, loop, inbox), daemon=True).start()
        watch = asyncio.ensure_future(_watch_client(server, inbox))
        try:
            return await _converse(server, inbox)
        finally:
            watch.cancel()

    return asyncio.run(serve())


class _StdoutWriter:
    """Writes messages whole; a client that has gone ends the conversation."""

    def __init__(self, stdout: BinaryIO, gone: Callable[[], None]) -> None:
        self._stdout = stdout
        self._gone = gone

    def write(self, data: bytes) -> None:
        try:
            self._stdout.write(data)
            self._stdout.flush()
        except (OSError, ValueError):
            self._gone()

    def close(self) -> None:
        pass


class _Unlocked:
    """Reads a file descriptor; a BufferedReader would hold a lock that the interpreter ends on."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._data = bytearray()

    def readline(self, most: int) -> bytes:
        """A line with its end, at most so many bytes; less only at the end."""
        while (end := self._data.find(b"\n", 0, most) + 1) == 0 and len(self._data) < most:
            if not self._more():
                break
        return self._take(end or most)

    def read(self, count: int) -> bytes:
        """So many bytes; less only at the end."""
        while len(self._data) < count and self._more():
            pass
        return self._take(count)

    def _more(self) -> bool:
        data = os.read(self._descriptor, 1 << 20)
        self._data += data
        return bool(data)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._data[:count])
        del self._data[:count]
        return taken


def _read_stdin(stdin: _Unlocked, loop: asyncio.AbstractEventLoop, inbox: Inbox) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended
        try:
            while (body := _read_message(stdin)) is not None:
                loop.call_soon_threadsafe(inbox.put, body)
        except (OSError, ValueError, FramingError) as error:
            log.error("standard input: %s", error)
        loop.call_soon_threadsafe(inbox.close)


def _read_message(stream: _Unlocked) -> bytes | None:
    length = None
    for _ in range(_MAX_HEADERS):
        line = stream.readline(_MAX_HEADER_BYTES)
        if not line:
            return None
        if not line.strip():
            if length is None:
                continue
            body = stream.read(length)
            return body if len(body) == length else None
        length = _header(line, length)
    raise FramingError("a message without Content-Length")


def _header(line: bytes, length: int | None) -> int | None:
    """The length that is known after a header line."""
    name, colon, value = line.partition(b":")
    if not colon or not line.endswith(b"\n"):
        raise FramingError("a header line without a colon; this is a language server's port")
    if name.strip().lower() != b"content-length":
        return length
    if not value.strip().isdigit() or int(value) > MAX_MESSAGE_BYTES:
        raise FramingError(f"a Content-Length of {value.strip()[:40]!r}")
    return int(value)


async def _watch_client(server: NvmServer, inbox: Inbox) -> None:
    """Leaves when the client's process has ended, even if it left its pipes to somebody else."""
    if sys.platform == "win32":
        return  # there standard input ends with the client
    seen = False
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        process = server.process_id
        if process is None or process <= 0:
            continue
        alive = _is_alive(process)
        if seen and not alive:
            log.warning("the client's process %d has ended", process)
            inbox.close()
            return
        # A number that was never alive is one of another machine's or container's.
        seen = seen or alive


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


# Sockets --------------------------------------------------------------------------------------


def serve_tcp(new_server: NewServer, address: tuple[str, int]) -> int:
    """Serves every client that connects, each with documents of its own."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inbox = Inbox()
        server = new_server()
        server.protocol.set_writer(writer)

        async def read() -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                try:
                    while (body := await _receive(reader)) is not None:
                        inbox.put(body)
                        while len(inbox) > _MAX_WAITING:
                            await asyncio.sleep(0.01)
                except (FramingError, ValueError) as error:
                    log.error("connection closed: %s", error)
            inbox.close()

        reading = asyncio.ensure_future(read())
        try:
            await _converse(server, inbox)
        finally:
            reading.cancel()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def serve() -> None:
        listener = await asyncio.start_server(connected, *address)
        _announce("tcp", listener.sockets[0].getsockname())
        async with listener:
            await listener.serve_forever()

    return _until_interrupted(serve)


async def _receive(reader: asyncio.StreamReader) -> bytes | None:
    length = None
    for _ in range(_MAX_HEADERS):
        line = await reader.readline()
        if not line:
            return None
        if not line.strip():
            if length is None:
                continue
            return await reader.readexactly(length)
        length = _header(line, length)
    raise FramingError("a message without Content-Length")


def serve_websocket(new_server: NewServer, address: tuple[str, int], origins: list[str]) -> int:
    """Serves every client that connects by WebSocket: a message a frame, without headers.

    Pages of a browser may connect only from ``origins``: any page that is open anywhere could try.
    """
    from websockets.asyncio.server import ServerConnection, serve  # noqa: PLC0415 -- for --ws only
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415
    from websockets.typing import Origin  # noqa: PLC0415

    async def connected(socket: ServerConnection) -> None:
        inbox = Inbox()
        server = new_server()
        outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        server.protocol.set_writer(_QueueWriter(outgoing), include_headers=False)

        async def read() -> None:
            with contextlib.suppress(ConnectionClosed):
                async for body in socket:
                    inbox.put(body)
                    while len(inbox) > _MAX_WAITING:
                        await asyncio.sleep(0.01)
            inbox.close()

        async def write() -> None:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await socket.send((await outgoing.get()).decode())
                    outgoing.task_done()

        tasks = [asyncio.ensure_future(read()), asyncio.ensure_future(write())]
        try:
            await _converse(server, inbox)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(outgoing.join(), 1)
        finally:
            for task in tasks:
                task.cancel()

    async def listen() -> None:
        allowed: list[Origin | None] = [None, *map(Origin, origins)]
        async with serve(
            connected, *address, origins=allowed, max_size=MAX_MESSAGE_BYTES
        ) as listener:
            _announce("ws", next(iter(listener.sockets)).getsockname())
            await listener.serve_forever()

    return _until_interrupted(listen)


class _QueueWriter:
    """Hands messages to the task that sends them, in order."""

    def __init__(self, queue: asyncio.Queue[bytes]) -> None:
        self._queue = queue

    def write(self, data: bytes) -> None:
        self._queue.put_nowait(data)

    def close(self) -> None:
        pass


class _Serve(Protocol):
    def __call__(self) -> Any: ...


def _until_interrupted(serve: _Serve) -> int:
    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        print(f"nvm-lsp: cannot listen: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


def _announce(scheme: str, address: Any) -> None:
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    print(f"nvm-lsp: listening on {scheme}://{host}:{address[1]}", file=sys.stderr, flush=True)
