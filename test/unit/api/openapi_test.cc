#include "api/openapi.h"

#include <gmock/gmock.h>

#include "test/unit/api/fixture.h"

namespace gb::api {
namespace {

using ::testing::IsEmpty;

void find_undescribed(const Json& schema, const std::string& path, std::vector<std::string>& out) {
  if (!schema.is_object()) return;
  if (schema.contains("type") && schema.value("description", "").empty()) out.push_back(path);
  if (const auto it = schema.find("properties"); it != schema.end())
    for (const auto& [name, one] : it->items()) {
      if (one.value("description", "").empty()) out.push_back(path + "." + name);
      find_undescribed(one, path + "." + name, out);
    }
  for (const char* below : {"items", "additionalProperties"})
    if (const auto it = schema.find(below); it != schema.end() && !it->contains("allOf"))
      find_undescribed(*it, path + "[]", out);
}

void find_references(const Json& value, std::vector<std::string>& out) {
  if (value.is_object() && value.contains("$ref")) out.push_back(value["$ref"]);
  if (value.is_structured())
    for (const Json& one : value) find_references(one, out);
}

TEST(OpenApi, EveryFieldIsDescribed) {
  const Json document = Json::parse(openapi_v3());
  std::vector<std::string> undescribed;
  for (const auto& [name, schema] : document["components"]["schemas"].items())
    find_undescribed(schema, name, undescribed);
  EXPECT_THAT(undescribed, IsEmpty());
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
  const Json document = Json::parse(openapi_v3());
  std::vector<std::string> references;
  find_references(document, references);
  EXPECT_FALSE(references.empty());
  for (const std::string& reference : references)
    EXPECT_TRUE(document.contains(Json::json_pointer(reference.substr(1)))) << reference;
}

TEST(OpenApi, KubectlFindsWhatItLooksFor) {
  const Json document = Json::parse(openapi_v3());
  const Json& item =
      document["paths"]
              ["/apis/backup.rhoso.io/v1beta1/namespaces/{namespace}/galerabackups/{name}"];
  const Json& patch = item["patch"];
  EXPECT_EQ(patch["x-kubernetes-group-version-kind"],
            Json({{"group", "backup.rhoso.io"}, {"version", "v1beta1"}, {"kind", "GaleraBackup"}}));
  std::vector<std::string> parameters;
  for (const Json& one : patch["parameters"]) parameters.push_back(one["name"]);
  EXPECT_THAT(parameters, ::testing::IsSupersetOf({"dryRun", "fieldValidation"}));
  const Json& schema = document["components"]["schemas"]["io.rhoso.backup.v1beta1.GaleraBackup"];
  EXPECT_EQ(schema["x-kubernetes-group-version-kind"][0]["kind"], "GaleraBackup");
  EXPECT_EQ(schema["properties"]["spec"]["properties"]["threads"]["default"], 4);
  EXPECT_EQ(schema["properties"]["spec"]["required"], Json({"databaseInstances"}));
  EXPECT_EQ(
      schema["properties"]["status"]["properties"]["conditions"]["x-kubernetes-list-map-keys"],
      Json({"type"}));
}

// By these kubectl apply decides which patch it sends, and what it holds.
TEST(OpenApi, StrategicMergePatchesAreAnnouncedWithTheirMergeKeys) {
  const Json document = Json::parse(openapi_v3());
  const Json& item =
      document["paths"]
              ["/apis/backup.rhoso.io/v1beta1/namespaces/{namespace}/galerabackups/{name}"];
  EXPECT_TRUE(
      item["patch"]["requestBody"]["content"].contains("application/strategic-merge-patch+json"));
  const Json& schemas = document["components"]["schemas"];
  const Json& metadata = schemas["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]["properties"];
  EXPECT_EQ(metadata["finalizers"]["x-kubernetes-patch-strategy"], "merge");
  EXPECT_FALSE(metadata["finalizers"].contains("x-kubernetes-patch-merge-key"));
  EXPECT_EQ(metadata["ownerReferences"]["x-kubernetes-patch-strategy"], "merge");
  EXPECT_EQ(metadata["ownerReferences"]["x-kubernetes-patch-merge-key"], "uid");
  const Json& spec = schemas["io.rhoso.backup.v1beta1.GaleraBackup"]["properties"]["spec"];
  EXPECT_FALSE(spec["properties"]["databaseInstances"].contains("x-kubernetes-patch-strategy"));
}

TEST(OpenApi, StoresAreReadOnly) {
  const Json document = Json::parse(openapi_v3());
  const Json& paths = document["paths"];
  const Json& stores = paths["/apis/backup.rhoso.io/v1beta1/galerabackupstores"];
  EXPECT_TRUE(stores.contains("get"));
  EXPECT_FALSE(stores.contains("post"));
  EXPECT_FALSE(stores.contains("delete"));
  EXPECT_FALSE(paths["/apis/backup.rhoso.io/v1beta1/galerabackupstores/{name}"].contains("patch"));
}

TEST(Discovery, TheGroupListHasNoApiVersion) {
  const Json list = Json::parse(api_group_list());
  EXPECT_EQ(list["kind"], "APIGroupList");
  EXPECT_FALSE(list.contains("apiVersion"));
  EXPECT_EQ(list["groups"][0]["name"], "backup.rhoso.io");
  EXPECT_EQ(list["groups"][0]["preferredVersion"]["groupVersion"], "backup.rhoso.io/v1beta1");
  EXPECT_TRUE(list["groups"][0]["serverAddressByClientCIDRs"][0].contains("clientCIDR"));
  const Json group = Json::parse(api_group());
  EXPECT_EQ(group["apiVersion"], "v1");
  EXPECT_EQ(group["versions"].size(), 1U);
}

TEST(Discovery, ResourcesAreListedWithTheirSubresources) {
  const Json list = Json::parse(api_resource_list());
  EXPECT_EQ(list["groupVersion"], "backup.rhoso.io/v1beta1");
  std::vector<std::string> names;
  for (const Json& one : list["resources"]) {
    names.push_back(one["name"]);
    EXPECT_TRUE(one["singularName"].is_string());
    const std::vector<std::string> verbs = one["verbs"];
    EXPECT_TRUE(std::is_sorted(verbs.begin(), verbs.end()));
  }
  EXPECT_THAT(names, ::testing::ElementsAre(
                         "galerabackups", "galerabackups/cancel", "galerabackups/log",
                         "galerabackups/status", "galerabackups/undelete", "galerabackups/verify",
                         "galerabackupschedules", "galerabackupschedules/status",
                         "galerabackupschedules/trigger", "galerabackupstores",
                         "galerabackupstores/status", "galerarestores", "galerarestores/cancel",
                         "galerarestores/log", "galerarestores/status"));
  EXPECT_EQ(list["resources"][0]["shortNames"], Json({"gbk"}));
  EXPECT_EQ(list["resources"][0]["categories"], Json({"galera"}));
  EXPECT_EQ(list["resources"][0]["storageVersionHash"], "+cHRZdwl4AE=");
  EXPECT_EQ(list["resources"][9]["namespaced"], false);
}

TEST(Discovery, AggregatedInBothVersions) {
  for (const char* version : {"v2", "v2beta1"}) {
    const Json list = Json::parse(aggregated_discovery(version));
    EXPECT_EQ(list["apiVersion"], std::string("apidiscovery.k8s.io/") + version);
    const Json& served = list["items"][0]["versions"][0];
    EXPECT_EQ(served["freshness"], "Current");
    EXPECT_EQ(served["resources"].size(), resources().size());
    EXPECT_EQ(served["resources"][0]["scope"], "Namespaced");
    EXPECT_EQ(served["resources"][0]["responseKind"]["kind"], "GaleraBackup");
    EXPECT_EQ(served["resources"][2]["scope"], "Cluster");
    EXPECT_EQ(served["resources"][0]["subresources"][0]["subresource"], "cancel");
  }
}

}  // namespace
}  // namespace gb::api
