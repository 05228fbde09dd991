#include "cli/complete.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "api/text.h"
#include "api/types.h"
#include "base/text.h"
#include "cli/signals.h"

namespace gb::cli {
namespace {

// A shell waits for us, and a person for the shell.
constexpr std::chrono::seconds kCompletionPatience{3};

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

// A command, and the groups that its options stand in: nameless commands to CLI11.
std::vector<const CLI::App*> parts_of(const CLI::App& app) {
  std::vector<const CLI::App*> parts{&app};
  for (const CLI::App* group :
       app.get_subcommands([](const CLI::App* sub) { return sub->get_name().empty(); }))
    parts.push_back(group);
  return parts;
}

// The words before the one to be completed, as the parser would understand them.
class Reader {
 public:
  explicit Reader(CLI::App& app) : app_(&app) {}

  void read(const std::string& word) {
    if (pending_ != nullptr) {
      note(*std::exchange(pending_, nullptr), word);
    } else if (word.starts_with("-") && word.size() > 1) {
      read_option(word);
    } else if (CLI::App* sub = subcommand(word); sub != nullptr) {
      app_ = sub;
    } else {
      ++positionals_;
    }
  }

  [[nodiscard]] CLI::App& app() const { return *app_; }
  [[nodiscard]] const CLI::Option* pending() const { return pending_; }
  [[nodiscard]] const KubeFlags& kube() const { return kube_; }
  // --name or -n, of the command or of its groups of options.
  [[nodiscard]] const CLI::Option* find(const std::string& name) const {
    for (const CLI::App* part : parts_of(*app_))
      if (const CLI::Option* option = part->get_option_no_throw(name); option != nullptr)
        return option;
    return nullptr;
  }
  // The positional whose turn it is; null when there are no more.
  [[nodiscard]] const CLI::Option* positional() const {
    std::size_t seen = 0;
    for (const CLI::Option* option : app_->get_options())
      if (option->get_positional() && seen++ == positionals_) return option;
    return nullptr;
  }

 private:
  CLI::App* subcommand(const std::string& word) {
    for (CLI::App* sub : app_->get_subcommands([](CLI::App*) { return true; }))
      if (sub->get_name() == word) return sub;
    return nullptr;
  }

  void read_option(const std::string& word) {
    const std::size_t equals = word.find('=');
    const bool is_long = word.starts_with("--");
    const std::string name = is_long ? word.substr(0, equals) : word.substr(0, 2);
    const CLI::Option* option = find(name);
    if (option == nullptr || !takes_value(*option)) return;
    if (is_long && equals != std::string::npos)
      note(*option, word.substr(equals + 1));
    else if (!is_long && word.size() > 2)
      note(*option, word.substr(2));
    else
      pending_ = option;
  }

  // What tells which cluster to ask.
  void note(const CLI::Option& option, const std::string& value) {
    if (option.check_lname("namespace")) kube_.ns = value;
    if (option.check_lname("context")) kube_.kubeconfig.context = value;
    if (option.check_lname("kubeconfig")) kube_.kubeconfig.file = value;
    if (option.check_lname("cluster")) kube_.kubeconfig.cluster = value;
    if (option.check_lname("user")) kube_.kubeconfig.user = value;
  }

  CLI::App* app_;
  const CLI::Option* pending_ = nullptr;
  std::size_t positionals_ = 0;
  KubeFlags kube_;
};

Candidates starting(std::vector<std::string> words, const std::string& prefix) {
  std::erase_if(words, [&](const std::string& word) { return !word.starts_with(prefix); });
  return {std::move(words), kNoFileComp};
}

Candidates values_of(const CLI::Option& option, const std::string& prefix, const Parsed& parsed,
                     const KubeFlags& kube, const Lookup& lookup) {
  if (const auto known = parsed.values.find(&option); known != parsed.values.end())
    return starting(known->second, prefix);
  const auto offer = parsed.offers.find(&option);
  if (offer == parsed.offers.end() || offer->second == Offer::kNothing) return {};
  if (offer->second == Offer::kFiles) return {{}, kDefault};
  if (offer->second == Offer::kFolders) return {{}, kFilterDirs};
  // Of values separated by commas, the last is the one to be completed.
  const std::size_t comma = option.get_delimiter() == ',' ? prefix.rfind(',') : std::string::npos;
  const std::string before = comma == std::string::npos ? "" : prefix.substr(0, comma + 1);
  std::vector<std::string> words;
  for (const std::string& word : lookup(offer->second, kube)) words.push_back(before + word);
  return starting(std::move(words), prefix);
}

Candidates names_of_options(const CLI::App& app, const std::string& prefix) {
  std::vector<std::string> words;
  for (const CLI::App* part : parts_of(app))
    for (const CLI::Option* option : part->get_options())
      if (!option->get_positional())
        for (const std::string& name : option->get_lnames())
          words.push_back("--" + name + "\t" + option->get_description());
  std::ranges::sort(words);
  return starting(std::move(words), prefix);
}

std::vector<std::string> names_in(const Cluster& cluster, const std::string& path,
                                  const std::function<bool(const api::Json&)>& wanted) {
  Request request;
  request.path = path + "?limit=500";
  request.timeout = kCompletionPatience;
  const auto list = cluster.ask(request, interrupt_token());
  std::vector<std::string> names;
  if (!list) return names;
  for (const api::Json& item : api::member(*list, "items"))
    if (wanted(item)) names.push_back(api::text_member(api::member(item, "metadata"), "name"));
  return names;
}

bool any(const api::Json& /*item*/) {
  return true;
}

std::vector<std::string> instances_in(const Cluster& cluster) {
  std::set<std::string> names;
  names_in(cluster, cluster.path(api::kBackups), [&](const api::Json& backup) {
    for (const std::string& name : api::read_backup_spec(backup).database_instances)
      names.insert(name);
    return false;
  });
  const std::string galeras =
      "/apis/mariadb.openstack.org/v1beta1/namespaces/" + percent_encode(cluster.ns()) + "/galeras";
  for (const std::string& name : names_in(cluster, galeras, any)) names.insert(name);
  return {names.begin(), names.end()};
}

std::vector<std::string> jobs_in(const Cluster& cluster) {
  std::vector<std::string> words;
  for (const char* plural : {api::kBackups, api::kRestores})
    for (const std::string& name : names_in(cluster, cluster.path(plural), any))
      words.push_back(short_form(*api::find_resource(plural), name));
  return words;
}

}  // namespace

std::vector<std::string> look_up(Offer offer, const KubeFlags& flags) {
  if (offer == Offer::kContexts)
    return kube::context_names(flags.kubeconfig).value_or(std::vector<std::string>{});
  const auto cluster = Cluster::open(flags);
  if (!cluster) return {};
  switch (offer) {
    case Offer::kBackups: {
      auto names = names_in(**cluster, (*cluster)->path(api::kBackups),
                            [](const api::Json& one) { return api::phase_of(one) == "Completed"; });
      names.emplace_back("latest");
      return names;
    }
    case Offer::kJobs:
      return jobs_in(**cluster);
    case Offer::kInstances:
      return instances_in(**cluster);
    case Offer::kStores:
      return names_in(**cluster, std::string("/apis/") + api::kGroupVersion + "/" + api::kStores,
                      any);
    case Offer::kNamespaces:
      return names_in(**cluster, "/api/v1/namespaces", any);
    default:
      return {};
  }
}

Candidates complete(const std::string& program, const std::vector<std::string>& words,
                    const Lookup& lookup) {
  CLI::App root;
  Parsed parsed;
  add_all(root, parsed, program);
  Reader reader(root);
  for (std::size_t i = 0; i + 1 < words.size(); ++i) reader.read(words[i]);
  const std::string last = words.empty() ? "" : words.back();

  if (reader.pending() != nullptr)
    return values_of(*reader.pending(), last, parsed, reader.kube(), lookup);
  if (const std::size_t equals = last.find('=');
      last.starts_with("--") && equals != std::string::npos) {
    // The shell keeps what stands before the value.
    const CLI::Option* option = reader.find(last.substr(0, equals));
    if (option == nullptr) return {};
    return values_of(*option, last.substr(equals + 1), parsed, reader.kube(), lookup);
  }
  if (last.starts_with("-")) return names_of_options(reader.app(), last);
  std::vector<std::string> commands;
  for (const CLI::App* sub :
       reader.app().get_subcommands([](const CLI::App* s) { return !s->get_name().empty(); }))
    commands.push_back(sub->get_name() + "\t" + sub->get_description());
  if (!commands.empty()) return starting(std::move(commands), last);
  const CLI::Option* positional = reader.positional();
  if (positional == nullptr) return {};
  return values_of(*positional, last, parsed, reader.kube(), lookup);
}

}  // namespace gb::cli
