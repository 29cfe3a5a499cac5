"""Figures of benchmarks/results/, written by `python -m benchmarks.cpu.explained`."""

TECHNIQUES: dict[str, tuple[int, int, float | None, float | None]] = {
    "bottleneck": (67712, 1083392, 0.585, 83.886),
    "full": (4851968, 58223616, 0.735, 84.283),
    "head": (512, 6144, 0.515, None),
    "ia3": (3584, 57344, 0.525, 84.591),
    "lora": (57344, 917504, 0.745, 83.499),
    "prefix": (20480, 327680, 0.55, 82.994),
}
BASES: dict[str, tuple[float, float, float, float]] = {}
METHODS: dict[str, tuple[float, float, float]] = {}
