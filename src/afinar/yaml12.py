"""YAML with its 1.2 core meaning, and where each key stands.

Scalars are resolved here by the core schema's own table (YAML 1.2.2, section 10.3.2) rather than by a library's dialect, so
`1e-5` is a number, `no` and `2020-01-01` are text, and the same words mean the same in a file, a variable and a flag.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from afinar.errors import ConfigError

if TYPE_CHECKING:
    from ruamel.yaml.nodes import MappingNode, ScalarNode

MAX_DEPTH = 5  # of a config: section, field, key of a mapping, list, list in it, item
MAX_NODES = 200_000  # values in one document, each alias counted as all that it stands for
CHARACTERS = 64  # a text counts as one value more for each so many characters


class Tree(NamedTuple):
    """A scalar, a list of trees or a dict of trees, and its line where the source has lines."""

    value: Any
    line: int | None = None


def plain(tree: Tree) -> Any:
    """The plain Python value of a tree; a list becomes a tuple, as frozen configs hold them."""
    if isinstance(tree.value, list):
        return tuple(plain(item) for item in tree.value)
    if isinstance(tree.value, dict):
        return {key: plain(item) for key, item in tree.value.items()}
    return tree.value


_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    form: value for value, word in ((True, "true"), (False, "false")) for form in (word, word.capitalize(), word.upper())
}
_TAG = "tag:yaml.org,2002:"
_MAX_DIGITS = 400  # Python refuses to convert texts of thousands of digits; no setting needs so many


def scalar(text: str) -> Any:
    """The value of a plain scalar: null, a boolean, an int, a float, else the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _MAX_DIGITS:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def read(text: str, path: str, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> Tree:
    """The document in `text` as a tree with line numbers.

    Raises ConfigError with the line of what is wrong: the syntax, a key that stands twice, more levels than `max_depth`, or
    more values than `max_nodes`, to which a few lines of aliases of aliases can grow.
    """
    from ruamel.yaml import YAML  # here, for `afinar --help` reads no YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    try:
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError("config.syntax", where=f"{path}:{line}", problem=error.problem or error.context or "") from error
    except RecursionError as error:
        raise ConfigError("config.too_deep", where=path) from error
    except (YAMLError, ValueError) as error:  # characters that YAML does not allow come as ReaderError or ValueError
        raise ConfigError("config.syntax", where=path, problem=" ".join(str(error).split())) from error
    return Tree({}, 1) if node is None else _tree(node, path, max_depth, _Budget(max_nodes))


class _Budget:
    """Counts values as the tree is built, for aliases make a document larger than its text."""

    def __init__(self, nodes: int) -> None:
        self.nodes = self.left = nodes

    def spend(self, node: Any, path: str, line: int) -> None:
        self.left -= 1 + (len(node.value) // CHARACTERS if isinstance(node.value, str) else 0)
        if self.left < 0:
            raise ConfigError("config.too_many", where=f"{path}:{line}", limit=self.nodes)


def _tree(node: Any, path: str, levels: int, budget: _Budget) -> Tree:
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    line = node.start_mark.line + 1
    if levels < 0:  # also where an alias contains itself
        raise ConfigError("config.too_deep", where=f"{path}:{line}")
    budget.spend(node, path, line)
    if isinstance(node, MappingNode):
        return Tree(_mapping(node, path, levels, budget), line)
    if isinstance(node, SequenceNode):
        return Tree([_tree(item, path, levels - 1, budget) for item in node.value], line)
    return Tree(_scalar(node, path, line), line)


def _mapping(node: MappingNode, path: str, levels: int, budget: _Budget) -> dict[str, Tree]:
    from ruamel.yaml.nodes import ScalarNode

    found: dict[str, Tree] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, ScalarNode):
            raise ConfigError("config.syntax", where=f"{path}:{line}", problem="a key must be a name")
        key = str(key_node.value)
        if key in found:
            raise ConfigError("config.duplicate", where=f"{path}:{line}", key=key, first=found[key].line)
        found[key] = _tree(value_node, path, levels - 1, budget)._replace(line=line)
    return found


def _scalar(node: ScalarNode, path: str, line: int) -> Any:
    tag = str(node.tag)
    if not tag.startswith(_TAG) or "/" in tag:  # !custom and !!python/object: data, never objects
        raise ConfigError("config.syntax", where=f"{path}:{line}", problem=f"tag {tag}")
    return scalar(node.value) if node.style is None and tag != f"{_TAG}str" else str(node.value)
