"""Makes, changes, finds and removes a remote and a distribution with pulp-glue, as it comes.

    glue_calls.py BASE_URL

pulp-glue has no contexts for Hugging Face; these say no more than what the two are called.
"""
import json
import sys

from pulp_glue.common.context import (PluginRequirement, PulpContext, PulpDistributionContext,
                                      PulpRemoteContext)
from pulp_glue.core.context import PulpTaskContext


class Remote(PulpRemoteContext):
    PLUGIN = "hugging_face"
    RESOURCE_TYPE = "hugging-face"
    HREF = "hugging_face_hugging_face_remote_href"
    ID_PREFIX = "remotes_hugging_face_hugging_face"
    NEEDS_PLUGINS = [PluginRequirement("hugging_face")]


class Distribution(PulpDistributionContext):
    PLUGIN = "hugging_face"
    RESOURCE_TYPE = "hugging-face"
    HREF = "hugging_face_hugging_face_distribution_href"
    ID_PREFIX = "distributions_hugging_face_hugging_face"
    NEEDS_PLUGINS = [PluginRequirement("hugging_face")]


def names(context):
    return sorted(entity["name"] for entity in context.list(limit=100, offset=0, parameters={}))


def main():
    pulp = PulpContext.from_config({"base_url": sys.argv[1], "username": "admin",
                                    "password": "password"})
    remote = Remote(pulp)
    made = remote.create(body={"name": "glue", "url": "https://huggingface.co",
                               "hf_token": "hf_glue"})
    remote = Remote(pulp, pulp_href=made["pulp_href"])
    remote.update(body={"policy": "streamed", "max_retries": 7})
    remote.set_label("team", "blue")
    distribution = Distribution(pulp)
    placed = distribution.create(body={"name": "glue", "base_path": "glue",
                                       "remote": made["pulp_href"]})
    seen = {"found": Remote(pulp, entity={"name": "glue"}).entity,
            "remotes": names(Remote(pulp)), "distributions": names(Distribution(pulp)),
            "base_path": placed["base_path"],
            "tasks": len(PulpTaskContext(pulp).list(limit=100, offset=0, parameters={}))}
    Distribution(pulp, pulp_href=placed["pulp_href"]).delete()
    remote.delete()
    seen["left"] = names(Remote(pulp)) + names(Distribution(pulp))
    print(json.dumps(seen))


main()
