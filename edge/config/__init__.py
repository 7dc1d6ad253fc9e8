"""The configuration file: its schema, and reading it with every fault named."""

from edge.config.faults import ConfigError, ConfigFault, Finding
from edge.config.load import DEFAULT_PATH, FurtherCheck, LoadedConfig, load_config, load_config_file, nothing_further
from edge.config.schema import ACTIVE_BUNDLE, Camera, Config, Line, Recipe, Store, Sync, View

__all__ = [
    "ACTIVE_BUNDLE",
    "DEFAULT_PATH",
    "Camera",
    "Config",
    "ConfigError",
    "ConfigFault",
    "Finding",
    "FurtherCheck",
    "Line",
    "LoadedConfig",
    "Recipe",
    "Store",
    "Sync",
    "View",
    "load_config",
    "load_config_file",
    "nothing_further",
]
