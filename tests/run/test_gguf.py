"""GGUF files read back by transformers and by the `gguf` package."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFReader, dequantize
from tokenizers import Regex, SentencePieceBPETokenizer, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from afinar.errors import ConfigError, ModelError
from afinar.models import embedded
from afinar.run import export
from afinar.run.exporting import Exported
from afinar.run.gguf_architectures import ARCHITECTURES, describe, extra_tensors
from afinar.run.gguf_export import PROBES, read_model, read_tokenizer
from afinar.run.gguf_vocabulary import CUTS, alike, cut_by, vocabulary
from tests.tiny import tiny_model, tiny_tokenizer

FITTING: dict[str, dict[str, Any]] = {"gpt2": {"n_inner": 128}, "qwen3": {"tie_word_embeddings": True}}
TEXT = ("O coração da menina não parava: 12 vezes, 345 vezes! Água, pão e d'alho; it's 'tá bom.\n\n  fim\t?" * 3).split(".")


def saved(folder: Path, architecture: str = "llama", tokenizer: Any = None, **overrides: Any) -> Any:
    """A tiny model in a folder, its norms and biases no longer at their first values."""
    model = tiny_model(architecture, **{**FITTING.get(architecture, {}), **overrides})
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    (tokenizer or byte_level("gpt-2", size=280)).save_pretrained(folder)
    return model


def exported(source: Path, target: Path, **options: Any) -> Exported:
    rows = source.parent / "rows.txt"
    rows.write_text("O pão da menina.\n\nA água não parava, às 12 vezes.\n", encoding="utf-8")
    return export(source, target, format="gguf", data=str(rows), **options)


def written(source: Path, target: Path, **options: Any) -> Path:
    return target / exported(source, target, **options).notes["file"]


def logits(model: Any) -> torch.Tensor:
    torch.manual_seed(3)
    with torch.no_grad():
        return model(torch.randint(3, 200, (2, 40))).logits


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_transformers_reads_the_same_model(architecture: str, tmp_path: Path) -> None:
    model = saved(tmp_path / "m", architecture)
    file = written(tmp_path / "m", tmp_path / "g")
    read = read_model(file, model.config, torch.float32)
    torch.testing.assert_close(logits(read), logits(model), rtol=0, atol=1e-5)
    assert read.get_output_embeddings().weight is not read.get_input_embeddings().weight or model.config.tie_word_embeddings


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_the_file_alone_describes_the_model(architecture: str, tmp_path: Path) -> None:
    rope = {"rope_type": "default", "rope_theta": 5000.0}
    model = saved(tmp_path / "m", architecture, rms_norm_eps=1e-4, rope_parameters=rope)
    file = written(tmp_path / "m", tmp_path / "g")
    read = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name)
    torch.testing.assert_close(logits(read), logits(model), rtol=0, atol=1e-5)
    assert read.config.max_position_embeddings == model.config.max_position_embeddings


@pytest.mark.parametrize("architecture", ["gpt2", "gemma2", "qwen3"])
def test_the_settings_of_the_others(architecture: str, tmp_path: Path) -> None:
    model = saved(tmp_path / "m", architecture)
    file = written(tmp_path / "m", tmp_path / "g")
    read = AutoConfig.from_pretrained(file.parent, gguf_file=file.name)
    for name in (
        "num_hidden_layers",
        "hidden_size",
        "num_attention_heads",
        "vocab_size",
        "layer_norm_epsilon",
        "rms_norm_eps",
    ):
        if name in model.config.to_dict() or name in model.config.attribute_map:
            assert getattr(read, name) == pytest.approx(getattr(model.config, name)), name
    if architecture == "gemma2":
        fields = GGUFReader(file).fields
        assert fields["gemma2.attn_logit_softcapping"].contents() == model.config.attn_logit_softcapping
        assert fields["gemma2.attention.sliding_window"].contents() == model.config.sliding_window


def test_a_window_that_llama_cpp_does_not_know_ends_the_context(tmp_path: Path) -> None:
    assert describe(tiny_model("mistral").config)[1]["context_length"] == 64  # of 128 positions
    assert describe(tiny_model("mistral", sliding_window=None).config)[1]["context_length"] == 128
    assert describe(tiny_model("qwen2").config)[1]["context_length"] == 128
    sliding = tiny_model("qwen2", use_sliding_window=True, sliding_window=16, max_window_layers=1)
    assert describe(sliding.config)[1]["context_length"] == 16


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "q8_0"])
def test_precisions(dtype: str, tmp_path: Path) -> None:
    model = saved(tmp_path / "m", hidden_size=48, intermediate_size=64)  # rows of 48 do not fit blocks of 32
    file = written(tmp_path / "m", tmp_path / "g", dtype=dtype, tolerance=1.0)
    tensors = {tensor.name: tensor for tensor in GGUFReader(file).tensors}
    short = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "q8_0": "F16"}[dtype]
    assert tensors["blk.0.ffn_up.weight"].tensor_type.name == short
    assert tensors["blk.0.ffn_down.weight"].tensor_type.name == (short if dtype != "q8_0" else "Q8_0")
    assert tensors["output_norm.weight"].tensor_type.name == "F32"
    assert GGUFReader(file).fields["tokenizer.ggml.pre"].contents() == "gpt-2"
    down = model.model.layers[0].mlp.down_proj.weight.detach()
    found = tensors["blk.0.ffn_down.weight"]
    read = torch.from_numpy(np.array(dequantize(found.data, found.tensor_type)))
    if dtype == "q8_0":  # half a step, which is the largest weight's 127th part, and what float16 rounds 127 of them by
        steps = down.view(-1, 2, 32).abs().amax(-1, keepdim=True) / 127
        assert ((read - down).view(-1, 2, 32).abs() <= steps * (0.5 + 127 / 2**11)).all()
    else:
        assert torch.equal(read, down.to(getattr(torch, dtype)).float())


def test_llama_3_s_stretched_positions(tmp_path: Path) -> None:
    rope = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64}  # fmt: skip
    model = saved(tmp_path / "m", rope_parameters=rope, head_dim=16)
    file = written(tmp_path / "m", tmp_path / "g")
    tensors = {tensor.name: tensor for tensor in GGUFReader(file).tensors}
    factors = torch.from_numpy(np.array(tensors["rope_freqs.weight"].data))
    plain = 10000.0 ** -(torch.arange(0, 16, 2) / 16)
    expected, _ = ROPE_INIT_FUNCTIONS["llama3"](model.config, torch.device("cpu"))
    torch.testing.assert_close(plain / factors, expected)
    assert (factors[0].item(), factors[-1].item()) == pytest.approx((1, 8))  # the quickest are left
    assert extra_tensors(tiny_model().config) == {}


def test_linear_positions(tmp_path: Path) -> None:
    saved(tmp_path / "m", rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0})
    fields = GGUFReader(written(tmp_path / "m", tmp_path / "g")).fields
    assert fields["llama.rope.scaling.type"].contents() == "linear"
    assert fields["llama.rope.scaling.factor"].contents() == 4.0


# --- vocabularies ----------------------------------------------------------------------------------------------------


def byte_level(cut: str, size: int = 600) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer trained on pieces that the rule `cut` makes; without a chat template."""
    backend = Tokenizer(models.BPE(ignore_merges=CUTS[cut].ignores_merges))
    backend.pre_tokenizer, backend.decoder = cut_by(cut), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        show_progress=False,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    # the digits and contractions that tell the rules apart
    backend.train_from_iterator([*TEXT, "1234 12345 it's it's 'tá 'tá ABCdef ABCdef \n\n \n\n"] * 20, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")


@pytest.mark.parametrize("cut", CUTS)
def test_the_rule_is_told_by_what_it_does(cut: str) -> None:
    tokenizer = byte_level(cut)
    texts = [*TEXT, *PROBES, "1234 it's ABCdef'tá\n\n x"]
    words = vocabulary(tokenizer, 700, [1], texts)
    assert words.cut is not None
    other = byte_level(cut)
    other.backend_tokenizer.pre_tokenizer = cut_by(words.cut)
    assert alike(tokenizer, other, texts) == 1
    assert (words.tokens[-1], words.types[-1]) == ("[PAD699]", 5)
    assert words.types[:2] == [3, 3]


def test_the_embedded_model_s_tokens(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(embedded.path())
    (tmp_path / "rows.jsonl").write_text('{"prompt": "Quanto é 12 mais 30?", "completion": "São 42."}\n', encoding="utf-8")
    made = export(embedded.NAME, tmp_path / "g", format="gguf", data=str(tmp_path / "rows.jsonl"))
    assert (made.notes["cut"], made.notes["rows_tokenised_alike"], made.parity.verdict) == ("gpt-2", 1.0, "same")
    assert made.notes["file"] == "afinar-mini-BF16.gguf"
    file = tmp_path / "g" / made.notes["file"]
    read = read_tokenizer(file, "gpt-2")
    assert (read.eos_token, read.pad_token) == (tokenizer.eos_token, tokenizer.pad_token)
    texts = ["Em 1994, o R$ virou moeda: 2.750 cruzeiros!", "<|usuario|>Olá<|fim|><|assistente|>", "d'água às 7h"]
    assert alike(tokenizer, read, texts) == 1
    asked = [{"role": "user", "content": "O que é a chuva?"}, {"role": "assistant", "content": "Água que cai."}]
    assert "generation" in tokenizer.chat_template
    assert "generation" not in read.chat_template.replace("add_generation_prompt", "")  # llama.cpp's Jinja lacks the tag
    for prompt in (asked, asked[:1]):
        ends = {"tokenize": False, "add_generation_prompt": len(prompt) == 1}
        assert read.apply_chat_template(prompt, **ends) == tokenizer.apply_chat_template(prompt, **ends)


def sentencepiece() -> PreTrainedTokenizerFast:
    """A tokenizer of Llama 2's kind: blanks as ▁, unknown letters as bytes, a blank before the text."""
    trained = SentencePieceBPETokenizer()
    specials = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trained.train_from_iterator(TEXT * 20, vocab_size=500, special_tokens=specials, show_progress=False)
    merges = [tuple(pair) for pair in json.loads(trained.to_str())["model"]["merges"]]
    backend = Tokenizer(
        models.BPE(vocab=trained.get_vocab(), merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def test_sentencepiece(tmp_path: Path) -> None:
    tokenizer = sentencepiece()
    words = vocabulary(tokenizer, 520, [2], TEXT)
    assert (words.kind, words.blank_first, words.merges, words.cut) == ("llama", True, None, None)
    assert words.types[:4] == [2, 3, 3, 6]
    assert words.types[tokenizer.convert_tokens_to_ids("<0xFF>")] == 6
    saved(tmp_path / "m", tokenizer=tokenizer, vocab_size=520)
    made = exported(tmp_path / "m", tmp_path / "g")
    assert made.notes["tokenizer"] == "llama"
    read = read_tokenizer(tmp_path / "g" / made.notes["file"], None)
    assert alike(tokenizer, read, [*TEXT, "coração 🙂"]) == 1


def test_what_is_added_around_a_text() -> None:
    tokenizer = byte_level("gpt-2")
    assert vocabulary(tokenizer, 700, [1], ["a"]).adds == {"bos": False, "eos": False}
    around = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    tokenizer.backend_tokenizer.post_processor = around
    words = vocabulary(tokenizer, 700, [1, 5], ["a"])
    assert words.adds == {"bos": True, "eos": True}
    assert words.special == {"bos": 0, "eos": 1, "eot": 5}  # a second token that ends an answer
    assert words.chat_template is None


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("architecture", "overrides", "key", "said"),
    [
        ("opt", {}, "exporting.gguf_architecture", "opt"),
        ("gpt_neox", {}, "exporting.gguf_architecture", "llama, mistral"),
        ("llama", {"hidden_act": "gelu"}, "exporting.gguf_setting", "hidden_act"),
        ("llama", {"attention_bias": True}, "exporting.gguf_setting", "attention_bias"),
        ("gemma2", {"query_pre_attn_scalar": 99}, "exporting.gguf_setting", "query_pre_attn_scalar"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "exporting.gguf_setting", "scale_attn_by_inverse_layer_idx"),
        (
            "llama",
            {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}},
            "exporting.gguf_setting",
            "rope_type",
        ),
    ],
)
def test_what_llama_cpp_would_compute_otherwise(
    architecture: str, overrides: dict[str, Any], key: str, said: str, tmp_path: Path
) -> None:
    saved(tmp_path / "m", architecture, **overrides)
    with pytest.raises(ModelError) as caught:
        exported(tmp_path / "m", tmp_path / "g")
    assert caught.value.key == key
    assert said in str(caught.value)
    assert not (tmp_path / "g").exists()


def test_what_has_no_place_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from afinar.run import gguf_file

    monkeypatch.setattr(gguf_file, "extra_tensors", lambda config: {"something.else": torch.ones(3)})
    saved(tmp_path / "m")
    with pytest.raises(ModelError) as caught:
        exported(tmp_path / "m", tmp_path / "g")
    assert caught.value.key == "exporting.gguf_tensor"


def test_a_classifier(tmp_path: Path) -> None:
    tiny_model(task="classification").save_pretrained(tmp_path / "m")
    tiny_tokenizer().save_pretrained(tmp_path / "m")
    with pytest.raises(ModelError) as caught:
        exported(tmp_path / "m", tmp_path / "g")
    assert caught.value.key == "exporting.gguf_task"


def test_other_tokenizers(tmp_path: Path) -> None:
    words = Tokenizer(models.WordLevel({"<eos>": 0, "a": 1, "b": 2}, unk_token="a"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    for number, other in enumerate((PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>"), tiny_tokenizer())):
        saved(tmp_path / f"m{number}", tokenizer=other)  # words, and bytes without merges
        with pytest.raises(ModelError) as caught:
            exported(tmp_path / f"m{number}", tmp_path / "g")
        assert caught.value.key == "exporting.gguf_tokenizer"


def test_text_that_would_be_cut_otherwise(tmp_path: Path) -> None:
    odd = byte_level("gpt-2")
    odd.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex("."), behavior="isolated"), odd.backend_tokenizer.pre_tokenizer]
    )
    saved(tmp_path / "m", tokenizer=odd, vocab_size=700)
    with pytest.raises(ModelError) as caught:
        exported(tmp_path / "m", tmp_path / "g")
    assert caught.value.key == "exporting.gguf_cut"


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path / "m")
    monkeypatch.setitem(sys.modules, "gguf", None)
    monkeypatch.setattr("afinar.run.gguf_export.find_spec", lambda name: None)
    with pytest.raises(ConfigError) as caught:
        exported(tmp_path / "m", tmp_path / "g")
    assert caught.value.key == "exporting.gguf_missing"
