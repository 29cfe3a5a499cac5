"""Make `afinar-mini`: its tokenizer, its random weights, and its pretraining with afinar's own trainer.

    AFINAR_DATA=DATA python -m recipes.embedded_model --out afinar_mini

DATA holds `noticias/{train,valid}.jsonl` and `literatura/{train,valid}.jsonl`, one `{"text": ...}` a line. Texts are
joined with the end-of-text token between them and cut into blocks; the method is `full`. A stopped run goes on with
`--resume`, bit for bit.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, get_scheduler

from afinar import Full, SFTConfig, SFTTrainer
from afinar.data.config import DataConfig
from afinar.data.prepare import Prepared, prepare
from recipes.muon import MuonWithAdamW

END, PAD, ROLES = "<|fim|>", "<|pad|>", {"system": "<|sistema|>", "user": "<|usuario|>", "assistant": "<|assistente|>"}
SETS = ("noticias", "literatura")
WARM_UP_STEPS = 40
# Words with their leading space, digits one by one, runs of punctuation, white space.
WORDS = Regex(r" ?\p{L}[\p{L}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "<|assistente|>{% generation %}{{ message['content'] }}<|fim|>{% endgeneration %}"
    "{% elif message['role'] == 'user' %}<|usuario|>{{ message['content'] }}<|fim|>"
    "{% elif message['role'] == 'system' %}<|sistema|>{{ message['content'] }}<|fim|>"
    "{% else %}{{ raise_exception('role ' + message['role'] + ' is not one of system, user, assistant') }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistente|>{% endif %}"
)


def texts(data: Path, split: str) -> list[str]:
    """The texts of one split, in the files' order."""
    files = [data / name / f"{split}.jsonl" for name in SETS]
    return [json.loads(line)["text"] for file in files for line in file.open(encoding="utf-8")]


def make_tokenizer(corpus: list[str], vocab_size: int = 8192) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer: any text is representable, accents cost no more than they must."""
    backend = Tokenizer(models.BPE())
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(WORDS, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    backend.decoder = decoders.ByteLevel()
    specials = [END, PAD, *ROLES.values()]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        corpus, trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=specials, initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=list(ROLES.values()),
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def make_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """Random weights of the shape of afinar-mini: 4.85 million parameters."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=640,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def make_blocks(tokenizer: PreTrainedTokenizerFast, data: Path, length: int, seed: int) -> Prepared:
    """Training and held-out texts, each set joined and cut into blocks of `length` tokens, every token supervised."""
    rows = {split: [{"text": text} for text in texts(data, split)] for split in ("train", "valid")}
    return prepare(DataConfig(packing="blocks", max_length=length), tokenizer, seed=seed, **rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("AFINAR_DATA"), required="AFINAR_DATA" not in os.environ)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=1.5)
    parser.add_argument("--length", type=int, default=512, help="tokens of a block")
    parser.add_argument("--batch", type=int, default=8, help="blocks of a step")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    tokenizer = make_tokenizer(texts(options.data, "train"))
    blocks = make_blocks(tokenizer, options.data, options.length, options.seed)
    print("\n".join(blocks.report.lines()))
    model = make_model(tokenizer, options.seed)
    steps = math.ceil(options.epochs * math.ceil(len(blocks.train) / options.batch))

    optimizer = MuonWithAdamW(model, matrix_rate=0.02, other_rate=3e-3, weight_decay=0.01)
    schedule = get_scheduler(
        "warmup_stable_decay", optimizer, WARM_UP_STEPS, steps, {"num_decay_steps": int(0.4 * steps), "decay_type": "linear"}
    )
    arguments = SFTConfig(
        output_dir=str(options.out.with_name(options.out.name + "_run")),
        max_steps=steps,
        per_device_train_batch_size=8,
        gradient_accumulation_steps=math.ceil(options.batch / 8),
        eval_strategy="steps",
        eval_steps=200,
        save_steps=50,
        save_total_limit=2,
        logging_steps=10,
        seed=options.seed,
        use_cpu=not torch.cuda.is_available(),
    )
    trainer = SFTTrainer(
        model,
        arguments,
        train_dataset=blocks.train,
        eval_dataset=blocks.valid,
        processing_class=tokenizer,
        method=Full(),
        optimizers=(optimizer, schedule),
    )
    trainer.train(resume_from_checkpoint=options.resume or None)
    print(trainer.evaluate())
    model.to(torch.bfloat16).save_pretrained(options.out)
    tokenizer.save_pretrained(options.out)


if __name__ == "__main__":
    main()
