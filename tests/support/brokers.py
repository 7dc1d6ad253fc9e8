"""Real brokers for tests, each on a free port of the loopback and each ended by the test that started it."""

from pathlib import Path

from edge.line.broker import EmbeddedBroker, amqtt_command, find_mosquitto, mosquitto_command


def mosquitto_broker(directory: Path, *, port: int | None = None, persistent: bool = False) -> EmbeddedBroker:
    """Return a mosquitto that is not started yet."""
    executable = find_mosquitto()
    assert executable is not None, "mosquitto is not installed: make test does it as root"

    def command(on_port: int) -> list[str]:
        return mosquitto_command(executable, on_port, directory, persistent=persistent)

    return EmbeddedBroker(directory, port=port, persistent=persistent, command=command)


def amqtt_broker(directory: Path) -> EmbeddedBroker:
    """Return an amqtt broker (MQTT 3.1.1 only) that is not started yet."""
    return EmbeddedBroker(directory, command=amqtt_command)
