"""The metadata provider ``ci``: what CI systems say in environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mods_plugin.metadata import AUTHOR, COMMIT_ID, PACKAGE_NAME, VERSION, is_version
from mods_plugin.providers import ProviderContext


@dataclass(frozen=True, kw_only=True)
class System:
    """One CI system.

    Attributes:
        sign: The variable that is set wherever it runs.
        author: Variables with who started or wrote the change, the better one first.
        commit: The variable with the commit.
        package: Variables with the repository's name or address, the better one first.
        tag: The variable with the tag that is built.
        tag_type: A variable and the value that it has where ``tag`` is a tag and not a branch.
    """

    sign: str
    author: tuple[str, ...]
    commit: str
    package: tuple[str, ...]
    tag: str | None = None
    tag_type: tuple[str, str] | None = None


SYSTEMS = (
    System(
        sign="GITHUB_ACTIONS",
        author=("GITHUB_ACTOR",),
        commit="GITHUB_SHA",
        package=("GITHUB_REPOSITORY",),
        tag="GITHUB_REF_NAME",
        tag_type=("GITHUB_REF_TYPE", "tag"),
    ),
    System(
        sign="GITLAB_CI",
        author=("GITLAB_USER_NAME", "GITLAB_USER_LOGIN"),
        commit="CI_COMMIT_SHA",
        package=("CI_PROJECT_NAME",),
        tag="CI_COMMIT_TAG",
    ),
    System(
        sign="CODEBUILD_BUILD_ID",
        author=("CODEBUILD_INITIATOR",),
        commit="CODEBUILD_RESOLVED_SOURCE_VERSION",
        package=("CODEBUILD_SOURCE_REPO_URL",),
    ),
    System(
        sign="JENKINS_URL",
        author=("CHANGE_AUTHOR", "BUILD_USER"),
        commit="GIT_COMMIT",
        package=("GIT_URL",),
        tag="TAG_NAME",
    ),
    System(
        sign="CIRCLECI",
        author=("CIRCLE_USERNAME",),
        commit="CIRCLE_SHA1",
        package=("CIRCLE_PROJECT_REPONAME",),
        tag="CIRCLE_TAG",
    ),
    System(
        sign="TF_BUILD",
        author=("BUILD_REQUESTEDFOR",),
        commit="BUILD_SOURCEVERSION",
        package=("BUILD_REPOSITORY_NAME",),
    ),
    System(
        sign="BITBUCKET_BUILD_NUMBER",
        author=(),
        commit="BITBUCKET_COMMIT",
        package=("BITBUCKET_REPO_SLUG",),
        tag="BITBUCKET_TAG",
    ),
    System(
        sign="BUILDKITE",
        author=("BUILDKITE_BUILD_AUTHOR",),
        commit="BUILDKITE_COMMIT",
        package=("BUILDKITE_REPO",),
        tag="BUILDKITE_TAG",
    ),
)
"""Source: each system's reference of predefined variables. The first whose sign is set is the one that runs."""


def from_ci(context: ProviderContext) -> Mapping[str, str]:
    """What the CI system that runs says; nothing outside of one."""
    environment = context.environment
    for system in SYSTEMS:
        if environment.get(system.sign):
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
    """The tag that is built, where it is a version; ``v1.2.0`` is 1.2.0."""
    if system.tag is None or (
        system.tag_type is not None and environment.get(system.tag_type[0]) != system.tag_type[1]
    ):
        return None
    tag = environment.get(system.tag, "").removeprefix("v")
    return tag if is_version(tag) else None
