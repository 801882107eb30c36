"""Checks of containers that training jobs and models share: private registries, and scripts without a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagcast.check.rules.request_body import Finding, PartialText, RequestBody, starts_with


def private_registry(request: RequestBody, image: RequestBody, member: str) -> Iterator[Finding]:
    """Yield contradictions in how an image is pulled from a registry.

    Args:
        request: The request, which may have ``VpcConfig``.
        image: The part of it that says how the image is pulled.
        member: The start of the names of its members: ``Repository`` for ``RepositoryAccessMode`` and
            ``RepositoryAuthConfig``.

    Example:
        >>> job = RequestBody({"ImageConfig": {"RepositoryAccessMode": "Vpc"}})
        >>> found = private_registry(job, job.part("ImageConfig"), "Repository")
        >>> [finding.message for finding in found]
        ['an image from a registry in a VPC needs VpcConfig']
    """
    mode, credentials = f"{member}AccessMode", f"{member}AuthConfig"
    if image.get(mode) == "Vpc" and not request.given("VpcConfig"):
        yield image.finding("an image from a registry in a VPC needs VpcConfig", mode)
    if image.get(mode) == "Platform" and image.given(credentials):
        yield image.finding(f"{credentials} is for {mode} Vpc only", credentials)


def isolated_script(request: RequestBody, settings: RequestBody, member: str, hint: str) -> Iterator[Finding]:
    """Yield a script that a container without a network would fetch from S3.

    Args:
        request: The request, which may have ``EnableNetworkIsolation``.
        settings: The hyperparameters or the environment of the container.
        member: Their member that names the script.
        hint: How the container gets the script instead.
    """
    if request.get("EnableNetworkIsolation") is True and starts_with(
        _unquoted(settings.get(member)), "s3://"
    ):
        message = "the container has no network, so it cannot fetch its script from S3"
        yield settings.finding(message, member, hint=hint)


def _unquoted(value: Any) -> Any:
    """Return a hyperparameter without the quotes that script mode puts around texts."""
    if isinstance(value, PartialText):
        return PartialText(value.start.removeprefix('"'), value.end.removesuffix('"'))
    return value.strip('"') if isinstance(value, str) else value
