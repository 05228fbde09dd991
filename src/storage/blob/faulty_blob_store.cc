#include "storage/blob/faulty_blob_store.h"

#include <algorithm>

namespace gb::storage {

std::string_view to_string(BlobCall call) {
  switch (call) {
    case BlobCall::kWriter:
      return "writer";
    case BlobCall::kAppend:
      return "append";
    case BlobCall::kCommit:
      return "commit";
    case BlobCall::kPutIfAbsent:
      return "put_if_absent";
    case BlobCall::kGet:
      return "get";
    case BlobCall::kGetRange:
      return "get_range";
    case BlobCall::kList:
      return "list";
    case BlobCall::kRemove:
      return "remove";
  }
  return "?";
}

void FaultyBlobStore::inject(BlobFault fault) {
  const std::lock_guard lock(mutex_);
  faults_.push_back({std::move(fault)});
}

void FaultyBlobStore::clear() {
  const std::lock_guard lock(mutex_);
  faults_.clear();
}

std::uint64_t FaultyBlobStore::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

void FaultyBlobStore::set_observer(std::function<void(BlobCall, const std::string&)> observer) {
  const std::lock_guard lock(mutex_);
  observer_ = std::move(observer);
}

FaultyBlobStore::Verdict FaultyBlobStore::judge(BlobCall call, std::string_view key,
                                                std::uint64_t bytes) {
  std::function<void(BlobCall, const std::string&)> observer;
  {
    const std::lock_guard lock(mutex_);
    observer = observer_;
  }
  if (observer) observer(call, std::string(key));

  const std::lock_guard lock(mutex_);
  ++calls_;
  for (Armed& armed : faults_) {
    const BlobFault& fault = armed.fault;
    if (!fault.calls.empty() && std::ranges::find(fault.calls, call) == fault.calls.end()) continue;
    if (!glob_match(fault.keys, key)) continue;
    std::uint64_t written = 0;
    if (fault.after_bytes >= 0) {
      if (call != BlobCall::kAppend) continue;
      const std::int64_t before = armed.bytes;
      armed.bytes += static_cast<std::int64_t>(bytes);
      if (armed.bytes <= fault.after_bytes) continue;
      written = static_cast<std::uint64_t>(std::max<std::int64_t>(fault.after_bytes - before, 0));
    }
    const std::int64_t nth = armed.seen++;
    if (nth < fault.skip || (fault.times >= 0 && nth >= fault.skip + fault.times)) continue;
    Verdict verdict{true, fault.happens, written, {}};
    verdict.error.code = fault.code;
    verdict.error.message =
        "injected: " + std::string(to_string(call)) + " of " + std::string(key) + " failed";
    return verdict;
  }
  return {};
}

template <typename Action>
auto FaultyBlobStore::run(BlobCall call, std::string_view key, Action action)
    -> decltype(action()) {
  Verdict verdict = judge(call, key);
  if (!verdict.fails) return action();
  if (verdict.happens) {
    // What the store says when it does answer is truer than the injected loss of the answer.
    if (auto done = action(); !done) return done;
  }
  return fail(std::move(verdict.error));
}

class FaultyBlobStore::Writer final : public BlobWriter {
 public:
  Writer(FaultyBlobStore& store, std::string key, std::unique_ptr<BlobWriter> inner)
      : store_(store), key_(std::move(key)), inner_(std::move(inner)) {}

  Status append(Bytes bytes) override {
    Verdict verdict = store_.judge(BlobCall::kAppend, key_, bytes.size());
    if (!verdict.fails) return inner_->append(bytes);
    GB_TRY(inner_->append(verdict.happens ? bytes : bytes.first(verdict.bytes)));
    return fail(std::move(verdict.error));
  }

  Status commit() override {
    return store_.run(BlobCall::kCommit, key_, [&] { return inner_->commit(); });
  }

 private:
  FaultyBlobStore& store_;
  std::string key_;
  std::unique_ptr<BlobWriter> inner_;
};

Result<std::unique_ptr<BlobWriter>> FaultyBlobStore::writer(std::string_view key) {
  return run(BlobCall::kWriter, key, [&]() -> Result<std::unique_ptr<BlobWriter>> {
    GB_TRY_ASSIGN(auto inner, inner_.writer(key));
    return std::make_unique<Writer>(*this, std::string(key), std::move(inner));
  });
}

Status FaultyBlobStore::put_if_absent(std::string_view key, Bytes bytes) {
  return run(BlobCall::kPutIfAbsent, key, [&] { return inner_.put_if_absent(key, bytes); });
}

Result<std::string> FaultyBlobStore::get(std::string_view key) {
  return run(BlobCall::kGet, key, [&] { return inner_.get(key); });
}

Result<std::string> FaultyBlobStore::get_range(std::string_view key, std::uint64_t offset,
                                               std::uint64_t length) {
  return run(BlobCall::kGetRange, key, [&] { return inner_.get_range(key, offset, length); });
}

Result<std::vector<BlobInfo>> FaultyBlobStore::list(std::string_view prefix) {
  return run(BlobCall::kList, prefix, [&] { return inner_.list(prefix); });
}

Status FaultyBlobStore::remove(std::string_view key) {
  return run(BlobCall::kRemove, key, [&] { return inner_.remove(key); });
}

}  // namespace gb::storage
