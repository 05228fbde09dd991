#include "api/table.h"

#include <gmock/gmock.h>

#include "test/unit/api/fixture.h"

namespace gb::api {
namespace {

using ::testing::ElementsAre;

ObjectPtr done_backup() {
  Json object = stored_backup();
  object["spec"]["databaseInstances"] = {"openstack", "openstack-cell1"};
  object["spec"]["store"] = "default";
  object["status"] = {{"phase", "Completed"},
                      {"progress", {{"percent", 100}}},
                      {"size", {{"logical", "900Mi"}, {"added", "3Mi"}}},
                      {"startTime", "2026-11-20T10:00:00Z"},
                      {"completionTime", "2026-11-20T10:01:30Z"},
                      {"expirationTime", "2026-11-22T10:00:00Z"},
                      {"message", "done"}};
  set_condition(object["status"], "Verified", "True", "Checksum", "", test_now());
  return *Object::make(kBackups, 8, std::move(object));
}

const WallTime kLater = test_now() + std::chrono::hours(3);

TEST(Table, ShowsTheColumnsOfTheDesign) {
  std::vector<std::string> narrow;
  std::vector<std::string> wide;
  for (const Column& column : backup_type().columns)
    (column.priority == 0 ? narrow : wide).push_back(column.name);
  EXPECT_THAT(narrow,
              ElementsAre("Name", "Instances", "Phase", "Progress", "Size", "Verified", "Age"));
  EXPECT_THAT(wide, ElementsAre("Added", "Duration", "Store", "Expires", "Message"));
  std::vector<std::string> stores;
  for (const Column& column : find_resource(kStores)->columns)
    if (column.priority == 0) stores.push_back(column.name);
  EXPECT_THAT(stores, ElementsAre("Name", "Type", "Phase", "Backups", "Size", "Free", "Validated"));
}

TEST(Table, ARowTellsTheStoryOfABackup) {
  const Json row =
      Json::parse(table_row(backup_type(), *done_backup(), IncludeObject::kMetadata, "v1", kLater));
  EXPECT_EQ(row["cells"], Json({"a", "openstack,openstack-cell1", "Completed", "100%", "900Mi",
                                "True", "3h", "3Mi", "90s", "default", "45h", "done"}));
  EXPECT_EQ(row["object"]["kind"], "PartialObjectMetadata");
  EXPECT_EQ(row["object"]["apiVersion"], "meta.k8s.io/v1");
  EXPECT_EQ(row["object"]["metadata"]["name"], "a");
  EXPECT_FALSE(row["object"].contains("spec"));
}

TEST(Table, TheSameObjectIsShownAsOfTheTimeOfEachRequest) {
  Json dom = done_backup()->dom();
  dom["status"].erase("completionTime");
  const ObjectPtr object = *Object::make(kBackups, 9, std::move(dom));
  const auto cells = [&](WallTime now) {
    return Json::parse(table_row(backup_type(), *object, IncludeObject::kNone, "v1", now))["cells"];
  };
  const WallTime start = *from_rfc3339("2026-11-20T10:00:00Z");
  const Json early = cells(start + std::chrono::minutes(5));
  const Json late = cells(start + std::chrono::hours(24 * 9));
  EXPECT_EQ(early[8], "5m") << "a backup that runs";
  EXPECT_EQ(late[8], "9d");
  EXPECT_EQ(early[10], "47h");
  EXPECT_EQ(late[10], "expired");
  EXPECT_NE(early[6], late[6]);
  EXPECT_EQ(early, cells(start + std::chrono::minutes(5)));
}

TEST(Table, MetadataIsThatOfTheObjectToTheByte) {
  Json dom = done_backup()->dom();
  dom["apiVersion"] = "{\"metadata\":{\\";
  dom["spec"]["metadata"] = {{"name", "another"}};
  dom["metadata"]["annotations"] = {{"note", "a \"quoted}\" \\ brace { and [\\"}};
  const ObjectPtr object = *Object::make(kBackups, 9, std::move(dom));
  EXPECT_EQ(Json::parse(object->metadata_json()), object->dom()["metadata"]);
  const ObjectPtr again = *Object::parse(kBackups, object->json());
  EXPECT_EQ(again->metadata_json(), object->metadata_json());
  EXPECT_EQ(Json::parse(partial_metadata(*again, "v1"))["metadata"], object->dom()["metadata"]);
  std::string text = object->json();
  text.insert(text.find("\"metadata\"") + 10, " ");
  const auto spaced = Object::parse(kBackups, text);
  ASSERT_TRUE(spaced);
  EXPECT_EQ((*spaced)->metadata_json(), "");
}

TEST(Table, ANewBackupHasEmptyCells) {
  Json object = stored_backup();
  object.erase("status");
  const Json row = Json::parse(table_row(backup_type(), **Object::make(kBackups, 8, object),
                                         IncludeObject::kNone, "v1", kLater));
  EXPECT_EQ(row["cells"], Json({"a", "openstack", "", "", "", "", "3h", "", "", "", "", ""}));
  EXPECT_TRUE(row["object"].is_null());
}

TEST(Table, ARestoreShowsWhatLatestStoodFor) {
  Json object = {{"metadata", {{"name", "r"}, {"creationTimestamp", "2026-11-20T10:00:00Z"}}},
                 {"spec", {{"backup", "latest"}, {"existing", "Replace"}}},
                 {"status", {{"phase", "Restoring"}, {"startTime", "2026-11-20T12:00:00Z"}}}};
  const auto cells = [&] {
    return Json::parse(table_row(restore_type(), **Object::make(kRestores, 8, object),
                                 IncludeObject::kNone, "v1", kLater))["cells"];
  };
  EXPECT_EQ(cells()[1], "latest");
  object["status"]["backup"] = "nightly-1";
  EXPECT_EQ(cells()[1], "nightly-1");
  EXPECT_EQ(cells()[8], "60m") << "it is running still";
}

TEST(Table, AStoreShowsQuantities) {
  Json object = {{"metadata", {{"name", "default"}}},
                 {"status",
                  {{"type", "Filesystem"},
                   {"phase", "Available"},
                   {"backups", 3},
                   {"storedBytes", 314572800U},
                   {"freeBytes", 107374182400U},
                   {"lastValidated", "2026-11-20T12:59:30Z"}}}};
  const Json row =
      Json::parse(table_row(*find_resource(kStores), **Object::make(kStores, 8, object),
                            IncludeObject::kNone, "v1", kLater));
  EXPECT_EQ(row["cells"],
            Json({"default", "Filesystem", "Available", 3, "300Mi", "100Gi", "30s", "", ""}));
}

TEST(Table, EmptyTablesAndLaterEventsSayNull) {
  const Json empty = Json::parse(table(backup_type(), {5, {}, {}}, "v1", {}, true));
  EXPECT_TRUE(empty["rows"].is_null());
  EXPECT_EQ(empty["metadata"]["resourceVersion"], "5");
  EXPECT_EQ(empty["kind"], "Table");
  EXPECT_EQ(empty["columnDefinitions"][0]["format"], "name");
  EXPECT_EQ(empty["columnDefinitions"].size(), backup_type().columns.size());
  const Json later = Json::parse(table(backup_type(), {5, {}, {}}, "v1", {"1", "2"}, false));
  EXPECT_TRUE(later["columnDefinitions"].is_null());
  EXPECT_EQ(later["rows"], Json({1, 2}));
  EXPECT_EQ(Json::parse(table_head(backup_type(), {5, "c", 9}, "v1") + "]}")["metadata"],
            Json({{"resourceVersion", "5"}, {"continue", "c"}, {"remainingItemCount", 9}}));
}

TEST(Table, IncludeObjectIsChecked) {
  EXPECT_EQ(*parse_include_object(""), IncludeObject::kMetadata);
  EXPECT_EQ(*parse_include_object("Object"), IncludeObject::kObject);
  EXPECT_EQ(parse_include_object("x").error().code, 400);
  const ObjectPtr object = done_backup();
  const Json row =
      Json::parse(table_row(backup_type(), *object, IncludeObject::kObject, "v1", kLater));
  EXPECT_EQ(row["object"], object->dom());
}

TEST(Lists, ArePutTogetherFromPieces) {
  const ObjectPtr object = done_backup();
  const Json list = Json::parse(list_head(backup_type(), {8, {}, {}}) + object->json() +
                                std::string(list_tail()));
  EXPECT_EQ(list["kind"], "GaleraBackupList");
  EXPECT_EQ(list["items"][0], object->dom());
  const Json partial = Json::parse(partial_list_head({8, {}, {}}, "v1beta1") +
                                   partial_metadata(*object, "v1beta1") + std::string(list_tail()));
  EXPECT_EQ(partial["apiVersion"], "meta.k8s.io/v1beta1");
  EXPECT_EQ(partial["items"][0]["metadata"]["uid"], object->uid());
}

TEST(Watch, BookmarksHaveTheShapeOfTheWatch) {
  const auto mark = [](Shape shape) {
    return Json::parse(bookmark_object(backup_type(), 9, true, shape, "v1"));
  };
  const Json plain = mark(Shape::kObject);
  EXPECT_EQ(plain["kind"], "GaleraBackup");
  EXPECT_EQ(plain["metadata"]["resourceVersion"], "9");
  EXPECT_EQ(plain["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
  EXPECT_EQ(mark(Shape::kPartialMetadata)["kind"], "PartialObjectMetadata");
  const Json table = mark(Shape::kTable);
  EXPECT_EQ(table["rows"][0]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
            "true");
  EXPECT_EQ(watch_frame("BOOKMARK", "{}"), "{\"type\":\"BOOKMARK\",\"object\":{}}\n");
  const Json later = Json::parse(bookmark_object(backup_type(), 9, false, Shape::kObject, "v1"));
  EXPECT_FALSE(later["metadata"].contains("annotations"));
}

}  // namespace
}  // namespace gb::api
