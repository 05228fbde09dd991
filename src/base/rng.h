// Randomness, injected, so that a test can replay a run from its seed.
#pragma once

#include <cstdint>
#include <mutex>
#include <random>
#include <string>

namespace gb {

// Thread safety: all methods, from any thread.
class Rng {
 public:
  virtual ~Rng() = default;
  [[nodiscard]] virtual std::uint64_t next() = 0;
};

// The kernel's random numbers: fit for ids that nobody may guess.
class SystemRng final : public Rng {
 public:
  [[nodiscard]] std::uint64_t next() override;
};

class SeededRng final : public Rng {
 public:
  explicit SeededRng(std::uint64_t seed) : engine_(seed) {}
  [[nodiscard]] std::uint64_t next() override;

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

// A version 4 UUID, lower case, as Kubernetes writes metadata.uid.
[[nodiscard]] std::string make_uuid(Rng& rng);

// `length` characters of Kubernetes' alphabet for generated names (no vowels, no 0, 1, 3).
[[nodiscard]] std::string make_name_suffix(Rng& rng, std::size_t length);

}  // namespace gb
