// What a shell is offered, word by word.
#include "cli/complete.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gb::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

class Complete : public testing::Test {
 protected:
  Candidates complete(const std::vector<std::string>& words,
                      const std::string& program = "kubectl-galera") {
    return cli::complete(program, words, [this](Offer offer, const KubeFlags& flags) {
      asked_ = offer;
      flags_ = flags;
      return there_;
    });
  }
  std::vector<std::string> words(const std::vector<std::string>& given) {
    return complete(given).words;
  }

  std::vector<std::string> there_{"nightly-1", "nightly-2", "weekly"};
  Offer asked_ = Offer::kNothing;
  KubeFlags flags_;
};

TEST_F(Complete, CommandsComeWithWhatTheyDo) {
  EXPECT_THAT(words({"st"}), ElementsAre("status\tIs there a good backup, how old, what is wrong"));
  EXPECT_EQ(words({""}).size(), 9U);
  EXPECT_THAT(words({"local", "ch"}), ElementsAre(StartsWith("check\t")));
  EXPECT_EQ(complete({""}).directive, kNoFileComp);
}

TEST_F(Complete, FlagsAreThoseOfTheCommandAndOfItsGroups) {
  EXPECT_THAT(words({"restore", "r", "--fr"}), ElementsAre(StartsWith("--from\t")));
  EXPECT_THAT(words({"logs", "--fol"}), ElementsAre(StartsWith("--follow\t")));
  EXPECT_THAT(words({"verify", "nightly-1", "--method", ""}), ElementsAre("Checksum", "Restore"));
  EXPECT_THAT(words({"logs", "--inst"}), IsEmpty());
  EXPECT_THAT(words({"backup", "-"}), Contains(StartsWith("--instance\t")));
}

TEST_F(Complete, ValuesThatAreFewAreKnown) {
  EXPECT_THAT(words({"backup", "x", "--content", ""}), ElementsAre("All", "Data", "Grants"));
  EXPECT_THAT(words({"backup", "x", "--content=D"}), ElementsAre("Data"));
  EXPECT_THAT(words({"backup", "x", "-o", "j"}), ElementsAre("json"));
  EXPECT_THAT(words({"status", "-o", ""}), ElementsAre("json", "yaml"));
  EXPECT_EQ(asked_, Offer::kNothing);
}

TEST_F(Complete, NamesComeFromTheClusterThatTheFlagsMean) {
  EXPECT_THAT(words({"-", "restore", "-n", "openstack", "--context=prod", "r", "--from", "night"}),
              ElementsAre("nightly-1", "nightly-2"));
  EXPECT_EQ(asked_, Offer::kBackups);
  EXPECT_EQ(flags_.ns, "openstack");
  EXPECT_EQ(flags_.kubeconfig.context, "prod");
  words({"logs", "-nother", "--kubeconfig", "/k", ""});
  EXPECT_EQ(asked_, Offer::kJobs);
  EXPECT_EQ(flags_.ns, "other");
  EXPECT_EQ(flags_.kubeconfig.file, "/k");
  words({"logs", "-f", "--namespace", ""});
  EXPECT_EQ(asked_, Offer::kNamespaces);
}

TEST_F(Complete, OfAListTheLastOneIsCompleted) {
  EXPECT_THAT(words({"backup", "x", "--instance", "main,week"}), ElementsAre("main,weekly"));
}

TEST_F(Complete, ANameOfOnesOwnIsNotOffered) {
  EXPECT_THAT(words({"backup", ""}), IsEmpty());
  EXPECT_THAT(words({"logs", "backup/x", ""}), IsEmpty()) << "one object is all it takes";
  EXPECT_THAT(words({"undelete", ""}), IsEmpty()) << "the trash cannot be listed";
}

TEST_F(Complete, FilesAndFoldersAreLeftToTheShell) {
  EXPECT_EQ(complete({"status", "--kubeconfig", ""}).directive, kDefault);
  EXPECT_EQ(complete({"local", "list", "--store", ""}).directive, kFilterDirs);
}

TEST_F(Complete, ALinkIsTheOneCommandThatItsNameSays) {
  EXPECT_THAT(complete({"x", "--instance", ""}, "kubectl-create-galerabackup").words,
              ElementsAre("nightly-1", "nightly-2", "weekly"));
  EXPECT_THAT(complete({"x", "--fr"}, "kubectl-create-galerarestore").words,
              ElementsAre(StartsWith("--from\t")));
}

TEST_F(Complete, WhatMakesNoSenseIsNoError) {
  EXPECT_THAT(words({}), testing::SizeIs(9));
  EXPECT_THAT(words({"--nope=", "--nope", "x", "--nope="}), IsEmpty());
  EXPECT_THAT(words({"backup", "--instance"}),
              ElementsAre(StartsWith("--instance\t"), StartsWith("--instances\t")));
}

}  // namespace
}  // namespace gb::cli
