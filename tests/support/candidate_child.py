"""A candidate's process that behaves badly: ``python -m tests.support.candidate_child BEHAVIOUR MEMORY``."""

import os
import signal
import sys
import time

from edge.inspector.trial.protocol import Answer, Question, Ready, Refused, encode


def main(behaviour: str) -> None:
    sys.stdin.buffer.readline()
    if behaviour == "die-at-start":
        os.kill(os.getpid(), signal.SIGSEGV)
    if behaviour == "hang-at-start":
        time.sleep(600)
    if behaviour == "refuse":
        say(Refused(text="the golden pictures do not agree"))
        return
    say(Ready(pictures=1, latency_ms=1.0, memory_mb=1.0))
    for line in sys.stdin.buffer:
        Question.model_validate_json(line)
        if behaviour == "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        if behaviour == "leave":
            sys.exit(7)
        if behaviour == "hang":
            time.sleep(600)
        if behaviour == "babble":
            sys.stdout.buffer.write(b"Segmentation fault\n")
            sys.stdout.buffer.flush()
            continue
        say(Answer(decision=None, code=302, score=None, took_ns=1))


def say(line: Ready | Refused | Answer) -> None:
    sys.stdout.buffer.write(encode(line))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1])
