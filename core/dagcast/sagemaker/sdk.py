"""The installed SageMaker SDK: its version, and imports of its modules without side effects."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import re
from collections.abc import Iterable
from typing import Any

from dagcast.errors import SDKError
from dagcast.frozen_dataclass import dataclass
from dagcast.lazy_pattern import lazy_pattern

DISTRIBUTION = "sagemaker"
OLDEST = (2, 257)
REMEDY = 'pip install "sagemaker>=3"'

_IMAGE_URIS = {2: "sagemaker.image_uris", 3: "sagemaker.core.image_uris"}

_NUMBERS = lazy_pattern(r"\d+(\.\d+)*", re.ASCII)
_VERSION = lazy_pattern(r"^Version:[ \t]*(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class SDKVersion:
    """The version of the installed SDK.

    Attributes:
        text: The version of the distribution ``sagemaker``, such as ``3.27.0``.
        core: The version of ``sagemaker-core``, which contains SDK 3's tables, if it is installed.
    """

    text: str
    core: str | None = None

    @property
    def release(self) -> tuple[int, ...]:
        """The numbers of the version, such as ``(3, 27, 0)``."""
        # Importing packaging takes longer than the rest of what is done with a version; releases are numbers and dots.
        if _NUMBERS.fullmatch(self.text):
            return tuple(map(int, self.text.split(".")))
        from packaging.version import Version

        return Version(self.text).release

    @property
    def major(self) -> int:
        """The first number of the version."""
        return self.release[0]

    def __str__(self) -> str:
        return self.text


def installed_sdk() -> SDKVersion | None:
    """Return the version of the installed SDK, or ``None``, without importing it."""
    version = _distribution_version(DISTRIBUTION)
    return SDKVersion(version, _distribution_version("sagemaker-core")) if version is not None else None


@functools.cache
def require_sdk() -> SDKVersion:
    """Return the version of the installed SDK if dagcast supports it, without importing it.

    The version is cached, since reading the metadata of distributions takes milliseconds.

    Raises:
        SDKError: If no SDK is installed, or one that is too old or too new.
    """
    version = installed_sdk()
    if version is None:
        raise SDKError(f"the SageMaker SDK is not installed: {REMEDY}")
    if version.release[:2] < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise SDKError(
            f"the installed SageMaker SDK {version} is too old: "
            f"SDK 3, or SDK 2 from {oldest} on, is needed: {REMEDY}"
        )
    if version.major not in _IMAGE_URIS:
        raise SDKError(f'SageMaker SDK {version} is not supported: pip install "sagemaker>=3,<4"')
    return version


def load_image_uris() -> Any:
    """Return the SDK's module of image tables.

    Raises:
        SDKError: If the SDK is missing, not supported, or cannot be imported.
    """
    version = require_sdk()
    module = _IMAGE_URIS[version.major]
    return import_modules(version, [module])[module]


def import_modules(version: SDKVersion, modules: Iterable[str]) -> dict[str, Any]:
    """Import modules of the SDK without side effects on the process (see :mod:`dagcast.sagemaker.sdk_isolation`).

    Args:
        version: The installed SDK, from :func:`require_sdk`.
        modules: Full names, such as ``sagemaker.core.image_uris``.

    Returns:
        The modules by name.

    Raises:
        SDKError: If one cannot be imported.
    """
    from botocore.exceptions import BotoCoreError

    try:
        from dagcast.sagemaker.sdk_isolation import sdk_import

        with sdk_import():
            return {module: importlib.import_module(module) for module in modules}
    except (ImportError, BotoCoreError) as error:
        message = f"SageMaker SDK {version} is installed but cannot be imported: {error}"
        if isinstance(error, ImportError):
            major = version.major
            message += (
                f': pip install --upgrade "sagemaker>={major},<{major + 1}", or install what is missing'
            )
        raise SDKError(message) from error


def _distribution_version(name: str) -> str | None:
    try:
        distribution = importlib.metadata.distribution(name)
        # The metadata holds the SDK's whole README, which ``distribution.version`` parses as an e-mail.
        found = _VERSION.search(distribution.read_text("METADATA") or "")
        return found[1] if found else distribution.version
    except importlib.metadata.PackageNotFoundError:
        return None
