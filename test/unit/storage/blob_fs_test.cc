#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "storage/blob/fs_blob_store.h"
#include "test/unit/storage/blob_conformance.h"
#include "test/unit/storage/temp_folder.h"

namespace gb::storage {
namespace {

namespace fs = std::filesystem;

struct FsFixture {
  BlobStore& store() { return *first; }
  BlobStore& again() { return *second; }
  TempFolder folder;
  std::unique_ptr<FsBlobStore> first = FsBlobStore::open(folder.path() / "store").value();
  std::unique_ptr<FsBlobStore> second = FsBlobStore::open(folder.path() / "store").value();
};
INSTANTIATE_TYPED_TEST_SUITE_P(Fs, BlobConformance, FsFixture);

class FsBlobStoreTest : public testing::Test {
 protected:
  std::unique_ptr<FsBlobStore> open(FsBlobStore::Mode mode = FsBlobStore::Mode::kReadWrite) {
    auto store = FsBlobStore::open(root_, mode);
    EXPECT_TRUE(store) << store.error().text();
    return store ? std::move(*store) : nullptr;
  }
  std::size_t temp_files() const {
    const fs::directory_iterator files(root_ / "~tmp");
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
  }
  TempFolder folder_;
  fs::path root_ = folder_.path() / "store";
};

TEST_F(FsBlobStoreTest, NobodyElseMayReadIt) {
  const auto store = open();
  ASSERT_TRUE(put(*store, "data/ns/u/1.pack", as_bytes("secret")));
  EXPECT_EQ(fs::status(root_ / "data/ns/u/1.pack").permissions(), fs::perms(0600));
  for (const char* folder : {"data", "data/ns", "data/ns/u", "~tmp"})
    EXPECT_EQ(fs::status(root_ / folder).permissions(), fs::perms(0700)) << folder;
}

TEST_F(FsBlobStoreTest, NoSymbolicLinkLeadsOutOfIt) {
  const auto store = open();
  std::ofstream(folder_.path() / "outside") << "outside";
  fs::create_directory(folder_.path() / "elsewhere");
  fs::create_symlink(folder_.path() / "outside", root_ / "link");
  fs::create_symlink(folder_.path() / "elsewhere", root_ / "data");
  EXPECT_EQ(code_of(store->get("link")), Code::kForbidden);
  EXPECT_EQ(code_of(put(*store, "data/x", as_bytes("x"))), Code::kForbidden);
  EXPECT_EQ(code_of(store->remove("data/x")), Code::kForbidden);
  EXPECT_EQ(keys_of(store->list("")), std::vector<std::string>{});
  EXPECT_TRUE(fs::is_empty(folder_.path() / "elsewhere"));
}

TEST_F(FsBlobStoreTest, ReadOnlyTouchesNothing) {
  EXPECT_EQ(code_of(FsBlobStore::open(root_, FsBlobStore::Mode::kReadOnly)), Code::kNotFound);
  EXPECT_FALSE(fs::exists(root_));
  ASSERT_TRUE(put(*open(), "k", as_bytes("x")));
  std::ofstream(root_ / "~tmp" / "stray") << "half";
  const auto store = open(FsBlobStore::Mode::kReadOnly);
  EXPECT_EQ(store->get("k").value(), "x");
  EXPECT_EQ(code_of(put(*store, "k", as_bytes("y"))), Code::kForbidden);
  EXPECT_EQ(code_of(store->put_if_absent("l", as_bytes("y"))), Code::kForbidden);
  EXPECT_EQ(code_of(store->remove("k")), Code::kForbidden);
  EXPECT_EQ(store->get("k").value(), "x");
  EXPECT_EQ(temp_files(), 1U);
}

TEST_F(FsBlobStoreTest, WhatTheStoreDidNotWriteIsNotListed) {
  const auto store = open();
  fs::create_directory(root_ / "lost+found");
  std::ofstream(root_ / "lost+found" / "x") << "x";
  ASSERT_EQ(mkfifo((root_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(keys_of(store->list("")), std::vector<std::string>{});
  EXPECT_EQ(code_of(store->get("pipe")), Code::kNotFound) << "and nobody hangs on it";
}

// A process that is killed in the middle of a blob leaves its temporary file; the next one sweeps
// it but leaves alone what a living writer still holds.
TEST_F(FsBlobStoreTest, SweepsOnlyWhatTheDeadLeftBehind) {
  const auto mine = open();
  auto living = mine->writer("living").value();
  ASSERT_TRUE(living->append(as_bytes("still being ")));
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = FsBlobStore::open(root_);
    auto writer = store ? (*store)->writer("dying") : Result<std::unique_ptr<BlobWriter>>();
    if (!writer || !(*writer)->append(as_bytes("half")) || write(ready[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(temp_files(), 2U);
  open();
  EXPECT_EQ(temp_files(), 2U) << "both writers live";
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  close(ready[0]);
  close(ready[1]);

  const auto next = open();
  EXPECT_EQ(temp_files(), 1U);
  EXPECT_EQ(keys_of(next->list("")), std::vector<std::string>{});
  ASSERT_TRUE(living->append(as_bytes("written")));
  ASSERT_TRUE(living->commit());
  EXPECT_EQ(next->get("living").value(), "still being written");
  EXPECT_EQ(temp_files(), 0U);
}

TEST_F(FsBlobStoreTest, ATemporaryFileStolenBySomebodyElseIsAnErrorNotAHalfBlob) {
  const auto store = open();
  auto writer = store->writer("k").value();
  ASSERT_TRUE(writer->append(as_bytes("x")));
  for (const auto& file : fs::directory_iterator(root_ / "~tmp")) fs::remove(file.path());
  EXPECT_EQ(code_of(writer->commit()), Code::kUnavailable);
  EXPECT_EQ(code_of(store->get("k")), Code::kNotFound);
}

TEST_F(FsBlobStoreTest, AFullDiskIsNoSpaceWithWhatIsFree) {
  fs::create_directory(root_);
  if (mount("tmpfs", root_.c_str(), "tmpfs", 0, "size=1m") != 0)
    GTEST_SKIP() << "mounting a small tmpfs needs privileges";
  {
    const auto store = open();
    ASSERT_TRUE(put(*store, "small", as_bytes(std::string(100'000, 'x'))));
    const Status full = put(*store, "large", as_bytes(std::string(4 << 20, 'x')));
    EXPECT_EQ(code_of(full), Code::kNoSpace);
    EXPECT_NE(full.error().message.find(" free)"), std::string::npos) << full.error().text();
    EXPECT_FALSE(full.error().hint.empty());
    EXPECT_EQ(keys_of(store->list("")), std::vector<std::string>{"small"});
    EXPECT_EQ(temp_files(), 0U);
    EXPECT_GT(store->free_bytes().value(), 500'000U);
    EXPECT_GT(store->capacity_bytes().value(), store->free_bytes().value());
    EXPECT_TRUE(put(*store, "small2", as_bytes("x"))) << "and goes on when there is room again";
  }
  umount(root_.c_str());
}

TEST_F(FsBlobStoreTest, AFileThatIsNoDirectoryIsRefused) {
  std::ofstream(root_) << "a file";
  const auto store = FsBlobStore::open(root_);
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().message.find(root_.string()), std::string::npos);
}

// A crash after any system call must leave each key whole or absent: the child is killed at random
// points of a loop of writes, the parent then looks.
TEST_F(FsBlobStoreTest, AKilledWriterNeverLeavesAHalfBlob) {
  const std::string content(700'000, 'z');
  for (int round = 0; round < 15; ++round) {
    int started[2];
    ASSERT_EQ(pipe(started), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = FsBlobStore::open(root_);
      if (!store) _exit(1);
      for (int i = 0;; ++i) {
        const std::string key = "data/ns/u" + std::to_string(round) + "/" + std::to_string(i);
        if (!put(**store, key, as_bytes(content)) || write(started[1], "x", 1) != 1) _exit(1);
      }
    }
    char acknowledged[8];
    ssize_t count = 0;
    for (int i = 0; i <= round % 4; ++i) count += read(started[0], acknowledged, 1);
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    close(started[0]);
    close(started[1]);
    const auto store = open();
    const auto list = store->list("data/ns/u" + std::to_string(round) + "/");
    ASSERT_TRUE(list);
    EXPECT_GE(list->size(), static_cast<std::size_t>(count));
    for (const BlobInfo& blob : *list) EXPECT_EQ(store->get(blob.key).value(), content);
    EXPECT_EQ(temp_files(), 0U);
  }
}

}  // namespace
}  // namespace gb::storage
