#include "api/indenter.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/decode.h"

namespace gb::api {
namespace {

std::string indented_in_steps(std::string_view text, std::size_t step) {
  std::string out;
  Indenter indenter;
  for (std::size_t at = 0; at < text.size(); at += step) indenter.feed(text.substr(at, step), out);
  return out;
}

TEST(Indenter, WritesWhatADomWouldHoweverTheTextComes) {
  for (const char* text :
       {R"({})", R"([])", R"(1)", R"("")", R"("{[,:]}")", R"({"b":1,"a":[]})",
        R"([1,-2.5,true,null,"x"])", R"({"a":{},"b":[{}],"c":[[],[1]],"d":{"e":{"f":"g"}}})",
        R"({"quoted \" {":"back\\slash\\","\\":"}\\\" ,[","tab":"\t\u0001","é":"ž, : {"})",
        R"([{"metadata":{"name":"a"}},{"metadata":{"name":"b"},"spec":{"list":["x","y"]}}])"}) {
    const std::string whole = nlohmann::ordered_json::parse(text).dump(2);
    for (const std::size_t step : {1, 2, 3, 1000})
      EXPECT_EQ(indented_in_steps(text, step), whole) << text;
    EXPECT_EQ(indented_in_steps(whole, 7), whole) << "white space is not doubled";
  }
}

TEST(Indenter, TextThatIsNoJsonHarmsNobody) {
  EXPECT_EQ(indented_in_steps("]]]}}}", 1).size(), 12U);
  EXPECT_EQ(indented_in_steps("\"\\", 1), "\"\\");
}

TEST(Yaml, AListIsWrittenAsTheWholeOfItWouldBe) {
  const std::vector<std::string_view> elements = {
      R"({"kind":"A","metadata":{"name":"a"},"spec":{"list":["x"],"none":{}}})", R"({"kind":"B"})"};
  for (const char* frame :
       {R"({"kind":"L","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[)",
        R"({"columnDefinitions":[{"name":"items"}],"zero":[],"items":[)"}) {
    const std::string empty = std::string(frame) + "]}\n";
    std::string whole = frame;
    whole.append(elements[0]).append(",").append(elements[1]).append("]}\n");
    EXPECT_EQ(list_to_yaml(empty, "items", elements), json_to_yaml(whole));
    EXPECT_EQ(list_to_yaml(empty, "items", {}), json_to_yaml(empty));
  }
}

}  // namespace
}  // namespace gb::api
