"""One submission in the sandbox: started when first needed, and again after it was killed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from autograder import wire
from autograder.faults import StudentFault
from autograder.results import Status
from autograder.sandbox.channel import Channel, Died, Overdue
from autograder.student.peer import described_fault

_PARTING_SECONDS = 0.5  # to leave when all is done; only then is everything killed and restarted


class Runner:
    """Runs the parts of one submission; a fault costs one test, for the next gets a new fork.

    Attributes:
        failures: Files that could not be imported, and why.
    """

    def __init__(
        self, open_process: Callable[[dict[str, Any]], Any], order: dict[str, Any]
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            open_process: Starts a student process for an order, as the machine's rung does it.
            order: Files and names, as ``inside.submission`` takes them.
        """
        self.open_process = open_process
        self.order = order
        self.process: Any = None
        self.failures: dict[str, StudentFault] = {}
        self.printed = ""

    def start(self) -> None:
        """Import the submission, leaving out files that take the whole process down."""
        while self.process is None or not self.process.alive:
            load = [file for file in self.order["load"] if file not in self.failures]
            self.process = self.open_process({**self.order, "load": load})
            for file, failure in self.process.failures.items():
                fault = failure if isinstance(failure, StudentFault) else described_fault(failure)
                self.failures[file] = fault
            if not self.process.alive:
                self.printed = self.printed or self.process.output.text()

    def connect(self, part: str, seconds: float) -> PipeLink:
        """Fork a process for a part."""
        self.start()
        if self.process.hung_up:  # what an earlier part did to it costs this one nothing
            self.kill()
            self.start()
        return PipeLink(self, self.process.fork(part), seconds)

    def kill(self) -> None:
        """Kill the submission; the next part starts it afresh."""
        if self.process is not None:
            self.process.close()
            self.printed = self.printed or self.process.output.text()

    def output_text(self) -> str:
        """The first of what the submission printed."""
        if not self.printed and self.process is not None and self.process.alive:
            return str(self.process.output_text())
        return self.printed


class PipeLink:
    """A link to a process of the student's, with the time that a test may take."""

    def __init__(self, runner: Runner, channel: Channel, seconds: float) -> None:
        self.runner = runner
        self.channel = channel
        self.seconds = seconds
        self.deadline = 0.0
        self.dead: StudentFault | None = None
        self.restart_clock(seconds)

    def restart_clock(self, seconds: float) -> None:
        """Begin a test: it may take this long, in seconds."""
        self.seconds = seconds
        self.deadline = time.monotonic() + seconds
        self.channel.start_counting()

    def send(self, message: Any, refer: wire.Refer) -> None:
        """Send one message."""
        self._guarded(lambda: self.channel.send(message, refer, self.deadline))

    def receive(self, resolve: wire.Resolve) -> Any:
        """Wait for one message, until the test's time is over."""
        return self._guarded(lambda: self.channel.receive(resolve, self.deadline))

    def _guarded(self, action: Callable[[], Any]) -> Any:
        if self.dead is not None:
            raise self.dead
        try:
            return action()
        except Died:
            process = self.runner.process
            self.dead = process.cause_of_death(process.finish(self.channel))
            self.runner.kill()  # who knows what else it did: the next test starts afresh
        except Overdue:
            text = f"No answer after {self.seconds:g} seconds; the process was stopped."
            self.dead = StudentFault(Status.TIMEOUT, text)
            self.runner.kill()
        except StudentFault as fault:
            if fault.status not in (Status.PROTOCOL, Status.OUTPUT):
                raise
            self.dead = fault
            self.runner.kill()
        raise self.dead

    def close(self) -> None:
        """End the part's process, if it still runs."""
        if self.dead is None:
            self.runner.process.finish(self.channel, _PARTING_SECONDS)
            self.dead = StudentFault(Status.CRASHED, "The part's process has ended.")
