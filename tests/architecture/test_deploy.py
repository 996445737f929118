"""The files for servers: units, image, dashboard and configuration are what they say."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from intake.config import loader as settings
from intake.worker import figures, init
from intake.worker.bootstrap import assemble
from tests.support import installation
from tests.support.servers import need

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted(one.name for one in DEPLOY.glob("*.service")) + sorted(
    one.name for one in DEPLOY.glob("*.timer")
)


@pytest.mark.servers
def test_systemd_understands_every_unit(tmp_path: Path) -> None:
    """No unknown key, no wrong value; the worker's exposure is rated as good."""
    need("systemd-analyze")
    for name in UNITS:
        text = (DEPLOY / name).read_text().replace("/opt/intake/bin/intake", "/bin/true")
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in UNITS)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "intake" in line]
    assert ours == []
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(tmp_path / "intake.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    level = re.search(r"exposure level for intake.service: ([0-9.]+)", rated.stdout)
    assert level is not None, rated.stdout + rated.stderr
    assert float(level[1]) < 2.5


def test_the_worker_tells_systemd_that_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """READY, then WATCHDOG while the jobs run, and STOPPING; an abstract socket works, too."""
    import socket

    from intake.adapters import service_manager

    for address in (str(tmp_path / "notify"), "@intake-test-notify"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.bind(address.replace("@", "\0"))
            monkeypatch.setenv("NOTIFY_SOCKET", address)
            service_manager.notify("READY=1")
            assert link.recv(100) == b"READY=1"
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    service_manager.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "relative")
    service_manager.notify("READY=1")


def test_the_configuration_for_a_server_is_valid() -> None:
    """Every path is absolute, nothing is written below /etc, and the keys are ours."""
    config = settings.load(str(DEPLOY / "config.toml"), {})
    places = (config.state_folder, config.blob_folder, config.database_folder)
    assert all(str(one).startswith("/var/lib/intake") for one in places)
    assert config.service.secret_file.startswith("/var/lib/intake")
    unit = (DEPLOY / "intake.service").read_text()
    assert "StateDirectory=intake" in unit
    assert "ProtectSystem=strict" in unit


def test_the_dashboard_asks_for_figures_that_exist(tmp_path: Path) -> None:
    """Each panel's expression names only metrics of intake."""
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"))
    installation.alive(config)
    with assemble(config) as app:
        text = figures.meter(config, app.collector.engine).text().decode()
    known = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    known |= {f"{one}_bucket" for one in known} | {f"{one}_total" for one in known}
    board: dict[str, Any] = json.loads((DEPLOY / "grafana.json").read_text())
    asked = set()
    for panel in board["panels"]:
        for target in panel["targets"]:
            asked |= set(re.findall(r"intake_[a-z_]+", target["expr"]))
    assert asked - known == set()
    assert len(asked) > 10
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(set(places)) == len(places)


def test_the_image_copies_what_the_package_needs() -> None:
    """The files that the build needs are there, and the user has no rights."""
    text = (DEPLOY / "Containerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for name in line.split():
            assert (ROOT / name).exists(), name
    assert text.index("USER intake") < text.index("ENTRYPOINT")
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (postgres,) = extra["optional-dependencies"]["postgres"]
    assert postgres in text


def test_a_state_folder_of_its_own_is_used(tmp_path: Path) -> None:
    """Heartbeat and journal go there; the quick form of status finds it, too."""
    made = installation.make(
        tmp_path, installation.maildir_box(tmp_path / "in"),
        head=installation.HEAD.replace(
            "[service]", f'[service]\nstate_folder = "{tmp_path}/elsewhere"'
        ),
    )  # fmt: skip
    init.prepare(made)
    assert installation.command(made, "once").returncode == 0
    assert (tmp_path / "elsewhere/heartbeat.json").exists()
    assert not (tmp_path / "var/heartbeat.json").exists()
    assert installation.command(made, "status", "--quiet").returncode == 0
