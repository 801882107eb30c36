"""The metadata provider ``ci``: reads the environment variables of CI systems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mods_plugin.metadata import AUTHOR, COMMIT_ID, PACKAGE_NAME, VERSION, is_version
from mods_plugin.providers import ProviderContext


@dataclass(frozen=True, kw_only=True)
class System:
    """The environment variables of one CI system.

    Attributes:
        marker: The variable that identifies the system.
        author: Variables with the author or trigger of the change, in order of preference.
        commit: The variable with the commit id.
        package: Variables with the repository's name or URL, in order of preference.
        tag: The variable with the tag that is built.
        tag_type: A variable and its value if ``tag`` is a tag and not a branch.
    """

    marker: str
    author: tuple[str, ...]
    commit: str
    package: tuple[str, ...]
    tag: str | None = None
    tag_type: tuple[str, str] | None = None


SYSTEMS = (
    System(
        marker="GITHUB_ACTIONS",
        author=("GITHUB_ACTOR",),
        commit="GITHUB_SHA",
        package=("GITHUB_REPOSITORY",),
        tag="GITHUB_REF_NAME",
        tag_type=("GITHUB_REF_TYPE", "tag"),
    ),
    System(
        marker="GITLAB_CI",
        author=("GITLAB_USER_NAME", "GITLAB_USER_LOGIN"),
        commit="CI_COMMIT_SHA",
        package=("CI_PROJECT_NAME",),
        tag="CI_COMMIT_TAG",
    ),
    System(
        marker="CODEBUILD_BUILD_ID",
        author=("CODEBUILD_INITIATOR",),
        commit="CODEBUILD_RESOLVED_SOURCE_VERSION",
        package=("CODEBUILD_SOURCE_REPO_URL",),
    ),
    System(
        marker="JENKINS_URL",
        author=("CHANGE_AUTHOR", "BUILD_USER"),
        commit="GIT_COMMIT",
        package=("GIT_URL",),
        tag="TAG_NAME",
    ),
    System(
        marker="CIRCLECI",
        author=("CIRCLE_USERNAME",),
        commit="CIRCLE_SHA1",
        package=("CIRCLE_PROJECT_REPONAME",),
        tag="CIRCLE_TAG",
    ),
    System(
        marker="TF_BUILD",
        author=("BUILD_REQUESTEDFOR",),
        commit="BUILD_SOURCEVERSION",
        package=("BUILD_REPOSITORY_NAME",),
    ),
    System(
        marker="BITBUCKET_BUILD_NUMBER",
        author=(),
        commit="BITBUCKET_COMMIT",
        package=("BITBUCKET_REPO_SLUG",),
        tag="BITBUCKET_TAG",
    ),
    System(
        marker="BUILDKITE",
        author=("BUILDKITE_BUILD_AUTHOR",),
        commit="BUILDKITE_COMMIT",
        package=("BUILDKITE_REPO",),
        tag="BUILDKITE_TAG",
    ),
)
"""Source: each system's reference of predefined variables. The first system whose marker is set is used."""


def from_ci(context: ProviderContext) -> Mapping[str, str]:
    """Return the metadata from the current CI system; an empty mapping outside of CI."""
    environment = context.environment
    for system in SYSTEMS:
        if environment.get(system.marker):
            found = {
                AUTHOR: _first(environment, system.author),
                COMMIT_ID: environment.get(system.commit),
                PACKAGE_NAME: _name(_first(environment, system.package)),
                VERSION: _version(environment, system),
            }
            return {field: value for field, value in found.items() if value}
    return {}


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)


def _name(repository: str | None) -> str | None:
    return repository.rstrip("/").rpartition("/")[2].removesuffix(".git") if repository else None


def _version(environment: Mapping[str, str], system: System) -> str | None:
    """Return the tag that is built, if it is a version; ``v1.2.0`` is 1.2.0."""
    if system.tag is None or (
        system.tag_type is not None and environment.get(system.tag_type[0]) != system.tag_type[1]
    ):
        return None
    tag = environment.get(system.tag, "").removeprefix("v")
    return tag if is_version(tag) else None
