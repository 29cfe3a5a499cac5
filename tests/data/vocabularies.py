"""Tokenizers that differ in what matters to masks: merges, BOS, places of tokens; and chat templates of each kind."""

from __future__ import annotations

from functools import cache
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizer, PreTrainedTokenizerFast

SPECIALS = ["<pad>", "<bos>", "<eos>", "<|im_start|>", "<|im_end|>"]
CORPUS = [
    "O rato roeu a roupa do rei de Roma. A rainha com raiva resolveu remendar.",
    "user assistant system Oi! Tudo bem? Tudo bem, obrigado. Não sei, São Paulo é maçã.",
    "### Instruction: ### Response: Below is an instruction that describes a task.",
] * 4

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
MARKED_CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ m['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
MARKS_WITHOUT_END = MARKED_CHATML.replace("+ '<|im_end|>' }}{% endgeneration %}", "}}{% endgeneration %}{{ '<|im_end|>' }}")
WITH_BOS = "{{ bos_token }}" + CHATML
NO_END = (  # no special token anywhere
    "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
)
MARKED_NO_END = NO_END.replace(
    "{{ m['role'] + ': ' + m['content'] + '\n' }}",
    "{{ m['role'] + ':' }}{% if m['role'] == 'assistant' %}{% generation %}{{ ' ' + m['content'] }}{% endgeneration %}"
    "{% else %}{{ ' ' + m['content'] }}{% endif %}{{ '\n' }}",
)
CLOSES_LAST = (  # EOS after the last assistant turn only
    "{% for m in messages %}{{ '[' + m['role'] + ']' + m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '[assistant]' }}{% elif messages[-1]['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
)
OTHER_PROMPT = (  # asks with a token that no answer was trained after
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant: ' }}{% endif %}"
)
THINKS = (  # the last answer gets an empty reasoning block that earlier ones lose, as in reasoning models
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{% if m['role'] == 'assistant' and loop.last %}{{ '<think></think>' }}{% endif %}"
    "{{ m['content'] + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
REFUSES_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + CHATML
)


@cache
def _backend() -> str:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=340, initial_alphabet=alphabet, special_tokens=SPECIALS, show_progress=False)
    backend.train_from_iterator(CORPUS, trainer)
    return backend.to_str()


def merging_tokenizer(template: str | None = None, *, bos: bool = False, eos: bool = False, **options: Any) -> Any:
    """A byte-level BPE tokenizer with merges; `bos` and `eos` are put around each text by its post-processor."""
    backend = Tokenizer.from_str(_backend())
    if bos or eos:
        around = f"{'<bos> ' if bos else ''}$A{' <eos>' if eos else ''}"
        ids = [(name, backend.token_to_id(name)) for name in ("<bos>", "<eos>") if name in around]
        backend.post_processor = processors.TemplateProcessing(single=around, special_tokens=ids)
    special = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>", **options}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **special)
    tokenizer.add_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIALS[3:]], special_tokens=True)
    tokenizer.chat_template = template
    return tokenizer


class CharacterTokenizer(PreTrainedTokenizer):
    """A tokenizer written in Python, one token a character: it knows no places of tokens."""

    def __init__(self, **options: Any) -> None:
        self.vocabulary = {"<pad>": 0, "<bos>": 1, "<eos>": 2} | {chr(code): code for code in range(3, 0x300)}
        self.names = {number: name for name, number in self.vocabulary.items()}
        super().__init__(pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", **options)

    @property
    def vocab_size(self) -> int:
        return len(self.vocabulary)

    def get_vocab(self) -> dict[str, int]:
        return dict(self.vocabulary)

    def _tokenize(self, text: str, **_: Any) -> list[str]:
        return list(text)

    def _convert_token_to_id(self, token: str) -> int:
        return self.vocabulary[token]

    def _convert_id_to_token(self, index: int) -> str:
        return self.names[index]

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        return "".join(tokens)


def segments(tokenizer: Any, *pieces: tuple[str, bool]) -> tuple[list[int], list[int]]:
    """The plain reference: pieces of text with whether they are learned, tokenised apart and joined; ids and labels.

    Right wherever the pieces end at borders of tokens, as they do at special tokens and in a tokenizer without merges.
    """
    ids: list[int] = []
    labels: list[int] = []
    for text, learned in pieces:
        piece = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids += piece
        labels += piece if learned else [-100] * len(piece)
    return ids, labels
