"""What a suite is made of: the strict form in which YAML and JSON lines are read.

    afinar_suite: 1
    name: minha/suite
    version: 1.0.0
    language: pt-BR
    about: Perguntas de atendimento.
    categories:
      fatos: {about: Perguntas com uma resposta certa., measures: capability}
    cases:
      - {id: capital, category: fatos, input: Qual é a capital do Brasil?, expect: {required_words: [Brasília]}}

Five kinds of case, told apart by the key that only they have:

====================  ==================================================================================================
`input`               :class:`Check`: what the answer or the label must be, also under perturbations of the input
`changed`             :class:`Contrast`: how a label's score must move when the input is changed
`template`            :class:`Counterfactual`: the same text over the groups of a lexicon
`prefer` or `anti`    :class:`Pair`: which of two texts the model finds likelier, per byte
`passage`             :class:`Passage`: running text that an adapted model should not have forgotten
====================  ==================================================================================================

Nothing is coerced: a number is no text, `no` is text and `false` no word, and a key that is not listed here is an error.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

Measure = Literal["capability", "robustness", "bias", "content", "privacy", "variety", "forgetting"]
Perturbation = Literal["typos", "accents", "case", "spaces", "punctuation", "contractions"]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\w./-]([\w./ -]*[\w./-])?$")]
Words = Annotated[tuple[Annotated[str, Field(max_length=10_000)], ...], Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1, max_length=100_000)]
MAX_NAMED = 1000
"""Labels, lexicons and categories that a suite may have."""


class Strict(BaseModel):
    """A frozen part of a suite: no unknown key, no coerced value, no infinite number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Message(Strict):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: Text


class Sampling(Strict):
    """Draw `n` answers instead of the greedy one; the case passes by the rule `passes`."""

    n: Annotated[int, Field(ge=2, le=1000)]
    seed: Annotated[int, Field(ge=0)]
    passes: Literal["all", "any", "majority"] | Annotated[float, Field(gt=0, le=1)]
    """Which of the answers must pass; a share: at least that many of them."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0


class Numeric(Strict):
    """A number that the answer must state."""

    value: float
    tolerance: Annotated[float, Field(ge=0)] = 0.0


class Chrf(Strict):
    """A reference that the answer must come close to."""

    reference: Text
    at_least: Annotated[float, Field(gt=0, le=100)]


class Length(Strict):
    """Bounds on the answer's length."""

    min_words: Annotated[int, Field(ge=0)] | None = None
    max_words: Annotated[int, Field(ge=0)] | None = None
    min_characters: Annotated[int, Field(ge=0)] | None = None
    max_characters: Annotated[int, Field(ge=0)] | None = None


class Expect(Strict):
    """What must hold of an answer (or, for `label`, of a classifier's decision); everything given must hold."""

    exact: Text | Words | None = None
    """The answer, or one of several."""
    contains: Words | None = None
    """Substrings, all of them."""
    numeric: float | Numeric | None = None
    label: Text | None = None
    chrf: Chrf | None = None
    required_words: Words | None = None
    """Whole words or phrases, all of them, not under a negation."""
    any_of: Words | None = None
    """Whole words or phrases, at least one."""
    forbidden_words: Words | None = None
    """Whole words or phrases, none of them."""
    regex: Text | Words | None = None
    not_regex: Text | Words | None = None
    length: Length | None = None
    refusal: bool | None = None
    """Whether the answer must (true) or must not (false) be a refusal."""
    case_sensitive: bool = False
    accents: bool = True
    """Whether "é" and "e" are different letters in word and substring checks."""
    negation: Literal["aware", "ignore"] = "aware"
    """aware: a word that is negated ("não é idiota") is neither a required nor a forbidden one."""


class Perturb(Strict):
    """Variants of the input that must be answered alike."""

    kinds: Annotated[tuple[Perturbation, ...], Field(min_length=1)]
    """What each does, and to what first: :mod:`afinar.audit.perturb`. Numbers, addresses and placeholders stay as they are."""
    expect: Literal["same_label", "same_answer", "same_verdict"]
    """same_answer: the normalised text; same_verdict: each variant's answer must pass the case's own `expect`."""
    n: Annotated[int, Field(ge=1, le=20)] = 1
    """Variants of each kind, all different; fewer where the text does not allow as many."""
    rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the words that a variant touches (at least one). The first variants of accents (all dropped), case (lower,
    CAPITALS, Every Word) and punctuation (no final mark) touch the whole text."""
    seed: Annotated[int, Field(ge=0)] = 0


class _Case(Strict):
    id: Name
    category: Name
    about: str = ""
    question: str | None = None
    """How a causal model is asked for a label; replaces the suite's `question`."""
    max_new_tokens: Annotated[int, Field(ge=1, le=4096)] | None = None


class Check(_Case):
    """An input and what the answer must be."""

    input: Text | tuple[Message, ...]
    expect: Expect | None = None
    perturb: Perturb | None = None
    sampling: Sampling | None = None


class Shift(Strict):
    """How the probability of `label` must move."""

    label: Text
    change: Literal["higher", "lower", "same"]
    by: Share = 0.0
    """Least change in probability; for `same` the largest one allowed."""


class Contrast(_Case):
    """A directional expectation: `changed` is `input` with something added, removed or replaced."""

    input: Text
    changed: Text
    expect: Shift


class Alike(Strict):
    """What must be equal over the groups."""

    equal_label: bool | None = None
    equal_answer: bool | None = None
    """The generated text, with each group's own words taken out."""
    score: Text | None = None
    """The label whose probability is compared, group by group."""
    max_gap: Share | None = None
    """Largest difference of that score within the case; without it the gap is measured and nothing is asserted of it."""
    label: Text | None = None
    """The right label, if there is one: capability, shown beside."""


class Counterfactual(_Case):
    """A template, `{pessoa} foi ao médico.`, filled with the words of lexicons; a word's forms are `{pessoa.o}`."""

    template: Text
    over: dict[str, Name]
    """Slot → lexicon. The slots of lexicons with groups are compared; the others' words are drawn alike for all groups."""
    expect: Alike
    words: Annotated[int, Field(ge=1, le=100)] | None = None
    """How many words of each group are used, at even distances in the group; None: all."""


class Preference(Strict):
    """By how much, in bits per byte, a text must be likelier than the other."""

    by: Annotated[float, Field(ge=0)] = 0.0


class Even(Strict):
    """How far two texts may lie apart, in bits per byte."""

    max_gap: Annotated[float, Field(gt=0)]


class Pair(_Case):
    """Two continuations of `context`: `prefer` must be likelier than `over`, or `stereotype` about as likely as `anti`.

    With `slots` the texts are templates over lexicons without groups, and the case is the mean of its expansions.
    """

    context: str = ""
    prefer: Text | None = None
    over: Text | None = None
    stereotype: Text | None = None
    anti: Text | None = None
    slots: dict[str, Name] = {}
    attribute: Name | None = None
    """What a stereotype is about: gender, race, ..."""
    expect: Preference | Even


class Kept(Strict):
    """How many bits per byte worse than the baseline a passage may become."""

    worse_by_at_most: Annotated[float, Field(ge=0)]


class Passage(_Case):
    """Running text, scored before and after; without a baseline it is measured, and the case is inconclusive."""

    passage: Text
    expect: Kept


def _kind(case: Any) -> str | None:
    if isinstance(case, BaseModel):
        return type(case).__name__
    if not isinstance(case, dict):
        return None
    for key, kind in KIND_KEYS.items():
        if key in case:
            return kind
    return None


KIND_KEYS = {
    "template": "Counterfactual",
    "changed": "Contrast",
    "passage": "Passage",
    "prefer": "Pair",
    "stereotype": "Pair",
    "over": "Pair",
    "anti": "Pair",
    "input": "Check",
}
"""The first of these keys that a case has tells its kind."""

Case = Annotated[
    Annotated[Check, Tag("Check")]
    | Annotated[Contrast, Tag("Contrast")]
    | Annotated[Counterfactual, Tag("Counterfactual")]
    | Annotated[Pair, Tag("Pair")]
    | Annotated[Passage, Tag("Passage")],
    Discriminator(_kind),
]

Word = Annotated[str, Field(min_length=1, max_length=10_000)] | dict[str, Annotated[str, Field(max_length=10_000)]]
"""A word, or its forms by name: `{nome: Ana, o: a}`; `{slot}` is the form `nome`, `{slot.o}` the form `o`."""


class Lexicon(Strict):
    """Words to fill templates with; with `groups` an attribute to compare, with `words` mere variety."""

    attribute: Name | None = None
    groups: dict[Name, Annotated[tuple[Word, ...], Field(min_length=1)]] = {}
    words: tuple[Word, ...] = ()
    aligned: bool = False
    """Whether the i-th words of all groups are counterparts (avô / avó), to be compared with each other."""


class Gate(Strict):
    """When the audit fails (exit code 3) for this category; what is not given is not gated."""

    at_least: Share | None = None
    """Share of cases that must pass. It fails where the share is below, and passes where the whole interval is not (at 1:
    where every case passed); between the two it is inconclusive."""
    max_gap: Share | None = None
    """Largest difference between the groups' mean scores. It fails where the difference is larger, beyond chance, and passes
    where the whole interval is within; between the two it is inconclusive."""
    no_worse: bool = False
    """Fails where the model is worse than the baseline beyond chance (exact McNemar, Holm-corrected)."""


class Category(Strict):
    """A group of cases that are reported together."""

    about: Text
    measures: Measure
    beside: Name | None = None
    """The capability category of this suite that a bias or content category is read together with."""
    gate: Gate = Gate()


class Datasheet(Strict):
    """What the suite can and cannot show."""

    shows: Words
    does_not_show: Words
    made: Text
    """By whom, how, from what."""
    licence: Text


class Suite(Strict):
    """A suite of behaviour tests."""

    afinar_suite: Literal[1]
    name: Name
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    language: Literal["pt", "pt-BR", "pt-PT", "en"]
    about: Text
    datasheet: Datasheet | None = None
    question: str | None = None
    """How a causal model is asked for a label: a text with `{input}`. The labels' likelihoods after it are its scores."""
    labels: Annotated[dict[Text, tuple[Text, ...]], Field(max_length=MAX_NAMED)] = {}
    """Label → other names that a classifier may have for it; a causal model is scored on the label itself."""
    lexicons: Annotated[dict[Name, Lexicon], Field(max_length=MAX_NAMED)] = {}
    categories: Annotated[dict[Name, Category], Field(min_length=1, max_length=MAX_NAMED)]
    max_new_tokens: Annotated[int, Field(ge=1, le=4096)] = 64
    cases: Annotated[tuple[Case, ...], Field(min_length=1)]
