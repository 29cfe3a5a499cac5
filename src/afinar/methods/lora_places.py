"""Where the LoRA family puts what: every place of a model that trains, decided by the config or by an adapter's files.

    target_modules      linear layer → LoRALayer or DoRALayer     embeddings → LoRAEmbedding
    trainable_tokens    embeddings → TrainedTokens                and the LM head, where it is not one weight with them
    modules_to_save     any layer without others in it → TrainedLayer

A head that is one weight with the embeddings follows them (`tied`): always for trained tokens, with `ensure_weight_tying` for
the others. Nothing is changed before every place is known to be possible.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from afinar.errors import ConfigError, ModelError
from afinar.methods.adapted import Adapted, Kind, adapted_layers, matrix
from afinar.methods.config import LoRA
from afinar.methods.config.lora import pattern_for
from afinar.methods.dora import DoRALayer
from afinar.methods.lora_embedding import LoRAEmbedding, TiedLoRAHead
from afinar.methods.lora_init import SHIFTED, factors, kaiming
from afinar.methods.lora_layer import LoRALayer
from afinar.methods.peft_format import Adapter, same
from afinar.methods.trained_parts import TrainedLayer, TrainedTokens
from afinar.models.targets import features, find_targets, is_linear, matches

NAMES: dict[Kind, str] = {
    "linear": "target_modules",
    "embedding": "target_modules",
    "tokens": "trainable_tokens",
    "layer": "modules_to_save",
}


@dataclass(frozen=True)
class Place:
    """One layer that gets something trained.

    r: of a linear layer or embeddings. token_ids: of "tokens". tied: the path of the embeddings whose trained values it uses.
    """

    kind: Kind
    base: Any
    r: int = 0
    token_ids: tuple[int, ...] = ()
    tied: str = ""

    def count(self, config: LoRA) -> int:
        """How many weights train here, by the technique's formula, without making any."""
        if self.tied:
            return self.base.bias.numel() if self.kind == "layer" and self.base.bias is not None else 0
        if self.kind == "linear":
            inputs, outputs = features(self.base)
            biased = config.bias == "lora_only" and self.base.bias is not None
            return self.r * (inputs + outputs) + outputs * (config.dora + biased)
        if self.kind == "embedding":
            return self.r * (self.base.num_embeddings + self.base.embedding_dim)
        if self.kind == "tokens":
            return len(self.token_ids) * int(self.base.weight.shape[1])
        return sum(parameter.numel() for parameter in self.base.parameters())


def places(model: PreTrainedModel, config: LoRA) -> dict[str, Place]:
    """Every place that `config` names in a model without adapters, by path, in the model's order.

    Raises ConfigError where a name or pattern matches nothing, where a layer is named in two ways, and for ranks, tokens
    and kinds of layers that cannot be.
    """
    found: dict[str, Place] = {}
    for path, place in (*_targets(model, config), *_tokens(model, config), *_layers(model, config)):
        if path in found and NAMES[found[path].kind] != NAMES[place.kind]:
            raise ConfigError("lora.twice", path=path, first=NAMES[found[path].kind], second=NAMES[place.kind])
        found[path] = place
    _check_patterns(config, found)
    _check_ranks(found, config)
    if config.bias == "lora_only" and all(place.kind != "linear" or place.base.bias is None for place in found.values()):
        raise ConfigError("lora.no_bias")
    return {path: found[path] for path, _ in model.named_modules(remove_duplicate=False) if path in found}


def places_of(model: PreTrainedModel, adapter: Adapter) -> dict[str, Place]:
    """The places that an adapter's tensors belong to, with a head that follows the embeddings where it does.

    Raises ModelError where the model has no such layer, or other embeddings than the adapter was trained on.
    """
    modules = dict(model.named_modules())
    found = {}
    for path, (kind, tensors) in adapter.places.items():
        if path not in modules or not _takes(kind, modules[path]):
            raise ModelError("methods.adapter_of_another_model", path=path, model=type(model).__name__)
        r = len(tensors["A"]) if kind in ("linear", "embedding") else 0
        ids = adapter.config.trainable_tokens if kind == "tokens" else ()
        found[path] = Place(kind, modules[path], r, ids)
    for path, weight in adapter.base_weights.items():
        if path not in modules or not same(modules[path].get_parameter("weight"), weight):
            raise ModelError("lora.other_embeddings", path=path, name="weight")
    return found | _followers(model, adapter, found)


def _takes(kind: str, module: nn.Module) -> bool:
    ends = isinstance(module, nn.Embedding)
    return {"linear": is_linear(module), "embedding": ends, "tokens": ends or is_linear(module), "layer": True}[kind]


def _followers(model: PreTrainedModel, adapter: Adapter, found: dict[str, Place]) -> dict[str, Place]:
    """The head, where it is one weight with the embeddings and their trained values serve both."""
    path, head = embeddings_path(model), head_path(model)
    place = found.get(path)
    if place is None or not head or not is_tied(model) or not _agree(adapter, path, head):
        return {}
    if place.kind == "tokens" or adapter.config.ensure_weight_tying:
        kind: Kind = "linear" if place.kind == "embedding" else place.kind
        return {head: Place(kind, model.get_output_embeddings(), 0, place.token_ids, tied=path)}
    return {}


def _agree(adapter: Adapter, embeddings: str, head: str) -> bool:
    """Whether the head's own tensors, where an adapter has some, are those of the embeddings."""
    if head not in adapter.places:
        return True
    (kind, ends), (_, own) = adapter.places[embeddings], adapter.places[head]
    if kind == "embedding":
        return same(own["A"], ends["B"].t()) and same(own["B"], ends["A"].t())
    name = "token_rows" if kind == "tokens" else "modules_to_save.weight"
    return same(own[name], ends[name])


def insert(model: PreTrainedModel, places: dict[str, Place], config: LoRA, *, draw: bool = True) -> None:
    """Freeze the model and put an adapting layer onto each place, embeddings before what is tied to them.

    draw False: what A and B begin with does not matter, because they are read from files next, so no weight is factored
    for it.
    """
    model.requires_grad_(False)
    for path, place in sorted(places.items(), key=lambda item: bool(item[1].tied)):
        tied = adapted_layers(model)[place.tied] if place.tied else None
        model.set_submodule(path, _layer(path, place, config, tied, draw))


def embeddings_path(model: PreTrainedModel) -> str:
    """The path of the token embeddings."""
    wanted = model.get_input_embeddings()
    return next(path for path, module in model.named_modules() if module is wanted)


def head_path(model: PreTrainedModel) -> str:
    """The path of the LM head; empty for a model without one."""
    wanted = model.get_output_embeddings()
    return "" if wanted is None else next(path for path, module in model.named_modules() if module is wanted)


def is_tied(model: PreTrainedModel) -> bool:
    """Whether embeddings and LM head are one weight, also under adapting layers and while those are merged."""
    head = model.get_output_embeddings()
    return head is not None and _own_weight(head) is _own_weight(model.get_input_embeddings())


def _own_weight(module: nn.Module) -> Any:
    if isinstance(module, Adapted):
        return module.unmerged["weight"] if module.merged else module.base.weight
    return module.weight


def _layer(path: str, place: Place, config: LoRA, tied: Any, draw: bool) -> Adapted:
    if place.kind == "tokens":
        return TrainedTokens(place.base, place.token_ids, tied)
    if place.kind == "layer":
        return TrainedLayer(place.base, tied)
    if tied is not None:
        return TiedLoRAHead(place.base, tied)
    if place.kind == "embedding":
        return LoRAEmbedding(place.base, r=place.r, scale=config.scale_of(path))
    scale = config.scale_of(path)
    if not draw:
        start = kaiming(*features(place.base), place.r)._replace(shifted=config.initialisation in SHIFTED)
    elif config.initialisation == "kaiming":
        start = kaiming(*features(place.base), place.r)
    else:
        start = factors(config.initialisation, matrix(place.base), place.r, scale)
    options: dict[str, Any] = {"scale": scale, "dropout": config.dropout, "factors": start, "bias": config.bias == "lora_only"}
    return (DoRALayer if config.dora else LoRALayer)(place.base, r=place.r, **options)


def _targets(model: PreTrainedModel, config: LoRA) -> Iterable[tuple[str, Place]]:
    asked, whole = config.target_modules, {embeddings_path(model): "embedding", head_path(model): "linear"}
    others, chosen = asked, []
    if not isinstance(asked, str):  # embeddings and the head only where they are named
        chosen = [path for path in whole if path and matches(path, asked)]
        others = tuple(name for name in asked if not any(matches(path, [name]) for path in chosen))
    linear = find_targets(model, others) if others else {}
    for path, layer in linear.items():
        yield path, Place("linear", layer, config.rank_of(path))
    tied = config.ensure_weight_tying and is_tied(model) and chosen
    for path in [embeddings_path(model), head_path(model)] if tied else chosen:
        yield path, _ends(model, path, config, tied=embeddings_path(model) if tied and path == head_path(model) else "")


def _ends(model: PreTrainedModel, path: str, config: LoRA, tied: str) -> Place:
    """The place on the embeddings or on the LM head."""
    base: Any = model.get_submodule(path)
    if is_linear(base):
        return Place("linear", base, 0 if tied else config.rank_of(path), tied=tied)
    if config.dora or config.initialisation in SHIFTED:
        what = "dora" if config.dora else f"initialisation={config.initialisation}"
        raise ConfigError("lora.plain_embedding", what=what, path=path)
    return Place("embedding", base, config.rank_of(path))


def _check_ranks(found: dict[str, Place], config: LoRA) -> None:
    """Refuse ranks that no layer has, that a pattern gives to one that has not, and that no start can be taken from.

    A narrow layer among others (the gate of a mixture's shared expert has one output) may get more than its own, as in PEFT.
    """
    most = {path: min(place.base.weight.shape) if place.kind == "embedding" else min(features(place.base))
            for path, place in found.items() if place.kind in ("linear", "embedding")}  # fmt: skip
    beyond = [path for path in most if found[path].r > most[path]]
    strict = len(beyond) == len(most) or config.initialisation in SHIFTED
    for path in beyond:
        if strict or pattern_for(config.rank_pattern, path):
            raise ConfigError("lora.rank_too_high", path=path, r=found[path].r, most=most[path])


def _tokens(model: PreTrainedModel, config: LoRA) -> Iterable[tuple[str, Place]]:
    if not config.trainable_tokens:
        return
    embeddings: Any = model.get_input_embeddings()
    if config.trainable_tokens[-1] >= embeddings.num_embeddings:
        got, rows = config.trainable_tokens[-1], embeddings.num_embeddings
        raise ConfigError("lora.token_outside", field="method.trainable_tokens", got=got, rows=rows)
    path, head = embeddings_path(model), head_path(model)
    yield path, Place("tokens", embeddings, token_ids=config.trainable_tokens)
    if head and (is_tied(model) or config.trainable_tokens_in_head):
        tied = path if is_tied(model) else ""
        yield head, Place("tokens", model.get_output_embeddings(), token_ids=config.trainable_tokens, tied=tied)


def _layers(model: PreTrainedModel, config: LoRA) -> Iterable[tuple[str, Place]]:
    paths = dict(model.named_modules())
    embeddings, head = embeddings_path(model), head_path(model)
    found: dict[str, str] = {}
    for name in config.modules_to_save:
        fitting = [path for path in paths if matches(path, [name])]
        if not fitting:
            raise ConfigError("lora.no_module", field="method.modules_to_save", got=name)
        found |= dict.fromkeys(fitting, "")
    if config.ensure_weight_tying and is_tied(model) and {embeddings, head} & found.keys():
        found |= {embeddings: "", head: embeddings}
    for path, tied in found.items():
        _check_layer(path, paths[path])
        yield path, Place("layer", paths[path], tied=tied)


def _check_layer(path: str, module: nn.Module) -> None:
    if any(True for _ in module.children()) or not any(True for _ in module.parameters()):
        raise ConfigError("lora.not_a_leaf", field="method.modules_to_save", got=path)
    for parameter in module.parameters():
        if not parameter.is_floating_point():
            what = "modules_to_save"
            raise ConfigError("lora.quantised_module", path=path, kind=str(parameter.dtype), what=what)


def _check_patterns(config: LoRA, found: dict[str, Place]) -> None:
    adapted = [path for path, place in found.items() if place.kind in ("linear", "embedding")]
    for name in ("rank_pattern", "alpha_pattern"):
        for pattern in getattr(config, name):
            if not any(pattern_for({pattern: 0}, path) for path in adapted):
                example = adapted[-1] if adapted else "-"
                raise ConfigError("lora.pattern_matches_nothing", field=f"method.{name}", got=pattern, example=example)
