"""Strict loading of YAML, TOML, dicts, the environment and flags into one :class:`RunConfig`; no torch here.

    config = load("train.yaml", flags=["--training.seed", "1"])
    config.training.seed                                  # 1
    load_with_origins("train.yaml").origins["data.train"]  # train.yaml:3

Later wins: defaults < file < environment (`AFINAR__TRAINING__SEED=1`) < flags (`--training.seed 1`). Unknown keys fail and
name the nearest; types are strict; YAML has its 1.2 meaning (`1e-5` is a number, only true and false are booleans). Paths
are taken as given, from the working directory, not from the config file's folder, so that the same words mean the same
file in a config, an environment variable and a flag.
"""

from afinar.config.build import Loaded, from_mapping, load, load_with_origins
from afinar.config.checks import validate
from afinar.config.dump import to_mapping, to_yaml
from afinar.config.flags import is_setting, read_flags, split_settings
from afinar.config.schema import SECTIONS, AuditConfig, FieldDoc, RunConfig, fields_of, method_fields, section_class
from afinar.config.tree import Origin

__all__ = [
    "SECTIONS",
    "AuditConfig",
    "FieldDoc",
    "Loaded",
    "Origin",
    "RunConfig",
    "fields_of",
    "from_mapping",
    "is_setting",
    "load",
    "load_with_origins",
    "method_fields",
    "read_flags",
    "section_class",
    "split_settings",
    "to_mapping",
    "to_yaml",
    "validate",
]
