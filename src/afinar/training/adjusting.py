"""Settings of SFTConfig that change the tokenizer or the model's config before training, as in TRL."""

from __future__ import annotations

import copy
from pathlib import Path

from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from afinar.errors import ConfigError
from afinar.models.config import ModelConfig
from afinar.models.load import load_tokenizer
from afinar.training.arguments import SFTConfig

JINJA = (".jinja", ".jinja2", ".j2")


def adjusted_tokenizer(tokenizer: PreTrainedTokenizerBase, args: SFTConfig) -> PreTrainedTokenizerBase:
    """`tokenizer` with the chat template, EOS and pad token that `args` names; the caller's own stays as it is.

    Raises ConfigError for a token that the vocabulary lacks, and where there is no template.
    """
    if (args.eos_token, args.pad_token, args.chat_template_path) == (None, None, None):
        return tokenizer
    tokenizer = copy.deepcopy(tokenizer)
    for name in ("eos_token", "pad_token"):
        token = getattr(args, name)
        if token is None:
            continue
        if token not in tokenizer.get_vocab():
            raise ConfigError("names.token_missing", name=name, got=repr(token))
        setattr(tokenizer, name, token)
    if args.chat_template_path is not None:
        tokenizer.chat_template = _template(args.chat_template_path, tokenizer)
    return tokenizer


def adjust_router(model: nn.Module, args: SFTConfig) -> None:
    """Set the weight of a mixture's load-balancing loss, or switch that loss off with 0; other models have none.

    To be called before the model gets its supervised forward.
    """
    weight = args.router_aux_loss_coef
    if weight is None:
        return
    for core in (module for module in model.modules() if isinstance(module, PreTrainedModel)):
        config = core.config.get_text_config()
        if "output_router_logits" not in config:
            continue
        config.output_router_logits = weight != 0
        config.router_aux_loss_coef = weight
        if "router_aux_loss_coef" in core.__dict__:  # Mixtral's kin copy it from the config when they are made
            core.__dict__["router_aux_loss_coef"] = weight


def _template(path: str, tokenizer: PreTrainedTokenizerBase) -> str:
    """The chat template in a Jinja file, or the one of another tokenizer, if this one has its tokens."""
    file = Path(path).expanduser()
    if file.suffix in JINJA:
        if not file.is_file():
            raise ConfigError("names.chat_template_path", name="chat_template_path", got=repr(path))
        return file.read_text(encoding="utf-8")
    other = load_tokenizer(ModelConfig(name=path))
    template = other.chat_template
    if not isinstance(template, str):
        raise ConfigError("names.chat_template_path", name="chat_template_path", got=repr(path))
    lacking = other.get_added_vocab().keys() - tokenizer.get_vocab().keys()
    missing = sorted(token for token in lacking if token in template)
    if missing:
        raise ConfigError("names.new_tokens", got=path, tokens=", ".join(missing))
    return template
