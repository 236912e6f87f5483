"""A headless Chromium over WebDriver's HTTP, with the standard library alone."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Enter": "\ue007", "Space": "\ue00d"}
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
]
BINARIES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def missing() -> str:
    """Say what of Chromium and chromedriver is not installed; empty when both are."""
    browser = any(shutil.which(name) for name in BINARIES)
    absent = [] if browser else ["chromium"]
    return " and ".join(absent + ([] if shutil.which("chromedriver") else ["chromedriver"]))


class Chrome:
    """One browser window; a context manager that ends what it started."""

    def __init__(self, width: int = 1400, height: int = 1000, dark: bool = False) -> None:
        self.arguments = [*ARGUMENTS, f"--window-size={width},{height}"]
        if dark:
            self.arguments.append("--blink-settings=preferredColorScheme=0")

    def __enter__(self) -> Chrome:
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            self.base = f"http://127.0.0.1:{self._port()}/session"
            browser = next(path for name in BINARIES if (path := shutil.which(name)))
            arguments = [*self.arguments, f"--user-data-dir={self.profile.name}"]
            wanted = {
                "goog:chromeOptions": {"binary": browser, "args": arguments},
                "goog:loggingPrefs": {"browser": "ALL"},
            }
            made = self._post("", capabilities={"alwaysMatch": wanted})
            self.base += "/" + made["sessionId"]
        except BaseException:
            self.driver.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._send("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(10)
            self.profile.cleanup()

    def open(self, path: Path) -> None:
        self._post("/url", url=path.as_uri())

    def js(self, script: str, *args: object) -> Any:
        return self._post("/execute/sync", script=script, args=list(args))

    def find(self, css: str) -> str:
        return self._post("/element", using="css selector", value=css)[ELEMENT]

    def click(self, css: str) -> None:
        self._post(f"/element/{self.find(css)}/click")

    def type(self, css: str, text: str) -> None:
        self._post(f"/element/{self.find(css)}/value", text=KEYS.get(text, text))

    def log(self) -> list[dict[str, Any]]:
        """What the console has shown since it was last asked, errors and all."""
        return self._post("/se/log", type="browser")

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._send("GET", "/screenshot")))

    def _port(self) -> int:
        assert self.driver.stdout is not None
        end = time.monotonic() + 30
        while time.monotonic() < end:
            text = self.driver.stdout.readline().decode()
            if "started successfully on port" in text:
                return int(text.rsplit(" ", 1)[1].strip().rstrip("."))
        raise RuntimeError("chromedriver did not start")

    def _post(self, path: str, **body: object) -> Any:
        return self._send("POST", path, body)

    def _send(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def resize(self, width: int, height: int) -> None:
        """Pretend to be a screen of this size, smaller than a window may be."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        command = "Emulation.setDeviceMetricsOverride"
        self._post("/goog/cdp/execute", cmd=command, params=size)

    def pdf(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._post("/print", background=True)))
