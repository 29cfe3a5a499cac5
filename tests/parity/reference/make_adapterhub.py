"""What AdapterHub's own library computes and writes, as the reference of tests/parity/test_adapterhub.py; and the way back.

Run it in an environment of its own, because `adapters` 1.3.0 pins transformers 4.57:

    python -m venv OTHER && OTHER/bin/pip install adapters==1.3.0 torch
    OTHER/bin/python tests/parity/reference/make_adapterhub.py make
    python tests/parity/reference/for_adapterhub.py EXPORTS                 # the project's own exports, into a new folder
    OTHER/bin/python tests/parity/reference/make_adapterhub.py check EXPORTS

make writes, beside itself, a folder for each case in adapterhub/ as `save_adapter(..., use_safetensors=True)` leaves it, and
the logits of all cases in adapterhub.safetensors. check loads folders that this package exported and compares their logits.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import adapters
import torch
from adapters import AdapterModelInterface, BnConfig, DoubleSeqBnConfig, ParBnConfig, SeqBnConfig
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent))
from shared import base_model, fill, logits

HERE = Path(__file__).parent
FOLDERS = HERE / "adapterhub"
NAME = "reference"
WITH_HEAD = "llama-houlsby-causal"
"""The one case whose LM head is kept, as AdapterHub saves it beside every causal model's adapter."""

_BOTH = {"mh_adapter": True, "output_adapter": True, "reduction_factor": 8}
CONFIGS: dict[str, BnConfig] = {
    "houlsby": DoubleSeqBnConfig(reduction_factor=8),
    "pfeiffer": SeqBnConfig(reduction_factor=8),
    "parallel": ParBnConfig(reduction_factor=8),
    "both-sum": BnConfig(**_BOTH, non_linearity="gelu", original_ln_before=True, scaling="learned", dropout=0.1),
    "norms": BnConfig(**_BOTH, non_linearity="tanh", ln_before=True, ln_after=True, scaling="channel", leave_out=[0]),
    # as AdapterPlus: the stream comes in with the skip connection
    "plus": BnConfig(
        mh_adapter=False, output_adapter=True, reduction_factor=5, non_linearity="leakyrelu", original_ln_before=True,
        original_ln_after=False, residual_before_ln=False, scaling="channel", init_weights="houlsby",
    ),
}  # fmt: skip
HOOKED_TOO = ("houlsby", "pfeiffer", "parallel", "both-sum")  # AdapterHub's hooks refuse original_ln_after=False
CASES: dict[str, tuple[str, ...]] = {
    "llama": tuple(CONFIGS),
    "mistral": tuple(CONFIGS),
    "gpt2": tuple(CONFIGS),
    "qwen2": HOOKED_TOO,
    "qwen3": HOOKED_TOO,
    "phi": ("houlsby", "pfeiffer", "both-sum"),  # its parallel adapter has no input
    "gemma2": ("houlsby", "parallel"),  # its pfeiffer adapters all read through the last layer's norm
    "gpt_neox": ("houlsby",),
    "opt": ("houlsby",),
}
_COMMON = {"adapter_methods": ["bottleneck"], "model_embeddings": "embed_tokens", "model_layers": "layers",
           "layer_cross_attn": None}  # fmt: skip
INTERFACES = {
    "gpt_neox": AdapterModelInterface(
        **{**_COMMON, "model_embeddings": "embed_in"}, layer_self_attn="attention", attn_qkv_proj="query_key_value",
        attn_o_proj="dense", layer_intermediate_proj="mlp.dense_h_to_4h", layer_output_proj="mlp.dense_4h_to_h",
        layer_pre_self_attn="input_layernorm",
    ),
    "opt": AdapterModelInterface(
        **{**_COMMON, "model_embeddings": "decoder.embed_tokens", "model_layers": "decoder.layers"},
        layer_self_attn="self_attn", attn_q_proj="q_proj", attn_k_proj="k_proj", attn_v_proj="v_proj", attn_o_proj="out_proj",
        layer_intermediate_proj="fc1", layer_output_proj="fc2", layer_pre_self_attn="self_attn_layer_norm",
        layer_pre_ffn="final_layer_norm",
    ),
}  # fmt: skip
"""Where AdapterHub hooks into architectures that it does not know."""


def prepared(architecture: str, task: str) -> Any:
    """The tiny model with AdapterHub's library in it."""
    model = base_model(architecture, task)
    adapters.init(model, interface=INTERFACES.get(architecture))
    return model


def save(model: Any, folder: Path) -> None:
    """As `save_adapter` does; it cannot write a norm before the adapter, whose tensors it holds under two names."""
    try:
        model.save_adapter(str(folder), NAME, use_safetensors=True)
    except RuntimeError:
        loader = adapters.loading.AdapterLoader(model, use_safetensors=True)
        state, config = loader.save_to_state_dict(NAME)
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True))
        save_file({key: value.clone() for key, value in state.items()}, folder / "adapter.safetensors")


def make() -> None:
    """Write the reference."""
    shutil.rmtree(FOLDERS, ignore_errors=True)
    FOLDERS.mkdir()
    found: dict[str, torch.Tensor] = {}
    wanted = [(architecture, name, "causal") for architecture, names in CASES.items() for name in names]
    wanted += [("llama", "houlsby", "classification"), ("gpt2", "pfeiffer", "classification")]
    for architecture, name, task in wanted:
        key = f"{architecture}-{name}-{task}"
        model = prepared(architecture, task)
        before = logits(model)
        model.add_adapter(NAME, config=CONFIGS[name])
        model.set_active_adapters(NAME)
        fill({path: tensor for path, tensor in model.named_parameters() if f".adapters.{NAME}." in path})
        found[key] = logits(model.eval())
        save(model, FOLDERS / key)
        if task == "causal" and key != WITH_HEAD:  # the LM head is the base's own
            (FOLDERS / key / "model_head.safetensors").unlink(missing_ok=True)
            (FOLDERS / key / "head_config.json").unlink(missing_ok=True)
        print(key, float((found[key] - before).abs().max()))
    save_file(found, HERE / "adapterhub.safetensors")


def check(directory: Path) -> None:
    """Load what the project exported, and say how far the logits are from the project's own."""
    expected = load_file(directory / "logits.safetensors")
    worst = 0.0
    for key, values in sorted(expected.items()):
        architecture, task = key.split("-")[0], key.split("-")[-1]
        model = prepared(architecture, task)
        name = model.load_adapter(str(directory / key), use_safetensors=True)
        model.set_active_adapters(name)
        difference = float((logits(model.eval()) - values).abs().max())
        worst = max(worst, difference)
        print(f"{key}: {difference:.2e}")
    print(f"{len(expected)} exports, largest difference {worst:.2e}")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make()
    else:
        check(Path(sys.argv[2]))
