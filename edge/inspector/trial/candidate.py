"""The inspector's side of a bundle on trial: its process started, asked, and ended when it does not answer."""

import mmap
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

import numpy as np

from edge.core.trial import Opinion
from edge.inspector.capture import View
from edge.inspector.trial.protocol import (
    MAX_LINE,
    Answer,
    Order,
    ProtocolError,
    Question,
    Ready,
    Refused,
    SharedView,
    encode,
    parse_reply,
)
from edge.line.leash import leashed

OPEN_S: Final = 120.0
"""The longest that loading and testing a bundle may take on a slow, busy station."""
ANSWER_S: Final = 5.0
"""A candidate that takes longer for one part hangs."""
END_S: Final = 2.0
PROGRAM: Final = (sys.executable, "-m", "edge.inspector.trial.process")
_ALIGN: Final = 64


class CandidateError(Exception):
    """The bundle on trial cannot go on; the message says why."""


class CandidateRefusedError(CandidateError):
    """It does not pass the checks of this station."""


class CandidateFailedError(CandidateError):
    """It crashed, hangs, or talks nonsense."""


class Candidate(Protocol):
    """A bundle on trial; used by one thread, the one that opened it."""

    def open(self) -> Ready:
        """Load and check it.

        Raises:
            CandidateRefusedError: It does not pass.
            CandidateFailedError: It crashed or hangs.
        """

    def judge(self, recipe: int, views: Sequence[View]) -> Opinion:
        """Judge a part.

        Raises:
            CandidateFailedError: It crashed or hangs.
        """

    def close(self) -> None:
        """End it, whatever it does."""


class CandidateProcess:
    """The candidate as a process; pictures reach it through memory that both have mapped."""

    def __init__(
        self,
        order: Order,
        *,
        program: Sequence[str] = PROGRAM,
        open_s: float = OPEN_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._order = order
        self._program = program
        self._open_s = open_s
        self._answer_s = answer_s
        self._process: subprocess.Popen[bytes] | None = None
        self._memory: mmap.mmap | None = None
        self._descriptor = -1
        self._heard = bytearray()

    def open(self) -> Ready:
        """Start the process, and wait until its bundle is loaded and checked."""
        self._descriptor = os.memfd_create("linegate-trial", os.MFD_CLOEXEC)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                leashed([*self._program, str(self._descriptor)]),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(self._descriptor,),
                start_new_session=True,
            )
        except OSError as error:
            raise CandidateFailedError(f"its process cannot be started ({error.strerror})") from error
        match self._ask(encode(self._order), self._open_s):
            case Ready() as ready:
                return ready
            case Refused(text=text):
                raise CandidateRefusedError(text)
            case Answer():
                raise CandidateFailedError("its process answers what nobody asked")

    def judge(self, recipe: int, views: Sequence[View]) -> Opinion:
        """Share the pictures of a part and wait for the answer."""
        question = Question(recipe=recipe, views=self._shared(views))
        reply = self._ask(encode(question), self._answer_s)
        if not isinstance(reply, Answer):
            raise CandidateFailedError("its process answers what nobody asked")
        return Opinion(decision=reply.decision, code=reply.code, score=reply.score, took_ns=reply.took_ns)

    def close(self) -> None:
        """End the process: it is told by its input's end, and killed where that does not help."""
        process, self._process = self._process, None
        if process is not None:
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._memory is not None:
            self._memory.close()
            self._memory = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _shared(self, views: Sequence[View]) -> tuple[SharedView, ...]:
        offset, places = 0, []
        for view in views:
            frame = None if view.fault else view.frame
            if frame is None:
                places.append(SharedView(camera=view.camera, fault=view.fault))
                continue
            rows, columns, channels = frame.image.shape
            places.append(SharedView(camera=view.camera, offset=offset, shape=(rows, columns, channels)))
            offset += -(-frame.image.nbytes // _ALIGN) * _ALIGN
        memory = self._room(offset)
        for place, view in zip(places, views, strict=True):
            if place.shape is not None and view.frame is not None and memory is not None:
                target = np.frombuffer(memory, np.uint8, view.frame.image.size, place.offset)
                np.copyto(target.reshape(place.shape), view.frame.image)
                del target  # lest the memory could not be mapped anew
        return tuple(places)

    def _room(self, size: int) -> mmap.mmap | None:
        if size and (self._memory is None or len(self._memory) < size):
            if self._memory is not None:
                self._memory.close()
            os.ftruncate(self._descriptor, size)
            self._memory = mmap.mmap(self._descriptor, size)
        return self._memory

    def _ask(self, line: bytes, seconds: float) -> Ready | Refused | Answer:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise CandidateFailedError("its process has ended")
        until = time.monotonic() + seconds
        try:
            process.stdin.write(line)
            process.stdin.flush()
            reply = parse_reply(self._line(process.stdout.fileno(), until))
        except TimeoutError as error:
            process.kill()
            raise CandidateFailedError(f"it hangs: no answer in {seconds:g} s") from error
        except (OSError, EOFError) as error:
            raise CandidateFailedError(f"its process {self._ending(process)}") from error
        except ProtocolError as error:
            raise CandidateFailedError(str(error)) from error
        return reply

    def _line(self, descriptor: int, until: float) -> bytes:
        while b"\n" not in self._heard:
            left = until - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise TimeoutError
            part = os.read(descriptor, 65_536)
            if not part or len(self._heard) > MAX_LINE:
                raise EOFError
            self._heard += part
        line, _, rest = bytes(self._heard).partition(b"\n")
        self._heard = bytearray(rest)
        return line

    @staticmethod
    def _ending(process: subprocess.Popen[bytes]) -> str:
        try:
            code = process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return "does not listen"
        if code >= 0:
            return f"ended with code {code}"
        try:
            return f"crashed ({signal.Signals(-code).name})"
        except ValueError:
            return f"crashed (signal {-code})"
