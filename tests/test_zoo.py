"""The zoo: hostile and unlucky submissions, each with the exact result it must give on every rung.

Each rung runs in a subprocess of its own (``tests/zoo_driver.py``), all at once, since most of the
time is spent waiting for limits. ``walls`` is the namespaces rung without bubblewrap; where tests
run as root, ``unprivileged`` is the same as an ordinary user, and ``user`` does without namespaces.
``user`` and ``process`` are asked only of animals that they can hold; the ``animal.toml`` of the
others says what cannot be stopped there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.zoo_driver import ZOO, load_animals

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="namespaces are a thing of Linux"),
]
ROOT = Path(__file__).parent.parent
ANIMALS = load_animals()
GROUPS = "reading tampering lying hardcoding delegation dying reaching handed".split()
AS_ROOT = os.name == "posix" and os.geteuid() == 0
MISSING = {
    "bubblewrap": "" if shutil.which("bwrap") else "bubblewrap is not installed",
    "walls": "",
    "unprivileged": "" if AS_ROOT else "the tests are not run as root",
    "user": "" if AS_ROOT else "the tests are not run as root",
    "process": "",
}
CASES = [
    pytest.param(rung, name, id=f"{rung}-{name}")
    for rung in MISSING
    for name, animal in ANIMALS.items()
    if not getattr(animal, rung, "")
]


class Rung:
    """The driver of one rung, and the results as they come."""

    def __init__(self, rung: str, names: list[str]) -> None:
        command = [sys.executable, "-m", "tests.zoo_driver", rung, *names]
        self.errors = ""
        self.results: dict[str, Any] = {}
        self.news = threading.Condition()
        self.over = False
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                result = json.loads(line)
                with self.news:
                    self.results[result["animal"]] = result
                    self.news.notify_all()
        self.errors = self.process.stderr.read()
        with self.news:
            self.over = True
            self.news.notify_all()

    def result(self, name: str) -> dict[str, Any]:
        with self.news:
            self.news.wait_for(lambda: self.over or name in self.results, 300)
        assert name in self.results, f"the driver gave nothing: {self.errors[-1500:]}"
        return self.results[name]


@pytest.fixture(scope="session")
def ask(request: pytest.FixtureRequest) -> Any:
    """Start the drivers of the rungs that this run asks for; return how to get a result."""
    wanted: dict[str, list[str]] = {}
    for item in request.session.items:
        params = getattr(getattr(item, "callspec", None), "params", {})
        if "animal_name" in params and not MISSING[params["rung"]]:
            wanted.setdefault(params["rung"], []).append(params["animal_name"])
    rungs = {rung: Rung(rung, names) for rung, names in wanted.items()}
    yield lambda rung, name: rungs[rung].result(name)
    for rung in rungs.values():
        rung.process.kill()
        rung.process.wait()


@pytest.mark.parametrize(("rung", "animal_name"), CASES)
def test_animal(ask: Callable[[str, str], dict[str, Any]], rung: str, animal_name: str) -> None:
    if MISSING[rung]:
        pytest.skip(MISSING[rung])
    animal = ANIMALS[animal_name]
    got = ask(rung, animal_name)
    assert "broke" not in got, got["broke"]
    expected = {
        part: [*animal.expect.get(part, ("passed", points)), points]
        for part, (_, _, points) in got["parts"].items()
    }
    assert got["parts"] == expected, got["why"]
    assert set(animal.expect) <= set(got["parts"])
    assert not got["grader_error"]
    assert "LEAK" not in got["text"]
    for word in animal.output:
        assert word in got["output"]
    for word in animal.lacks:
        assert word not in got["text"]
    for word in animal.notes:
        assert word in got["notes"]
    for word in animal.flags:
        assert word in got["flags"]
    assert got["left"] == 0, "processes of the submission are still there"
    assert got["seconds"] < animal.most


def test_every_animal_is_whole() -> None:
    folders = {path.name for path in ZOO.iterdir() if path.is_dir()}
    assert folders == set(ANIMALS)
    for name, animal in ANIMALS.items():
        assert name.partition("_")[0] in GROUPS
        assert animal.says.endswith(".")
        assert len(list((ZOO / name).iterdir())) > 1
    for group in GROUPS:
        assert any(name.startswith(f"{group}_") for name in ANIMALS)


@pytest.mark.parametrize(("rung", "most"), [("process", 0.5), ("user", 0.05)])
def test_what_cannot_be_stopped_is_said(rung: str, most: float) -> None:
    """The weaker rungs are honest: every animal they are not asked of says why."""
    reasons = [reason for animal in ANIMALS.values() if (reason := getattr(animal, rung))]
    assert len(reasons) < len(ANIMALS) * most
    assert all(reason.endswith(".") for reason in reasons)
