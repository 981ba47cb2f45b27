"""transformers, tokenizers and datasets: configurations, tokenizers and rows through the server are
what they are from the Hub, cold and warm, and with the Hub gone."""
import base64
import json
import pathlib

from harness import PLAIN, get
from test_huggingface_hub import differences

CALLS = pathlib.Path(__file__).resolve().parent / "clients" / "libraries_calls.py"
CARD = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train.csv
  - split: test
    path: data/test.csv
---
# Rows
"""
PARQUET = """
import pyarrow, pyarrow.parquet, sys
table = pyarrow.table({"text": [f"row {i}" for i in range(5000)], "label": list(range(5000))})
pyarrow.parquet.write_table(table, sys.argv[1], row_group_size=500)
"""


def add_rows(world, hub):
    parquet = world.folder / "train.parquet"
    code, _, err = world.python_of("libraries", PARQUET, hub.url, [str(parquet)])
    assert code == 0, err
    hub.control("repo", {"id": "org/rows", "type": "dataset", "files": [
        {"path": "README.md", "content": CARD},
        {"path": "data/train.csv", "content": "text,label\nhello,0\nworld,1\n"},
        {"path": "data/test.csv", "content": "text,label\nhello world,1\n"},
        {"path": "extra/more.jsonl", "content": '{"text": "a"}\n{"text": "b"}\n'}]})
    hub.control("repo", {"id": "org/parquet", "type": "dataset", "files": [
        {"path": "data/train-00000-of-00001.parquet", "lfs": True,
         "content_base64": base64.b64encode(parquet.read_bytes()).decode()}]})


def calls(world, endpoint, commit, names=(), **env):
    code, out, err = world.python_of(
        "libraries", CALLS.read_text(), endpoint, names,
        env=env | {"COMMIT": commit, "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"})
    assert code == 0, err[-3000:]
    return json.loads(out.splitlines()[-1])


def test_configurations_tokenizers_and_rows(world):
    hub = world.hub()
    add_rows(world, hub)
    server = world.server(hub, env=PLAIN)
    commit = get(hub.url + "/api/models/org/model").json()["sha"]
    want = calls(world, hub.url, commit, HF_HUB_DISABLE_XET="1")
    failed = {name: want[name] for name in want if str(want[name]).startswith("! ")}
    assert not failed, failed
    for temperature in ("cold", "warm"):
        wrong = differences(calls(world, server.endpoint, commit), want)
        assert not wrong, f"{temperature}:\n{wrong}"
    assert server.never_used_xet(), "Xet is off by what we send"
    hub.stop()
    wrong = differences(calls(world, server.endpoint, commit), want)
    assert not wrong, f"without the Hub:\n{wrong}"


def test_what_is_missing_costs_one_call_and_nothing_at_a_commit(world):
    hub = world.hub()
    server = world.server(hub)
    commit = get(hub.url + "/api/models/org/model").json()["sha"]
    wanted = ["config at a commit", "tokenizer at a commit", "fast tokenizer at a commit"]
    calls(world, server.endpoint, commit, wanted)
    files = {"config.json", "tokenizer.json", "tokenizer_config.json"}
    heads = [r["target"] for r in hub.requests(method="HEAD", part="/resolve/")]
    absent = [target for target in heads if target.rsplit("/", 1)[1] not in files]
    assert len(absent) <= 1, absent
    assert len(hub.requests(host="hub")) <= 2 * len(files) + 5, hub.requests()
    assert not hub.requests(host="cdn")
    hub.forget()
    calls(world, server.endpoint, commit, wanted)
    assert not hub.requests(), [r["target"] for r in hub.requests()]
