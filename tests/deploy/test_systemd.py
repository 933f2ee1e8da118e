"""Units and timers, held to systemd's own tools."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ready_files import DEPLOY, UNITS, unit

EXPOSURE = 20  # of 100, in tenths of what `systemd-analyze security` prints

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze: apt-get install systemd"
)


def analyze(*words):
    return subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def installed(tmp_path):
    """The units, with a program that exists here."""
    program = Path(sys.executable).with_name("tickgraph")
    for file in UNITS:
        text = file.read_text().replace("/opt/tickgraph/bin/tickgraph", str(program))
        (tmp_path / file.name).write_text(text)
    return [str(tmp_path / file.name) for file in UNITS]


def test_systemd_understands_every_unit(installed):
    done = analyze("verify", "--man=no", *installed)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_is_told_of_what_it_does_not_understand(installed):
    Path(installed[0]).write_text(Path(installed[0]).read_text() + "\n[Service]\nNoNewPrivilege=yes\n")
    assert "NoNewPrivilege" in analyze("verify", "--man=no", *installed).stderr


@pytest.mark.parametrize("name", [file.name for file in UNITS if file.suffix == ".service"])
def test_what_a_service_may_do_is_little(installed, name):
    path = next(one for one in installed if one.endswith(f"/{name}"))
    done = analyze("security", "--offline=yes", f"--threshold={EXPOSURE}", "--no-pager", path)
    assert done.returncode == 0, done.stdout[-200:]


def test_both_timers_start_the_one_service_and_make_up_for_what_was_missed():
    timers = [file.name for file in UNITS if file.suffix == ".timer"]
    assert timers == ["tickgraph-refresh-weekly.timer", "tickgraph-refresh.timer"]
    for name in timers:
        assert unit(name)["Unit"] == ["tickgraph-refresh.service"]
        assert unit(name)["Persistent"] == ["true"]
        assert unit(name)["WantedBy"] == ["timers.target"]


def elapses(timer, base, count):
    (calendar,) = unit(timer)["OnCalendar"]
    done = analyze("calendar", f"--iterations={count}", f"--base-time={base} UTC", calendar)
    assert done.returncode == 0, done.stderr
    return re.findall(r"(?:Next elapse|Iter\. #\d+|\(in UTC\)): (\w{3} [\d-]+ [\d:]+) UTC", done.stdout)


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        (
            "2027-03-12 00:00",
            ["Fri 2027-03-12 11:00:00", "Mon 2027-03-15 10:00:00", "Tue 2027-03-16 10:00:00"],
        ),
        (
            "2027-11-05 00:00",
            ["Fri 2027-11-05 10:00:00", "Mon 2027-11-08 11:00:00", "Tue 2027-11-09 11:00:00"],
        ),
    ],
)
def test_daily_runs_keep_their_hour_in_new_york_and_leave_out_the_weekend(base, expected):
    assert elapses("tickgraph-refresh.timer", base, 3) == expected


def test_no_sunday_is_left_out_when_the_clocks_jump_over_its_hour():
    spring = elapses("tickgraph-refresh-weekly.timer", "2027-03-08 00:00", 3)
    assert spring == ["Sun 2027-03-14 07:00:00", "Sun 2027-03-21 06:00:00", "Sun 2027-03-21 07:00:00"]
    autumn = elapses("tickgraph-refresh-weekly.timer", "2027-11-01 00:00", 2)
    assert autumn == ["Sun 2027-11-07 07:00:00", "Sun 2027-11-07 08:00:00"]


def test_the_secrets_of_both_services_are_read_from_one_file():
    for name in ("tickgraph.service", "tickgraph-refresh.service"):
        assert unit(name)["EnvironmentFile"] == ["-/etc/tickgraph/secrets.env"]
    assert (DEPLOY / "secrets.env.example").is_file()
