"""Messages between the runner and a keeper: the length, then JSON."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct("!Q")
_PIECE = 1 << 20


def send(connection: socket.socket, message: dict[str, Any]) -> None:
    """Send one message.

    Raises:
        ConnectionError: If the other side is gone.
    """
    content = json.dumps(message).encode("ascii")
    connection.sendall(_LENGTH.pack(len(content)) + content)


def receive(connection: socket.socket) -> dict[str, Any] | None:
    """Wait for one message; ``None`` if the other side is gone."""
    head = _exactly(connection, _LENGTH.size)
    content = head and _exactly(connection, _LENGTH.unpack(head)[0])
    return json.loads(content) if content else None


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    content = bytearray()
    while len(content) < size:
        try:
            piece = connection.recv(min(size - len(content), _PIECE))
        except ConnectionError:
            return None
        if not piece:
            return None
        content += piece
    return bytes(content)
