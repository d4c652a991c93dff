"""docker/compose.yaml has what it should; docker/fluxion.service is right, closed, and runs."""

import os
import re
import shutil
import subprocess

import yaml

from container import HERE, output

MOST_EXPOSURE = 2.0  # of 10, as `systemd-analyze security` counts
BOOT_SECONDS = 300


def test_compose(suite, path):
    with open(path, encoding="utf-8") as file:
        compose = yaml.safe_load(file)
    services = list(compose["services"].values())
    with suite.case("compose: one service and its volume"):
        assert len(services) == 1 and list(compose["volumes"]) == ["data"], compose
    service = services[0]
    for name, wanted in (
            ("image", "fluxion:latest"), ("volumes", ["data:/app/data"]), ("read_only", True),
            ("init", True), ("restart", "unless-stopped"), ("stop_grace_period", "10s"),
            ("cap_drop", ["ALL"]), ("security_opt", ["no-new-privileges:true"]),
            ("build", {"context": "..", "dockerfile": "docker/Dockerfile"})):
        with suite.case(f"compose: {name} is {wanted}"):
            assert service[name] == wanted, service[name]
    with suite.case("compose: without a key it does not start; the health check is the image's"):
        assert re.match(r"\$\{FLUXION_SECRET_KEY:\?", service["environment"]["FLUXION_SECRET_KEY"])
        assert service["ports"][0].endswith(":8080") and "healthcheck" not in service, service


def test_service(suite, unit, scratch):
    folder = os.path.join(scratch, "units")
    os.makedirs(folder, exist_ok=True)
    with suite.case("systemd-analyze verify finds nothing"):
        # It wants the program to be there.
        with open(unit, encoding="utf-8") as file:
            text = file.read().replace("/usr/local/bin/fluxion", "/bin/true")
        with open(f"{folder}/fluxion.service", "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run(["systemd-analyze", "verify", f"{folder}/fluxion.service"],
                              capture_output=True, text=True)
        about = [line for line in (done.stdout + done.stderr).splitlines() if "fluxion" in line]
        assert (done.returncode, about) == (0, []), done
    with suite.case(f"systemd-analyze security counts at most {MOST_EXPOSURE}"):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
                              stdout=subprocess.PIPE, text=True)
        line = done.stdout.splitlines()[-1]
        print(line)
        assert float(re.search(r": ([0-9.]+) ", line)[1]) <= MOST_EXPOSURE, line
    with suite.case("systemd boots in a container and starts, stops and refuses as the unit says"):
        boot(unit)


def boot(unit):
    """In the image's tree, with systemd and without the user whose name would be taken for the
    dynamic one; proof.sh in it looks, and says what is wrong."""
    container = output("buildah", "from", "--pull-never", "fluxion:latest")
    output("buildah", "run", "--user", "0", container, "--", "sh", "-c",
           "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "
           "--no-install-recommends systemd-sysv > /dev/null && userdel fluxion")
    tree = output("buildah", "mount", container)
    os.makedirs(f"{tree}/etc/fluxion")
    with open(f"{tree}/etc/fluxion/secret-key", "w", encoding="utf-8") as file:
        file.write("a-key-of-the-test\n")
    os.chmod(f"{tree}/etc/fluxion/secret-key", 0o600)
    os.mkdir(f"{tree}/proof")
    shutil.copy(unit, f"{tree}/etc/systemd/system/")
    shutil.copy(os.path.join(HERE, "proof.service"), f"{tree}/etc/systemd/system/")
    shutil.copy(os.path.join(HERE, "proof.sh"), f"{tree}/proof/")
    output("chroot", tree, "systemctl", "--quiet", "enable", "fluxion.service", "proof.service")
    done = subprocess.run(
        ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network",
         f"--directory={tree}", "--boot"], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=BOOT_SECONDS)
    console = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
    assert os.path.exists(f"{tree}/proof/log"), console
    with open(f"{tree}/proof/log", encoding="utf-8") as file:
        log = file.read()
    assert log.endswith("proved\n"), log + console
    output("buildah", "rm", container)
