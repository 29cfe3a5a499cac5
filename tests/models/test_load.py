from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AddedToken, AutoConfig, AutoModelForCausalLM, BertConfig, BertForMaskedLM

from afinar.errors import AfinarError, ModelError, ResourceError
from afinar.models import load
from afinar.models.config import ModelConfig
from afinar.models.load import describe, load_model, load_tokenizer, set_pad_token
from tests.tiny import ARCHITECTURES, tiny_model, tiny_tokenizer

IDS = torch.tensor([[5, 6, 7, 2]])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with its tokenizer, as save_pretrained writes them."""
    folder = tmp_path_factory.mktemp("models") / "llama"
    tiny_model().save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return shutil.copytree(saved, tmp_path / "model")


def config_of(folder: Path, **fields: Any) -> ModelConfig:
    return ModelConfig(name=str(folder), device="cpu", **fields)


def change_config(folder: Path, **fields: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def error_of(call: Any, *args: Any, **kwargs: Any) -> AfinarError:
    with pytest.raises(AfinarError) as caught:
        call(*args, **kwargs)
    assert str(caught.value)  # the values fill the text
    return caught.value


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_causal_models_of_each_architecture(architecture, tmp_path):
    model = tiny_model(architecture)
    model.save_pretrained(tmp_path)
    loaded = load_model(config_of(tmp_path, dtype="float32"), task="causal")
    assert not loaded.training
    with torch.no_grad():
        assert torch.equal(loaded(IDS).logits, model(IDS).logits)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_classifiers_of_each_architecture_keep_labels_and_outputs(architecture, tmp_path):
    tiny_model(architecture).save_pretrained(tmp_path / "base")
    names = ("bom", "mau", "neutro")
    model = load_model(config_of(tmp_path / "base", dtype="float32"), task="classification", label_names=names)
    assert model.config.id2label == {0: "bom", 1: "mau", 2: "neutro"}
    assert model.config.label2id == {"bom": 0, "mau": 1, "neutro": 2}
    model.save_pretrained(tmp_path / "tuned")
    again = load_model(config_of(tmp_path / "tuned", dtype="float32"), task="classification")
    with torch.no_grad():
        assert torch.equal(again(IDS).logits, model(IDS).logits)
    assert describe(config_of(tmp_path / "tuned")).label_names == names


def test_the_head_of_a_new_classifier_follows_the_seed(saved):
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return load_model(config_of(saved), task="classification", label_names=("a", "b")).score.weight

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_describe_reads_the_task(saved):
    assert describe(config_of(saved)) == load.Saved("causal", (), "llama")


def test_the_dtype_is_the_configs_unless_given(saved):
    assert load_model(config_of(saved, dtype="bfloat16"), task="causal").dtype == torch.bfloat16
    assert load_model(config_of(saved, dtype="bfloat16"), task="causal", dtype=torch.float32).dtype == torch.float32


def test_attention_is_what_was_asked(saved):
    assert load_model(config_of(saved, attention="eager"), task="causal").config._attn_implementation == "eager"


def test_an_attention_that_is_not_there(saved):
    error = error_of(load_model, config_of(saved, attention="flash_attention_7"), task="causal")
    assert (error.key, error.kind) == ("models.cannot_load", "model")
    assert "flash_attention_7" in error.message


def test_the_model_is_named_as_the_user_named_it(saved):
    assert load_model(config_of(saved), task="causal").config._name_or_path == str(saved)


def test_loading_prints_nothing(saved, capfd):
    load_model(config_of(saved), task="classification", label_names=("a", "b"))  # transformers would report the new head
    assert capfd.readouterr() == ("", "")


# -- tokenizers and padding --------------------------------------------------------------------------------------------------


def test_the_tokenizer_keeps_its_pad_token_and_template(saved):
    tokenizer = load_tokenizer(config_of(saved))
    assert (tokenizer.pad_token, tokenizer.eos_token) == ("<pad>", "<eos>")
    assert tokenizer.chat_template == tiny_tokenizer().chat_template


def test_a_folder_with_a_tokenizer_alone_will_do(folder):
    for name in ("config.json", "model.safetensors", "generation_config.json"):
        (folder / name).unlink()
    tokenizer = load_tokenizer(config_of(folder))  # as beside an adapter
    assert tokenizer.chat_template
    assert tokenizer("olá").input_ids == tiny_tokenizer()("olá").input_ids


def without_pad(*added: str) -> Any:
    tokenizer = tiny_tokenizer()
    tokenizer.pad_token = None
    tokenizer.add_tokens([AddedToken(name, special=True) for name in added])
    return tokenizer


def test_a_pad_token_in_the_vocabulary_is_taken():
    tokenizer = without_pad()
    set_pad_token(tokenizer)
    assert tokenizer.pad_token == "<pad>"


@pytest.mark.parametrize("name", ["<unused7>", "<|reserved_special_token_3|>", "<|finetune_right_pad_id|>", "<reserved_12>"])
def test_a_reserved_token_is_taken_without_growing_the_vocabulary(name, monkeypatch):
    monkeypatch.setattr(load, "PAD_NAMES", tuple(known for known in load.PAD_NAMES if known != "<pad>"))
    tokenizer = without_pad(name)
    size = len(tokenizer)
    set_pad_token(tokenizer)
    assert tokenizer.pad_token == name
    assert len(tokenizer) == size


def test_eos_stands_in_where_nothing_is_reserved(monkeypatch):
    monkeypatch.setattr(load, "PAD_NAMES", ())
    tokenizer = without_pad()
    size = len(tokenizer)
    set_pad_token(tokenizer)
    assert (tokenizer.pad_token, tokenizer.eos_token, len(tokenizer)) == ("<eos>", "<eos>", size)
    assert tokenizer("a<eos>").attention_mask == [1, 1]  # EOS in a text is attended as before


def test_the_models_config_gets_the_pad_token(saved):
    tokenizer = tiny_tokenizer(pad_is_eos=True)
    model = load_model(config_of(saved), task="causal", tokenizer=tokenizer)
    assert model.config.pad_token_id == model.generation_config.pad_token_id == tokenizer.eos_token_id
    assert model.config.eos_token_id == 2


def test_the_embedding_of_an_eos_that_pads_still_learns(folder):
    change_config(folder, pad_token_id=2)  # as a model saved with pad == eos says; torch would drop this row's gradient
    model = load_model(config_of(folder, dtype="float32"), task="causal", tokenizer=tiny_tokenizer(pad_is_eos=True))
    ids = torch.tensor([[5, 2, 7, 6]])  # an EOS that is read: texts joined by it, or turns of a chat
    model(ids, labels=ids).loss.backward()
    plain = AutoModelForCausalLM.from_pretrained(folder)
    plain(ids, labels=ids).loss.backward()
    assert plain.get_input_embeddings().weight.grad[2].abs().sum() == 0
    expected = tiny_model(pad_token_id=None)
    expected.load_state_dict(plain.state_dict())
    expected(ids, labels=ids).loss.backward()
    assert expected.get_input_embeddings().weight.grad[2].abs().sum() > 0
    torch.testing.assert_close(model.get_input_embeddings().weight.grad, expected.get_input_embeddings().weight.grad)


def test_a_tokenizer_larger_than_the_embeddings_is_refused(tmp_path):
    tiny_model(vocab_size=200).save_pretrained(tmp_path)
    error = error_of(load_model, config_of(tmp_path), task="causal", tokenizer=tiny_tokenizer())
    assert (error.key, error.values["rows"]) == ("models.vocabulary", 200)


def test_a_missing_tokenizer(folder):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    assert error_of(load_tokenizer, config_of(folder)).key == "models.no_tokenizer"


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content", [b'{"a"', b"", b"\xff\xfe{}"])
def test_a_broken_tokenizer_file_is_named(folder, name, content):
    (folder / name).write_bytes(content)
    error = error_of(load_tokenizer, config_of(folder))
    assert (error.key, Path(error.values["path"]).name) == ("models.broken_json", name)


@pytest.mark.parametrize("content", ["{}", "[]", '{"model": {"type": "BPE"}, "added_tokens": []}'])
def test_a_tokenizer_that_is_json_but_no_tokenizer(folder, content):
    (folder / "tokenizer.json").write_text(content)
    assert error_of(load_tokenizer, config_of(folder)).key == "models.broken_tokenizer"


def test_a_tokenizer_without_its_vocabulary(folder):
    (folder / "tokenizer.json").unlink()
    assert error_of(load_tokenizer, config_of(folder)).key == "models.broken_tokenizer"


def test_a_tokenizer_without_eos(folder):
    path = folder / "tokenizer_config.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in content.items() if name != "eos_token"}))
    assert error_of(load_tokenizer, config_of(folder)).key == "models.no_eos"


# -- what cannot be loaded ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b'{"model_type"', b"", b"\xff\xff"])
def test_a_broken_config_is_named(folder, content):
    (folder / "config.json").write_bytes(content)
    error = error_of(load_model, config_of(folder), task="causal")
    assert (error.key, error.values["path"]) == ("models.broken_json", str(folder / "config.json"))


@pytest.mark.parametrize("content", ["{}", "[]", '{"model_type": 3}'])
def test_a_config_without_a_model_type(folder, content):
    (folder / "config.json").write_text(content)
    assert error_of(load_model, config_of(folder), task="causal").key == "models.no_model_type"


def test_a_missing_config(folder):
    (folder / "config.json").unlink()
    assert error_of(load_model, config_of(folder), task="causal").key == "models.no_config"


def test_an_unknown_architecture_is_named(folder):
    change_config(folder, model_type="jabuticaba")
    error = error_of(load_model, config_of(folder), task="causal")
    assert (error.key, error.values["got"]) == ("models.unknown_architecture", "jabuticaba")


@pytest.mark.parametrize("fields", [{"hidden_size": "x"}, {"hidden_size": 33}])
def test_a_config_of_an_impossible_model(folder, fields):
    change_config(folder, **fields)
    error = error_of(load_model, config_of(folder), task="causal")
    assert error.key in ("models.bad_config", "models.cannot_load")
    assert "hidden" in error.message


def test_code_that_comes_with_a_model_is_not_run(folder):
    change_config(folder, model_type="own", auto_map={"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.Own"})
    (folder / "own.py").write_text("raise SystemExit('it ran')")
    assert error_of(load_model, config_of(folder), task="causal").key == "models.remote_code"


def test_encoders_are_refused(tmp_path):
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 20}
    BertForMaskedLM(BertConfig(**shape)).save_pretrained(tmp_path)
    for task in ("causal", "classification"):
        error = error_of(load_model, config_of(tmp_path), task=task, label_names=("a", "b"))
        assert (error.key, error.values["got"]) == ("models.encoder", "bert")


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_encoder_decoders_are_refused(tmp_path, kind):
    AutoConfig.for_model(kind).save_pretrained(tmp_path)
    error = error_of(load_model, config_of(tmp_path), task="causal")
    assert (error.key, error.values["got"]) == ("models.encoder_decoder", kind)


def test_models_of_pictures_are_refused(tmp_path):
    AutoConfig.for_model("vit").save_pretrained(tmp_path)
    assert error_of(load_model, config_of(tmp_path), task="causal").key == "models.not_causal"


def test_a_decoder_without_a_classification_model(tmp_path):
    AutoConfig.for_model("mamba").save_pretrained(tmp_path)
    error = error_of(load_model, config_of(tmp_path), task="classification", label_names=("a", "b"))
    assert (error.key, error.values["got"]) == ("models.no_classification", "mamba")


def test_quantised_weights_are_refused(folder):
    change_config(folder, quantization_config={"quant_method": "gptq", "bits": 4})
    error = error_of(load_model, config_of(folder), task="causal")
    assert (error.key, error.values["got"]) == ("models.quantized", "gptq")


def test_an_adapter_is_not_loaded_behind_the_users_back(folder):
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/else", "peft_type": "LORA"}')
    assert error_of(load_model, config_of(folder), task="causal").key == "models.adapter_folder"


def test_pickle_is_not_opened(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"not even a pickle")
    error = error_of(load_model, config_of(folder), task="causal")
    assert (error.key, error.values["files"]) == ("models.pickle", "pytorch_model.bin")


def test_missing_weights_file(folder):
    (folder / "model.safetensors").unlink()
    assert error_of(load_model, config_of(folder), task="causal").key == "models.no_weights"


@pytest.mark.parametrize("kept", [0, 4, 100, 0.5, 0.999])
def test_truncated_weights_are_named(folder, kept):
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    error = error_of(load_model, config_of(folder), task="causal")
    assert (error.key, error.values["path"]) == ("models.broken_weights", str(path))


def test_a_missing_shard_is_named(folder):
    shards = folder.parent / "shards"
    model = tiny_model()
    model.save_pretrained(shards, max_shard_size="40KB")
    names = sorted(path.name for path in shards.glob("*.safetensors"))
    assert len(names) > 2
    with torch.no_grad():
        assert torch.equal(load_model(config_of(shards, dtype="float32"), task="causal")(IDS).logits, model(IDS).logits)
    (shards / names[1]).unlink()
    error = error_of(load_model, config_of(shards), task="causal")
    assert (error.key, error.values["files"], error.values["n"]) == ("models.missing_shards", names[1], 1)
    (shards / "model.safetensors.index.json").write_text('{"metadata": {}}')
    assert error_of(load_model, config_of(shards), task="causal").key == "models.broken_json"


def test_weights_that_the_folder_lacks_are_not_made_up(folder):
    change_config(folder, num_hidden_layers=3)
    error = error_of(load_model, config_of(folder), task="causal")
    assert (error.key, error.values["n"]) == ("models.missing_weights", 9)
    assert "model.layers.2." in error.message


def test_weights_of_another_shape_are_named(folder):
    change_config(folder, intermediate_size=64)
    error = error_of(load_model, config_of(folder), task="causal")
    assert (error.key, error.values["n"]) == ("models.mismatched_weights", 6)
    assert "mlp" in error.message


def test_tied_weights_are_not_missing(tmp_path):
    tiny_model(tie_word_embeddings=True).save_pretrained(tmp_path)
    model = load_model(config_of(tmp_path), task="causal")
    assert model.lm_head.weight is model.model.embed_tokens.weight


# -- labels ------------------------------------------------------------------------------------------------------------------


def test_a_causal_model_does_not_know_its_classes(saved):
    assert error_of(load_model, config_of(saved), task="classification").key == "models.no_labels"


def test_one_class_is_too_few(saved):
    error = error_of(load_model, config_of(saved), task="classification", label_names=("a",))
    assert (error.key, error.values["got"]) == ("models.one_label", "a")


@pytest.fixture(scope="module")
def classifier(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    load_model(config_of(saved), task="classification", label_names=("a", "b")).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("names", [("b", "a"), ("a", "c"), ("a", "b", "c")])
def test_a_trained_head_keeps_its_labels_and_their_order(classifier, names):
    error = error_of(load_model, config_of(classifier), task="classification", label_names=names)
    assert error.key == "models.labels_differ"
    assert "a, b" in error.message


def test_a_trained_head_without_names_takes_those_of_the_data(classifier, tmp_path):
    folder = shutil.copytree(classifier, tmp_path / "unnamed")
    change_config(folder, id2label={"0": "LABEL_0", "1": "LABEL_1"}, label2id={"LABEL_0": 0, "LABEL_1": 1})
    model = load_model(config_of(folder), task="classification", label_names=("ruim", "bom"))
    assert model.config.id2label == {0: "ruim", 1: "bom"}
    assert error_of(load_model, config_of(folder), task="classification", label_names=("a", "b", "c")).exit_code == 2


# -- memory ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raised",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
        ),
    ],
)
def test_too_little_memory(saved, monkeypatch, raised):
    def fail(*args: Any, **kwargs: Any) -> None:
        raise raised

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", fail)
    error = error_of(load_model, config_of(saved), task="causal")
    assert isinstance(error, ResourceError)
    assert (error.key, error.exit_code) == ("models.no_memory", 6)


def test_another_runtime_error_is_about_the_model(saved, monkeypatch):
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("first line\nsize of something is wrong\n")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", fail)
    error = error_of(load_model, config_of(saved), task="causal")
    assert isinstance(error, ModelError)
    assert (error.key, error.values["reason"]) == ("models.cannot_load", "size of something is wrong")
