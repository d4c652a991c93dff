#!/usr/bin/env python3
"""The command line: what it refuses, what it says, and how a server ends."""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import warnings

from client import TEXT, Client, Closed, RawSocket, http, parse, raw_session
from fluxion_server import BINARY, SECRET, STOP_SECONDS, FluxionServer
from harness import Suite, equal

suite = Suite()

RUN_SECONDS = 60
PATIENT = {"close-timeout": "60s"}  # with clients that take all there is for them, but slowly
KEY = ["--secret-key", SECRET]
FOLDER = tempfile.mkdtemp(prefix="fluxion-cli-")
os.chmod(FOLDER, 0o755)  # other users look at what is in it, too


def path(name):
    return os.path.join(FOLDER, name)


def write(name, text):
    with open(path(name), "w", encoding="utf-8") as file:
        file.write(text)
    return path(name)


def run(arguments, environment=None, before=(), seconds=RUN_SECONDS):
    """Runs it to its end: exit code, stdout, stderr."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FLUXION_")}
    done = subprocess.run([*before, BINARY, *arguments], env={**clean, **(environment or {})},
                          cwd=FOLDER, capture_output=True, text=True, timeout=seconds,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def refuse(arguments, *words, environment=None, before=()):
    """Exit code 2, nothing on stdout, one line on stderr with these words, nothing created."""
    files = sorted(os.listdir(FOLDER))
    code, out, err = run(arguments, environment, before)
    equal((code, out), (2, ""), f"exit code and stdout ({err})")
    lines = [line for line in err.splitlines() if " warning no data folder" not in line]
    equal(len(lines), 1, f"lines on stderr: {err}")
    assert lines[0].startswith("fluxion: "), err
    for word in words:
        assert word in lines[0], f"`{word}` is not in: {lines[0]}"
    assert SECRET not in err, "it shows the secret"
    equal(sorted(os.listdir(FOLDER)), files, "files")


# name, arguments, words of the line
def refusals():
    new = path("new")
    yield "no secret", ["--data", new, "--port", "0"], ["secret"]
    yield "an empty secret", ["--secret-key", "", "--data", new, "--port", "0"], ["secret"]
    yield "an unknown flag", [*KEY, "--data", new, "--nope"], ["--nope"]
    yield "an unknown flag with a value", [*KEY, "--nope=1", "--data", new], ["--nope"]
    yield "a word", [*KEY, "--data", new, "word"], ["word"]
    yield "a flag without its value", [*KEY, "--data", new, "--port"], ["--port"]
    for name, value in (("port", "65536"), ("port", "-1"), ("port", "x"), ("port", "80x"),
                        ("port", ""), ("port", "8080.0"), ("io-threads", "65"), ("io-threads", "a"),
                        ("durability", "maybe"), ("durability", ""), ("segment-size", "1KiB"),
                        ("segment-size", "2GiB"), ("segment-size", "4XB"),
                        ("segment-size", "99999999999999999999"), ("max-message", "0"),
                        ("max-message", "1023"), ("header-timeout", "1"), ("header-timeout", "1d"),
                        ("ping-interval", "0"), ("max-connections", "0"), ("max-keys", "1.5")):
        yield f"--{name} {value}", [*KEY, "--data", new, f"--{name}", value], [f"--{name}"]
    yield ("a hard limit below the soft one",
           [*KEY, "--data", new, "--max-queue-bytes", "2MiB", "--max-queue-hard-bytes", "1MiB"],
           ["max-queue-hard-bytes"])
    yield "an empty host", [*KEY, "--data", new, "--host", ""], ["--host"]
    yield ("a host that does not exist",
           [*KEY, "--data", new, "--host", "no.such.host.invalid"], ["host"])
    yield ("an address that is not ours",
           [*KEY, "--data", new, "--host", "192.0.2.1", "--port", "0"], ["192.0.2.1"])
    yield ("a secret file that is not there", ["--secret-key-file", path("none")],
           ["secret-key-file"])
    yield ("an empty secret file", ["--secret-key-file", path("empty")],
           ["secret-key-file", "must hold one line"])
    yield "an empty config file alone", ["--config", path("empty")], ["there is no secret key"]
    yield ("a secret file of two lines", ["--secret-key-file", path("two-lines")],
           ["secret-key-file"])
    yield ("a secret and a secret file", [*KEY, "--secret-key-file", path("secret")], ["not both"])
    yield "a config file that is not there", [*KEY, "--config", path("none")], ["config"]
    yield "a folder as config file", [*KEY, "--config", FOLDER], ["config"]
    for name in ("no-equals", "unknown", "twice", "wrong", "itself"):
        yield (f"a config file, {name}", [*KEY, "--data", new, "--config", path(f"{name}.conf")],
               [path(f"{name}.conf") + ":3"])
    tls = ["--data", new, "--port", "0"]
    yield "a certificate without a key", [*KEY, *tls, "--tls-cert", path("cert.pem")], ["tls-key"]
    yield "a key without a certificate", [*KEY, *tls, "--tls-key", path("key.pem")], ["tls-cert"]
    for name, cert, key, word in (("no certificate", "none", "key.pem", "tls-cert"),
                                  ("no key", "cert.pem", "none", "tls-key"),
                                  ("an empty certificate", "empty", "key.pem", "tls-cert"),
                                  ("an empty key", "cert.pem", "empty", "tls-key"),
                                  ("a key as certificate", "key.pem", "key.pem", "tls-cert"),
                                  ("a certificate as key", "cert.pem", "cert.pem", "tls-key"),
                                  ("the key of another", "cert.pem", "other-key.pem", "tls-key")):
        yield (f"TLS with {name}", [*KEY, *tls, "--tls-cert", path(cert), "--tls-key", path(key)],
               [word])
    yield "a data folder that is a file", [*KEY, "--port", "0", "--data", path("secret")], ["data"]
    yield ("a data folder below a file", [*KEY, "--port", "0", "--data", path("secret/x")],
           ["data"])


def make_files():
    write("empty", "")
    write("secret", SECRET + "\n")
    write("two-lines", "one\ntwo\n")
    write("no-equals.conf", "# a comment\n\nport 8080\n")
    write("unknown.conf", "port = 0\n\nno-such = 1\n")
    write("twice.conf", "port = 0\n# again\nport = 0\n")
    write("wrong.conf", "port = 0\n\nmax-message = lots\n")
    write("itself.conf", "port = 0\n\nconfig = x\n")
    certificate("cert.pem", "key.pem")
    certificate("other-cert.pem", "other-key.pem")


def certificate(cert, key):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-out", path(cert), "-keyout", path(key)], check=True, capture_output=True)


def test_refusals():
    for name, arguments, words in refusals():
        with suite.case(f"refused: {name}"):
            refuse(arguments, *words)
    with suite.case("refused: a variable of no setting, but not those of the client"):
        refuse([], "FLUXION_DURABILTY: there is no such setting",
               environment={"FLUXION_SECRET_KEY": SECRET, "FLUXION_DURABILTY": "none"})
        refuse([], "FLUXION_PORT", environment={"FLUXION_URL": "ws://127.0.0.1:1",
                                                "FLUXION_KEY": "k", "FLUXION_PORT": "x"})
    with suite.case("refused: a wrong value in the environment"):
        refuse(["--data", path("new")], "FLUXION_PORT",
               environment={"FLUXION_SECRET_KEY": SECRET, "FLUXION_PORT": "x"})
    with suite.case("refused: the port of another"), socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refuse([*KEY, "--data", path("new"), "--port", port], port)
    with suite.case("refused: the data folder of a running server, which goes on"), \
            FluxionServer() as server:
        refuse([*KEY, "--port", "0", "--data", server.data], server.data)
        with Client(server) as client:
            client.ok("sval", {"col": "c", "key": "k", "value": "v"})
        server.restart(hard=True)
        refuse([*KEY, "--port", "0", "--data", server.data], server.data)
        server.stop()
    with suite.case("refused: a data folder whose parent is missing, which it names"):
        refuse([*KEY, "--port", "0", "--data", path("no/data")],
               f"cannot create folder {path('no/data')}: there is no folder {path('no')}")
    with suite.case("a start tells which data folder it found, and how much is in it"), \
            FluxionServer() as server:
        server.wait_for_line(f" info data folder {re.escape(server.data)}, empty\n")
        with Client(server) as client:
            client.ok("sval", {"col": "c", "key": "k", "value": "v"})
        server.restart(hard=True)
        server.wait_for_line(f" info data folder {re.escape(server.data)}, up to seq 1\n")
    as_nobody = ()
    if os.getuid() == 0:
        as_nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
    for name, mode in (("a data folder that may not be written", 0o555),
                       ("a data folder that may not be entered", 0o600)):
        with suite.case(f"refused: {name}"):
            folder = path("forbidden")
            os.mkdir(folder)
            os.chmod(folder, mode)
            try:
                binary = shutil.copy(BINARY, path("binary"))
                done = subprocess.run([*as_nobody, binary, *KEY, "--port", "0", "--data", folder],
                                      capture_output=True, text=True, timeout=RUN_SECONDS,
                                      env={"PATH": os.environ["PATH"]})
                equal((done.returncode, len(done.stderr.splitlines())), (2, 1), done.stderr)
                assert folder in done.stderr, done.stderr
                equal('--user "$(id -u):$(id -g)"' in done.stderr, bool(as_nobody), "the hint")
                os.chmod(folder, 0o700)
                equal(os.listdir(folder), [], "files")
            finally:
                os.chmod(folder, 0o700)
                shutil.rmtree(folder)
                os.remove(path("binary"))
    with suite.case("refused: a data folder where none may be made"):
        folder = path("closed")
        os.mkdir(folder)
        os.chmod(folder, 0o555)
        binary = shutil.copy(BINARY, path("binary"))
        done = subprocess.run([*as_nobody, binary, *KEY, "--port", "0", "--data", folder + "/new"],
                              capture_output=True, text=True, timeout=RUN_SECONDS,
                              env={"PATH": os.environ["PATH"]})
        equal((done.returncode, len(done.stderr.splitlines())), (2, 1), done.stderr)
        os.remove(path("binary"))
        os.rmdir(folder)


def help_settings():
    """name -> its line in --help."""
    lines = [line.split() for line in run(["--help"])[1].splitlines()]
    return [words[0][2:].split("=")[0] for words in lines if words and words[0].startswith("--")]


def test_answers():
    for arguments in (["--help"], ["-h"], ["serve", "--help"], ["--help", "--data", path("new")]):
        with suite.case(f"{' '.join(arguments)}"):
            code, out, err = run(arguments)
            equal((code, err), (0, ""), "exit code and stderr")
            for word in ("--secret-key", "--data", "--durability", "FLUXION_"):
                assert word in out, f"{word} is not in the help"
            assert all(len(line) <= 100 for line in out.splitlines()), "a line is too long"
    for arguments in (["help"], ["help", "serve"], ["health", "--help"]):
        with suite.case(f"{' '.join(arguments)} is the same"):
            equal(run(arguments), run(["--help"]))
    for name in ("get", "shell", "verify"):
        with suite.case(f"{name} --help, {name} -h and help {name}: of that command"):
            code, out, err = run([name, "--help"])
            equal((code, err), (0, ""), "exit code and stderr")
            assert out.startswith(f"fluxion {name} "), out
            equal(run([name, "-h"])[1], out)
            equal(run(["help", name]), (0, out, ""))
    with suite.case("a command that there is not"):
        for word in ("gett", "GET", ""):
            refuse([word, "theme"], f'there is no command "{word}"', "fluxion --help")
        refuse(["help", "gett"], 'there is no command "gett"')
    with suite.case("--version"):
        code, out, err = run(["--version"])
        equal((code, out.split()[0], len(out.splitlines()), err), (0, "fluxion", 1, ""))
    with suite.case("--describe"):
        code, out, err = run(["--describe"])
        equal((code, err, len(json.loads(out)["commands"])), (0, "", 26))
    with suite.case("nothing was made of all this"):
        assert not os.path.exists(path("new"))


# A value each that is right and not the default, and how to see it: None, it must just start.
def test_settings():
    names = [n for n in help_settings() if n not in ("help", "version", "describe", "config")]
    with suite.case("the settings are found in --help"):
        assert len(names) >= 30, names
    values = {"secret-key": SECRET, "host": "127.0.0.1", "port": "0", "durability": "none",
              "allow-origins": "http://a.test", "data": path("by-setting")}
    skipped = ("secret-key-file", "tls-cert", "tls-key")  # they have cases of their own
    for how in ("environment", "config file", "flags"):
        with suite.case(f"every setting is taken from {how}, and its wrong value refused"):
            wrong = 0
            for name in names:
                if name in skipped:
                    continue
                given = {"secret-key": SECRET, name: "!wrong!"}
                arguments, environment = as_source(how, given)
                if name in ("secret-key", "data", "allow-origins", "host"):
                    continue  # any text is right
                refuse(arguments, name if how != "environment" else
                       "FLUXION_" + name.upper().replace("-", "_"), environment=environment)
                wrong += 1
            assert wrong >= 25, wrong
        with suite.case(f"a server whose settings all come from {how}"):
            arguments, environment = as_source(how, values)
            with_settings(arguments, environment)
            assert os.path.isdir(values["data"]), "the data folder is not there"
            shutil.rmtree(values["data"])
    with suite.case("a flag wins over the environment, and that over the file"):
        config = write("order.conf", "port = 1\nmax-message = 1KiB\nmax-name-bytes = 5\n")
        with FluxionServer(data=False, arguments=["--max-name-bytes", "7", "--config", config],
                           settings={"max-name-bytes": 6, "port": 0}) as server, \
                Client(server) as client:
            client.ok("sval", {"col": "1234567", "key": "k", "value": "v"})
            equal(client.code("sval", {"col": "12345678", "key": "k", "value": "v"}), "too_large")
            client.send_raw("x" * 1025)
            equal(client.closed(), 1009, "close code, as the file's max-message has it")
        os.remove(config)
    with suite.case("secret-key-file"):
        with FluxionServer(data=False, secret=None,
                           settings={"secret-key-file": path("secret")}) as server:
            Client(server).ok("cols")
    with suite.case("fluxion serve ... is the same"):
        with FluxionServer(data=False, arguments=["serve", "--max-name-bytes", "3"]) as server:
            equal(Client(server).code("gkeys", {"col": "four"}), "too_large")


def as_source(how, values):
    if how == "environment":
        return [], {"FLUXION_" + k.upper().replace("-", "_"): v for k, v in values.items()}
    if how == "flags":
        return [f"--{k}={v}" for k, v in values.items()], {}
    lines = "".join(f"{k} = {v}\n" for k, v in values.items())
    return ["--config", write("order.conf", lines)], {}


def with_settings(arguments, environment):
    """Starts, answers, ends."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FLUXION_")}
    process = subprocess.Popen([BINARY, *arguments], env={**clean, **environment},
                               stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if "listening on" in line:
                break
        port = int(line.rsplit(":", 1)[1])
        with RawSocket(port) as raw:
            equal(raw.upgrade()[0], 101, "status")
            equal(parse(raw.read_frame()[2])["durable"], False, "durable, as durability is none")
        with RawSocket(port) as raw:
            equal(raw.upgrade(fields={"Origin": "http://b.test"})[0], 403, "status")
        # One Ctrl-C may come twice, from the terminal and from a parent.
        process.send_signal(signal.SIGINT)
        process.terminate()
        equal(process.wait(STOP_SECONDS), 0, "exit code")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_secret_in_argv():
    for arguments in (["--secret-key", SECRET], ["--secret-key=" + SECRET],
                      ["serve", "--secret-key", SECRET]):
        with suite.case(f"the secret is not in the list of processes: {arguments[0]}"), \
                FluxionServer(data=False, secret=None, arguments=arguments) as server:
            with open(f"/proc/{server.process.pid}/cmdline", "rb") as file:
                line = file.read()
            assert SECRET.encode() not in line, line
            assert b"--secret-key" in line, line
            assert SECRET not in server.log_text(), "it is in the log"
            Client(server).ok("cols")


def test_stop():
    for number in (signal.SIGTERM, signal.SIGINT):
        with suite.case(f"{number.name}: 1001 to all, exit code 0, nothing lost"), \
                FluxionServer() as server:
            clients = [Client(server) for _ in range(10)]
            clients[0].ok("sval", {"col": "c", "key": "k", "value": "kept"})
            server.process.send_signal(number)
            for client in clients:
                equal(client.closed(), 1001, "close code")
                client.drop()
            equal(server.wait(STOP_SECONDS), 0, "exit code")
            server.start()
            equal(Client(server).ok("gval", {"col": "c", "key": "k"})["value"], "kept")
    with suite.case("SIGTERM with clients that never read, never answer, or are half connected"), \
            FluxionServer() as server:
        with Client(server) as client:
            for number in range(40):
                client.ok("sval", {"col": "c", "key": f"k{number}", "value": "v" * 500000})
        deaf = [raw_session(server) for _ in range(5)]
        for raw in deaf:
            raw.send_frame(TEXT, '{"id":"x","type":"gvals","data":{"col":"c"}}')
            raw.socket.recv(1)
        mute = [raw_session(server) for _ in range(5)]
        half = [RawSocket(server) for _ in range(5)]
        half[0].send("GET / HT")
        took = server.stop()
        for raw in mute:
            equal(raw.close_code(), 1001, "close code")
        print(f"stopped in {took:.1f} s with deaf clients")
        assert took < 15, f"{took:.1f} s; 8 are promised, of a machine that does nothing else"
        assert len(deaf) + len(half) == 10
    with suite.case("SIGTERM under load: what is there is what was acknowledged, no more"), \
            FluxionServer(settings=PATIENT) as server:
        acknowledged = write_until_closed(server)
        server.start()
        values = Client(server).ok("gvals", {"col": "c"})["values"]
        assert len(acknowledged) > 50, f"only {len(acknowledged)} writes"
        equal(sorted(values), sorted(acknowledged), "keys")
    with suite.case("SIGTERM in the midst of a large answer: it comes whole, then 1001"), \
            FluxionServer(data=False, settings=PATIENT) as server:
        with Client(server) as client:
            for number in range(40):
                client.ok("sval", {"col": "c", "key": f"k{number}", "value": "v" * 500000})
        with raw_session(server) as raw:
            raw.send_frame(TEXT, '{"id":"x","type":"gvals","data":{"col":"c"}}')
            _, final, payload = raw.read_frame()
            server.process.terminate()
            server.wait_for_line("stopping")
            parts = [payload]
            while not final:
                _, final, payload = raw.read_frame()
                parts.append(payload)
            equal(len(parse(b"".join(parts))["values"]), 40, "values")
            equal(raw.close_code(), 1001, "close code")
        equal(server.wait(STOP_SECONDS), 0, "exit code")
    with suite.case("clients that vanish with answers on their way"), \
            FluxionServer() as server:
        for _ in range(50):
            raw = raw_session(server)
            raw.send_frame(TEXT, '{"id":"x","type":"cols"}')
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            raw.socket.close()
        Client(server).ok("cols")


def write_until_closed(server):
    """Writes, many on their way at any time, and stops the server meanwhile; the keys of all writes
    that were acknowledged."""
    client = Client(server)
    acknowledged, sent = [], {}
    try:
        for number in range(1000000):
            key = f"k{number}"
            sent[client.send("sval", {"col": "c", "key": key, "value": "v"})] = key
            if number >= 64:
                reply = client.receive()
                assert "error" not in reply, reply
                acknowledged.append(sent[reply["id"]])
            if number == 300:
                server.process.terminate()
    except Closed as closed:
        equal(closed.code, 1001, "close code")
    client.drop()
    equal(server.wait(STOP_SECONDS), 0, "exit code")
    return acknowledged


def healthy(arguments, environment=None):
    """Asks `fluxion health` a few times: it waits for 3 s, and a busy machine may forget it."""
    for _ in range(5):
        said = run(["health", *arguments], environment)
        if said[0] == 0:
            break
    return said


def test_health():
    origins = "http://a.test, https://b.test"
    with FluxionServer(data=False, settings={"allow-origins": origins}) as server:
        for target, status, word in (("/health/live", 200, "live"), ("/health/ready", 200, "ready"),
                                     ("/health/ready?x=1", 200, "ready"), ("/", 404, "not_found"),
                                     ("/health", 404, "not_found"), ("/metrics", 404, "not_found"),
                                     ("/?api-key=" + SECRET, 404, "not_found")):
            with suite.case(f"GET {target.split('?')[0]}: {status}"):
                got, fields, body = http(server, target)
                equal(got, status, "status")
                equal(fields["content-type"].split(";")[0], "application/json", "Content-Type")
                equal(word in parse(body.decode()).values(), True, "what it says")
        with suite.case("GET / says what this address is for"):
            text = parse(http(server, "/")[2].decode())["error"]
            assert "WebSocket" in text and "/health/ready" in text, text
        with suite.case("fluxion health: 0 when it is ready"):
            equal(healthy(["--port", str(server.port)]), (0, "", ""))
            equal(healthy([], {"FLUXION_PORT": str(server.port)})[0], 0)
        for origin, status in ((None, 101), ("http://a.test", 101), ("https://b.test", 101),
                               ("http://b.test", 403), ("http://a.test.evil.test", 403),
                               ("null", 403), ("http://A.test", 403), ("http://a.test:80", 403)):
            with suite.case(f"Origin {origin}: {status}"), RawSocket(server) as raw:
                got, _ = raw.upgrade(fields={"Origin": origin} if origin else {})
                equal(got, status, "status")
    with suite.case("fluxion health: not 0 and one line when there is none"), \
            socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # so that nobody else gets it
        port = str(silent.getsockname()[1])
        code, out, err = run(["health", "--port", port])
        equal((code, out, len(err.splitlines())), (1, "", 1), err)
        assert port in err, err
    with suite.case("fluxion health: not 0 when another program is there"), \
            socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def answer():
            connection, _ = other.accept()
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\n\r\n{}")
            connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        code, _, err = run(["health", "--port", str(other.getsockname()[1])])
        thread.join(RUN_SECONDS)
        equal((code, len(err.splitlines())), (1, 1), err)


class TlsSocket(RawSocket):
    def __init__(self, server):
        super().__init__(server)
        context = ssl.create_default_context(cafile=path("cert.pem"))
        self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")


def tls_session(server):
    raw = TlsSocket(server)
    equal(raw.upgrade()[0], 101, "status")
    equal(parse(raw.read_frame()[2])["type"], "ready")
    return raw


def call(raw, message):
    raw.send_frame(TEXT, json.dumps(message))
    final, parts = False, []
    while not final:
        _, final, payload = raw.read_frame()
        parts.append(payload)
    return parse(b"".join(parts))


def get(raw):
    return call(raw, {"id": "2", "type": "gval", "data": {"col": "c", "key": "k"}})["value"]


def test_tls():
    settings = {"tls-cert": path("cert.pem"), "tls-key": path("key.pem"), "io-threads": 1}
    with FluxionServer(data=False, settings=settings) as server:
        pid = server.process.pid
        with suite.case("wss: a session with a checked certificate"), tls_session(server) as raw:
            equal(server.scheme, "wss", "scheme")
            equal("error" in call(raw, {"id": "1", "type": "sval", "data": {
                "col": "c", "key": "k", "value": "v"}}), False)
            equal(get(raw), "v")
        with suite.case("health over TLS"), TlsSocket(server) as raw:
            raw.send("GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n")
            equal(raw.read_answer()[0], 200, "status")
        with suite.case("fluxion health over TLS"):
            equal(healthy(["--port", str(server.port), "--tls-cert", path("cert.pem")])[0], 0)
            equal(run(["health", "--port", str(server.port)])[0], 1, "without TLS")
        with suite.case("401 over TLS"), TlsSocket(server) as raw:
            equal(raw.upgrade("/?api-key=wrong")[0], 401, "status")
        with suite.case("a plain client gets nothing that harms"), RawSocket(server) as raw:
            raw.send("GET /?api-key=" + SECRET + " HTTP/1.1\r\nHost: x\r\n\r\n")
            said = raw.read_to_end()
            assert b"HTTP/1.1 200" not in said and b"101" not in said, said
            assert SECRET.encode() not in said
        with suite.case("old TLS is refused"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            warnings.simplefilter("ignore", DeprecationWarning)  # it is the point
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
            context.set_ciphers("ALL:@SECLEVEL=0")
            try:
                with RawSocket(server) as raw:
                    context.wrap_socket(raw.socket)
                raise AssertionError("TLS 1.1 was taken")
            except (ssl.SSLError, OSError):
                pass
        with suite.case("200 clients over TLS"):
            base = len(os.listdir(f"/proc/{pid}/fd"))
            crowd = [tls_session(server) for _ in range(200)]
            for raw in crowd:
                equal(get(raw), "v")
            for raw in crowd:
                raw.socket.close()
            until(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= base, "descriptors stay open")
        with suite.case("a large answer over TLS comes whole, beside another client"), \
                tls_session(server) as raw, tls_session(server) as other:
            for number in range(100):
                call(raw, {"id": "w", "type": "sval", "data": {
                    "col": "big", "key": f"k{number:03}", "value": f"{number:03}" * 100000}})
            raw.send_frame(TEXT, '{"id":"big","type":"gvals","data":{"col":"big"}}')
            equal(get(other), "v")
            reply = call(raw, {"id": "3", "type": "cols"})
            equal((len(reply["values"]), reply["values"]["k099"]), (100, "099" * 100000))
    # Short times for those who are to be let go; whoever else is here is quick, or says nothing.
    with FluxionServer(data=False, settings={**settings, "header-timeout": "1s"}) as server, \
            suite.case("a TLS handshake that is not finished is let go"):
        descriptors = f"/proc/{server.process.pid}/fd"
        base = len(os.listdir(descriptors))
        half = [RawSocket(server) for _ in range(20)]
        for raw in half:
            raw.send(bytes.fromhex("160301"))
        for raw in half:
            raw.read_to_end()
            raw.socket.close()
        until(lambda: len(os.listdir(descriptors)) <= base, "descriptors stay open")
    with FluxionServer(data=False, settings={**settings, "stall-timeout": "2s"}) as server:
        pid = server.process.pid
        with suite.case("a client over TLS that never reads: bounded, and let go"), \
                tls_session(server) as raw, tls_session(server) as other:
            for number in range(100):
                call(other, {"id": "w", "type": "sval", "data": {
                    "col": "big", "key": f"k{number:03}", "value": f"{number:03}" * 100000}})
            call(other, {"id": "w", "type": "sval", "data": {"col": "c", "key": "k", "value": "v"}})
            before = resident(pid)
            connections = len(os.listdir(f"/proc/{pid}/fd"))
            for _ in range(50):
                raw.send_frame(TEXT, '{"id":"big","type":"gvals","data":{"col":"big"}}')
            most = 0

            def gone():
                nonlocal most
                most = max(most, resident(pid) - before)
                equal(get(other), "v")
                return len(os.listdir(f"/proc/{pid}/fd")) < connections

            until(gone, "it is still there")
            assert most < 64 << 20, f"the server grew by {most >> 20} MiB"
            print(f"a TLS client that never reads: the server grew by {most >> 10} KiB")


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def until(condition, text, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, text
        time.sleep(0.01)


try:
    make_files()
    for test in (test_refusals, test_answers, test_settings, test_secret_in_argv, test_stop,
                 test_health, test_tls):
        begun = time.monotonic()
        with suite.case(f"{test.__name__} runs to its end"):
            test()
        print(f"{test.__name__}: {time.monotonic() - begun:.1f} s", flush=True)
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
suite.end()
