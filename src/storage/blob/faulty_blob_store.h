// A decorator that makes any store fail on purpose: the n-th call, after some bytes, by key, once
// or from then on, and also so that the call did happen although it answered an error. What every
// layer above is tested with; a running server never holds one.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/blob/blob_store.h"

namespace gb::storage {

enum class BlobCall { kWriter, kAppend, kCommit, kPutIfAbsent, kGet, kGetRange, kList, kRemove };
[[nodiscard]] std::string_view to_string(BlobCall call);

struct BlobFault {
  // Which calls: those of `calls` (empty: every call) whose key (a list's prefix) matches the glob.
  std::vector<BlobCall> calls{};
  std::string keys = "*";
  // Matching calls that are let through first, and how many fail after those (-1: all).
  std::int64_t skip = 0;
  std::int64_t times = 1;
  // An append fails when the bytes appended to matching keys pass this sum; its part up to it is
  // written. Other calls do not count. -1: no such condition.
  std::int64_t after_bytes = -1;

  Code code = Code::kUnavailable;
  bool happens = false;  // the call is carried out, then answers `code`: a lost answer
};

class FaultyBlobStore final : public BlobStore {
 public:
  explicit FaultyBlobStore(BlobStore& inner) : inner_(inner) {}

  void inject(BlobFault fault);
  void clear();                               // no faults from now on
  [[nodiscard]] std::uint64_t calls() const;  // made so far, failed ones included

  // Called before each call, outside of every lock: to order threads, or to act between two calls.
  void set_observer(std::function<void(BlobCall, const std::string& key)> observer);

  Result<std::unique_ptr<BlobWriter>> writer(std::string_view key) override;
  Status put_if_absent(std::string_view key, Bytes bytes) override;
  Result<std::string> get(std::string_view key) override;
  Result<std::string> get_range(std::string_view key, std::uint64_t offset,
                                std::uint64_t length) override;
  Result<std::vector<BlobInfo>> list(std::string_view prefix) override;
  Status remove(std::string_view key) override;

 private:
  class Writer;
  struct Armed {
    BlobFault fault;
    std::int64_t seen = 0;
    std::int64_t bytes = 0;
  };
  struct Verdict {
    bool fails = false;
    bool happens = false;
    std::uint64_t bytes = 0;  // of an append: written before it fails
    Error error;
  };
  Verdict judge(BlobCall call, std::string_view key, std::uint64_t bytes = 0);
  // `action` unless a fault says otherwise.
  template <typename Action>
  auto run(BlobCall call, std::string_view key, Action action) -> decltype(action());

  BlobStore& inner_;
  mutable std::mutex mutex_;
  std::vector<Armed> faults_;
  std::uint64_t calls_ = 0;
  std::function<void(BlobCall, const std::string&)> observer_;
};

}  // namespace gb::storage
