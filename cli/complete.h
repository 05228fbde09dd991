// Shell completion by kubectl's convention for plugins: kubectl runs kubectl_complete-galera with
// the words so far, and reads what Cobra's `__complete` would print: one candidate a line (a tab
// and a description may follow), then ":<directive>".
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/cluster.h"
#include "cli/flags.h"

namespace gb::cli {

// Cobra's ShellCompDirective.
enum Directive { kDefault = 0, kNoFileComp = 4, kFilterDirs = 16 };

struct Candidates {
  std::vector<std::string> words;
  Directive directive = kNoFileComp;
};

// Asks for what only a cluster or kubeconfig knows; empty when it does not answer soon.
using Lookup = std::function<std::vector<std::string>(Offer, const KubeFlags&)>;
std::vector<std::string> look_up(Offer offer, const KubeFlags& flags);

// `words` are all after the program's name; the last is the one to be completed, perhaps empty.
[[nodiscard]] Candidates complete(const std::string& program, const std::vector<std::string>& words,
                                  const Lookup& lookup);

}  // namespace gb::cli
