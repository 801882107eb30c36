"""Import the SageMaker SDK without side effects on the process.

Both major versions of the SDK have side effects at import:

- Both set the root logger to INFO, add a handler to it, and look for credentials, which calls the instance metadata
  service over the network.
- SDK 2 also replaces ``sys.excepthook`` and the theme of rich's console, prints through a handler on stdout, and warns
  about its own age.
- SDK 3 creates a client, which needs a region.

A compile needs none of this, so :func:`sdk_import` restores the process afterwards. If the user has imported the SDK
before, nothing changes.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

# The default region of the SDK's JumpStart module. So what the SDK derives from the region at import is the same as
# without this module.
FALLBACK_REGION = "us-west-2"

_LOCK = threading.RLock()
_ABSENT = object()


@contextmanager
def sdk_import() -> Iterator[None]:
    """Restore the process after an import of the SDK, even if the import raises.

    It restores the environment, the root logger's level and handlers, the ``sagemaker*`` loggers, ``sys.stdout``,
    ``sys.stderr``, ``sys.excepthook``, the warning filters, rich's global console, IPython's traceback display and
    boto3's default session. In the block, the importing thread prints nothing, shows no warnings, has a region, and
    looks for no credentials. A lock admits one importing thread at a time. Other threads keep their output and their
    credentials.

    Raises:
        botocore.exceptions.BotoCoreError: If the AWS configuration of the machine cannot be read.
    """
    with _LOCK, ExitStack() as scope:
        for guard in (_environment, _logging, _streams, _hooks, _rich_console, _boto3_session, _credentials):
            scope.enter_context(guard())
        scope.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _environment() -> Iterator[None]:
    import botocore.session

    before = dict(os.environ)
    os.environ["SAGEMAKER_SUPPRESS_V2_WARNING"] = "1"
    try:
        if botocore.session.Session().get_config_variable("region") is None:
            os.environ["AWS_DEFAULT_REGION"] = FALLBACK_REGION
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value


@contextmanager
def _logging() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    before = {name: _logger_state(logger) for name, logger in _sdk_loggers()}
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
        for name, logger in _sdk_loggers():
            silent = [handler for handler in logger.handlers if isinstance(handler, logging.NullHandler)]
            level, handlers, propagate = before.get(name, (logging.NOTSET, [*silent], True))
            logger.setLevel(level)
            logger.handlers[:] = handlers
            logger.propagate = propagate


def _sdk_loggers() -> list[tuple[str, logging.Logger]]:
    known = list(logging.root.manager.loggerDict.items())
    return [(n, lg) for n, lg in known if n.startswith("sagemaker") and isinstance(lg, logging.Logger)]


def _logger_state(logger: logging.Logger) -> tuple[int, list[logging.Handler], bool]:
    return logger.level, list(logger.handlers), logger.propagate


class _MutedInThread:
    """A stream that discards the output of one thread, and passes that of all others to the real stream."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.muted: int | None = threading.get_ident()

    def write(self, text: str) -> int:
        if threading.get_ident() == self.muted:
            return len(text)
        written: int = self._stream.write(text)
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _streams() -> Iterator[None]:
    stdout, stderr = _MutedInThread(sys.stdout), _MutedInThread(sys.stderr)
    try:
        with redirect_stdout(cast(TextIO, stdout)), redirect_stderr(cast(TextIO, stderr)):
            yield
    finally:
        # A handler may keep one of these streams, so they stop discarding output.
        stdout.muted = stderr.muted = None


@contextmanager
def _hooks() -> Iterator[None]:
    excepthook = sys.excepthook
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    names = ("showtraceback", "_showtraceback", "showsyntaxerror")
    shown = {name: vars(shell).get(name, _ABSENT) for name in names} if shell is not None else {}
    try:
        yield
    finally:
        sys.excepthook = excepthook
        for name, value in shown.items():
            if value is not _ABSENT:
                setattr(shell, name, value)
            elif name in vars(shell):
                delattr(shell, name)


@contextmanager
def _rich_console() -> Iterator[None]:
    import rich

    console = rich.get_console()
    state = console.__dict__
    try:
        yield
    finally:
        console.__dict__ = state


@contextmanager
def _boto3_session() -> Iterator[None]:
    import boto3

    before = boto3.DEFAULT_SESSION
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = before


class _CredentialsOnUse:
    """Credentials that botocore looks for when a request is signed, not when a client is created."""

    method = "on-use"

    def __init__(self, find: Callable[[], Any]) -> None:
        self._find = find

    def _find_or_raise(self) -> Any:
        from botocore.exceptions import NoCredentialsError

        found = self._find()
        if found is None:
            raise NoCredentialsError()
        return found

    @property
    def access_key(self) -> Any:
        return self._find_or_raise().access_key

    @property
    def secret_key(self) -> Any:
        return self._find_or_raise().secret_key

    @property
    def token(self) -> Any:
        return self._find_or_raise().token

    @property
    def account_id(self) -> Any:
        return getattr(self._find(), "account_id", None)

    def get_frozen_credentials(self) -> Any:
        return self._find_or_raise().get_frozen_credentials()

    def get_deferred_property(self, name: str) -> Callable[[], Any]:
        return lambda: getattr(self, name, None)


@contextmanager
def _credentials() -> Iterator[None]:
    # Disabling instance metadata through the environment would avoid the network as well. But on machines without
    # other credentials, the sessions that the SDK creates at import, and those that other threads create meanwhile,
    # would then never have any.
    from botocore.session import Session

    find = Session.get_credentials
    importing = threading.get_ident()

    def get_credentials(session: Any) -> Any:
        if threading.get_ident() != importing:
            return find(session)
        return _CredentialsOnUse(lambda: find(session))

    Session.get_credentials = get_credentials
    try:
        yield
    finally:
        Session.get_credentials = find
