#!/usr/bin/env python3
"""Builds the image without an engine and runs it: docker/Dockerfile, the volumes and users that
docker/README.md speaks of, docker/compose.yaml and docker/fluxion.service.

As root, with the packages that image_test.sh installs. IMAGE_SCRATCH names a folder whose images
are used if they are there, and kept; else all is made anew under /var/tmp and removed again.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from container import HERE, KEY, Container, Image, output
from service import test_compose, test_service

ROOT = os.path.dirname(os.path.dirname(HERE))
HINT = 'run with --user "$(id -u):$(id -g)"'
RECORD = {"col": "c", "doc": "d", "ts": 7, "data": "{\"t\":22.5}"}
INSERT = ("ins", [RECORD])
QUERY = ("qry", {"col": "c", "ts": 9})
FOUND = {"d": {"ts": 7, "data": RECORD["data"]}}
TYPED = [f"--secret-key={KEY}", "--data=/app/data"]  # after IMAGE in the line of the README


class Suite:
    def __init__(self):
        self.passed = self.failed = 0

    @contextlib.contextmanager
    def case(self, name):
        begun = time.monotonic()
        try:
            yield
            self.passed += 1
            print(f"passed {name}, {time.monotonic() - begun:.1f} s", flush=True)
        except Exception:
            self.failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed else 0)


def equal(got, wanted, what="value"):
    assert got == wanted, f"{what}: expected {wanted!r}, got {got!r}"


class Folders:
    """New folders for data, below one that any user may enter."""

    def __init__(self, scratch):
        self.top = tempfile.mkdtemp(dir=scratch, prefix="data-")
        os.chmod(self.top, 0o755)
        self.count = 0

    def new(self, owner=65532, mode=0o755):
        self.count += 1
        path = os.path.join(self.top, str(self.count))
        os.mkdir(path)
        os.chown(path, owner, owner)
        os.chmod(path, mode)
        return path

    def volume(self, image):
        """A new volume as an engine makes it: owner and mode of the image's folder."""
        folder = os.stat(os.path.join(image.tree, "app/data"))
        return self.new(folder.st_uid, folder.st_mode & 0o7777)


def use_store(scratch):
    """Of its own, whatever this machine uses; copies (vfs) and chroot work in any container."""
    settings = os.path.join(scratch, "storage.conf")
    with open(settings, "w", encoding="utf-8") as file:
        file.write(f'[storage]\ndriver = "vfs"\ngraphroot = "{scratch}/images"\n'
                   f'runroot = "{scratch}/run"\n')
    os.environ.update(CONTAINERS_STORAGE_CONF=settings, STORAGE_DRIVER="vfs",
                      BUILDAH_ISOLATION="chroot")


def build(suite, scratch):
    """True if there is an image now."""
    log = os.path.join(scratch, "build.log")
    names = output("buildah", "images", "--format", "{{.Name}}").split()
    with suite.case("the base image, from a debootstrapped tree"):
        if "docker.io/library/debian" not in names:
            tree = os.path.join(scratch, "base")
            output(os.path.join(HERE, "base_image.sh"), tree)
            shutil.rmtree(tree)
    test_context(suite, scratch)
    with suite.case("docker/image.sh builds the image"):
        if "localhost/fluxion" not in names:
            with open(log, "w", encoding="utf-8") as file:
                done = subprocess.run([f"{ROOT}/docker/image.sh", "--pull-never"], stdout=file,
                                      stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            with open(log, encoding="utf-8") as file:
                equal(done.returncode, 0, "".join(file.readlines()[-40:]) + "exit code")
        names = output("buildah", "images", "--format", "{{.Name}}:{{.Tag}} {{.Size}}")
        assert "localhost/fluxion:latest" in names, names
        print(names)
    return suite.failed == 0


def test_context(suite, scratch):
    with suite.case("the build sees sources and nothing else"):
        empty = os.path.join(scratch, "Containerfile")
        with open(empty, "w", encoding="utf-8") as file:
            file.write("FROM scratch\nCOPY . /\n")
        output("buildah", "build", "--quiet", "--file", empty, "--tag", "context",
               "--ignorefile", f"{ROOT}/.dockerignore", ROOT)
        container = output("buildah", "from", "--pull-never", "context")
        tree = output("buildah", "mount", container)
        equal(sorted(os.listdir(tree)),
              [".ci", "Makefile", "docker", "fluxion.pro", "src", "tests"])
        files = [os.path.relpath(os.path.join(folder, name), tree)
                 for folder, _, names in os.walk(tree) for name in names]
        wrong = [f for f in files if f.endswith((".o", ".a", "build.mk")) or
                 f.startswith("tests/") and not f.endswith((".pro", ".pri"))]
        equal(wrong, [])
        assert "src/server/main.cpp" in files and "docker/health.sh" in files, files
        output("buildah", "rm", container)
        output("buildah", "rmi", "context")


def test_engine_choice(suite, scratch):
    """docker/image.sh with programs in the place of the engines that write down their arguments."""
    for answers, chosen in ((0, "docker build"), (1, "buildah build --format docker")):
        with suite.case(f"image.sh: docker info ends with {answers}, so {chosen}"):
            stubs = tempfile.mkdtemp(dir=scratch)
            for name in ("docker", "buildah"):
                with open(f"{stubs}/{name}", "w", encoding="utf-8") as file:
                    file.write(f'#!/bin/sh\n[ "$1" != info ] || exit {answers}\n'
                               f'echo {name} "$@"\n')
                os.chmod(f"{stubs}/{name}", 0o755)
            done = subprocess.run([f"{ROOT}/docker/image.sh", "--no-cache"], check=True,
                                  stdout=subprocess.PIPE, text=True,
                                  env={**os.environ, "PATH": f"{stubs}:{os.environ['PATH']}"})
            line = done.stdout.strip()
            assert line.startswith(f"{chosen} --file docker/Dockerfile"), line
            for words in ("--tag fluxion:latest", "--build-arg VERSION=", "--build-arg REVISION=",
                          "--no-cache ."):
                assert words in line, line
            assert "\n" not in line, line


def test_config(suite, image):
    for name, wanted in (
            ("User", "65532:65532"), ("StopSignal", "SIGTERM"), ("WorkingDir", "/app"),
            ("Entrypoint", ["fluxion"]), ("ExposedPorts", {"8080/tcp": {}}),
            ("Volumes", {"/app/data": {}})):
        with suite.case(f"config: {name} is {wanted}"):
            equal(image.config[name], wanted)
    with suite.case("config: the health check is there, with limits"):
        check = image.config["Healthcheck"]
        equal(check["Test"], ["CMD", "fluxion-health"])
        assert check["Interval"] and check["Timeout"] and check["Retries"], check
    with suite.case("config: the version of the labels is the program's"):
        version = output("chroot", image.tree, "fluxion", "--version").split()[1]
        equal(image.config["Labels"]["org.opencontainers.image.version"], version)
        assert image.config["Labels"]["org.opencontainers.image.revision"]
    with suite.case("the program finds all its libraries"):
        libraries = output("chroot", image.tree, "ldd", "/usr/local/bin/fluxion")
        assert "libQt6Core" in libraries and "not found" not in libraries, libraries
    with suite.case("the folder of the data is the user's"):
        folder = os.stat(os.path.join(image.tree, "app/data"))
        equal((folder.st_uid, folder.st_gid), (65532, 65532))
    with suite.case("no compiler and no package lists in the image"):
        for path in ("usr/bin/g++", "usr/bin/make", "src"):
            assert not os.path.exists(os.path.join(image.tree, path)), path
        equal(os.listdir(os.path.join(image.tree, "var/lib/apt/lists")), [])


def all_files(tree):
    found = {}
    for folder, folders, names in os.walk(tree):
        if folder == tree:
            folders[:] = [f for f in folders if f not in ("proc", "dev")]
        for name in [*folders, *names]:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            found[path] = (info.st_mtime_ns, info.st_size, info.st_mode, info.st_uid)
    return found


def test_as_typed(suite, image, folders):
    for flags in ("init", "", "ro"):
        how = {"init": "--init, as typed", "": "process 1 itself", "ro": "--read-only"}[flags]
        data = folders.new()
        before = all_files(image.tree)
        with Container(image, data, TYPED, flags=flags) as container:
            with suite.case(f"{how}: an insert and a query"):
                pid = container.listening()
                equal(container.ask(INSERT, QUERY)[1], {"id": "1", "records": FOUND})
            with suite.case(f"{how}: runs as 65532, on all addresses, without rights"):
                with open(f"/proc/{pid}/status", encoding="ascii") as file:
                    status = dict(line.rstrip().split(":", 1) for line in file)
                equal(status["Uid"].split(), ["65532"] * 4)
                equal(int(status["CapEff"], 16), 0)
                with open(f"/proc/{pid}/net/tcp", encoding="ascii") as file:
                    assert "00000000:1F90 00000000:0000 0A" in file.read(), "not 0.0.0.0:8080"
            with suite.case(f"{how}: the health check says healthy"):
                equal(container.health(), (0, ""))
            with suite.case(f"{how}: the signal stops it in order within 8 s"):
                code, text = container.stop()
                equal(code, 0, text)
                assert text.endswith("stopped"), text
        with suite.case(f"{how}: nothing is written outside of the data"):
            after = all_files(image.tree)
            equal([path for path in set(before) | set(after)
                   if before.get(path) != after.get(path)], [])
        with suite.case(f"{how}: the data is there after a restart"), \
                Container(image, data, TYPED, flags=flags) as container:
            container.listening()
            equal(container.ask(QUERY)[0]["records"], FOUND)
            equal(container.stop()[0], 0)


def test_users(suite, image, folders):
    for user, data in (("12345:0", folders.new(12345)), ("12345:0", folders.volume(image)),
                       ("65532:65532", folders.volume(image)), ("1:1", folders.volume(image)),
                       ("0:0", folders.new(0))):
        owner = os.stat(data).st_uid
        with suite.case(f"--user {user} --read-only, a folder of {owner}"), \
                Container(image, data, [f"--secret-key={KEY}"], user, "ro") as container:
            container.listening()
            equal(container.ask(INSERT, QUERY)[1]["records"], FOUND)
            equal(container.health(), (0, ""))
            equal(container.stop()[0], 0)
            equal({os.lstat(os.path.join(data, f)).st_uid for f in os.listdir(data)},
                  {int(user.split(":", maxsplit=1)[0])}, "owners of the files")


def test_closed_folders(suite, image, folders):
    with_data = folders.volume(image)
    with suite.case("a server of 12345 leaves its files"), \
            Container(image, with_data, TYPED, "12345:12345") as container:
        container.listening()
        equal(container.stop()[0], 0)
    for name, data, user, words in (
            ("a folder of root", folders.new(0), None, "/app/data"),
            ("a folder of root, nobody else may enter", folders.new(0, 0o700), None, "/app/data"),
            ("a folder of another user", folders.new(1000), "12345:0", "/app/data"),
            ("files of another user", with_data, None, "/app/data/lock")):
        with suite.case(f"refused with exit code 2 and the hint: {name}"), \
                Container(image, data, TYPED, user, "init") as container:
            code, text = container.ended()
            equal(code, 2, text)
            assert words in text and HINT in text and "\n" not in text, text
    with suite.case("refused without the hint: a folder of ours that we closed"), \
            Container(image, folders.new(65532, 0o500), TYPED) as container:
        code, text = container.ended()
        equal((code, HINT in text), (2, False), text)
    with suite.case("refused with exit code 2: no master key"), \
            Container(image, folders.new(), []) as container:
        code, text = container.ended()
        equal(code, 2, text)
        assert "--secret-key-file" in text, text


def test_health(suite, image, folders):
    data = folders.new()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7",
                    "-subj", "/CN=localhost", "-out", f"{data}/cert.pem", "-keyout",
                    f"{data}/key.pem"], check=True, capture_output=True)
    for name in ("cert.pem", "key.pem"):
        os.chown(f"{data}/{name}", 65532, 65532)
    with open(f"{data}/secret", "w", encoding="utf-8") as file:
        file.write(KEY + "\n")
    tls = ["--tls-cert", "/app/data/cert.pem", "--tls-key", "/app/data/key.pem"]
    for name, arguments, variables, flags, port, scheme in (
            ("a flag names the port", [*TYPED, "--port=9001"], [], "", 9001, "ws"),
            ("a flag, under an init", ["serve", *TYPED, "--port", "9001"], [], "init", 9001, "ws"),
            ("a variable names the port", TYPED, ["FLUXION_PORT=9002"], "", 9002, "ws"),
            ("TLS", [*TYPED, *tls], [], "ro", 8080, "wss"),
            ("loopback only", [*TYPED, "--host", "127.0.0.1"], [], "", 8080, "ws"),
            ("the key in a file", ["--secret-key-file=/app/data/secret"], [], "", 8080, "ws"),
            ("in memory", [], [f"FLUXION_SECRET_KEY={KEY}", "FLUXION_DATA="], "ro", 8080, "ws")):
        with suite.case(f"found healthy, and answers: {name}"), \
                Container(image, data, arguments, None, flags, variables) as container:
            container.listening()
            equal(container.health(), (0, ""))
            equal(container.ask(INSERT, QUERY, port=port, scheme=scheme)[1]["records"], FOUND)
            equal(container.stop()[0], 0)
    with suite.case("a server that hangs is found unhealthy, and healthy when it goes on"), \
            Container(image, folders.new(), TYPED) as container:
        pid = container.listening()
        os.kill(pid, signal.SIGSTOP)
        code, text = container.health()
        assert code != 0 and "no answer" in text, (code, text)
        os.kill(pid, signal.SIGCONT)
        equal(container.health(), (0, ""))
        equal(container.stop()[0], 0)


def test_all(suite, scratch):
    use_store(scratch)
    test_engine_choice(suite, scratch)
    test_compose(suite, f"{ROOT}/docker/compose.yaml")
    if not build(suite, scratch):
        return
    image, folders = Image("fluxion:latest"), Folders(scratch)
    test_config(suite, image)
    test_as_typed(suite, image, folders)
    test_users(suite, image, folders)
    test_closed_folders(suite, image, folders)
    test_health(suite, image, folders)
    image.remove()
    test_service(suite, f"{ROOT}/docker/fluxion.service", scratch)
    shutil.rmtree(folders.top)


def main():
    suite = Suite()
    kept = os.environ.get("IMAGE_SCRATCH")
    scratch = kept or tempfile.mkdtemp(dir="/var/tmp", prefix="fluxion-image-")
    os.makedirs(scratch, exist_ok=True)
    os.chmod(scratch, 0o711)
    try:
        test_all(suite, scratch)
    finally:
        if not kept:
            shutil.rmtree(scratch)
    suite.end()


if __name__ == "__main__":
    main()
