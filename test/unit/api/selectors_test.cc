#include "api/selectors.h"

#include <gmock/gmock.h>

#include "test/unit/api/fixture.h"

namespace gb::api {
namespace {

using ::testing::HasSubstr;

bool matches(std::string_view text, const Labels& labels) {
  const auto selector = LabelSelector::parse(text);
  EXPECT_TRUE(selector) << text << ": " << (selector ? "" : selector.error().message);
  return selector && selector->matches(labels);
}

std::string refused(std::string_view text) {
  const auto selector = LabelSelector::parse(text);
  return selector ? "accepted" : selector.error().message;
}

TEST(LabelSelector, EveryOperatorMatchesWhatItSays) {
  const Labels labels = {{"env", "prod"}, {"n", "5"}, {"empty", ""}};
  for (const char* yes :
       {"", "env=prod", "env==prod", "env!=dev", "other!=x", "env in (dev,prod)", "env in ( prod )",
        "env notin (dev)", "x notin (a)", "env", "!x", "n>4", "n<6", "env=prod,n>4,!x",
        "empty=", "empty in ()", "empty in (,)", "in notin (in)", "env in (prod),n"})
    EXPECT_TRUE(matches(yes, labels)) << yes;
  for (const char* no : {"env=dev", "env!=prod", "env in (dev)", "env notin (prod)", "x", "!env",
                         "n>5", "n<5", "env>1", "x>1", "env=prod,x", "env in ()"})
    EXPECT_FALSE(matches(no, labels)) << no;
}

TEST(LabelSelector, ErrorsReadAsThoseOfApimachinery) {
  EXPECT_EQ(refused("a,"), "found '', expected: identifier after ','");
  EXPECT_EQ(refused("=b"), "found '=', expected: !, identifier, or 'end of string'");
  EXPECT_EQ(refused("a b"),
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt");
  EXPECT_EQ(refused("a in"), "unable to parse requirement: found '' expected: '('");
  EXPECT_EQ(refused("a in (b"), "unable to parse requirement: found '', expected: ',' or ')'");
  EXPECT_EQ(refused("a=b=c"), "found '=', expected: ',' or 'end of string'");
  EXPECT_EQ(refused("!"), "unable to parse requirement: found '', expected: identifier");
  EXPECT_THAT(refused("a/b/c"), HasSubstr("unable to parse requirement: <nil>: Invalid value: "
                                          "\"a/b/c\": a valid label key must consist of"));
  EXPECT_THAT(refused("a=_"), HasSubstr("values[0][a]: Invalid value: \"_\": a valid label must"));
  EXPECT_THAT(refused("a>x"), HasSubstr("for 'Gt', 'Lt' operators, the value must be an integer"));
  EXPECT_EQ(LabelSelector::parse("a,").error().code, 400);
}

ObjectPtr object() {
  return *Object::make(kBackups, 7, stored_backup());
}

TEST(FieldSelector, KnownFieldsSelect) {
  const auto check = [](std::string_view text) {
    const auto selector = FieldSelector::parse(backup_type(), text);
    return selector && selector->matches(*object());
  };
  EXPECT_TRUE(check(""));
  EXPECT_TRUE(check("metadata.name=a"));
  EXPECT_TRUE(check("metadata.namespace==ns1,status.phase=Running"));
  EXPECT_TRUE(check("status.phase!=Failed"));
  EXPECT_TRUE(check("spec.store="));
  EXPECT_FALSE(check("metadata.name!=a"));
  EXPECT_FALSE(check("status.phase=Failed"));
  EXPECT_EQ(FieldSelector::parse(backup_type(), "metadata.name=a")->required_name(), "a");
  EXPECT_EQ(FieldSelector::parse(backup_type(), "metadata.name!=a")->required_name(), "");
}

TEST(FieldSelector, ErrorsSayWhatIsKnown) {
  const auto message = [](std::string_view text) {
    const auto selector = FieldSelector::parse(backup_type(), text);
    return selector ? "accepted" : selector.error().message;
  };
  EXPECT_EQ(message("spec.x=1"),
            "\"spec.x\" is not a known field selector: only \"metadata.name\", "
            "\"metadata.namespace\", \"spec.store\", \"status.phase\"");
  EXPECT_EQ(message("metadata.name"),
            "invalid selector: 'metadata.name'; can't understand 'metadata.name'");
  EXPECT_EQ(message("metadata.name=a\\x"), "invalid field selector: invalid escape sequence: \\x");
  EXPECT_EQ(message("metadata.name=a=b"),
            "invalid field selector: unescaped character in value: 61");
  const auto stores = FieldSelector::parse(*find_resource(kStores), "metadata.namespace=x");
  EXPECT_FALSE(stores) << "stores have no namespace";
}

}  // namespace
}  // namespace gb::api
