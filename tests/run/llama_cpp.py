"""A GGUF file run by llama.cpp itself, against the model that it was made of: same tokens, same next tokens.

    pip install xllamacpp          # llama.cpp with a binding, in the environment of afinar
    python tests/run/llama_cpp.py FILE.gguf RUN|MODEL DATA.jsonl [ROWS]

Not a test, since llama.cpp is no dependency: it was run by hand for what the docs say of GGUF. Prints one JSON object: rows,
the share tokenised alike, the largest difference of the log probabilities of each prompt's ten likeliest next tokens (among
these ten), and the share of greedy continuations of 16 tokens that are equal.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from typing import Any

import torch

from afinar.data.prepare import prepare_source
from afinar.run import load

TOP, NEW = 10, 16


class LlamaCpp:
    """llama.cpp's own server over one file."""

    def __init__(self, file: str) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = file
        params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 1024, 1, 1
        self.server = xllamacpp.Server(params)

    def ask(self, path: str, **body: Any) -> Any:
        """One request."""
        request = urllib.request.Request(f"{self.server.listening_address}{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def tokens(self, text: str) -> list[int]:
        """The tokens of `text`, its special tokens understood."""
        return self.ask("/tokenize", content=text, add_special=False, parse_special=True)["tokens"]

    def continues(self, ids: list[int]) -> tuple[list[int], dict[int, float]]:
        """Greedy tokens after `ids`, and the log probabilities of the likeliest first ones.

        None of the latter where the first token is part of a character: the server tells those of whole ones only.
        """
        options = {"temperature": 0, "n_probs": TOP, "return_tokens": True, "cache_prompt": False, "ignore_eos": True}
        answer = self.ask("/completion", prompt=ids, n_predict=NEW, **options)
        first = answer["completion_probabilities"][0]
        told = first["top_logprobs"] if first["id"] == answer["tokens"][0] else []
        return answer["tokens"], {entry["id"]: entry["logprob"] for entry in told}


def main(file: str, source: str, data: str, rows: str = "20") -> None:
    """Compare and print."""
    session, theirs = load(source, offline=True), LlamaCpp(file)
    examples = prepare_source(data, session.tokenizer, max_length=256).examples[: int(rows)]
    alike, equal, compared, largest = 0, 0, 0, 0.0
    for example in examples:
        text = session.tokenizer.decode(example.input_ids)
        alike += theirs.tokens(text) == session.tokenizer(text, add_special_tokens=False)["input_ids"]
        ids = example.input_ids[: max(2, len(example.input_ids) // 2)].tolist()
        written, likeliest = theirs.continues(ids)
        with torch.no_grad():
            logits = session.model(torch.tensor([ids])).logits[0, -1].float()
            greedy = session.model.generate(torch.tensor([ids]), max_new_tokens=NEW, min_new_tokens=NEW, do_sample=False)
        # Among the ten: which tokens end a text, and so have no share in its probabilities, is llama.cpp's own rule.
        expected = logits[list(likeliest)].log_softmax(-1)
        found = torch.tensor(list(likeliest.values())).log_softmax(-1)
        if likeliest:
            largest = max(largest, (expected - found).abs().max().item())
            compared += 1
        equal += greedy[0, len(ids) :].tolist() == written
    n = len(examples)
    shares = {"tokenised_alike": alike / n, "greedy_equal": equal / n}
    print(json.dumps({"rows": n, "compared": compared, "largest_logprob_difference": largest, **shares}))


if __name__ == "__main__":
    main(*sys.argv[1:])
