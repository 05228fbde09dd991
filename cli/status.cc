#include "cli/status.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "api/text.h"
#include "api/types.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/status_report.h"
#include "cli/status_text.h"

namespace gb::cli {
namespace {

using api::Json;

constexpr const char* kPage = "500";

// Every item of a collection, page by page.
Result<Json> list_all(const Cluster& cluster, const std::string& path,
                      const std::stop_token& stop) {
  Json items = Json::array();
  std::string next;
  do {
    std::string page = path + "?limit=" + kPage;
    if (!next.empty()) page += "&continue=" + percent_encode(next);
    GB_TRY_ASSIGN(Json list, cluster.get(page, stop));
    for (Json& item : list["items"]) items.push_back(std::move(item));
    next = api::text_member(api::member(list, "metadata"), "continue");
  } while (!next.empty());
  return items;
}

// The same of what may not be served here, or not be for this user: null then.
Result<Json> list_if_any(const Cluster& cluster, const std::string& path,
                         const std::stop_token& stop) {
  auto items = list_all(cluster, path, stop);
  if (!items && (items.error().code == Code::kNotFound || items.error().code == Code::kForbidden))
    return Json();
  return items;
}

std::string collection(const char* group_version, const std::string& ns, const char* resource) {
  return std::string("/apis/") + group_version +
         (ns.empty() ? "" : "/namespaces/" + percent_encode(ns)) + "/" + resource;
}

Result<Json> gather(const Cluster& cluster, const std::string& ns, const std::stop_token& stop) {
  Json lists;
  GB_TRY_ASSIGN(lists["backups"],
                list_all(cluster, collection(api::kGroupVersion, ns, api::kBackups), stop));
  GB_TRY_ASSIGN(lists["restores"],
                list_all(cluster, collection(api::kGroupVersion, ns, api::kRestores), stop));
  GB_TRY_ASSIGN(lists["schedules"],
                list_if_any(cluster, collection(api::kGroupVersion, ns, api::kSchedules), stop));
  GB_TRY_ASSIGN(lists["stores"],
                list_if_any(cluster, collection(api::kGroupVersion, "", api::kStores), stop));
  // Those that have no backup at all are known from nowhere else.
  GB_TRY_ASSIGN(
      lists["galeras"],
      list_if_any(cluster, collection("mariadb.openstack.org/v1beta1", ns, "galeras"), stop));
  return lists;
}

}  // namespace

int run(const StatusCommand& command) {
  const auto cluster = Cluster::open(command.kube);
  if (!cluster) return refused(cluster.error());
  const std::string ns = command.all_namespaces ? std::string() : (*cluster)->ns();
  const auto lists = gather(**cluster, ns, interrupt_token());
  if (!lists) return refused(lists.error());
  const Json report = status_report(*lists, ns, SystemClock().now());
  if (!print_object(report, command.output)) std::fputs(status_text(report).c_str(), stdout);
  return kDone;
}

}  // namespace gb::cli
