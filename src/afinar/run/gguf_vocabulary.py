"""A tokenizer as GGUF holds it, for llama.cpp's two kinds of vocabulary.

    gpt2    byte-level BPE: tokens and merges in the byte alphabet, and the *name* of a rule that cuts text before merging
    llama   SentencePiece's BPE: tokens with scores, `▁` for a blank, bytes as <0x41>; the best score merges first

No pattern is stored, only a name out of a list that is compiled into llama.cpp. :data:`CUTS` has those in common use; the one
taken is that under which most texts become the tokens that the model knows, and :func:`alike` says how many did.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Regex, Tokenizer, pre_tokenizers
from transformers import PreTrainedTokenizerBase

from afinar.errors import ModelError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6  # GGUF's kinds of tokens

_CONTRACTIONS = r"'s|'t|'re|'ve|'m|'ll|'d"
_ANY_CASE = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_BLANKS = r"\s+(?!\S)|\s+"
_WORDS = rf"{_CONTRACTIONS}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|{_BLANKS}"
_LINES = rf" ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|{_BLANKS}"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_LINES_OR_PATHS = rf" ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|{_BLANKS}"


@dataclass(frozen=True)
class Cut:
    """A rule that cuts text into the pieces that are merged by themselves: patterns, each cutting what the last one left."""

    patterns: tuple[str, ...]
    ignores_merges: bool = False
    """Whether a piece that is a token as a whole stays one."""


CUTS: dict[str, Cut] = {
    "gpt-2": Cut((_WORDS,)),
    "llama-bpe": Cut((rf"{_ANY_CASE}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_LINES}",), ignores_merges=True),
    "qwen2": Cut((rf"{_ANY_CASE}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_LINES}",)),
    "smollm": Cut((r"\p{N}", _WORDS)),
    "tekken": Cut(
        (
            rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*"
            rf"|\p{{N}}|{_LINES_OR_PATHS}",
        ),
        ignores_merges=True,
    ),
}


@dataclass(frozen=True)
class Vocabulary:
    """What a GGUF file says of a tokenizer; `scores` for the kind llama, `merges` and `cut` for gpt2."""

    kind: str
    tokens: list[str]
    types: list[int]
    special: dict[str, int]
    """Token numbers by what they are for: bos, eos, unk, pad, eot."""
    adds: dict[str, bool]
    """Whether a text begins with bos, ends with eos."""
    chat_template: str | None
    scores: list[float] | None = None
    merges: list[str] | None = None
    cut: str | None = None
    blank_first: bool = False


def vocabulary(tokenizer: PreTrainedTokenizerBase, size: int, ends: Sequence[int], texts: Sequence[str]) -> Vocabulary:
    """The vocabulary of `tokenizer`, filled up to the model's `size`; `ends` are all tokens that end an answer.

    texts: what the cut is chosen by. Raises ModelError for a tokenizer of another kind.
    """
    state = json.loads(backend(tokenizer).to_str())
    kind = _kind(state)
    tokens, types = _tokens(tokenizer, state, size, kind)
    special = {name: getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "unk", "pad")}
    special = {name: number for name, number in special.items() if number is not None}
    others = [number for number in ends if number != special.get("eos")]
    plain, whole = (tokenizer("a", add_special_tokens=adds)["input_ids"] for adds in (False, True))
    common: dict[str, Any] = {
        "kind": kind,
        "tokens": tokens,
        "types": types,
        "special": special | ({"eot": others[0]} if others else {}),
        "adds": {
            "bos": whole[:1] != plain[:1] and whole[0] == special.get("bos"),
            "eos": whole[-1:] != plain[-1:] and whole[-1] == special.get("eos"),
        },
        "chat_template": _template(tokenizer),
    }
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in state["model"]["merges"]]
    if kind == "llama":
        blank_first = tokenizer.convert_ids_to_tokens(plain)[0].startswith("▁")
        return Vocabulary(**common, scores=_scores(tokens, merges), blank_first=blank_first)
    return Vocabulary(**common, merges=merges, cut=_best_cut(tokenizer, state, texts))


def alike(ours: PreTrainedTokenizerBase, theirs: PreTrainedTokenizerBase, texts: Sequence[str]) -> float:
    """The share of `texts` that two tokenizers make the same tokens of, without those added around a text."""
    same = (
        ours(text, add_special_tokens=False)["input_ids"] == theirs(text, add_special_tokens=False)["input_ids"]
        for text in texts
    )
    return sum(same) / len(texts)


def cut_by(name: str) -> pre_tokenizers.PreTokenizer:
    """The rule `name` of :data:`CUTS`, for the tokenizers library."""
    splits = [pre_tokenizers.Split(Regex(pattern), behavior="isolated") for pattern in CUTS[name].patterns]
    return pre_tokenizers.Sequence([*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def backend(tokenizer: PreTrainedTokenizerBase) -> Any:
    """The tokenizer of the tokenizers library inside. Raises ModelError for one that has none."""
    inside = getattr(tokenizer, "backend_tokenizer", None)  # only tokenizers in plain Python lack it
    if inside is None:
        raise ModelError("exporting.gguf_tokenizer", got=type(tokenizer).__name__)
    return inside


def _kind(state: dict[str, Any]) -> str:
    model = state["model"]
    if model["type"] == "BPE" and model.get("byte_fallback"):
        return "llama"
    steps = state.get("pre_tokenizer") or {}
    names = {step["type"] for step in steps.get("pretokenizers", [steps]) if step}
    if model["type"] == "BPE" and "ByteLevel" in names and model["merges"]:  # llama.cpp loads none without merges
        return "gpt2"
    raise ModelError("exporting.gguf_tokenizer", got=model["type"])


def _tokens(tokenizer: PreTrainedTokenizerBase, state: dict[str, Any], size: int, kind: str) -> tuple[list[str], list[int]]:
    """Each number's text and kind; a number without a token is padding that no text becomes."""
    numbers = {number: text for text, number in tokenizer.get_vocab().items()}
    added = {token["id"]: CONTROL if token["special"] else USER_DEFINED for token in state["added_tokens"]}
    tokens, types = [], []
    for number in range(size):
        text = numbers.get(number, f"[PAD{number}]")
        tokens.append(text)
        if number not in numbers:
            types.append(UNUSED)
        elif kind == "llama" and re.fullmatch(r"<0x[0-9A-F]{2}>", text):
            types.append(BYTE)
        elif kind == "llama" and number == tokenizer.unk_token_id:
            types.append(UNKNOWN)
        else:
            types.append(added.get(number, NORMAL))
    return tokens, types


def _scores(tokens: list[str], merges: list[str]) -> list[float]:
    """The sooner a token is merged, the higher; letters and bytes, which nothing merges into, come before all."""
    first: dict[str, float] = {}
    for rank, pair in enumerate(merges):
        left, _, right = pair.partition(" ")
        first.setdefault(left + right, -1.0 - rank)
    return [first.get(token, 0.0) for token in tokens]


def _best_cut(tokenizer: PreTrainedTokenizerBase, state: dict[str, Any], texts: Sequence[str]) -> str:
    """The rule under which most of `texts` become the tokenizer's own tokens; the first of equals."""
    expected = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]

    def matches(name: str) -> int:
        as_cut = _with_cut(state, name)
        found = (encoding.ids for encoding in as_cut.encode_batch(list(texts), add_special_tokens=False))
        return sum(ids == own for ids, own in zip(found, expected, strict=True))

    return max(CUTS, key=matches)


def _with_cut(state: dict[str, Any], name: str) -> Tokenizer:
    """The tokenizer as llama.cpp would run it: its tokens and merges, nothing normalised, cut by the rule `name`."""
    model = {**state["model"], "ignore_merges": CUTS[name].ignores_merges}
    made = Tokenizer.from_str(json.dumps({**state, "model": model, "normalizer": None, "pre_tokenizer": None}))
    made.pre_tokenizer = cut_by(name)
    return made


def _template(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """The chat template; what marks an answer for training, which is no Jinja of llama.cpp's, as a condition that holds."""
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    if not isinstance(template, str):
        return None
    template = re.sub(r"(\{%-?\s*)generation(\s*-?%\})", r"\1if true\2", template)
    return re.sub(r"(\{%-?\s*)endgeneration(\s*-?%\})", r"\1endif\2", template)
