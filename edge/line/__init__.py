"""The line link (MQTT) and what stands at its other end: the PLC simulator and a broker to try with."""
