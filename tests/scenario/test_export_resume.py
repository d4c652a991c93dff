#!/usr/bin/env python3
"""Exports and imports that are killed, lose their server, or are large: they go on, and stay small.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time

from client import SECONDS, Client
from export_folders import MOST, Writer, exported, fails, fill, held, same, start
from fluxion_server import FluxionServer
from harness import Suite, equal
from terminal import run_client

suite = Suite()

FOLDER = tempfile.mkdtemp(prefix="fluxion-export-resume-")
TORTURE = bool(os.environ.get("FLUXION_TORTURE"))
MAX_RSS_KB = 64 * 1024  # of an import, whatever it reads
MAX_GROWTH_KB = 16 * 1024  # from a small import to a large one
TRIES = 20  # to cut off what may be over before it is


def path(name):
    return os.path.join(FOLDER, name)


def cut_off(server, arguments, progress, numbers):
    """Runs it and kills it some time after it has begun; whether it was cut off."""
    process = start(server, *arguments)
    deadline = time.monotonic() + SECONDS
    while not os.path.exists(progress) and process.poll() is None:
        assert time.monotonic() < deadline, "it does not begin"
        time.sleep(0.0005)
    try:
        process.wait(numbers.uniform(0, 0.15))
    except subprocess.TimeoutExpired:
        os.kill(process.pid, numbers.choice([signal.SIGKILL, signal.SIGTERM]))
    text = process.communicate(timeout=SECONDS)[1].decode()
    assert process.returncode <= 0, f"{process.returncode}: {text}"
    assert "anew" not in text, text
    return process.returncode < 0


def cut_off_often(server, arguments, progress, numbers, fresh):
    """Cuts it off several times, then lets it end; how often. `fresh`: makes a begin again."""
    for _ in range(TRIES):
        cuts = 0
        while cuts < 6 and cut_off(server, arguments, progress, numbers):
            cuts += 1
        if cuts == 6:
            process = start(server, *arguments)
            text = process.communicate(timeout=SECONDS * 2)[1].decode()
            equal(process.returncode, 0, text)
            assert "anew" not in text, text
        if cuts >= 2:
            return cuts
        fresh()
    raise AssertionError("it is always over before it can be cut off")


def saved_in(folder):
    with open(f"{folder}/.fluxion-export.json", encoding="utf-8") as text:
        return json.load(text)


def forget(client, folder):
    """Makes room for another begin."""
    client.call("cut", {"cut": saved_in(folder)["cut"], "end": True})
    shutil.rmtree(folder)


def test_killed(source, target):
    numbers = random.Random(os.environ.get("FLUXION_SEED", "5"))
    with Client(source) as client, Client(target) as other:
        fill(client, "long", documents=300, records=300, keys=4000, size=80)
        fill(client, "short", documents=1, records=3, keys=0)
        state = held(client, ["long", "short"])
        folder, which = path("killed"), ["--col", "long", "--col", "short"]
        with suite.case("an export killed at random places goes on, and is of the first cut"):
            with Writer(source, "other"):
                cut_off_often(source, ["export", folder, *which], f"{folder}/.fluxion-export.json",
                              numbers, lambda: forget(client, folder))
            same(exported(folder), state, "export")
        with suite.case("an import killed at random places goes on, and writes hardly twice"):
            seqs = [other.ok("stat")["seq"]]

            def fresh():
                other.ok("dcol", {"col": "long"})
                seqs[0] = other.ok("stat")["seq"]

            cuts = cut_off_often(target, ["import", folder, *which],
                                 f"{folder}/.fluxion-import.json", numbers, fresh)
            same(held(other, ["long", "short"]), state, "import")
            entries = other.ok("stat")["seq"] - seqs[0]
            # A request of records and one of keys has up to 1,000 of them; 8 are under way.
            least = 90_000 // 1000 + 4000 // 1000
            assert entries <= least + 10 + cuts * 9, (entries, least, cuts)


def test_cut_is_gone(source, target):
    folder, which = path("anew"), ["--col", "long", "--col", "short"]
    numbers = random.Random(11)
    with Client(source) as client:
        with suite.case("an export whose cut is gone begins anew, and says so"):
            for _ in range(TRIES):
                if cut_off(source, ["export", folder, *which], f"{folder}/.fluxion-export.json",
                           numbers) and not saved_in(folder)["done"]:
                    break
                forget(client, folder)
            client.ok("cut", {"cut": saved_in(folder)["cut"], "end": True})
            client.ok("ins", [{"col": "short", "doc": "d0", "ts": 99, "data": "later"}])
            code, _, err = run_client(["export", folder, *which], source)
            equal(code, 0, err)
            assert "begins anew" in err, err
            same(exported(folder), held(client, ["long", "short"]), "export")
    with suite.case("an unfinished export is not imported, nor taken for another one"):
        saved = saved_in(folder)
        with open(f"{folder}/.fluxion-export.json", "w", encoding="utf-8") as text:
            json.dump({**saved, "done": False}, text)
        fails(target, 2, ["not complete"], "import", folder)
        fails(source, 2, ["other collections"], "export", folder, "--col", "long")


def test_lost_server():
    with FluxionServer() as server, Client(server) as client:
        fill(client, "c", documents=100, records=300, keys=100)
        state = held(client)
        server.settings["port"] = server.port

        def lose(arguments, progress):
            process = start(server, *arguments, "--timeout", "60")
            deadline = time.monotonic() + SECONDS
            while not os.path.exists(progress) and process.poll() is None:
                assert time.monotonic() < deadline, "it does not begin"
                time.sleep(0.0005)
            server.restart(hard=True)
            err = process.communicate(timeout=SECONDS * 2)[1].decode()
            equal(process.returncode, 0, err)

        with suite.case("a server that is killed: the export comes back to it and begins anew"):
            lose(["export", path("lost")], path("lost/c"))
            same(exported(path("lost")), state, "export")
        with suite.case("an import comes back, too, and goes on"):
            with Client(server) as other:
                other.ok("dcol", {"col": "c"})
            lose(["import", path("lost")], path("lost/.fluxion-import.json"))
            with Client(server) as other:
                same(held(other), state, "import")
    with suite.case("no server: exit code 3, and nothing is made"):
        code, _, err = run_client(["export", path("nobody"), "--timeout", "5"], server)
        equal(code, 3, err)
        assert not os.path.exists(path("nobody"))


def import_rss(server, folder):
    """The most memory that an import was seen to take, in KB."""
    process = start(server, "import", folder)
    most = 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
                status = dict(line.split(":", 1) for line in file)
        except OSError:
            break
        if status["Name"].strip() == "fluxion" and "VmHWM" in status:
            most = max(most, int(status["VmHWM"].split()[0]))
        time.sleep(0.002)
    text = process.communicate(timeout=SECONDS)[1].decode()
    equal(process.returncode, 0, text)
    assert most > 0, "it was not seen"
    return most


def write_export(folder, records, documents):
    os.makedirs(f"{folder}/big")
    for d in range(documents):
        with open(f"{folder}/big/d{d}.jsonl", "w", encoding="utf-8") as file:
            for n in range(records // documents):
                file.write(f'{{"ts":{n},"doc":"d{d}","data":"{{\\"value\\":{n},\\"of\\":{d}}}"}}\n')


def test_memory(target):
    records = 1_000_000 if TORTURE else 200_000
    with suite.case(f"the memory of an import does not grow with what it reads ({records})"):
        write_export(path("small"), 20_000, 1)
        write_export(path("large"), records, 2)
        small = import_rss(target, path("small"))
        begun = time.monotonic()
        large = import_rss(target, path("large"))
        print(f"import of {records} records: {time.monotonic() - begun:.1f} s, "
              f"{large // 1024} MiB at most; of 20,000: {small // 1024} MiB")
        assert large < MAX_RSS_KB and large - small < MAX_GROWTH_KB, (small, large)
        with Client(target) as client:
            rows = client.ok("qdoc", {"col": "big", "doc": "d1", "from": 0, "to": 2, "limit": 3})
            equal(rows["records"][2], {"ts": 2, "data": '{"value":2,"of":1}'})
            last = client.ok("qry", {"col": "big", "ts": MOST})["records"]
            equal({d: r["ts"] for d, r in last.items()},
                  {"d0": records // 2 - 1, "d1": records // 2 - 1})
        shutil.rmtree(path("large"))


def main():
    try:
        with FluxionServer() as source, FluxionServer(data=False) as target:
            test_killed(source, target)
            test_cut_is_gone(source, target)
            test_memory(target)
        test_lost_server()
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    suite.end()


if __name__ == "__main__":
    main()
