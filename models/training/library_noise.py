"""What training's libraries say beside the progress bars although nothing is wrong; each is silenced by name.

The package calls :func:`silence_libraries` before they are imported. Whatever else they say, and all that this
software says, stays.
"""

import logging
import os
import warnings
from typing import Final

_ENVIRONMENT: Final = {
    "TF_CPP_MIN_LOG_LEVEL": "1",  # INFO of the converter: counts of operations
    "TF_ENABLE_ONEDNN_OPTS": "0",  # that TensorFlow would use oneDNN, which nothing here runs
    "LITERT_TORCH_SHOW_PROGRESS": "n",  # each pass of the conversion, on standard output
    "TQDM_DELAY": "3600",  # the quantizer's bars, which would begin after an hour
}
_LOGGED: Final = {
    "torchao": "Failed to load ",  # kernels for other processors
    "torch.utils._pytree": "%s is an Enum subclass and is now natively supported",
}
_WARNED: Final = (
    (FutureWarning, r"`isinstance\(treespec, LeafSpec\)` is deprecated"),
    (UserWarning, "Warning: Enabling `experimental_preserve_all_tensors`"),
)


def silence_libraries() -> None:
    """Silence what is known to be harmless, here and in processes started from here; a set variable is left as it is.

    To see it all, set the variables of ``_ENVIRONMENT`` otherwise.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for logger, start in _LOGGED.items():
        logging.getLogger(logger).addFilter(_Without(start))
    for category, start_of_text in _WARNED:
        warnings.filterwarnings("ignore", message=start_of_text, category=category)


class _Without(logging.Filter):
    """Drops the records whose message begins with these words."""

    def __init__(self, start: str) -> None:
        super().__init__()
        self._start = start

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(self._start)
