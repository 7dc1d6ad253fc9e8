"""Real brokers for tests, each on a free port of the loopback and each ended by the test that started it."""

from pathlib import Path

import pytest

from edge.line.broker import EmbeddedBroker, amqtt_command, find_mosquitto, mosquitto_command


def mosquitto_broker(directory: Path, *, port: int | None = None, persistent: bool = False) -> EmbeddedBroker:
    """Return a mosquitto that is not started yet; skips the test where none is installed."""
    executable = find_mosquitto()
    if executable is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")

    def command(on_port: int) -> list[str]:
        return mosquitto_command(executable, on_port, directory, persistent=persistent)

    return EmbeddedBroker(directory, port=port, persistent=persistent, command=command)


def amqtt_broker(directory: Path) -> EmbeddedBroker:
    """Return an amqtt broker (MQTT 3.1.1 only) that is not started yet."""
    pytest.importorskip("amqtt")
    return EmbeddedBroker(directory, command=amqtt_command)
