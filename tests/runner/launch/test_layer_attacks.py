"""What a job tries to get out of its layer, and to leave in it for others."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dagcast.errors import DagcastError
from dagcast.runner.files import remove_tree
from dagcast.runner.launch.choose_launcher import choose_launcher
from tests.runner.launch.bench import Bench, runner_program, until_there
from tests.support.child_processes import child_process


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Bench]:
    """A bench in the home folder, as a user's project is, and not below ``/tmp``."""
    with TemporaryDirectory(dir=Path.home(), prefix="dagcast-test-") as folder:
        (Path(folder) / "runs").mkdir()
        try:
            started = choose_launcher("namespace", Path(folder) / "runs")
        except DagcastError as error:
            pytest.skip(str(error))
        yield Bench(started, Path(folder))
        started.close()


def _snapshot(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    """Return mode, number of links, size and time of everything below a folder, the runs left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if folder / "runs" not in (path, *path.parents):
            status = path.lstat()
            found[str(path)] = (status.st_mode, status.st_nlink, status.st_size, status.st_mtime_ns)
    return found


ATTACKS = {
    "write through a hard link": "ln $P/secret $P/hard; echo evil >>$P/hard; chmod 777 $P/hard",
    "hard link into its own folder": "ln $P/secret /opt/ml/hard || cp $P/secret /opt/ml/hard; echo evil >>/opt/ml/hard",
    "hard link into /tmp": "ln $P/secret /tmp/hard || cp $P/secret /tmp/hard; echo evil >>/tmp/hard",
    "a folder replaced by a link": "rm -r $P/folder; ln -s /etc $P/folder; echo evil >$P/folder/evil-of-a-job || true",
    "a file replaced by a link": "rm $P/secret; ln -s ../../../../etc/passwd $P/secret",
    "a renamed folder": "mv $P/folder $P/moved || cp -r $P/folder $P/moved; echo evil >$P/moved/in; rm -rf $P/folder",
    "permissions": "chmod 000 $P/secret; chmod 777 $P/folder; chmod u+s $P/program",
    "times": "touch -d '2001-01-01' $P/secret $P/folder",
    "a truncated file": ": >$P/secret; truncate -s 100 $P/program",
    "a whiteout": "mknod $P/secret-2 c 0 0 || true; rm $P/secret; mknod $P/secret c 0 0 || true",
    "an opaque folder": (
        "python3 -c \"import os; os.setxattr('$P/folder', 'user.overlay.opaque', b'y')\" || true;"
        " python3 -c \"import os; os.setxattr('$P/folder', 'user.overlay.redirect', b'/etc')\" || true"
    ),
    "a mapped file": (
        "python3 -c \"import mmap; f = open('$P/secret', 'r+b'); m = mmap.mmap(f.fileno(), 0); "
        "m[:4] = b'evil'; m.flush()\""
    ),
    "a deep tree": "d=$P/folder; for i in 1 2 3 4 5 6 7 8; do d=$d/d; mkdir $d; echo evil >$d/f; done",
    "a lock": "flock $P/secret true; exec 9<>$P/secret; echo evil >&9",
    "everything removed": "rm -rf $P/secret $P/folder $P/program /usr/local/bin /etc/passwd || true",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_job_does_to_files_of_the_user_stays_in_its_layer(project: Bench, attack: str) -> None:
    (project.folder / "secret").write_text("kept")
    (project.folder / "folder").mkdir()
    (project.folder / "folder" / "in").write_text("kept")
    (project.folder / "program").write_text("#!/bin/sh\n")
    (project.folder / "program").chmod(0o755)
    before, passwd = _snapshot(project.folder), Path("/etc/passwd").read_bytes()
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "P": str(project.folder),
    }

    ended = project.run("sh", "-ec", ATTACKS[attack], environment=environment)

    assert ended.code == 0, project.errors
    assert _snapshot(project.folder) == before
    assert Path("/etc/passwd").read_bytes() == passwd
    assert not Path("/etc/evil-of-a-job").exists()
    # The next job finds the machine as it is.
    assert project.run("sh", "-ec", f"cat {project.folder}/secret; ls {project.folder}/folder").code == 0
    assert project.output.endswith("keptin\n")


ESCAPES = {
    "a mount": "mount -t tmpfs none /mnt",
    "a mount in a new namespace": "unshare -rm sh -c 'mount --bind / /mnt && umount -l /opt/ml'",
    "an overlay of its own": "unshare -rm mount -t overlay overlay -o lowerdir=$P,upperdir=/tmp/u,workdir=/tmp/w /mnt",
    "a remount": "mount -o remount,rw /proc/sys",
    "an unmount of the layer": "umount $HOME_OF_USER || umount -l /usr || umount /opt/ml",
    "a device of a disk": "mknod /tmp/disk b 8 0 && head -c 1 /tmp/disk",
    "a device of memory": "mknod /root-mem c 1 1 && head -c 1 /root-mem",
    "a device in its folder": "mknod /opt/ml/mem c 1 1 && head -c 1 /opt/ml/mem",
    "the root of init": "cat /proc/1/root$LAYER/root/etc/hostname",
    "the runs by init's root": "ls /proc/1/root$RUNS/one",
    "another root": "chroot /proc/1/root true",
    "the layer by its path": "ls $LAYER/layer",
    "the disk folder of the layer": "touch $LAYER/layer/disk/evil",
    "a setuid program": "cd /usr/local/bin && cp /bin/sh evil && chown 0:0 evil && chmod u+s evil && setpriv "
    "--reuid=65534 --clear-groups ./evil -pc 'test $(id -u) = 0'",
    "capabilities": "setcap cap_sys_admin+ep /bin/sh",
    "a kernel setting": "echo 0 >/proc/sys/kernel/randomize_va_space",
    "the supervisor": "kill -9 $PPID; kill -9 1; kill -9 -1; sleep 0.2; ! kill -0 1",
    "another user namespace's mounts": "nsenter -t 1 -m true",
}


@pytest.mark.parametrize("escape", ESCAPES)
def test_a_job_does_not_get_out_of_its_layer(project: Bench, escape: str) -> None:
    before = _snapshot(project.folder)
    # The name of the scratch folder is secret; the attack knows the folder that it is in.
    layer = project.attempt("step")
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "P": str(project.folder),
        "HOME_OF_USER": str(Path.home()),
        "RUNS": str(project.runs),
        "LAYER": str(layer),
    }
    script = ESCAPES[escape].replace("$LAYER/", "$LAYER/tmp-*/")

    ended = project.run("sh", "-c", script, environment=environment)

    assert ended.code != 0, (project.output, project.errors)
    assert _snapshot(project.folder) == before


def test_a_setuid_program_of_a_layer_is_not_left_on_the_machine(project: Bench) -> None:
    assert (
        project.run(
            "sh", "-ec", "cp /bin/sh /opt/ml/evil; chmod 4755 /opt/ml/evil; /opt/ml/evil -c 'id -u'"
        ).code
        == 0
    )
    # It belongs to the user who started the run, so it gives nobody more than that user has.
    assert (project.ml / "evil").stat().st_uid == os.geteuid()
    assert not stat.S_ISBLK((project.ml / "evil").stat().st_mode)


def test_secrets_of_the_runner_and_of_other_steps_stay_hidden(
    project: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-user")
    (project.attempt("other") / "ml" / "secret").write_text("secret-of-a-step")
    script = (
        "cat /proc/*/environ | tr '\\0' '\\n'; env; "
        f"find {project.runs} -type f -exec cat {{}} +; "
        "find / -xdev -name secret -path '*attempt-1*' -exec cat {} +; "
        "mkdir -p $HOME/x; cp -r /proc/1/cwd/. /tmp/cwd 2>/dev/null; cat /tmp/cwd/secret"
    )
    project.run("sh", "-c", script)
    assert "secret-of" not in project.output


def test_two_jobs_at_once_have_layers_of_their_own(project: Bench) -> None:
    name = f"/usr/local/{project.folder.name}"
    waits = (
        f"echo mine >{name}; touch /opt/ml/there; while ! test -e /opt/ml/go; do sleep 0.05; done; cat {name}"
    )
    with project.running("sh", "-ec", waits) as first:
        assert project.run("sh", "-c", f"test ! -e {name} && echo other >{name}", step="second").code == 0
        (project.ml / "go").touch()
        assert first.result(60).code == 0, project.errors
    assert project.output == "mine\n"


def test_nothing_of_a_layer_is_mounted_or_left_after_a_kill(project: Bench) -> None:
    deep = f"{project.folder}/a"
    script = f"echo x >/usr/local/x; mkdir -p {deep}/b; chmod 000 {deep}; touch /opt/ml/there; sleep 600"
    attempt = project.attempt("step")
    with child_process(runner_program("namespace", project.folder, "sh", "-ec", script)) as process:
        until_there(attempt / "ml" / "there")
        process.kill()
        process.wait(60)
    assert str(project.folder) not in Path("/proc/self/mountinfo").read_text()
    assert not Path(deep).exists()
    # The folder that the runner left has no mounts in it, and the user alone can remove it.
    remove_tree(project.runs / "one")
    assert not (project.runs / "one").exists()
