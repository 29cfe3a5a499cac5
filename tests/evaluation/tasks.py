"""A folder of tasks for lm-evaluation-harness, small and without network."""

from __future__ import annotations

import json
from pathlib import Path

CAPITALS = [("Portugal", "Lisboa"), ("a França", "Paris"), ("o Peru", "Lima"), ("o Chile", "Santiago"), ("Cuba", "Havana")]

TASK = """
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
metadata: {{version: 2.0}}
"""
CHOICE = """
output_type: multiple_choice
doc_to_text: "A capital de {{country}} é"
doc_to_choice: "{{choices}}"
doc_to_target: "{{right}}"
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
"""
ROLLING = """
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "A capital de {{country}} é {{choices[0]}}."
metric_list: [{metric: word_perplexity}, {metric: byte_perplexity}, {metric: bits_per_byte}]
"""
WRITTEN = """
output_type: generate_until
doc_to_text: "A capital de {{country}} é"
doc_to_target: "{{choices[right]}}"
generation_kwargs: {until: ["."], max_gen_toks: 8, do_sample: false}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""
GROUP = """
group: tudo_pt
task: [capitais_pt, capitais_de_novo_pt]
aggregate_metric_list: [{metric: acc, weight_by_size: true}]
metadata: {version: 1.0}
"""


def write_tasks(folder: Path) -> Path:
    """`capitais_pt`, `texto_pt`, `escrita_pt`, and `tudo_pt`, a group of the first and its double."""
    folder.mkdir(exist_ok=True)
    data = folder / "capitais.jsonl"
    rows = [
        {"country": country, "choices": [f" {capital}", " Quito"], "right": index % 2}
        for index, (country, capital) in enumerate(CAPITALS)
    ]
    data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    kinds = {"capitais_pt": CHOICE, "capitais_de_novo_pt": CHOICE, "texto_pt": ROLLING, "escrita_pt": WRITTEN}
    for name, rest in kinds.items():
        (folder / f"{name}.yaml").write_text(TASK.format(name=name, data=json.dumps(str(data))) + rest, encoding="utf-8")
    (folder / "tudo_pt.yaml").write_text(GROUP, encoding="utf-8")
    return folder
