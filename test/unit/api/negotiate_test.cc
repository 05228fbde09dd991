#include "api/negotiate.h"

#include <gmock/gmock.h>

#include "test/unit/api/fixture.h"

namespace gb::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kKubectlGet =
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io"
    ",application/json";
constexpr const char* kOnly =
    "only the following media types are accepted: application/json, application/yaml, "
    "application/vnd.kubernetes.protobuf";

TEST(Negotiate, KubectlGetsTables) {
  const auto media = negotiate(kKubectlGet, Asked::kList);
  ASSERT_TRUE(media);
  EXPECT_EQ(media->shape, Shape::kTable);
  EXPECT_EQ(media->version, "v1");
  EXPECT_EQ(media->content_type, "application/json");
}

TEST(Negotiate, PlainRequestsGetJson) {
  for (const char* accept : {"", "*/*", "application/json", "application/json, */*",
                             "application/vnd.kubernetes.protobuf, application/json",
                             "text/html,application/json;q=0.9", "application/json;stream=watch"}) {
    const auto media = negotiate(accept, Asked::kList);
    ASSERT_TRUE(media) << accept << media.error().message;
    EXPECT_EQ(media->format, BodyFormat::kJson) << accept;
    EXPECT_EQ(media->shape, Shape::kObject) << accept;
  }
}

TEST(Negotiate, QualityAndExactnessDecide) {
  EXPECT_EQ(negotiate("application/json;q=0.5,application/yaml", Asked::kObject)->format,
            BodyFormat::kYaml);
  EXPECT_EQ(negotiate("*/*,application/yaml", Asked::kObject)->format, BodyFormat::kYaml);
  EXPECT_TRUE(negotiate("application/json;pretty=1", Asked::kObject)->pretty);
}

TEST(Negotiate, MetadataOnly) {
  const auto list = negotiate(
      "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
      "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
      Asked::kList);
  ASSERT_TRUE(list);
  EXPECT_EQ(list->shape, Shape::kPartialMetadata);
  const char* one = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
  EXPECT_TRUE(negotiate(one, Asked::kWatch));
  EXPECT_THAT(
      negotiate(one, Asked::kList).error().message,
      StartsWith("you requested PartialObjectMetadata, but the requested object is a list"));
}

TEST(Negotiate, WhatDoesNotFitIs406) {
  const auto none = negotiate("text/html", Asked::kObject);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, 406);
  EXPECT_TRUE(none.error().plain_text);
  EXPECT_EQ(none.error().message,
            "406: Not Acceptable\n\nAvailable representations: application/json, "
            "application/yaml, application/vnd.kubernetes.protobuf");
  for (const char* accept : {"application/json;as=Nonsense;v=v1;g=meta.k8s.io",
                             "application/json;as=Table;v=v9;"
                             "g=meta.k8s.io",
                             "application/vnd.kubernetes.protobuf"}) {
    const auto refused = negotiate(accept, Asked::kObject);
    ASSERT_FALSE(refused) << accept;
    EXPECT_EQ(refused.error().message, kOnly);
    EXPECT_FALSE(refused.error().plain_text);
  }
  EXPECT_EQ(negotiate("application/yaml", Asked::kWatch).error().message, kOnly);
  EXPECT_TRUE(negotiate("application/yaml", Asked::kList));
}

TEST(Negotiate, DiscoveryInBothForms) {
  const auto v2 = negotiate_discovery(
      "application/json;v=v2;as=APIGroupDiscoveryList;g=apidiscovery.k8s.io,application/json");
  EXPECT_EQ(v2->form, DiscoveryForm::kAggregatedV2);
  EXPECT_EQ(v2->content_type,
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
  EXPECT_EQ(negotiate_discovery(
                "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList")
                ->form,
            DiscoveryForm::kAggregatedV2Beta1);
  for (const char* legacy :
       {"", "*/*", "application/json", "application/json;g=apidiscovery.k8s.io;v=v2",
        "application/json;as=X;g=apidiscovery.k8s.io;v=v2,application/json"})
    EXPECT_EQ(negotiate_discovery(legacy)->form, DiscoveryForm::kLegacy) << legacy;
  EXPECT_EQ(negotiate_discovery("application/json;as=X;g=y;v=v1").error().code, 406);
}

TEST(Encode, PrettyForPeopleYamlForThoseWhoAsk) {
  EXPECT_TRUE(wants_pretty("", "curl/8"));
  EXPECT_FALSE(wants_pretty("0", "curl/8"));
  EXPECT_TRUE(wants_pretty("true", "kubectl"));
  EXPECT_FALSE(wants_pretty("", "kubectl/v1.36"));
  EXPECT_EQ(encode(R"({"b":1,"a":2})", BodyFormat::kJson, true), "{\n  \"b\": 1,\n  \"a\": 2\n}\n");
  EXPECT_EQ(encode(R"({"b":1})", BodyFormat::kJson, false), "{\"b\":1}\n");
  EXPECT_EQ(encode(R"({"b":1})", BodyFormat::kYaml, false), "b: 1\n");
}

}  // namespace
}  // namespace gb::api
