"""``cmd/test``: an MES asks for the golden self-test, and is answered on ``evt/test``."""

from collections.abc import Callable

from edge.core import wire
from edge.core.wire import SelfTestOutcome, SelfTestReport
from edge.inspector.service.errors import ModelRefusedError
from edge.inspector.service.watch import ModelWatch
from edge.line.link import Message

WHO = "MES"


class SelfTestRequests:
    """Takes requests from the link's thread; the test itself runs in the thread that looks after the models."""

    def __init__(self, models: ModelWatch, epoch: int, say: Callable[[str, bytes], None]) -> None:
        self._models = models
        self._epoch = epoch
        self._say = say

    def arrived(self, message: Message) -> None:
        """Handle ``cmd/test``; one that the broker kept was asked for in another time, and is refused."""
        try:
            wanted = wire.parse_test(message.payload)
        except wire.WireError as error:
            self._answer("", SelfTestOutcome.REFUSED, 0, 0, str(error))
            return
        if message.retained:
            self._answer(wanted, SelfTestOutcome.REFUSED, 0, 0, "the broker kept it: publish tests without retain")
            return
        self._models.errand(lambda: self._test(wanted))

    def _test(self, wanted: str) -> None:
        try:
            tested = self._models.service.requested_test(WHO, wire.TEST)
        except ModelRefusedError as error:
            self._answer(wanted, SelfTestOutcome.REFUSED, 0, 0, str(error))
        else:
            outcome = SelfTestOutcome.PASSED if tested.passed else SelfTestOutcome.FAILED
            self._answer(wanted, outcome, tested.pictures, tested.milliseconds, tested.text)

    def _answer(self, wanted: str, ok: SelfTestOutcome, pictures: int, taken_ms: int, text: str) -> None:
        report = SelfTestReport(
            id=wanted,
            epoch=self._epoch,
            ok=ok,
            n=pictures,
            model=self._models.service.model,
            ms=taken_ms,
            text=text,
        )
        self._say(wire.TEST_RESULT, wire.encode_test(report))
