"""The configuration file: its schema, and reading it with every fault named."""

from edge.config.load import DEFAULT_PATH, ConfigError, ConfigFault, LoadedConfig, load_config, load_config_file
from edge.config.schema import ACTIVE_BUNDLE, Camera, Config, Line, Recipe, Store, Sync, View

__all__ = [
    "ACTIVE_BUNDLE",
    "DEFAULT_PATH",
    "Camera",
    "Config",
    "ConfigError",
    "ConfigFault",
    "Line",
    "LoadedConfig",
    "Recipe",
    "Store",
    "Sync",
    "View",
    "load_config",
    "load_config_file",
]
