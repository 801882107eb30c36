"""Messages between the runner and a job's monitor: a length in 8 bytes, then JSON."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_LENGTH_PREFIX = struct.Struct("!Q")
_CHUNK_BYTES = 1 << 20


def send_message(connection: socket.socket, message: dict[str, Any]) -> None:
    """Send one message.

    Raises:
        ConnectionError: If the other side closed the connection.
    """
    content = json.dumps(message).encode("ascii")
    connection.sendall(_LENGTH_PREFIX.pack(len(content)) + content)


def receive_message(connection: socket.socket) -> dict[str, Any] | None:
    """Wait for one message, and return it; ``None`` if the other side closed the connection."""
    prefix = _receive_exactly(connection, _LENGTH_PREFIX.size)
    content = prefix and _receive_exactly(connection, _LENGTH_PREFIX.unpack(prefix)[0])
    return json.loads(content) if content else None


def _receive_exactly(connection: socket.socket, size: int) -> bytes | None:
    content = bytearray()
    while len(content) < size:
        try:
            chunk = connection.recv(min(size - len(content), _CHUNK_BYTES))
        except ConnectionError:
            return None
        if not chunk:
            return None
        content += chunk
    return bytes(content)
