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
BASES: dict[str, tuple[int, float, float | None, float | None]] = {
    "float32": (19407872, 1.9292, 1.0, 1.0),
    "bfloat16": (9703936, 1.9292, None, None),
    "int8": (11187200, 1.9291, 1.17, 1.15),
    "nf4": (9946112, 1.9358, 0.83, 0.94),
    "nf4 + double quantisation": (9846544, 1.9358, 1.3, 1.15),
}
METHODS: dict[str, tuple[float, float, float]] = {
    "qlora": (1.88, 37, 1030553600),
    "lora": (1.8436, 37, 996986880),
    "full": (1.8333, 30, 932921344),
}
