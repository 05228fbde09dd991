#include "jobs/targets.h"

#include <algorithm>

namespace gb::jobs {

Result<std::unique_ptr<Targets::Hold>> Targets::hold(const std::string& ns,
                                                     const std::vector<std::string>& instances,
                                                     const std::string& who, bool exclusive) {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> keys;
  for (const std::string& instance : instances) {
    keys.push_back(ns + "/" + instance);
    const auto use = uses_.find(keys.back());
    if (use == uses_.end()) continue;
    std::string other = use->second.exclusive;
    if (other.empty() && exclusive && !use->second.shared.empty())
      other = use->second.shared.front();
    if (!other.empty())
      return fail(Code::kConflict, other + " is running on instance \"" + instance + "\"",
                  "wait until it has ended, or delete it to cancel it");
  }
  for (const std::string& key : keys) {
    if (exclusive)
      uses_[key].exclusive = who;
    else
      uses_[key].shared.push_back(who);
  }
  return std::make_unique<Hold>(*this, std::move(keys), who, exclusive);
}

Targets::Hold::~Hold() {
  const std::scoped_lock lock(owner_.mutex_);
  for (const std::string& key : keys_) {
    Use& use = owner_.uses_[key];
    if (exclusive_)
      use.exclusive.clear();
    else if (const auto it = std::find(use.shared.begin(), use.shared.end(), who_);
             it != use.shared.end())
      use.shared.erase(it);
    if (use.exclusive.empty() && use.shared.empty()) owner_.uses_.erase(key);
  }
}

}  // namespace gb::jobs
