"""Measures how long a model takes to pack: ``python -m benchmarks.pack_model [MEGABYTES]``, beside zlib by hand."""

from __future__ import annotations

import gzip
import random
import shutil
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from dagcast.runner.files import pack_tar_gz, unpack


def main(megabytes: int) -> None:
    """Pack a file of random and of repeated bytes, half and half, as weights and vocabularies are."""
    with TemporaryDirectory(prefix="dagcast-benchmark-") as name:
        folder = Path(name)
        (folder / "model").mkdir()
        with (folder / "model" / "weights").open("wb") as file:
            generator = random.Random(1)
            for _ in range(megabytes):
                file.write(generator.randbytes(500_000) + b"column,value\n" * (500_000 // 13))
        archives = [folder / f"{number}.tar.gz" for number in range(2)]
        for archive in archives:
            _report(
                f"pack {archive.name}",
                lambda archive=archive: pack_tar_gz(folder / "model", archive),
                archive,
            )  # type: ignore[misc]
        print("the same bytes:", archives[0].read_bytes() == archives[1].read_bytes())
        by_hand = folder / "by-hand.tar.gz"
        _report("zlib, level 6", lambda: _pack_by_hand(folder / "model", by_hand), by_hand)
        _report("unpack", lambda: unpack(archives[0], folder / "out"), archives[0])


def _pack_by_hand(model: Path, archive: Path) -> None:
    with gzip.open(archive, "wb", 6) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(model / "weights", "weights")


def _report(what: str, action: Callable[[], object], archive: Path) -> None:
    shutil.rmtree(archive.parent / "out", ignore_errors=True)
    started = time.process_time()
    action()
    seconds = time.process_time() - started
    print(f"{what}: {seconds:.1f} CPU s, {archive.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 600)
