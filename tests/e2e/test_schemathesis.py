"""schemathesis (PyPI) asks for what the served document says there is, with values of its own making."""
from harness import longer

DOCUMENT = "/pulp/api/v3/docs/api.json?pk_path=1"
CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance"

# What Pulp has a route for, and a cache nothing to do: 501, said so (contract/pulp.md 1).
NOT_HERE = ("content_hugging_face_hugging_face_create", "repositories_hugging_face_hugging_face_sync",
            "repositories_hugging_face_hugging_face_modify",
            "publications_hugging_face_hugging_face_create")
REMOTES = "/pulp/api/v3/remotes/hugging_face/hugging-face/"
REPOSITORIES = "/pulp/api/v3/repositories/hugging_face/hugging-face/"

CONFIG = """
# A client that leaves fields out gets no more than it asked for, as of Pulp, whose document does not say so either.
[parameters]
"query.fields" = "name,url,base_path,header_name,header_value"
"query.exclude_fields" = "pulp_created"

# All but POST, which is 501 too for what is made by other means, and then not in the document.
[phases.coverage]
unexpected-methods = ["DELETE", "OPTIONS", "PATCH", "PUT"]
"""


@longer
def test_no_answer_is_a_5xx_or_outside_its_schema(world):
    examples = "50" if world.full else "3"
    server = world.server("http://127.0.0.1:9")
    config = world.folder / "schemathesis.toml"
    config.write_text(CONFIG)
    command = [world.venvs / "schemathesis" / "bin" / "schemathesis", "--config-file", config, "run",
               server.origin + DOCUMENT, "--auth", "admin:password", "--checks", CHECKS,
               "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", examples, "--seed", "1",
               "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off",
               "--no-color"]
    for operation in NOT_HERE:
        command += ["--exclude-operation-id", operation]
    done = world.run(*command, timeout=5400 if world.full else 900, check=False)
    told = done.stdout.decode()
    assert done.returncode == 0, told[-6000:] + done.stderr.decode()[-2000:]
    assert "API Operations" in told and " 0 generated" not in told, told[-2000:]
    for phase in ("Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in told, told[-2000:]


def test_what_schemathesis_does_not_ask_for_is_answered_501_and_no_worse(world):
    server = world.server("http://127.0.0.1:9")
    repository = server.rest("POST", REPOSITORIES, {"name": "empty"}).json()["pulp_href"]
    remote = server.rest("GET", REMOTES).json()["results"][0]["pulp_href"]
    right = dict(zip(NOT_HERE, ({"repo_id": "org/model", "relative_path": "config.json"},
                                {"remote": remote}, {}, {"repository": repository})))
    routes = {operation["operationId"]: (method.upper(), path)
              for path, methods in server.rest("GET", DOCUMENT).json()["paths"].items()
              for method, operation in methods.items()}
    identity = repository.split("/")[-2]
    for operation in NOT_HERE:
        method, path = routes[operation]
        path = path.replace("{id}", identity)
        assert server.rest(method, path, right[operation]).status == 501, operation
        for wrong in (None, [], "x", {name: [{}] for name in (*right[operation], "add_content_units")}):
            assert server.rest(method, path, wrong).status in (400, 501), (operation, wrong)
