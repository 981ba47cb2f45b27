// Calls of @huggingface/hub, by name: prints a JSON object of what each returned or threw.
//
//     hub.mjs [NAME...]      with HF_ENDPOINT and COMMIT, of org/model, in the environment
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import * as hub from "@huggingface/hub";

const hubUrl = process.env.HF_ENDPOINT;
const commit = process.env.COMMIT;
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const at = (repo, more = {}) => ({ repo, hubUrl, ...more });

async function file(repo, path, more) {
  const blob = await hub.downloadFile(at(repo, { path, ...more }));
  return blob && [blob.size, sha256(Buffer.from(await blob.arrayBuffer()))];
}

async function part(path, from, to) {
  const blob = await hub.downloadFile(at("org/model", { path }));
  return sha256(Buffer.from(await blob.slice(from, to).arrayBuffer()));
}

async function all(items) {
  const list = [];
  for await (const item of items) list.push(item);
  return list;
}

async function snapshot(repo) {
  const cacheDir = mkdtempSync(join(tmpdir(), "cache"));
  const root = await hub.snapshotDownload(at(repo, { cacheDir }));
  const files = {};
  for (const name of readdirSync(root, { recursive: true })) {
    const path = join(root, name);
    if (statSync(path).isFile()) files[name] = sha256(readFileSync(path));
  }
  return [basename(root), files];
}

const dataset = { type: "dataset", name: "org/dataset" };
const calls = {
  file: () => file("org/model", "config.json"),
  "large file": () => file("org/model", "model.safetensors"),
  "large file, Xet allowed": () => file("org/model", "model.safetensors", { xet: true }),
  "part of a large file": () => part("model.safetensors", 7_000_000, 7_100_001),
  "file of a tag": () => file("org/model", "README.md", { revision: "v1.0" }),
  "file of a pull request": () => file("org/model", "config.json", { revision: "refs/pr/1" }),
  "file at a commit": () => file("org/model", "config.json", { revision: commit }),
  "file of a dataset": () => file(dataset, "data/train.csv"),
  "file of a miscased repo": () => file("Org/MODEL", "config.json"),
  "file of a renamed repo": () => file("org/old-name", "config.json"),
  "missing file": () => file("org/model", "nope.json"),
  "missing file at a commit": () => file("org/model", "nope.json", { revision: commit }),
  "gated file with a right": () =>
    file("org/gated", "model.safetensors", { accessToken: "hf_good" }),
  "gated file, anonymous": () => file("org/gated", "model.safetensors"),
  "private file, no right": () => file("org/private", "config.json", { accessToken: "hf_other" }),
  "empty file": () => file("org/model", "empty.txt"),
  "download info": async () => {
    const info = await hub.fileDownloadInfo(at("org/model", { path: "model.safetensors" }));
    return [info.size, info.etag];
  },
  "many files": async () => {
    const files = await all(hub.listFiles(at("org/many", { recursive: true })));
    return files.map((f) => f.path);
  },
  "many files, expanded": async () => {
    const files = await all(hub.listFiles(at("org/many", { recursive: true, expand: true })));
    return files.map((f) => [f.path, f.lastCommit?.id]);
  },
  "files of a folder": async () => {
    const files = await all(hub.listFiles(at("org/model", { path: "nested" })));
    return files.map((f) => f.path);
  },
  snapshot: () => snapshot(dataset),
  "model info": () =>
    hub.modelInfo({ name: "org/model", hubUrl, additionalFields: ["sha", "tags", "siblings"] }),
  "dataset info": () => hub.datasetInfo({ name: "org/dataset", hubUrl, additionalFields: ["sha"] }),
  "space info": () => hub.spaceInfo({ name: "org/space", hubUrl, additionalFields: ["sha"] }),
  "file exists": async () => [
    await hub.fileExists(at("org/model", { path: "config.json" })),
    await hub.fileExists(at("org/model", { path: "nope.json" })),
  ],
  "repo exists": async () => [
    await hub.repoExists(at("org/model")),
    await hub.repoExists(at("org/none", { accessToken: "hf_good" })),
  ],
  commits: async () => {
    const commits = await all(hub.listCommits(at("org/model")));
    return commits.map((c) => [c.oid, c.title, c.date]);
  },
  paths: async () => {
    const paths = ["config.json", "nope", "nested"];
    const found = await hub.pathsInfo(at("org/model", { paths, expand: true }));
    return found.map((p) => [p.path, p.type, p.size, p.oid, p.lastCommit?.id]);
  },
  models: async () => {
    const models = await all(hub.listModels({ search: { owner: "page" }, hubUrl }));
    return models.map((m) => m.name);
  },
  whoami: async () => (await hub.whoAmI({ hubUrl, accessToken: "hf_good" })).name,
};

const outcomes = {};
for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(calls)) {
  try {
    outcomes[name] = (await calls[name]()) ?? null;
  } catch (failure) {
    outcomes[name] = `! ${failure.statusCode ?? failure.message}`;
  }
}
console.log(JSON.stringify(outcomes));
