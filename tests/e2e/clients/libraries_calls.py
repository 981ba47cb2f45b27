"""Calls of datasets, transformers and tokenizers, by name: prints a JSON object of what each
returned or raised."""
import json
import os
import sys

import datasets
import tokenizers
import transformers

COMMIT = os.environ["COMMIT"]  # of org/model


def rows(repo, **more):
    return [dict(row) for row in datasets.load_dataset(repo, **more)]


def tokens(repo, **more):
    tokenizer = transformers.AutoTokenizer.from_pretrained(repo, **more)
    return [type(tokenizer).__name__, tokenizer("hello world !")["input_ids"],
            tokenizer.model_max_length]


CALLS = {
    "config": lambda: transformers.AutoConfig.from_pretrained("org/model").hidden_size,
    "config at a commit": lambda: transformers.AutoConfig.from_pretrained(
        "org/model", revision=COMMIT).model_type,
    "config of a gated repo": lambda: transformers.AutoConfig.from_pretrained(
        "org/gated", token="hf_good").model_type,
    "tokenizer": lambda: tokens("org/model"),
    "tokenizer at a commit": lambda: tokens("org/model", revision=COMMIT),
    "fast tokenizer": lambda: tokenizers.Tokenizer.from_pretrained("org/model").encode(
        "hello world").ids,
    "fast tokenizer at a commit": lambda: tokenizers.Tokenizer.from_pretrained(
        "org/model", revision=COMMIT).encode("hello !").ids,
    "rows": lambda: rows("org/rows", split="train"),
    "rows of another split": lambda: rows("org/rows", split="test"),
    "rows, streamed": lambda: rows("org/rows", split="train", streaming=True),
    "rows of named files": lambda: rows("org/rows", data_files="extra/more.jsonl", split="train"),
    "rows of Parquet": lambda: rows("org/parquet", split="train"),
    "rows of Parquet, streamed": lambda: rows("org/parquet", split="train", streaming=True),
    "configurations": lambda: datasets.get_dataset_config_names("org/rows"),
}


def main():
    outcomes = {}
    for name in sys.argv[1:] or CALLS:
        try:
            outcomes[name] = CALLS[name]()
        except Exception as failure:
            outcomes[name] = "! " + f"{type(failure).__name__}: {failure}"[:300]
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
