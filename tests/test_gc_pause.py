"""The pause of Python's cyclic collector: it ends, whatever happens, and leaves what a user chose."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dagcast import PipelineDAGCompiler
from dagcast.cli.main import cli, main
from dagcast.errors import InvalidInputError
from dagcast.gc_pause import pause_gc
from dagcast.plugin import hookimpl
from tests.support.compiling import JOB, config

CONFIG = config({"clean": {"type": "Processing", **JOB}})


class Cycle:
    def __init__(self) -> None:
        self.me = self


def garbage() -> weakref.ref[Cycle]:
    """Something that only the cyclic collector can remove."""
    return weakref.ref(Cycle())


def collector_runs() -> bool:
    """Whether the collector starts by itself, after many more new objects than any version's threshold."""
    found = garbage()
    kept = [[number] for number in range(50_000)]
    return found() is None and bool(kept)


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    threshold = gc.get_threshold()
    gc.enable()
    yield
    gc.enable()
    gc.set_threshold(*threshold)


def test_the_collector_waits_until_the_pause_ends() -> None:
    assert collector_runs()
    with pause_gc():
        assert not collector_runs()
    assert collector_runs()


def test_a_nested_pause_ends_with_the_outer_one() -> None:
    with pause_gc():
        with pause_gc():
            assert not collector_runs()
        assert not collector_runs()
    assert collector_runs()


def test_an_exception_ends_the_pause() -> None:
    with pytest.raises(KeyboardInterrupt), pause_gc(), pause_gc():
        raise KeyboardInterrupt
    assert collector_runs()


def test_a_collector_that_was_disabled_stays_disabled() -> None:
    gc.disable()
    with pause_gc():
        pass
    assert not gc.isenabled()
    assert not collector_runs()


def test_what_is_disabled_during_a_pause_is_disabled_after_it() -> None:
    with pause_gc():
        gc.disable()
    assert not collector_runs()
    gc.enable()
    assert collector_runs()


def test_what_is_enabled_during_a_pause_runs_after_it() -> None:
    gc.disable()
    with pause_gc():
        gc.enable()
        assert not collector_runs()
    assert collector_runs()


def test_thresholds_that_are_set_during_a_pause_stay() -> None:
    with pause_gc():
        gc.set_threshold(1_234, 5, 6)
    assert gc.get_threshold() == (1_234, 5, 6)


def test_thresholds_are_put_back() -> None:
    gc.set_threshold(4_321, 7, 8)
    with pause_gc():
        pass
    assert gc.get_threshold() == (4_321, 7, 8)


def _many() -> list[list[int]]:
    return [[number] for number in range(50_000)]


def test_many_new_objects_are_not_traversed_at_the_end_of_a_pause() -> None:
    gc.collect()
    with pause_gc():
        kept = _many()
    # The generation of an object is how the collector treats it, and the only way to see whether it will be traversed.
    assert not any(item is kept for item in gc.get_objects(generation=0))
    assert any(item is kept for item in gc.get_objects(generation=2))
    assert gc.get_freeze_count() == 0


def test_few_new_objects_stay_young() -> None:
    gc.collect()
    with pause_gc():
        kept = [[number] for number in range(10)]
    assert any(item is kept for item in gc.get_objects(generation=0))


def test_garbage_of_large_pauses_is_collected() -> None:
    left, kept = [], []
    for _ in range(10):
        with pause_gc():
            left.append(garbage())
            kept.append(_many())
    assert sum(found() is not None for found in left) < 10


def test_what_other_code_froze_stays_frozen() -> None:
    try:
        gc.freeze()
        frozen = gc.get_freeze_count()
        with pause_gc():
            kept = _many()
        assert gc.get_freeze_count() == frozen
        assert kept
    finally:
        gc.unfreeze()


def _in_thread(inside: threading.Event, leave: threading.Event) -> threading.Thread:
    def work() -> None:
        with pause_gc():
            inside.set()
            assert leave.wait(60)

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(60)
    return thread


def test_pauses_of_two_threads_that_overlap_end_with_the_last() -> None:
    leave_first, leave_second = threading.Event(), threading.Event()
    first = _in_thread(threading.Event(), leave_first)
    second = _in_thread(threading.Event(), leave_second)
    leave_first.set()
    first.join()
    assert not collector_runs()
    leave_second.set()
    second.join()
    assert collector_runs()


def test_pauses_that_always_overlap_do_not_keep_garbage_for_ever() -> None:
    found = garbage()
    leave = threading.Event()
    thread = _in_thread(threading.Event(), leave)
    try:
        for _ in range(100):
            with pause_gc():
                pass
        assert found() is None
    finally:
        leave.set()
        thread.join()


class Observer:
    """A plugin that looks whether the collector runs while a pipeline is compiled."""

    def __init__(self) -> None:
        self.seen: list[bool] = []
        self.left: list[weakref.ref[Cycle]] = []

    def look(self) -> None:
        self.seen.append(collector_runs())
        self.left.append(garbage())

    @hookimpl
    def extract_metadata(self, config: Any, dag: Any) -> dict[str, Any]:
        self.look()
        return {}

    @hookimpl
    def transform_spec(self, spec: Any) -> Any:
        self.look()
        return spec


@pytest.mark.parametrize(
    "compiled",
    [
        lambda compiler: compiler.compile_definition(),
        lambda compiler: compiler.validate(),
        lambda compiler: compiler.create_template().generate_definition(),
    ],
    ids=["definition", "validate", "template"],
)
def test_a_compile_pauses_the_collector_and_its_garbage_is_collected_afterwards(
    compiled: Callable[[PipelineDAGCompiler], Any],
) -> None:
    observer = Observer()
    for _ in range(3):
        compiled(PipelineDAGCompiler(CONFIG, plugins=[observer]))
    assert observer.seen == [False] * 6
    assert collector_runs()
    # Young garbage and old: what is left by a compile may have survived the first collection.
    gc.collect()
    assert [left() for left in observer.left] == [None] * 6


def test_compiles_leave_no_memory_behind() -> None:
    def compiled() -> None:
        PipelineDAGCompiler(CONFIG, plugins=[]).compile_definition()

    for _ in range(3):
        compiled()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(20):
        compiled()
    gc.collect()
    # A compile of this config makes thousands of objects.
    assert len(gc.get_objects()) - before < 500


def test_a_config_that_is_wrong_ends_the_pause() -> None:
    with pytest.raises(InvalidInputError):
        PipelineDAGCompiler(config({"clean": {"type": "Procesing"}}), plugins=[]).compile_definition()
    assert collector_runs()


def test_commands_that_may_take_long_turn_the_collector_on(tmp_path: Path) -> None:
    for arguments, enabled in ((["validate", "none.yaml"], False), (["runs", "--runs", str(tmp_path)], True)):
        gc.disable()
        CliRunner().invoke(cli, arguments)
        assert gc.isenabled() is enabled


@pytest.mark.parametrize("enabled", [True, False])
def test_the_program_puts_the_collector_back(enabled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not enabled:
        gc.disable()
    monkeypatch.setattr("sys.argv", ["dagcast", "validate", "none.yaml"])
    with pytest.raises(SystemExit):
        main()
    gc.unfreeze()
    assert gc.isenabled() is enabled
