"""The OpenAPI document and what the server does, compared operation by operation."""
import base64
import datetime
import json
import pathlib
import re

from harness import get, wait_until

ROOT = "/pulp/api/v3/"
DOCUMENT = ROOT + "docs/api.json"
ADMIN = {"Authorization": "Basic " + base64.b64encode(b"admin:password").decode()}
RECORDED = pathlib.Path(__file__).parent.parent / "contract/pulp/golden/19_openapi.json"
LOOKUPS = ("", "__exact", "__iexact", "__in", "__ne", "__contains", "__icontains", "__startswith",
           "__istartswith", "__endswith", "__regex", "__iregex", "__lt", "__lte", "__gt", "__gte",
           "__range", "__isnull")
NO_FILTERS = {"limit", "offset", "ordering", "fields", "exclude_fields", "minimal", "format"}
VALIDATE = """
import json, sys
from openapi_spec_validator import OpenAPIV31SpecValidator
errors = list(OpenAPIV31SpecValidator(json.load(open(sys.argv[1]))).iter_errors())
for error in errors:
    print(error.message)
sys.exit(bool(errors))
"""
# What a filter of that type takes.
VALUES = {"integer": "1", "number": "1", "boolean": "true", "array": "x", "string": "x"}


# Of what hubcache has none, the paths of objects.
NEVER_THERE = {f"{ROOT}{kind}/{{id}}/" for kind in ("publications/hugging_face/hugging-face", "task-groups", "uploads")}
NEVER_THERE.add(f"{ROOT}groups/{{number}}/")


class Api:
    def __init__(self, server, query=""):
        self.origin = server.origin
        self.document = get(self.origin + DOCUMENT + query).json()

    def ask(self, path, method="GET", body=None):
        headers = ADMIN | ({"Content-Type": "application/json"} if body is not None else {})
        reply = get(self.origin + path, headers, method,
                    None if body is None else json.dumps(body).encode())
        # 501: what Pulp has and a cache has not, said so.
        assert reply.status < 500 or reply.status == 501, (method, path, reply.status, reply.body)
        return reply

    def resolve(self, schema):
        while "$ref" in schema:
            found = self.document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = found
        return schema

    def operations(self, method):
        """Those that no object has to be made for."""
        for path, item in self.document["paths"].items():
            if path.startswith("/") and "{" not in path and method in item:
                yield path, item[method]

    def answer_schema(self, operation, status="200"):
        content = operation["responses"][status].get("content", {})
        return self.resolve(content["application/json"]["schema"]) if content else {}


def is_time(text):
    return datetime.datetime.fromisoformat(text).tzinfo is not None


FORMATS = {"date-time": is_time, "uri": lambda text: re.match(r"[a-z]+://", text),
           "uri-reference": lambda text: re.match(r"/|[a-z]+://", text)}


def differences(api, schema, value, where):
    """Where a value is not what its schema says, or its schema says nothing."""
    schema = api.resolve(schema)
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not kinds:
        return [where + " is of no type"]
    kind = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string",
            list: "array", dict: "object"}[type(value)]
    if kind not in kinds and not (kind == "integer" and "number" in kinds):
        return [f"{where} is {kind}, not {kinds}"]
    found = []
    if kind == "string":
        if not FORMATS.get(schema.get("format"), lambda text: True)(value):
            found.append(f"{where} is no {schema['format']}: {value}")
        if value not in schema.get("enum", [value]):
            found.append(f"{where} is {value}, not of {schema['enum']}")
    if kind == "array":
        for item in value:
            found += differences(api, schema.get("items", {}), item, where + "[]")
    properties = schema.get("properties")
    if kind == "object" and properties:
        found += [f"{where}.{name} is not in the document" for name in value.keys() - properties]
        found += [f"{where}.{name} is missing" for name in properties.keys() - value]
        for name in properties.keys() & value.keys():
            found += differences(api, properties[name], value[name], f"{where}.{name}")
    return found


def populated(world, upstream="http://127.0.0.1:9", query=""):
    """A server with one object of each kind that can be made."""
    api = Api(world.server(upstream), query)
    for path, body in (
            ("remotes/hugging_face/hugging-face/",
             {"name": "a", "url": "http://x", "headers": [{"X-A": "1"}], "max_retries": 3,
              "sock_read_timeout": 1.5, "pulp_labels": {"k": "v"}}),
            ("distributions/hugging_face/hugging-face/", {"name": "a", "base_path": "a"}),
            ("repositories/hugging_face/hugging-face/", {"name": "a"}),
            ("contentguards/core/rbac/", {"name": "a"}),
            ("contentguards/core/composite/", {"name": "b"}),
            ("contentguards/core/content_redirect/", {"name": "c"}),
            ("contentguards/core/header/",
             {"name": "d", "header_name": "x", "header_value": "y"})):
        reply = api.ask(ROOT + path, "POST", body)
        assert reply.status in (201, 202), (path, reply.body)
    return api


def add_what_is_not_made_by_rest(api):
    """Content of several kinds with its artifacts, and tasks that ended in several ways."""
    files = ("org/model/resolve/main/config.json", "datasets/org/dataset/resolve/main/README.md",
             "kernels/org/kernel/resolve/main/README.md")
    for file in files:
        assert get(f"{api.origin}/pulp/content/hf/{file}").status == 200, file
    wait_until(lambda: api.ask(ROOT + "content/").json()["count"] == len(files), "its contents")
    repository = api.ask(ROOT + "repositories/").json()["results"][0]
    for method, path in (("DELETE", repository["latest_version_href"]),
                         ("POST", ROOT + "orphans/cleanup/"), ("POST", ROOT + "repair/")):
        task = api.ask(path, method, {} if method == "POST" else None).json()["task"]
        wait_until(lambda: api.ask(task).json()["finished_at"], "its end")


def hrefs_of(api):
    """All that lists name, of those below an object too."""
    hrefs, lists = set(), [path for path, _ in api.operations("get")]
    for path in lists:
        reply = api.ask(path)
        page = reply.json() if reply.body and "json" in reply.headers["Content-Type"] else {}
        for item in page.get("results", []):
            hrefs.add(item["pulp_href"])
            if "versions_href" in item and item["versions_href"] not in lists:
                lists.append(item["versions_href"])
    return hrefs


def objects_at(path, hrefs):
    """The URLs that a path with parameters stands for."""
    head, tail = re.fullmatch(r"(.*\}/)(.*)", path).groups()
    pattern = re.sub(r"\{\w+\}", "[^/]+", head)
    return [href + tail for href in sorted(hrefs) if re.fullmatch(pattern, href)]


def test_every_answer_is_as_its_schema_says(world):
    api = populated(world, world.hub(), "?pk_path=1")
    add_what_is_not_made_by_rest(api)
    hrefs = hrefs_of(api)
    wrong, empty = [], set()
    for path, item in api.document["paths"].items():
        operation = item.get("get")
        if operation is None or path.endswith("/livez/"):
            continue
        urls = objects_at(path, hrefs) if "{" in path else [path]
        if not urls:
            empty.add(path)
        for url in urls:
            reply = api.ask(url)
            assert reply.status == 200, (url, reply.status)
            wrong += differences(api, api.answer_schema(operation), reply.json(),
                                 operation["operationId"])
    assert not wrong, json.dumps(sorted(set(wrong)), indent=1)
    assert empty == NEVER_THERE


def query_names(operation):
    return {p["name"] for p in operation["parameters"] if p["in"] == "query"}


def test_lists_have_the_filters_of_pulps_and_no_other(world):
    recorded = json.loads(RECORDED.read_text())["steps"]
    theirs = {(step["body"]["path"], step["body"]["method"]): set(step["body"]["query_params"])
              for step in recorded.values() if (step.get("body") or {}).get("query_params")}
    paths = Api(world.server("http://127.0.0.1:9")).document["paths"]
    seen, wrong = 0, {}
    for (path, method), names in theirs.items():
        operation = paths.get(path, {}).get(method)
        if operation is None or "limit" not in names:
            continue
        seen += 1
        ours = query_names(operation)
        if ours != names:
            wrong[path] = {"more": sorted(ours - names), "fewer": sorted(names - ours)}
    assert not wrong, json.dumps(wrong, indent=1)
    assert seen >= 14, seen


def test_every_filter_of_the_document_is_one_and_no_other(world):
    api = populated(world)
    seen, refused = 0, 0
    for path, operation in api.operations("get"):
        parameters = [p for p in operation["parameters"] if p["in"] == "query"]
        if not any(p["name"] == "limit" for p in parameters):
            continue
        for parameter in parameters:
            schema = api.resolve(parameter["schema"])
            value = (schema.get("enum") or [VALUES[schema.get("type", "string")]])[0]
            reply = api.ask(f"{path}?{parameter['name']}={value}")
            assert b"Invalid Filter" not in reply.body, (path, parameter["name"], reply.body)
            seen += 1
        if path.endswith("/task-groups/"):
            continue  # Pulp's ignores what it does not know
        names = query_names(operation)
        for base in sorted({name.split("__")[0] for name in names} - NO_FILTERS):
            others = [base + lookup for lookup in LOOKUPS if base + lookup not in names]
            reply = api.ask(f"{path}?" + "&".join(f"{other}=1" for other in others))
            assert reply.status == 400, (path, others, reply.body)
            told = reply.json()["errors"]
            assert told == [f"Invalid Filter: '{other}'" for other in others], (path, told)
            refused += len(others)
    assert seen > 200 and refused > 500, (seen, refused)
    assert b"Invalid Filter" in api.ask("/pulp/api/v3/remotes/?no_such_filter=1").body


def test_the_document_is_valid_openapi(world):
    server = world.server("http://127.0.0.1:9")
    file = world.folder / "document.json"
    file.write_bytes(get(server.origin + DOCUMENT + "?pk_path=1").body)
    done = world.run(world.venvs / "schemathesis" / "bin" / "python", "-c", VALIDATE, file,
                     check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()[-2000:]


def test_every_field_that_the_document_requires_is_required(world):
    api = populated(world)
    seen = 0
    for path, operation in api.operations("post"):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        schema = api.resolve(content["schema"]) if content else {}
        required = set(schema.get("required", []))
        reply = api.ask(path, "POST", {})
        if required:
            assert reply.status == 400 and required == reply.json().keys(), (path, reply.body)
            seen += 1
        else:
            assert reply.status != 400 or b"required" not in reply.body, (path, reply.body)
    assert seen > 5
