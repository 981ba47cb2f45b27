#pragma once

#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "hubcache/rest/resource.h"

namespace hubcache::rest {

/// "hugging_face.HuggingFaceRemote", "Task": the name of a resource's schema.
std::string schema_name(const Resource& resource);
/// `{"$ref": "#/components/schemas/<name>"}`
Json schema_ref(const std::string& name);
/// What a client may send for these fields; of a PATCH nothing is required.
Json request_schema(std::span<const Field> fields, bool is_patch = false);
/// All schemas of a resource, by name: what is sent, what is patched, what comes back, its page.
void add_schemas(const Resource& resource, Json& schemas);

/// The query parameters of a list, and of a read, of this resource.
Json list_parameters(std::span<const Resource> resources, const Resource& resource);
Json read_parameters();

}  // namespace hubcache::rest
