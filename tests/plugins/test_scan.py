"""The scan finds what ``importlib_metadata`` finds, whatever lies on the path."""

from __future__ import annotations

import gc
import os
import re
import shutil
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any, Literal

import importlib_metadata
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagcast.plugins.scan import InstalledPlugins, scan_plugins
from tests.support.distributions import CORE, Built, plugin, run

SOUND = "@hookimpl\ndef transform_spec(spec):\n    return spec\n"

# Generated sites

Kind = Literal["dist-info", "egg-info", "egg-info file", "upper"]
Form = Literal["folder", "zip", "egg", "zipped egg", "missing", "text", "empty name"]

NAMES = ("alpha", "Alpha", "al-pha", "al_pha", "AL.pha", "beta", "gamma.delta", "gamma_delta")
ENTRY_POINTS = {
    "none": None,
    "empty": b"",
    "others": b"[console_scripts]\nrun = json:dumps\ndagcast = json:loads\n",
    "ours": b"[dagcast]\none = one.module\n",
    "both": b"[console_scripts]\nrun=json:dumps\n\n[dagcast]\n# two of them\none = one:Plugin\ntwo=two\n",
    "returns": b"[other]\r\nrun = a\r\n[dagcast]\r\ntwo = two.module:Plugin\r\n",
    "old returns": b"[other]\rrun = a\r[dagcast]\rthree = three\r",
    "autoload": b"[dagcast]\none = one\n[dagcast.api]\none = v1\n[dagcast.autoload]\none = one\n",
    "no UTF-8": b"[dagcast]\none = \xff\xfe\n",
    "other, no UTF-8": b"[console_scripts]\n\xff = a\n",
    "a folder": ...,
}
FIELDS = {
    "METADATA": "METADATA",
    "PKG-INFO": "PKG-INFO",
    "none": None,
    "no UTF-8": b"Metadata-Version: 2.1\nName: \xff\n",
}


@dataclass(frozen=True)
class Item:
    """A distribution to write."""

    name: str
    version: str
    kind: Kind
    points: str
    fields: str


@dataclass(frozen=True)
class Entry:
    """An entry of the path to write."""

    form: Form
    items: tuple[Item, ...]


def _folder(item: Item) -> str:
    suffix = {"upper": "DIST-INFO", "egg-info file": "py3.egg-info"}.get(item.kind, item.kind)
    return f"{item.name.replace('-', '_')}-{item.version}.{suffix}"


def files(item: Item) -> Iterator[tuple[str, bytes | None]]:
    """The files of a distribution by name; ``None`` for a folder in the place of one."""
    info = _folder(item)
    fields = (
        f"Metadata-Version: 2.1\nName: {item.name}\nVersion: {item.version}\nSummary: Some \u00e4\u00f6\n"
    )
    if item.kind == "egg-info file":
        yield info, fields.encode()
        return
    yield f"{info}/SOURCES.txt", b""
    stated = FIELDS[item.fields]
    if isinstance(stated, bytes):
        yield f"{info}/METADATA", stated
    elif stated is not None:
        yield f"{info}/{stated}", fields.encode()
    content: Any = ENTRY_POINTS[item.points]
    if content is not None:
        yield f"{info}/entry_points.txt", None if content is ... else content


def write(root: Path, index: int, entry: Entry) -> str:
    """Write an entry of the path, and give its name."""
    if entry.form == "missing":
        return str(root / f"missing-{index}")
    if entry.form == "text":
        path = root / f"text-{index}.zip"
        path.write_text("this is no zip", encoding="utf-8")
        return str(path)
    contents: dict[str, bytes | None] = {}
    for item in entry.items:
        contents.update(files(item))
    if "egg" in entry.form:
        contents = dict(_egg(contents))
    if "zip" in entry.form:
        path = root / (f"Alpha_{index}-1.0-py3.egg" if "egg" in entry.form else f"zipped-{index}.zip")
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in contents.items():
                archive.writestr(name if data is not None else f"{name}/", data or b"")
        return str(path)
    folder = root / (f"alpha_{index}-1.0-py3.egg" if entry.form == "egg" else f"folder-{index}")
    folder.mkdir()
    for name, data in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if data is None:
            path.mkdir()
        else:
            path.write_bytes(data)
    if entry.form == "empty name":
        os.chdir(folder)
        return ""
    return str(folder)


def _egg(contents: dict[str, bytes | None]) -> Iterator[tuple[str, bytes | None]]:
    """The metadata of the first distribution, under the name that an egg has for it."""
    first = next(iter(contents), "").partition("/")[0]
    for name, data in contents.items():
        folder, slash, file = name.partition("/")
        yield (f"EGG-INFO/{file}" if folder == first and slash else name), data


items = st.builds(
    Item,
    st.sampled_from(NAMES),
    st.sampled_from(("1.0", "2.0rc1")),
    st.sampled_from(("dist-info", "dist-info", "egg-info", "egg-info file", "upper")),
    st.sampled_from(tuple(ENTRY_POINTS)),
    st.sampled_from(("METADATA", "METADATA", "METADATA", *FIELDS)),
)
forms = st.sampled_from(
    ("folder", "folder", "folder", "zip", "egg", "zipped egg", "missing", "text", "empty name")
)
entries = st.builds(Entry, forms, st.lists(items, max_size=4, unique_by=_folder).map(tuple))


# What importlib_metadata says of them


Stated = tuple[str, str, str, str]


@dataclass
class Expected:
    """By what importlib_metadata gives: the plugins, those about which there is doubt, and how many cannot be read."""

    plugins: set[Stated]
    doubtful: set[str]
    unreadable: int


def expected(path: Sequence[str]) -> Expected:
    """What a scan is to find: of each name, the distribution of the first entry that has it as a whole one."""
    found = Expected(set(), set(), 0)
    before: set[str] = set()
    for entry in dict.fromkeys(path):
        here = sorted(importlib_metadata.distributions(path=[entry]), key=lambda item: item._path.name)
        whole: dict[str, list[Any]] = {}
        for distribution in here:
            if _is_whole(distribution):
                whole.setdefault(_key(distribution), []).append(distribution)
        done: set[str] = set()
        for distribution in here:
            try:
                points = [point for point in distribution.entry_points if point.group == "dagcast"]
            except UnicodeDecodeError:
                found.unreadable += 1
                continue
            key = _key(distribution)
            if not points or key in before or key in done:
                continue
            try:
                if not _is_whole(distribution):
                    raise LookupError
                name, version = distribution.name, distribution.version
            except (UnicodeDecodeError, LookupError):
                found.unreadable += 1
                if _is_whole(distribution):
                    done.add(key)
                continue
            done.add(key)
            if len(whole[key]) > 1:
                found.doubtful.add(name)
            found.plugins.update((point.name, point.value, name, version) for point in points)
        before.update(whole)
    return found


def _key(distribution: Any) -> str:
    """As importlib_metadata makes names unique, which goes by the name of the folder where that has one."""
    try:
        return str(distribution._normalized_name).replace("_", "-")
    # In a zip and for EGG-INFO it reads the metadata, which are broken here.
    except (UnicodeDecodeError, TypeError):
        name, _, version = distribution._path.name.partition("-")
        # One that has no name is the same as no other.
        return re.sub(r"[-_.]+", "-", name).lower() if "." in version else str(distribution._path)


def _is_whole(distribution: Any) -> bool:
    try:
        return any(distribution.read_text(file) for file in ("METADATA", "PKG-INFO", ""))
    except UnicodeDecodeError:
        return True


@contextmanager
def sites(generated: Sequence[Entry]) -> Iterator[list[str]]:
    """Write the entries, and give the path of them."""
    before = Path.cwd()
    root = Path(tempfile.mkdtemp())
    try:
        yield [write(root, index, entry) for index, entry in enumerate(generated)]
    finally:
        os.chdir(before)
        # importlib_metadata leaves zips open.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            importlib_metadata.MetadataPathFinder().invalidate_caches()
            if any("zip" in entry.form for entry in generated):
                gc.collect()
        shutil.rmtree(root)


def stated(found: InstalledPlugins) -> set[Stated]:
    """The plugins of a scan."""
    return {(entry.name, entry.value, entry.distribution, entry.version) for entry in found.entries}


@settings(max_examples=100, deadline=None)
@given(st.lists(entries, min_size=1, max_size=4), st.booleans())
def test_the_scan_finds_what_importlib_metadata_finds(generated: list[Entry], twice: bool) -> None:
    with sites(generated) as path:
        whole_path = [*path, *path] if twice else path
        found = scan_plugins(whole_path)
        wanted = expected(whole_path)
        assert stated(found) == wanted.plugins
        doubtful = {entry.distribution for entry in found.entries if "two versions" in str(entry.problems)}
        assert doubtful == wanted.doubtful
        assert len(found.problems) == wanted.unreadable
        # Nothing is kept from one scan to the next.
        assert scan_plugins(whole_path) == found


# What no generated site has


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one plugin, ``alpha``."""
    made = tmp_path / "site"
    made.mkdir()
    plugin("alpha", SOUND).install(made)
    return made


def names(*path: Any) -> list[str]:
    """The names of the plugins that a scan finds."""
    return [entry.name for entry in scan_plugins(path).entries]


class Finder(MetaPathFinder):
    """A finder of distributions that are nowhere."""

    def __init__(self, *distributions: Any) -> None:
        self.distributions = distributions

    def find_spec(self, *arguments: Any) -> None:
        return None

    def find_distributions(self, context: Any) -> Iterator[Any]:
        assert context.name is None
        for distribution in self.distributions:
            if isinstance(distribution, Exception):
                raise distribution
            yield distribution


class Nowhere(importlib_metadata.Distribution):
    """A distribution in memory."""

    def __init__(self, built: Built) -> None:
        self.texts = {name.partition("/")[2]: text for name, text in built.files().items()}

    def read_text(self, filename: Any) -> str | None:
        return self.texts.get(filename)

    def locate_file(self, path: Any) -> Any:
        return path


def test_what_a_foreign_finder_knows_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finder = Finder(Nowhere(plugin("beta", SOUND)), Nowhere(Built("other")))
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    assert names(str(folder)) == ["alpha", "beta"]


def test_of_a_finder_and_the_path_that_counts_which_imports_ask_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder, finders = Finder(Nowhere(plugin("alpha", SOUND, version="2.0"))), list(sys.meta_path)
    for meta_path, version in (([finder, *finders], "2.0"), ([*finders, finder], "1.0")):
        monkeypatch.setattr(sys, "meta_path", meta_path)
        assert [entry.version for entry in scan_plugins([str(folder)]).entries] == [version]


def test_a_finder_that_fails_is_reported_and_stops_nobody(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = Finder(Nowhere(plugin("beta", SOUND)), RuntimeError("boom"))
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    found = scan_plugins([str(folder)])
    assert [entry.name for entry in found.entries] == ["alpha", "beta"]
    (problem,) = found.problems
    assert problem.endswith("failed: RuntimeError: boom")


def test_what_is_not_a_string_is_skipped_as_it_is_for_imports(folder: Path) -> None:
    assert names(str(folder), None, 5, folder.parent, b"/nowhere", "/no\0where", "nowhere") == ["alpha"]


def test_a_scan_sees_what_was_installed_a_moment_ago(folder: Path) -> None:
    path = str(folder)
    assert names(path) == ["alpha"]
    plugin("beta", SOUND).install(folder)
    assert names(path) == ["alpha", "beta"]
    shutil.rmtree(folder / "alpha_plugin-1.0.dist-info")
    assert names(path) == ["beta"]


def test_an_earlier_release_without_the_plugin_hides_it(folder: Path, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    Built("Alpha.Plugin", "0.9").install(earlier)
    assert names(str(earlier), str(folder)) == []
    # What an uninstallation left behind hides nothing.
    (earlier / "Alpha.Plugin-0.9.dist-info" / "METADATA").unlink()
    assert names(str(earlier), str(folder)) == ["alpha"]


def test_another_version_next_to_it_casts_doubt_even_if_it_has_no_plugin(folder: Path) -> None:
    Built("alpha-plugin", "2.0").install(folder)
    (entry,) = scan_plugins([str(folder)]).entries
    assert entry.problems == ("two versions of alpha-plugin are installed in one folder",)


@pytest.mark.parametrize("file", ["entry_points.txt", "METADATA"])
def test_a_file_that_cannot_be_read_is_reported_and_stops_nobody(folder: Path, file: str) -> None:
    plugin("beta", SOUND).install(folder)
    path = folder / "beta_plugin-1.0.dist-info" / file
    path.unlink()
    path.symlink_to(path)
    found = scan_plugins([str(folder)])
    assert [entry.name for entry in found.entries] == ["alpha"]
    (problem,) = found.problems
    assert problem.startswith(f"{path.parent}: its metadata cannot be read: OSError")


def test_a_zip_whose_bytes_are_broken_is_reported_and_stops_nobody(folder: Path) -> None:
    wheel = plugin("beta", SOUND).wheel(folder)
    content = wheel.read_bytes()
    wheel.write_bytes(content.replace(b"[dagcast]\nbeta", b"[dagcast]\nbet4", 1))
    found = scan_plugins([str(wheel), str(folder)])
    assert [entry.name for entry in found.entries] == ["alpha"]
    (problem,) = found.problems
    assert "BadZipFile" in problem


def test_fields_that_go_over_several_lines_are_shown_on_one(tmp_path: Path) -> None:
    plugin("alpha", SOUND, metadata=("Summary: It checks", "        everything.")).install(tmp_path)
    (entry,) = scan_plugins([str(tmp_path)]).entries
    assert entry.summary == "It checks everything."


def test_a_plugin_in_a_zip_runs(tmp_path: Path) -> None:
    wheel = plugin("alpha", SOUND).wheel(tmp_path)
    config = (
        "{pipeline: {name: demo, region: us-east-1, role: 'arn:aws:iam::123456789012:role/R', bucket: b-1},"
    )
    config += " steps: {stop: {type: Fail, error_message: enough}}}"
    (tmp_path / "pipeline.yaml").write_text(config, encoding="utf-8")
    done = run(
        ["-m", "dagcast.cli", "compile", "pipeline.yaml", "--plugin", "alpha", "-o", "definition.json"],
        [wheel],
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert '"alpha-plugin"' in (tmp_path / "definition.plugins.json").read_text(encoding="utf-8")


def test_a_scan_of_folders_imports_neither_plugins_nor_a_reader_of_metadata(folder: Path) -> None:
    code = """
import sys
from dagcast.plugins.scan import scan_plugins
finders = list(sys.meta_path)
assert "alpha" in scan_plugins().names
assert sys.meta_path == finders
print(sorted({"importlib_metadata", "zipfile", "alpha_plugin"} & set(sys.modules)))
"""
    done = run(["-S", "-c", code], [folder, CORE], folder)
    assert done.stdout.strip() == "[]", done.stderr
