#include "cli/job.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "api/text.h"
#include "api/types.h"
#include "base/wait.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/signals.h"

namespace gb::cli {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// kube-apiserver gives a create up after 60 s; its answer is worth more than ours.
constexpr seconds kCreateTimeout{70};
// Small backups end within a second or two.
constexpr seconds kQuick{3};
constexpr std::chrono::milliseconds kLookEveryQuick{250};
constexpr std::chrono::milliseconds kLookEvery{1000};
// A server that is replaced is back within a minute.
constexpr seconds kSilencePatience{120};

std::string name_of(const api::Json& object) {
  return api::text_member(api::member(object, "metadata"), "name");
}

// " -n openstack --context prod": the flags with which the commands that we name find the object.
std::string where(const KubeFlags& flags, const std::string& ns) {
  std::string text = " -n " + ns;
  if (!flags.kubeconfig.context.empty()) text += " --context " + flags.kubeconfig.context;
  if (!flags.kubeconfig.file.empty()) text += " --kubeconfig " + flags.kubeconfig.file;
  return text;
}

void say_how_to_go_on(const KubeFlags& flags, const std::string& ns, const std::string& object) {
  const std::string tail = object + where(flags, ns);
  std::fprintf(stderr,
               "%s goes on without you.\n  follow it:  kubectl galera logs %s -f\n"
               "  cancel it:  kubectl galera cancel %s\n",
               object.c_str(), tail.c_str(), tail.c_str());
}

// Looks at one job until it has ended.
class Follower {
 public:
  Follower(const Cluster& cluster, const api::ResourceType& type, api::Json object,
           const AtWork& at_work)
      : cluster_(cluster), type_(type), object_(std::move(object)), at_work_(at_work) {}

  // The object at its end; Cancelled when interrupted, else why nobody knows any more.
  Result<api::Json> wait(const std::stop_token& stop) {
    Progress progress;
    const auto begun = steady_clock::now();
    while (const auto status = at_work_(object_)) {
      progress.show({{"status", *status}});
      const auto pause = steady_clock::now() - begun < kQuick ? kLookEveryQuick : kLookEvery;
      if (!sleep_for(stop, pause)) return fail(Code::kCancelled, "interrupted");
      auto seen = cluster_.get(cluster_.path(type_.plural, name_of(object_)), stop);
      if (!seen) {
        GB_TRY(bear(std::move(seen).error(), progress));
        continue;
      }
      silent_since_.reset();
      if (uid_of(*seen) != uid_of(object_)) return gone();
      object_ = std::move(*seen);
    }
    return object_;
  }

 private:
  static std::string uid_of(const api::Json& object) {
    return api::text_member(api::member(object, "metadata"), "uid");
  }
  [[nodiscard]] tl::unexpected<Error> gone() const {
    return fail(Code::kNotFound, short_form(type_, name_of(object_)) +
                                     " was deleted while it ran, which cancels it");
  }
  // Whether to look again after this error.
  Status bear(Error error, Progress& progress) {
    if (error.code == Code::kNotFound && error.hint.empty()) return gone();
    if (error.code != Code::kUnavailable) return fail(std::move(error));
    const auto now = steady_clock::now();
    if (!silent_since_) {
      silent_since_ = now;
      progress.note("no answer, trying again: " + error.message);
    }
    if (now - *silent_since_ < kSilencePatience) return {};
    return fail(std::move(error));
  }

  const Cluster& cluster_;
  const api::ResourceType& type_;
  api::Json object_;
  const AtWork& at_work_;
  std::optional<steady_clock::time_point> silent_since_;
};

ExitCode show_dry_run(const JobFlags& flags, const api::Json& object) {
  const api::Json& status = api::member(object, "status");
  const bool server = flags.dry_run == "server";
  if (!print_object(object, flags.output)) {
    std::printf("%s created (%s)\n", full_name(object).c_str(),
                server ? "server dry run" : "dry run");
    if (status.contains("plan")) {
      std::printf("backup: %s\n", api::text_member(status, "backup").c_str());
      if (const std::string notes = api::text_member(status, "message"); !notes.empty())
        std::printf("note: %s\n", notes.c_str());
      std::printf("\n");
      print_plan(status);
    }
  }
  return preflight_result(status);
}

ExitCode show_what_would_be_sent(const JobFlags& flags, api::Json object) {
  std::string ns = flags.kube.ns;
  if (ns.empty()) {
    const auto access = kube::user_access(flags.kube.kubeconfig);
    if (!access) return refused(access.error());
    ns = access->ns;
  }
  object["metadata"]["namespace"] = ns;
  return show_dry_run(flags, object);
}

std::optional<api::Json> job_at_work(const api::Json& object) {
  if (api::is_terminal_phase(api::phase_of(object))) return std::nullopt;
  return api::member(object, "status");
}

}  // namespace

tl::expected<api::Json, ExitCode> follow(const Cluster& cluster, const KubeFlags& flags,
                                         const api::ResourceType& type, api::Json object,
                                         const AtWork& at_work) {
  const std::string named = short_form(type, name_of(object));
  auto ended = Follower(cluster, type, std::move(object), at_work).wait(interrupt_token());
  if (ended) return std::move(*ended);
  if (ended.error().code == Code::kCancelled) {
    say_how_to_go_on(flags, cluster.ns(), named);
    return tl::unexpected(kInterrupted);
  }
  refused(ended.error());
  if (ended.error().code != Code::kNotFound) say_how_to_go_on(flags, cluster.ns(), named);
  return tl::unexpected(kFailed);
}

ExitCode create_job(const JobFlags& flags, const api::ResourceType& type, api::Json object) {
  object["apiVersion"] = api::kGroupVersion;
  object["kind"] = type.kind;
  if (flags.dry_run == "client") return show_what_would_be_sent(flags, std::move(object));
  const auto cluster = Cluster::open(flags.kube);
  if (!cluster) return refused(cluster.error());
  const std::string& ns = (*cluster)->ns();
  object["metadata"]["namespace"] = ns;
  const std::string named = short_form(type, name_of(object));
  const bool dry = flags.dry_run == "server";

  const std::stop_token stop = interrupt_token();
  Request request;
  request.method = "POST";
  request.path = (*cluster)->path(type.plural) +
                 "?fieldManager=kubectl-galera&fieldValidation=Strict" + (dry ? "&dryRun=All" : "");
  request.body = object.dump();
  request.timeout = kCreateTimeout;
  request.respond_async = true;
  auto created = (*cluster)->ask(request, stop);
  if (!created && created.error().code == Code::kCancelled) {
    std::fprintf(stderr,
                 "interrupted: whether %s was created is not known; to see: kubectl get "
                 "%s.%s%s\n",
                 named.c_str(), type.plural.c_str(), api::kGroup, where(flags.kube, ns).c_str());
    return kInterrupted;
  }
  if (!created) return refused(created.error());
  if (dry) return show_dry_run(flags, *created);
  if (!flags.wait) {
    if (!print_object(*created, flags.output))
      std::printf("%s created\n", full_name(*created).c_str());
    return kDone;
  }
  if (flags.output.empty()) {
    std::printf("%s created\n", full_name(*created).c_str());
    std::fflush(stdout);  // before what is told of it, where both go to one place
  }
  const auto ended = follow(**cluster, flags.kube, type, std::move(*created), job_at_work);
  return ended ? print_end(*ended, flags.output) : ended.error();
}

}  // namespace gb::cli
