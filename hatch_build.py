"""How the wheel is named: for any platform, or for this one if the native library is in it."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags


class NativeHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if Path(self.root, "sparkify/validation/libnative.so").exists():
            build_data["pure_python"] = False
            # The library serves every Python.
            build_data["tag"] = f"py3-none-{next(platform_tags())}"
