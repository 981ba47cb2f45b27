"""The OpenAPI document and what the server does, compared operation by operation."""
import base64
import json
import pathlib

from harness import get

DOCUMENT = "/pulp/api/v3/docs/api.json"
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


class Api:
    def __init__(self, server):
        self.origin = server.origin
        self.document = get(self.origin + DOCUMENT).json()

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


def differences(api, schema, value, where):
    """Where a value is not what its schema says."""
    schema = api.resolve(schema)
    if "allOf" in schema:
        return [d for part in schema["allOf"] for d in differences(api, part, value, where)]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if value is None:
        return [] if not kinds or "null" in kinds else [where + " is null"]
    kind = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array",
            dict: "object"}[type(value)]
    if kinds and kind not in kinds and not (kind == "integer" and "number" in kinds):
        return [f"{where} is {kind}, not {kinds}"]
    found = []
    if kind == "array":
        for item in value:
            found += differences(api, schema.get("items", {}), item, where + "[]")
    properties = schema.get("properties")
    if kind == "object" and properties:
        found += [f"{where}.{name} is not in the document" for name in value
                  if name not in properties and "additionalProperties" not in schema]
        found += [f"{where}.{name} is missing" for name in schema.get("required", [])
                  if name not in value]
        for name in properties.keys() & value.keys():
            found += differences(api, properties[name], value[name], f"{where}.{name}")
    return found


def populated(world):
    """A server with one object of each kind that can be made."""
    api = Api(world.server("http://127.0.0.1:9"))
    root = "/pulp/api/v3/"
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
        reply = api.ask(root + path, "POST", body)
        assert reply.status in (201, 202), (path, reply.body)
    return api


def test_every_answer_is_as_its_schema_says(world):
    api = populated(world)
    wrong, filled = [], 0
    for path, operation in api.operations("get"):
        if path.startswith("/pulp/api/v3/docs/") or path.endswith("/livez/"):
            continue
        reply = api.ask(path)
        assert reply.status == 200, (path, reply.status)
        value = reply.json()
        wrong += differences(api, api.answer_schema(operation), value, operation["operationId"])
        for item in value.get("results", []) if isinstance(value, dict) else []:
            filled += 1
            detail = api.ask(item["pulp_href"])
            assert detail.status == 200 and detail.json().keys() >= item.keys(), item["pulp_href"]
    assert not wrong, json.dumps(sorted(set(wrong)), indent=1)
    assert filled > 15


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
