#include "jobs/left_donors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "api/text.h"
#include "api/types.h"
#include "base/log.h"
#include "base/text.h"

namespace gb::jobs {
namespace {

constexpr const char* kFolder = "desynced/";

storage::BlobStore& first_store(const Environment& environment) {
  return *environment.stores.front().blobs;
}

std::string key_of(const DonorMark& mark) {
  return kFolder + mark.ns + "/" + mark.uid;
}

Status write_mark(storage::BlobStore& store, const DonorMark& mark) {
  const api::Json json = {{"backup", mark.backup}, {"donors", mark.donors}};
  return storage::put(store, key_of(mark), as_bytes(json.dump()));
}

Result<DonorMark> read_mark(storage::BlobStore& store, const std::string& ns,
                            const std::string& uid) {
  DonorMark mark{ns, uid, "", {}};
  GB_TRY_ASSIGN(const std::string text, store.get(key_of(mark)));
  const api::Json json = api::Json::parse(text, nullptr, /*allow_exceptions=*/false);
  mark.backup = api::text_member(json, "backup");
  if (const api::Json& donors = api::member(json, "donors"); donors.is_object())
    for (const auto& [instance, donor] : donors.items())
      if (donor.is_string()) mark.donors[instance] = donor.get<std::string>();
  if (mark.donors.empty())
    return fail(Code::kCorruption, "the mark " + key_of(mark) + " is not what a backup leaves",
                "see with SELECT @@GLOBAL.wsrep_desync which nodes are left out of flow control, "
                "and remove it");
  return mark;
}

Status bring_back(const Environment& environment, const std::string& ns,
                  const std::string& instance, const std::string& donor,
                  const std::stop_token& stop) {
  const auto endpoint = environment.instance_of_job(ns, instance, {donor});
  if (endpoint) return environment.engine->recover(*endpoint, donor, stop);
  // A server that does not know the instance will never reach it; a tool leaves it to a server.
  if (endpoint.error().code == Code::kNotFound && environment.keeps_house) return {};
  return fail(endpoint.error());
}

bool knows(const Environment& environment, const DonorMark& mark) {
  return std::ranges::all_of(mark.donors, [&](const auto& one) {
    return environment.instance_of_job(mark.ns, one.first, {one.second}).has_value();
  });
}

// The donors of the backups that have not ended.
std::set<std::string> donors_at_work(const Environment& environment) {
  std::set<std::string> nodes;
  for (const api::ObjectPtr& object : environment.catalog->list(api::kBackups, "").objects) {
    const api::Json dom = object->dom();
    if (api::is_terminal_phase(api::phase_of(dom))) continue;
    for (const api::Json& entry : api::at_path(dom, "status.instances"))
      nodes.insert(api::text_member(entry, "node"));
  }
  return nodes;
}

}  // namespace

Result<std::vector<std::string>> bring_donors_back(const Environment& environment, DonorMark mark,
                                                   const std::stop_token& stop) {
  std::vector<std::string> left;
  for (auto it = mark.donors.begin(); it != mark.donors.end();) {
    const Status back = bring_back(environment, mark.ns, it->first, it->second, stop);
    if (back) {
      it = mark.donors.erase(it);
      continue;
    }
    if (stop.stop_requested()) return fail(back.error());
    log::warn("a backup's donor could not be brought back into flow control: it is asked again",
              {{"instance", it->first}, {"node", it->second}, {"error", back.error().text()}});
    left.push_back(it->second + " of instance \"" + it->first + "\"");
    ++it;
  }
  storage::BlobStore& store = first_store(environment);
  GB_TRY(left.empty() ? store.remove(key_of(mark)) : write_mark(store, mark));
  return left;
}

void look_for_left_donors(const Environment& environment, const std::stop_token& stop) {
  storage::BlobStore& store = first_store(environment);
  const auto blobs = store.list(kFolder);
  if (!blobs && !stop.stop_requested())
    log::warn("it cannot be seen whether a donor was left out of flow control",
              {{"error", blobs.error().text()}});
  if (!blobs || blobs->empty()) return;
  const std::set<std::string> at_work = donors_at_work(environment);
  for (const storage::BlobInfo& blob : *blobs) {
    const auto parts = split(blob.key, '/');
    if (parts.size() != 3) continue;
    const auto mark = read_mark(store, parts[1], parts[2]);
    if (!mark && mark.error().code == Code::kNotFound) continue;
    if (!mark) {
      log::warn("which donor was left out of flow control cannot be told",
                {{"error", mark.error().text()}});
      continue;
    }
    // Another one may have taken it out since, who knows why.
    bool busy = false;
    for (const auto& [instance, donor] : mark->donors) busy = busy || at_work.contains(donor);
    if (busy) continue;
    // A tool would say at each look that these are none of its business.
    if (!environment.keeps_house && !knows(environment, *mark)) continue;
    const auto left = bring_donors_back(environment, *mark, stop);
    if (left && left->empty())
      log::warn("a donor that was left out of flow control is back",
                {{"namespace", mark->ns}, {"backup", mark->backup}});
  }
}

}  // namespace gb::jobs
