"""The stand-in where no mosquitto is installed: ``python -m edge.line.amqtt_broker PORT`` (extra ``demo``).

amqtt speaks MQTT 3.1.1 only and keeps nothing over a restart. It lives in a process of its own, so that its logging
and its event loop never meet the program's.
"""

import asyncio
import signal
import sys
from typing import Any

from amqtt.broker import Broker


async def _serve(port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    configuration: dict[str, Any] = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    broker = Broker(configuration)
    await broker.start()
    await stop.wait()
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
