"""Calls of huggingface_hub, by name: prints a JSON object of what each returned or raised.

    huggingface_hub_calls.py [NAME...]
"""
import dataclasses
import datetime
import hashlib
import json
import os
import pathlib
import sys
import tempfile

from huggingface_hub import HfApi, HfFileSystem, hf_hub_download, snapshot_download

api = HfApi()
fs = HfFileSystem(skip_instance_cache=True)
COMMIT = os.environ["COMMIT"]  # of org/model
NAMES = ["with space.txt", "caf\xe9/\xfcber.txt", "hash#1.txt", "100%.txt", "a+b.txt", "what?.txt",
         "deep/er/and/deeper.txt", "empty", "a%20b.txt", "semi;colon,comma.txt"]
# The more special ones first.
ERRORS = ("GatedRepoError", "RepositoryNotFoundError", "RevisionNotFoundError",
          "EntryNotFoundError", "LocalTokenNotFoundError", "HfHubHTTPError")


def content(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def file(repo, name, **more):
    """What the file holds, and the commit and ETag that the client's cache names it by. A cache for
    each call: they fall back on it, whoever filled it. By Xet, what it names leads on to a store that
    caches share."""
    path = pathlib.Path(hf_hub_download(repo, name, cache_dir=tempfile.mkdtemp(), **more))
    depth = len(pathlib.PurePosixPath(name).parts)
    return [content(path), path.parents[depth - 1].name, path.readlink().name]


def snapshot(repo, **more):
    root = pathlib.Path(snapshot_download(repo, cache_dir=tempfile.mkdtemp(), **more))
    return root.name, {str(p.relative_to(root)): content(p) for p in root.rglob("*") if p.is_file()}


def plain(value):
    """A result as JSON; what tells of Xet is left out, and so is what a client adds of its own."""
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items() if "xet" not in str(k)}
    if dataclasses.is_dataclass(value) or hasattr(value, "__dict__"):
        return plain({k: v for k, v in vars(value).items() if not k.startswith("_")})
    return [plain(item) for item in value]


def read_parts(path):
    with fs.open(path, "rb", block_size=64 * 1024) as opened:
        opened.seek(1_000_000)
        middle = opened.read(100)
        opened.seek(-7, 2)
        return [middle.hex(), opened.read().hex(), opened.size]


CALLS = {
    # Files.
    "file": lambda: file("org/model", "config.json"),
    "file of a tag": lambda: file("org/model", "README.md", revision="v1.0"),
    "file of a pull request": lambda: file("org/model", "config.json", revision="refs/pr/1"),
    "file of a branch": lambda: file("org/model", "dev.txt", revision="dev"),
    "file at a commit": lambda: file("org/model", "config.json", revision=COMMIT),
    "file at a short commit": lambda: file("org/model", "config.json", revision=COMMIT[:8]),
    "file of a dataset": lambda: file("org/dataset", "data/train.csv", repo_type="dataset"),
    "file of a space": lambda: file("org/space", "app.py", repo_type="space"),
    "file of a one-segment repo": lambda: file("gpt2", "config.json"),
    "file of a renamed repo": lambda: file("org/old-name", "config.json"),
    "file of a miscased repo": lambda: file("Org/MODEL", "config.json"),
    "empty file": lambda: file("org/model", "empty.txt"),
    "odd names": lambda: [file("org/names", name) for name in NAMES],
    "gated file with a right": lambda: file("org/gated", "model.safetensors", token="hf_good"),
    "private file with a right": lambda: file("org/private", "config.json", token="hf_good"),
    "readme of a gated repo": lambda: file("org/gated", "README.md", token=False),
    "public file with a bad token": lambda: file("org/model", "config.json", token="hf_bad"),
    "snapshot": lambda: snapshot("org/model"),
    "snapshot at a commit": lambda: snapshot("org/model", revision=COMMIT),
    "snapshot of a tag": lambda: snapshot("org/model", revision="v1.0"),
    "snapshot of a pull request": lambda: snapshot("org/model", revision="refs/pr/1"),
    "snapshot of a dataset": lambda: snapshot("org/dataset", repo_type="dataset"),
    "snapshot of a pattern": lambda: snapshot("org/model", allow_patterns="*.json"),
    "snapshot of a gated repo": lambda: snapshot("org/gated", token="hf_good"),
    "missing file": lambda: file("org/model", "nope.json"),
    "missing file at a commit": lambda: file("org/model", "nope.json", revision=COMMIT),
    "missing revision": lambda: file("org/model", "config.json", revision="nope"),
    "missing repo": lambda: file("org/none", "config.json", token=False),
    "missing repo with a token": lambda: file("org/none", "config.json", token="hf_good"),
    "gated file, anonymous": lambda: file("org/gated", "config.json", token=False),
    "gated file, no right": lambda: file("org/gated", "config.json", token="hf_other"),
    "private file, anonymous": lambda: file("org/private", "config.json", token=False),
    "private file, no right": lambda: file("org/private", "config.json", token="hf_other"),
    "snapshot of a gated repo, no right": lambda: snapshot("org/gated", token="hf_other"),
    # The API.
    "model info": lambda: api.model_info("org/model"),
    "model info with sizes": lambda: api.model_info("org/model", files_metadata=True),
    "model info of a tag": lambda: api.model_info("org/model", revision="v1.0"),
    "model info of a pull request": lambda: api.model_info("org/model", revision="refs/pr/1").sha,
    "model info of a short commit": lambda: api.model_info("org/model", revision=COMMIT[:8]).sha,
    "model info of a renamed repo": lambda: api.model_info("org/old-name").id,
    "model info of a miscased repo": lambda: api.model_info("ORG/model").id,
    "model info of a one-segment repo": lambda: api.model_info("gpt2").id,
    "dataset info": lambda: api.dataset_info("org/dataset"),
    "space info": lambda: api.space_info("org/space"),
    "files": lambda: api.list_repo_files("org/model"),
    "many files": lambda: api.list_repo_files("org/many"),
    "tree": lambda: api.list_repo_tree("org/model", recursive=True),
    "tree of a folder": lambda: api.list_repo_tree("org/model", "nested"),
    "tree, expanded": lambda: api.list_repo_tree("org/many", recursive=True, expand=True),
    "paths": lambda: api.get_paths_info("org/model", ["config.json", "nope", "nested"],
                                        expand=True),
    "refs": lambda: api.list_repo_refs("org/model", include_pull_requests=True),
    "commits": lambda: api.list_repo_commits("org/model"),
    "repo exists": lambda: [api.repo_exists("org/model"), api.repo_exists("org/none")],
    "revision exists": lambda: [api.revision_exists("org/model", "v1.0"),
                                api.revision_exists("org/model", "nope")],
    "file exists": lambda: [api.file_exists("org/model", "config.json"),
                            api.file_exists("org/model", "nope.json")],
    "safetensors": lambda: api.get_safetensors_metadata("org/tiny"),
    "model info of a missing repo": lambda: api.model_info("org/none", token=False),
    "model info of a private repo": lambda: api.model_info("org/private", token="hf_good").id,
    "model info of a private repo, no right": lambda: api.model_info("org/private",
                                                                     token="hf_other"),
    "tree of a missing revision": lambda: list(api.list_repo_tree("org/model", revision="nope")),
    "models": lambda: [m.id for m in api.list_models(author="page", limit=7)],
    "datasets": lambda: [d.id for d in api.list_datasets(author="page", limit=7)],
    "spaces": lambda: [s.id for s in api.list_spaces(author="page", limit=7)],
    "models of a search": lambda: [m.id for m in api.list_models(search="MODEL", limit=7)],
    "whoami": lambda: [api.whoami(token="hf_good")["name"], api.whoami(token="hf_other")["name"],
                       api.whoami(token="hf_good")["name"]],
    "whoami, bad token": lambda: api.whoami(token="hf_bad"),
    # Files by ranges.
    "parts of a file": lambda: read_parts("org/model/model.safetensors"),
    "parts of files": lambda: [part.hex() for part in fs.cat_ranges(
        ["org/model/model.safetensors"] * 3, [0, 5_000_000, 20_000_000], [10, 5_000_010, None])],
    "glob": lambda: sorted(fs.glob("org/model/**/*.json") + fs.glob("org/model/*.json")),
    "glob of a dataset": lambda: sorted(fs.glob("datasets/org/dataset/data/*.csv")),
    "listing": lambda: sorted(fs.ls("org/model", detail=False)),
    "listing of a pull request": lambda: sorted(fs.ls("org/model@refs/pr/1", detail=False)),
    "one file of a listing": lambda: fs.info("org/model/model.safetensors")["size"],
}


def outcome(call):
    try:
        return plain(call())
    except Exception as failure:
        names = [c.__name__ for c in type(failure).__mro__]
        known = [name for name in ERRORS if name in names]
        return "! " + (known[0] if known else f"{names[0]}: {failure}"[:300])


def main():
    names = sys.argv[1:] or list(CALLS)
    json.dump({name: outcome(CALLS[name]) for name in names}, sys.stdout)


if __name__ == "__main__":
    main()
