#include "api/decode.h"

#include <gmock/gmock.h>

#include <fstream>

#include "test/unit/api/fixture.h"

namespace gb::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Result {
  std::string refused;
  int code = 0;
  Json object;
  std::vector<std::string> warnings;
};

Result decode(std::string_view body, FieldValidation validation = FieldValidation::kWarn,
              BodyFormat format = BodyFormat::kJson) {
  Result result;
  auto decoded = decode_object(backup_type(), body, format, validation, result.warnings);
  if (decoded) {
    result.object = *decoded;
  } else {
    result.refused = decoded.error().message;
    result.code = decoded.error().code;
  }
  return result;
}

// The most memory, in bytes, that this process has held since peak_memory_begins().
void peak_memory_begins() {
  std::ofstream("/proc/self/clear_refs") << "5";
}
std::size_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6)) << 10;
  return 0;
}

TEST(Decode, ABodyWithoutKindAndVersionIsAccepted) {
  const Result result = decode(R"({"metadata":{"name":"a"},"spec":{}})");
  EXPECT_EQ(result.refused, "");
  EXPECT_EQ(result.object["kind"], "GaleraBackup");
  EXPECT_EQ(result.object["apiVersion"], "backup.rhoso.io/v1beta1");
}

TEST(Decode, DefaultsAreFilledIn) {
  const Json spec = decode(R"({"spec":{"databaseInstances":["o"]}})").object["spec"];
  EXPECT_EQ(spec["content"], "All");
  EXPECT_EQ(spec["verification"], "Checksum");
  EXPECT_EQ(spec["threads"], 4);
  EXPECT_EQ(spec["hold"], false);
  EXPECT_EQ(spec["activeDeadline"], "6h");
  EXPECT_FALSE(spec.contains("store")) << "the server chooses it when the backup is made";
}

TEST(Decode, NullMeansNotGiven) {
  const Json object =
      decode(R"({"metadata":{"creationTimestamp":null},"spec":{"threads":null,"ttl":null}})")
          .object;
  EXPECT_EQ(object["spec"]["threads"], 4);
  EXPECT_FALSE(object["spec"].contains("ttl"));
  EXPECT_FALSE(object["metadata"].contains("creationTimestamp"));
  const Result noted = decode(R"({"metadata":{"annotations":{"note":null},"labels":null}})");
  EXPECT_EQ(noted.refused, "");
  EXPECT_EQ(noted.object["metadata"]["annotations"]["note"], "");
  EXPECT_FALSE(noted.object["metadata"].contains("labels"));
}

TEST(Decode, BrokenJsonNamesTheTypeAndShowsTheBody) {
  const Result result = decode(R"({"spec": )");
  EXPECT_EQ(result.code, 400);
  EXPECT_EQ(result.refused,
            "the object provided is unrecognized (must be of type GaleraBackup): couldn't get "
            "version/kind; json parse error: unexpected end of JSON input ({\"spec\": )");
  EXPECT_THAT(decode("").refused, HasSubstr("(<empty>)"));
  EXPECT_THAT(decode("[1]").refused, HasSubstr("cannot unmarshal array"));
  EXPECT_THAT(decode(R"({"kind": 1})").refused,
              HasSubstr("json: cannot unmarshal number into Go struct field .kind of type string"));
}

TEST(Decode, AnotherKindOrVersionIsRefused) {
  EXPECT_EQ(decode(R"({"kind":"Foo","apiVersion":"backup.rhoso.io/v1beta1"})").refused,
            "Foo in version \"v1beta1\" cannot be handled as a GaleraBackup: no kind \"Foo\" is "
            "registered for version \"backup.rhoso.io/v1beta1\" in scheme \"backup.rhoso.io\"");
  EXPECT_EQ(decode(R"({"kind":"GaleraBackup","apiVersion":"backup.rhoso.io/v9"})").refused,
            "GaleraBackup in version \"v9\" cannot be handled as a GaleraBackup: no kind "
            "\"GaleraBackup\" is registered for version \"backup.rhoso.io/v9\" in scheme "
            "\"backup.rhoso.io\"");
  EXPECT_THAT(decode(R"({"kind":"GaleraBackup","apiVersion":"v1"})").refused,
              HasSubstr("is registered for version \"v1\""));
  EXPECT_EQ(decode(R"({"kind":"GaleraRestore","apiVersion":"backup.rhoso.io/v1beta1"})").refused,
            "the kind in the data (GaleraRestore) does not match the expected kind (GaleraBackup)");
  EXPECT_THAT(decode(R"({"apiVersion":"a/b/c"})").refused,
              HasSubstr("unexpected GroupVersion string: a/b/c"));
}

TEST(Decode, StrictNamesEveryUnknownAndDuplicateField) {
  const Result result = decode(R"({"spec":{"foo":1},"spec":{"foo":1}})", FieldValidation::kStrict);
  EXPECT_EQ(result.code, 400);
  EXPECT_EQ(result.refused,
            "GaleraBackup in version \"v1beta1\" cannot be handled as a GaleraBackup: strict "
            "decoding error: unknown field \"spec.foo\", duplicate field \"spec\"");
}

TEST(Decode, WarnDropsWhatIsUnknownAndSaysSo) {
  const Result result = decode(
      R"({"bogus":1,"metadata":{"labels":{"a":"1","a":"2"},"x":1},"spec":{"foo":{"bar":1}}})");
  EXPECT_THAT(result.warnings,
              ElementsAre("unknown field \"bogus\"", "unknown field \"metadata.x\"",
                          "unknown field \"spec.foo\"", "duplicate field \"metadata.labels.a\""));
  EXPECT_FALSE(result.object["spec"].contains("foo"));
  EXPECT_EQ(result.object["metadata"]["labels"]["a"], "2") << "the last one wins";
}

TEST(Decode, IgnoreSaysNothing) {
  const Result result = decode(R"({"bogus":1})", FieldValidation::kIgnore);
  EXPECT_THAT(result.warnings, IsEmpty());
  EXPECT_FALSE(result.object.contains("bogus"));
}

TEST(Decode, WrongTypesInMetadataAreRefusedAtOnce) {
  const Result result = decode(R"({"metadata":{"labels":{"a":1}}})");
  EXPECT_EQ(result.code, 400);
  EXPECT_THAT(result.refused, HasSubstr("metadata.labels.a in body must be of type string"));
  EXPECT_EQ(decode(R"({"metadata":[]})").code, 400);
}

TEST(Decode, DeepDocumentsAreRefusedBeforeTheyEatTheStack) {
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  EXPECT_THAT(decode(R"({"spec":)" + deep + "}").refused, HasSubstr("nested deeper than 64"));
  std::string yaml;
  for (int i = 0; i < 200; ++i) yaml += "[";
  EXPECT_EQ(decode(yaml, FieldValidation::kWarn, BodyFormat::kYaml).code, 400);
}

TEST(Decode, YamlIsReadAsKubectlReadsIt) {
  const Result result = decode(
      "metadata: {name: a, labels: {on: 'yes'}}\n"
      "spec:\n  databaseInstances: [openstack]\n  hold: yes\n  threads: 8\n  ttl: 720h\n",
      FieldValidation::kStrict, BodyFormat::kYaml);
  EXPECT_EQ(result.refused, "");
  EXPECT_EQ(result.object["spec"]["hold"], true);
  EXPECT_EQ(result.object["spec"]["threads"], 8);
  EXPECT_EQ(result.object["spec"]["ttl"], "720h");
  EXPECT_EQ(result.object["metadata"]["labels"]["on"], "yes");
}

TEST(Decode, YamlDuplicatesAndAliasBombsAreFound) {
  const Result twice = decode("spec: {}\nspec: {}\n", FieldValidation::kStrict, BodyFormat::kYaml);
  EXPECT_THAT(twice.refused, HasSubstr("line 2: key \"spec\" already set in map"));
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j == 0 ? "" : ", ") + before;
    bomb += "]\n";
  }
  EXPECT_THAT(decode(bomb, FieldValidation::kWarn, BodyFormat::kYaml).refused,
              HasSubstr("too many values"));
  // Few values, but each of a megabyte: as words, and as keys.
  const std::string word = "x: &a \"" + std::string(1000000, 'x') + "\"\n";
  for (const char* uses :
       {"y: [*a, *a, *a, *a, *a, *a]\n", "y: [{*a : 1}, {*a : 1}, {*a : 1}, {*a : 1}]\n"}) {
    const Result large = decode(word + uses, FieldValidation::kWarn, BodyFormat::kYaml);
    EXPECT_EQ(large.code, 400);
    EXPECT_THAT(large.refused, HasSubstr("too large with what its aliases stand for"));
  }
  EXPECT_EQ(decode(word + "y: [*a, *a]\n", FieldValidation::kWarn, BodyFormat::kYaml).refused, "");
  EXPECT_EQ(decode("a: &a [*a]\n", FieldValidation::kWarn, BodyFormat::kYaml).code, 400);
  EXPECT_THAT(decode("a: [\n", FieldValidation::kWarn, BodyFormat::kYaml).refused,
              HasSubstr("error converting YAML to JSON: yaml: line"));
}

// As many bytes as a body may have, in shapes that yaml-cpp makes much of.
TEST(Decode, LargeYamlIsRefusedBeforeItIsMade) {
  constexpr std::size_t kBody = 3145728;
  const auto times = [](std::string_view piece, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += piece;
    return text;
  };
  peak_memory_begins();
  [[maybe_unused]] const std::size_t before = peak_memory();
  for (const std::string& body :
       {"[" + times("a,", kBody), "{" + times("a: b,", kBody), "[" + times("\"\"", kBody),
        "[" + times("&a ", kBody), times("- a\n", kBody), times("a:\n", kBody),
        "[" + times("...\n", kBody), "spec: [" + times("a,", 500000) + "a]"})
    EXPECT_THAT(decode(body, FieldValidation::kWarn, BodyFormat::kYaml).refused,
                HasSubstr("too many values"))
        << body.substr(0, 20);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(peak_memory() - before, std::size_t{150} << 20) << "one took 700 MB";
#endif
  const std::string deep =
      "# " + std::string(300000, 'x') + "\n" + std::string(70, '[') + std::string(70, ']');
  EXPECT_THAT(decode(deep, FieldValidation::kWarn, BodyFormat::kYaml).refused,
              HasSubstr("nested deeper than 64"));
  const Result large =
      decode("metadata: {name: a, annotations: {x: '" + times("word, ", 260000) + "'}}\nspec: {}\n",
             FieldValidation::kStrict, BodyFormat::kYaml);
  EXPECT_EQ(large.refused, "");
  EXPECT_GT(large.object["metadata"]["annotations"]["x"].get<std::string>().size(), 260000U);
}

TEST(Decode, OnlyJsonAndYamlBodiesAreTaken) {
  EXPECT_EQ(*body_format(""), BodyFormat::kJson);
  EXPECT_EQ(*body_format("application/json; charset=utf-8"), BodyFormat::kJson);
  EXPECT_EQ(*body_format("application/yaml"), BodyFormat::kYaml);
  const auto refused = body_format("text/plain");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, 415);
  EXPECT_EQ(refused.error().message,
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json, application/yaml");
}

TEST(Yaml, WhatIsWrittenReadsBackTheSame) {
  const Json value = {
      {"empty", Json::object()},
      {"none", nullptr},
      {"words", {"plain", "yes", "", "1.5", "a: b", "- x", "#c", "tab\t", "ä", "~"}},
      {"nested", {{{"a", 1}, {"b", {1, 2}}}, Json::array({Json::array({1})})}},
      {"12", true},
      {"time", "2026-11-20T02:00:00Z"}};
  std::vector<std::string> problems;
  const auto back = parse_document(to_yaml(value), BodyFormat::kYaml, problems);
  ASSERT_TRUE(back) << back.error().text() << to_yaml(value);
  EXPECT_EQ(*back, value) << to_yaml(value);
  EXPECT_EQ(to_yaml({{"a", {{"b", {"x"}}}}}), "a:\n  b:\n  - x\n");
}

}  // namespace
}  // namespace gb::api
