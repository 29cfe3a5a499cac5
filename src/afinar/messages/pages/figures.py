"""Figures of benchmarks/results/, written by `python -m benchmarks.cpu.explained`."""

TECHNIQUES: dict[str, tuple[int, int, float | None, float | None]] = {
    "bottleneck": (67712, 1083392, 0.685, 83.161),
    "full": (4851968, 58223616, 0.785, 84.416),
    "head": (512, 6144, 0.595, None),
    "ia3": (3584, 57344, 0.59, 83.841),
    "lora": (57344, 917504, 0.79, 82.992),
    "p_tuning": (202496, 3239936, 0.585, 81.587),
    "prefix": (20480, 327680, 0.575, 82.193),
    "prompt": (5120, 81920, 0.595, 81.75),
    "qlora": (286720, 4587520, 0.74, 83.625),
}
BASES: dict[str, tuple[float, float, float, float]] = {}
METHODS: dict[str, tuple[float, float, float]] = {}
