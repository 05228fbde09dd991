// Donors that a backup has taken out of their cluster's flow control, and that could not be brought
// back when that was due. A mark in the store tells of them for as long as that lasts,
// desynced/<namespace>/<uid> (docs/repository-format.md): whoever finds one asks again, whatever
// became of the backup, its object or its server. A donor that was restarted is back by itself.
//
// Thread safety: functions, from any thread.
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "jobs/environment.h"

namespace gb::jobs {

struct DonorMark {
  std::string ns;
  std::string uid;  // of the backup
  std::string backup;
  std::map<std::string, std::string> donors;  // by instance: Facts::node
};

// Brings the donors back, as far as they let themselves be: the mark in the store is of the others
// afterwards, or gone. Returns those, one phrase each: "10.0.0.2:3306 of instance \"main\"". Errors
// are those of the store, or Cancelled: then nothing has changed there.
Result<std::vector<std::string>> bring_donors_back(const Environment& environment, DonorMark mark,
                                                   const std::stop_token& stop);

// The same for every mark; of a donor that a backup reads now, later. What fails is logged.
void look_for_left_donors(const Environment& environment, const std::stop_token& stop);

}  // namespace gb::jobs
