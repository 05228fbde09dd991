// kubectl-galera as its users meet it: a process with arguments, two outputs and an exit code. Here
// is all that needs no database; test/e2e/local_test.py has the rest.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "api/schema.h"
#include "api/types.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/text.h"
#include "cli/local_session.h"
#include "jobs/jobs.h"
#include "storage/blob/fs_blob_store.h"
#include "storage/catalog/catalog.h"
#include "test/unit/jobs/fake_engine.h"

namespace gb::cli {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Ended {
  int code = -1;
  std::string out;
  std::string err;
};

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class AnyInstance final : public jobs::InstanceResolver {
 public:
  Result<galera::Endpoint> resolve(std::string_view /*ns*/, std::string_view name) override {
    galera::Endpoint endpoint;
    endpoint.name = name;
    return endpoint;
  }
};

class LocalTest : public testing::Test {
 protected:
  LocalTest() {
    std::string name = (fs::temp_directory_path() / "gb-cli-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    folder = name;
    std::ofstream(folder / "password") << "secret-of-root\n";
  }
  ~LocalTest() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  [[nodiscard]] Ended galera(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "kubectl-galera");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const fs::path out = folder / ".out";
    const fs::path err = folder / ".err";
    constexpr int kFresh = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out.c_str(), kFresh, 0600);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err.c_str(), kFresh, 0600);
    pid_t pid = 0;
    const int failed = posix_spawn(&pid, KUBECTL_GALERA, &files, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    EXPECT_EQ(failed, 0) << KUBECTL_GALERA;
    int status = 0;
    if (failed != 0 || waitpid(pid, &status, 0) != pid) return {};
    EXPECT_TRUE(WIFEXITED(status)) << "it was killed by signal " << WTERMSIG(status);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text_of(out), text_of(err)};
  }
  [[nodiscard]] Ended local(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "local");
    return galera(std::move(arguments));
  }
  // With a cluster at which nobody listens.
  [[nodiscard]] Ended at_nobody(std::vector<std::string> arguments) const {
    for (const std::string& more : {std::string("--nodes"), std::string("127.0.0.1:1"),
                                    std::string("--password-file"), path("password")})
      arguments.push_back(more);
    return local(std::move(arguments));
  }
  [[nodiscard]] std::string path(const std::string& name) const { return folder / name; }

  // A repository with this backup, of the instance "main" with two schemas.
  void make_backup(const std::string& name, const std::string& ns = "openstack") {
    const auto blobs =
        std::shared_ptr<storage::FsBlobStore>(*storage::FsBlobStore::open(path("store")));
    storage::Catalog::Options options;
    options.writer = "test";
    const auto catalog = *storage::Catalog::open(blobs, clock_, rng_, options);
    AnyInstance instances;
    jobs::test::FakeEngine engine(cluster_);
    jobs::Dependencies d;
    d.catalog = catalog.get();
    d.engine = &engine;
    d.stores = {{"default", "file://" + path("store"), blobs}};
    d.instances = &instances;
    d.clock = &clock_;
    d.rng = &rng_;
    const auto jobs = *jobs::Jobs::start(std::move(d));
    const api::ResourceType& type = *api::find_resource(api::kBackups);
    api::Json dom = {{"apiVersion", api::kGroupVersion},
                     {"kind", type.kind},
                     {"metadata",
                      {{"name", name},
                       {"namespace", ns},
                       {"uid", make_uuid(rng_)},
                       {"creationTimestamp", to_rfc3339(clock_.now())}}},
                     {"spec", {{"databaseInstances", {"main"}}}}};
    api::apply_defaults(type, dom);
    const auto submitted = jobs->submit_backup(std::move(dom), {}, false, {});
    ASSERT_TRUE(submitted) << submitted.error().text();
    const auto done =
        jobs->wait((*submitted)->key(), (*submitted)->uid(), std::chrono::minutes(1), {});
    ASSERT_EQ(api::phase_of((*done)->dom()), "Completed") << (*done)->json();
  }
  [[nodiscard]] fs::path a_pack() const {
    for (const auto& entry : fs::recursive_directory_iterator(folder / "store" / "data"))
      if (entry.is_regular_file() && entry.path().string().find("pack") != std::string::npos)
        return entry.path();
    ADD_FAILURE() << "no pack in the repository";
    return {};
  }

  fs::path folder;
  SystemClock clock_;
  SystemRng rng_;
  jobs::test::FakeCluster cluster_;
};

// ---- bad usage: 2, and nothing is touched

TEST_F(LocalTest, AnArgumentThatIsNoTextIsBadUsage) {
  const Ended ended = galera({"backup", "a\xff", "--instance", "b", "--dry-run=client", "-n", "c"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_EQ(ended.err, "error: an argument is not UTF-8 text\n");
}

TEST_F(LocalTest, UsageThatIsWrongNamesWhatIsWrongAndLeadsToHelp) {
  struct {
    std::vector<std::string> arguments;
    std::string said;
  } const kCases[] = {
      {{}, "error: A subcommand is required"},
      {{"local"}, "error: A subcommand is required"},
      {{"bakcup"}, "error: unknown command: bakcup\n"},
      {{"local", "lsit"}, "error: unknown command: lsit\n"},
      {{"--verbose", "local"}, "error: unknown flag: --verbose\n"},
      {{"local", "list"}, "error: --store is required\n"},
      {{"local", "check"}, "--store is required"},
      {{"local", "list", "--stroe", "x"}, "error: unknown flag: --stroe\n"},
      {{"local", "list", "--store"}, "--store"},
      {{"local", "list", "--store", "x", "more"}, "more"},
      {{"local", "backup", "--store", "x", "--nodes", "a:1", "--password-file", "p", "--databases",
        "a", "b"},
       "b"},
      {{"local", "list", "--store", "x", "-o", "table"}, "table not in {json,yaml,name}"},
      {{"local", "backup", "--store", "x"}, "--nodes is required"},
      {{"local", "backup", "--store", "x", "--nodes", "a:1"}, "--password-file is required"},
      {{"local", "restore", "--store", "x", "--nodes", "a:1", "--password-file", "p"},
       "--backup is required"},
  };
  for (const auto& each : kCases) {
    const Ended ended = galera(each.arguments);
    EXPECT_EQ(ended.code, 2) << each.said;
    EXPECT_THAT(ended.err, AllOf(HasSubstr(each.said), HasSubstr("--help")));
    EXPECT_THAT(ended.out, IsEmpty()) << "what is wrong goes to the standard error";
  }
}

TEST_F(LocalTest, ValuesThatAreWrongAreRefusedBeforeAnythingIsAsked) {
  struct {
    std::vector<std::string> arguments;
    std::string said;
  } const kCases[] = {
      {{"backup", "--threads", "0"}, "not in range 1 to 64"},
      {{"backup", "--threads", "many"}, "not in range 1 to 64"},
      {{"backup", "--content", "Everything"}, "Everything not in {"},
      {{"backup", "--data-time", "yesterday"}, "--data-time yesterday is not a time in the past"},
      {{"backup", "--data-time", "2999-01-01T00:00:00Z"}, "is not a time in the past"},
      {{"backup", "--name", "Not_A_Name"}, "metadata.name"},
      {{"backup", "--nodes", "127.0.0.1:99999"}, "\"127.0.0.1:99999\" is not host:port"},
      {{"backup", "--active-node", "127.0.0.1:x"}, "\"127.0.0.1:x\" is not host:port"},
      {{"backup", "--active-node", "127.0.0.2:1"}, "--active-node 127.0.0.2:1 is none of the"},
      {{"restore", "--backup", "b", "--existing", "Drop"}, "Drop not in {"},
      {{"restore", "--backup", "b", "--rename", "nova"}, "--rename \"nova\" is not OLD=NEW"},
      {{"restore", "--backup", "b", "--rename", "=nova"}, "--rename \"=nova\" is not OLD=NEW"},
  };
  for (auto each : kCases) {
    each.arguments.insert(each.arguments.end(), {"--store", path("store")});
    const Ended ended = at_nobody(each.arguments);
    EXPECT_EQ(ended.code, 2) << each.said << "\n" << ended.err;
    EXPECT_THAT(ended.err, HasSubstr(each.said));
    EXPECT_THAT(ended.err, Not(HasSubstr("cannot be reached")));
  }
}

TEST_F(LocalTest, HelpAndVersionGoToTheStandardOutput) {
  for (const auto& arguments :
       {std::vector<std::string>{"--help"}, {"local", "--help"}, {"local", "restore", "--help"}}) {
    const Ended ended = galera(arguments);
    EXPECT_EQ(ended.code, 0);
    EXPECT_THAT(ended.out, HasSubstr("Usage:"));
    EXPECT_THAT(ended.err, IsEmpty());
  }
  EXPECT_EQ(galera({"--version"}).code, 0);
}

// ---- a store that is none: 1

TEST_F(LocalTest, ReadingAStoreThatIsNotThereMakesNone) {
  for (const auto& command : {std::vector<std::string>{"list"}, {"check"}, {"check", "--repair"}}) {
    auto arguments = command;
    arguments.insert(arguments.end(), {"--store", path("tpyo")});
    const Ended ended = local(arguments);
    EXPECT_EQ(ended.code, 1);
    EXPECT_THAT(ended.err, AllOf(HasSubstr("error: there is no directory " + path("tpyo")),
                                 HasSubstr("name the directory that holds the repository")));
  }
  EXPECT_EQ(at_nobody({"restore", "--backup", "latest", "--store", path("tpyo")}).code, 1);
  EXPECT_FALSE(fs::exists(path("tpyo")));
}

TEST_F(LocalTest, ADirectoryWithoutARepositoryIsNotAHealthyOne) {
  fs::create_directory(path("photos"));
  std::ofstream(path("photos/cat.jpeg")) << "meow";
  for (const auto& command :
       {std::vector<std::string>{"list"}, {"check"}, {"check", "--read-data", "--repair"}}) {
    auto arguments = command;
    arguments.insert(arguments.end(), {"--store", path("photos")});
    const Ended ended = local(arguments);
    EXPECT_EQ(ended.code, 1) << ended.out;
    EXPECT_THAT(ended.err, AllOf(HasSubstr(path("photos") + " holds no repository"),
                                 HasSubstr("check --store")));
    EXPECT_THAT(ended.out, IsEmpty());
  }
  EXPECT_EQ(at_nobody({"restore", "--backup", "latest", "--store", path("photos")}).code, 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(path("photos")), {}), 1) << "nothing was added";
}

// A server's further stores hold data and no objects: they can be checked, not restored from.
TEST_F(LocalTest, AFurtherStoreOfAServerIsCheckedAndTakesNoObjects) {
  ASSERT_TRUE(storage::FsBlobStore::open(path("further")));
  EXPECT_EQ(local({"check", "--store", path("further")}).code, 0);
  make_backup("nightly");
  fs::copy(folder / "store" / "data", folder / "further" / "data", fs::copy_options::recursive);
  EXPECT_EQ(local({"check", "--read-data", "--store", path("further")}).code, 0);
  for (const Ended& ended :
       {local({"list", "--store", path("further")}),
        at_nobody({"restore", "--backup", "latest", "--store", path("further")})}) {
    EXPECT_EQ(ended.code, 1);
    EXPECT_THAT(ended.err, HasSubstr(path("further") + " holds no repository"));
  }
  EXPECT_FALSE(fs::exists(folder / "further" / "repository.json"));
}

TEST_F(LocalTest, ARepositoryThatLostItsHeadIsDamagedNotAbsent) {
  make_backup("nightly");
  fs::remove(folder / "store" / "repository.json");
  const Ended ended = local({"check", "--store", path("store")});
  EXPECT_EQ(ended.code, 3) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("damage: repository.json: "));
  const Ended listed = local({"list", "--store", path("store")});
  EXPECT_EQ(listed.code, 1);
  EXPECT_THAT(listed.err, HasSubstr("repository.json is missing"));
}

// ---- the cluster's side: 1 or 2

TEST_F(LocalTest, APasswordFileThatCannotBeUsedIsNamed) {
  std::ofstream(path("empty")) << "\n";
  for (const auto& [file, said] :
       {std::pair{path("nowhere"), "cannot be read"}, {path("empty"), "is empty"}}) {
    const Ended ended = local(
        {"backup", "--store", path("store"), "--nodes", "127.0.0.1:1", "--password-file", file});
    EXPECT_EQ(ended.code, 2);
    EXPECT_THAT(ended.err, HasSubstr("the password file " + file + " " + said));
    EXPECT_FALSE(fs::exists(path("store")));
  }
}

TEST_F(LocalTest, ABundleOfAuthoritiesThatIsNotThereIsNamedAndNoNodeIsBlamed) {
  const Ended ended =
      at_nobody({"backup", "--store", path("store"), "--tls-ca-file", path("nowhere.pem")});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr(path("nowhere.pem") + " cannot be read"));
  EXPECT_THAT(ended.err, Not(HasSubstr("127.0.0.1:1")));
  EXPECT_FALSE(fs::exists(path("store")));
}

TEST_F(LocalTest, AnEmptyStoreIsNoDirectory) {
  const Ended ended = at_nobody({"backup", "--store", ""});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("--store"), HasSubstr("name a directory")));
}

TEST_F(LocalTest, ANodeAtWhichNobodyListensIsNamedAndNoBackupIsListed) {
  const Ended ended = at_nobody({"backup", "--name", "b", "--store", path("store")});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err,
              AllOf(HasSubstr("error: "), HasSubstr("127.0.0.1:1 cannot be reached"),
                    HasSubstr("check that the server runs"), Not(HasSubstr("secret-of-root"))));
  const Ended listed = local({"list", "--store", path("store")});
  EXPECT_EQ(listed.code, 0);
  EXPECT_THAT(listed.out, IsEmpty());
  EXPECT_EQ(listed.err, "No backups found in " + path("store") + ".\n");
}

// ---- what the repository holds

TEST_F(LocalTest, ABackupThatIsNotThereIsNamedBeforeTheClusterIsAsked) {
  make_backup("nightly");
  const Ended ended = at_nobody({"restore", "--backup", "nihgtly", "--store", path("store")});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("the repository holds no backup \"nihgtly\""),
                               HasSubstr("kubectl galera local list --store " + path("store"))));
}

TEST_F(LocalTest, ANameThatIsTakenIsRefusedBeforeTheClusterIsAsked) {
  make_backup("nightly");
  const Ended ended =
      at_nobody({"backup", "--name", "nightly", "-n", "openstack", "--store", path("store")});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("\"nightly\" already exists"),
                               HasSubstr("choose another name, or delete the old one")));
}

TEST_F(LocalTest, ANameInTwoNamespacesIsAskedAbout) {
  make_backup("nightly");
  make_backup("nightly", "dev");
  const Ended ended = at_nobody({"restore", "--backup", "nightly", "--store", path("store")});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("\"nightly\" stands in 2 namespaces"),
                               HasSubstr("say which with -n")));
}

TEST_F(LocalTest, TheLatestIsTheOneThatTheServerWouldChoose) {
  make_backup("good");
  make_backup("damaged");
  const auto blobs =
      std::shared_ptr<storage::FsBlobStore>(*storage::FsBlobStore::open(path("store")));
  auto catalog = *storage::Catalog::open(blobs, clock_, rng_, {});
  ASSERT_TRUE(catalog->modify({api::kBackups, "openstack", "damaged"},
                              [this](const api::Object& object) -> Result<api::Json> {
                                api::Json dom = object.dom();
                                api::set_condition(dom["status"], "Verified", "False", "Mismatch",
                                                   "it does not read back", clock_.now());
                                return dom;
                              }));
  const auto latest = find_backup(*catalog, clock_.now(), path("store"), "", "latest");
  ASSERT_TRUE(latest) << latest.error().text();
  EXPECT_EQ((*latest)->key().name, "good");
  catalog.reset();

  make_backup("elsewhere", "cells");
  const Ended several = at_nobody({"restore", "--backup", "latest", "--store", path("store")});
  EXPECT_EQ(several.code, 2);
  EXPECT_THAT(several.err,
              AllOf(HasSubstr("there are backups in several namespaces: cells, openstack"),
                    HasSubstr("say of which the latest is meant with -n")));
}

TEST_F(LocalTest, ListsAsTextForPeopleAndAsObjectsForPrograms) {
  make_backup("nightly");
  make_backup("weekly", "dev");
  Ended ended = local({"list", "--store", path("store")});
  EXPECT_EQ(ended.code, 0) << ended.err;
  std::istringstream lines(ended.out);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    rows.emplace_back(std::istream_iterator<std::string>(words),
                      std::istream_iterator<std::string>());
  }
  ASSERT_EQ(rows.size(), 3U) << ended.out;
  EXPECT_THAT(rows[0], testing::ElementsAre("NAMESPACE", "NAME", "INSTANCES", "PHASE", "SIZE",
                                            "ADDED", "VERIFIED", "AGE"));
  EXPECT_THAT(rows[1], testing::ElementsAre("dev", "weekly", "main", "Completed", testing::_,
                                            testing::_, "True", testing::_));
  EXPECT_EQ(rows[2].at(1), "nightly");

  ended = local({"list", "--store", path("store"), "-n", "dev", "-o", "json"});
  const auto list = nlohmann::json::parse(ended.out);
  EXPECT_EQ(list["kind"], "GaleraBackupList");
  ASSERT_EQ(list["items"].size(), 1U);
  EXPECT_EQ(list["items"][0]["metadata"]["name"], "weekly");
  EXPECT_EQ(list["items"][0]["status"]["phase"], "Completed");

  EXPECT_EQ(local({"list", "--store", path("store"), "-o", "name"}).out,
            "galerabackup.backup.rhoso.io/weekly\ngalerabackup.backup.rhoso.io/nightly\n");
  EXPECT_THAT(local({"list", "--store", path("store"), "-o", "yaml"}).out,
              HasSubstr("kind: GaleraBackupList\n"));
}

// ---- check: 0 whole, 3 damaged

TEST_F(LocalTest, AWholeRepositoryIsSaidToBeWholeAndHowFarThatWasLookedAt) {
  make_backup("nightly");
  Ended ended = local({"check", "--store", path("store")});
  EXPECT_EQ(ended.code, 0) << ended.out;
  EXPECT_THAT(ended.out, HasSubstr("no damage found in the structure (--read-data reads every"));
  ended = local({"check", "--read-data", "--store", path("store")});
  EXPECT_EQ(ended.code, 0) << ended.out;
  EXPECT_THAT(ended.out, HasSubstr("no damage found: every byte was read"));
}

TEST_F(LocalTest, AFlippedBitAnywhereInAPackIsFoundAndThePackIsNamed) {
  make_backup("nightly");
  const fs::path pack = a_pack();
  const std::string whole = text_of(pack);
  fs::permissions(pack, fs::perms::owner_all);
  ASSERT_GT(whole.size(), 16U);
  for (int i = 0; i < 16; ++i) {
    std::string damaged = whole;
    char& hit = damaged[damaged.size() * static_cast<std::size_t>(i) / 16];
    hit = static_cast<char>(hit ^ (1 << (i % 8)));
    std::ofstream(pack, std::ios::binary) << damaged;
    const Ended ended = local({"check", "--read-data", "--store", path("store")});
    EXPECT_EQ(ended.code, 3) << "bit " << i << "\n" << ended.out << ended.err;
    EXPECT_THAT(ended.out, AllOf(HasSubstr("damage: " + fs::relative(pack, path("store")).string()),
                                 HasSubstr(" damaged\n"), Not(HasSubstr("no damage"))));
  }
  std::ofstream(pack, std::ios::binary) << whole;
  EXPECT_EQ(local({"check", "--read-data", "--store", path("store")}).code, 0);
}

TEST_F(LocalTest, APackThatIsMissingIsFoundWithoutReadingTheData) {
  make_backup("nightly");
  const fs::path pack = a_pack();
  fs::remove(pack);
  const Ended ended = local({"check", "--store", path("store")});
  EXPECT_EQ(ended.code, 3) << ended.out;
  EXPECT_THAT(ended.out, HasSubstr(pack.filename().string()));
}

TEST_F(LocalTest, ReadsWhileAServerHasTheRepositoryOpen) {
  make_backup("nightly");
  const std::shared_ptr<storage::FsBlobStore> blobs = *storage::FsBlobStore::open(path("store"));
  storage::Catalog::Options options;
  options.writer = "a server";
  const auto serving = *storage::Catalog::open(blobs, clock_, rng_, options);
  EXPECT_THAT(local({"list", "--store", path("store")}).out, HasSubstr("nightly"));
  EXPECT_EQ(local({"check", "--read-data", "--store", path("store")}).code, 0);
}

}  // namespace
}  // namespace gb::cli
