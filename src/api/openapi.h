// The documents by which clients find and understand the API: discovery in all forms, and OpenAPI
// v3 from the schemas. Texts are made once; the digests that ETags need are the caller's
// (storage/crypto).
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace gb::api {

// /apis: APIGroupList, without apiVersion.
[[nodiscard]] const std::string& api_group_list();
// /apis/<g>: APIGroup, apiVersion v1.
[[nodiscard]] const std::string& api_group();
// /apis/<g>/<v>: APIResourceList.
[[nodiscard]] const std::string& api_resource_list();
// /apis as APIGroupDiscoveryList of apidiscovery.k8s.io: "v2" or "v2beta1".
[[nodiscard]] const std::string& aggregated_discovery(std::string_view version);

// The document of apis/<g>/<v>.
[[nodiscard]] const std::string& openapi_v3();
// The document of apis/<g>: the group's own path.
[[nodiscard]] const std::string& openapi_v3_group();

}  // namespace gb::api
