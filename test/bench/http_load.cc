// Load on a server over TLS with a client certificate, on connections that stay: wrk has no
// such option.
//
//   http_load PORT CA CERT KEY CONNECTIONS SECONDS TARGETS [NAME:VALUE…]
//
// TARGETS is a file with a target a line, asked for in turn; the rest are headers. Every connection
// asks once to get warm; then "ready" is printed, a line is awaited on the standard input (so that
// the one who started it can look at the server first), and the load runs. One line of JSON says
// what was seen: whole answers with status 200 only; anything else ends the program with 1.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/file_limit.h"
#include "http/client.h"
#include "test/bench/process_usage.h"

namespace {

using gb::http::Client;
using gb::http::ClientRequest;
using std::chrono::steady_clock;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "http_load: %s\n", why.c_str());
  std::_Exit(1);
}

std::string text_of(const char* path) {
  std::ifstream file(path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty()) give_up(std::string("cannot read ") + path);
  return text;
}

double seconds_since(steady_clock::time_point begin) {
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

class Load {
 public:
  Load(gb::http::ClientOptions options, std::vector<std::string> targets)
      : options_(std::move(options)), targets_(std::move(targets)) {}

  void add_header(const std::string& header) {
    const auto colon = header.find(':');
    if (colon == std::string::npos) give_up("not a header: " + header);
    headers_.emplace_back(header.substr(0, colon), header.substr(colon + 1));
  }

  void run(int connections, double seconds) {
    std::vector<std::vector<double>> seen(static_cast<std::size_t>(connections));
    // Twice: all are warm; the word to begin was given.
    std::barrier gate(connections + 1);
    steady_clock::time_point begin;
    std::vector<std::jthread> threads;
    for (auto& latencies : seen)
      threads.emplace_back([&] {
        const auto client = connect();
        (void)ask(*client);
        gate.arrive_and_wait();
        gate.arrive_and_wait();
        while (seconds_since(begin) < seconds) {
          const auto asked = steady_clock::now();
          bytes_ += ask(*client);
          latencies.push_back(seconds_since(asked) * 1e3);
        }
      });
    gate.arrive_and_wait();
    std::printf("ready\n");
    std::fflush(stdout);
    std::string line;
    std::getline(std::cin, line);
    const double cpu = cpu_seconds();
    begin = steady_clock::now();
    gate.arrive_and_wait();
    threads.clear();
    report(seen, seconds_since(begin), cpu_seconds() - cpu);
  }

 private:
  // A client each: its pool holds the one connection.
  std::unique_ptr<Client> connect() {
    auto client = Client::make(options_);
    if (!client) give_up(client.error().text());
    return std::move(*client);
  }

  // The bytes of the answer's body.
  std::size_t ask(Client& client) {
    ClientRequest request;
    request.target = targets_[next_++ % targets_.size()];
    request.headers = headers_;
    request.timeout = std::chrono::minutes(2);
    const auto answer = client.send(request, {});
    if (!answer) give_up(request.target + ": " + answer.error().text());
    if (answer->status != 200)
      give_up(request.target + ": status " + std::to_string(answer->status) + ": " +
              answer->body.substr(0, 500));
    return answer->body.size();
  }

  void report(const std::vector<std::vector<double>>& seen, double seconds, double cpu) {
    std::vector<double> all;
    for (const auto& some : seen) all.insert(all.end(), some.begin(), some.end());
    std::ranges::sort(all);
    if (all.empty()) give_up("no request came to its end");
    std::printf(R"({"requests": %zu, "seconds": %.6f, "bytes": %zu, "p50": %.4f, "p99": %.4f, )"
                R"("cpu": %.6f})"
                "\n",
                all.size(), seconds, bytes_.load(), all[all.size() / 2], all[all.size() * 99 / 100],
                cpu);
  }

  gb::http::ClientOptions options_;
  std::vector<std::string> targets_;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> bytes_{0};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 8) {
    std::fprintf(stderr,
                 "usage: http_load PORT CA CERT KEY CONNECTIONS SECONDS TARGETS [NAME:VALUE...]\n");
    return 2;
  }
  gb::raise_file_limit();
  gb::http::ClientOptions options;
  options.host = "127.0.0.1";
  options.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  options.ca_pem = text_of(argv[2]);
  options.certificate = gb::http::KeyPair{text_of(argv[3]), text_of(argv[4])};
  std::vector<std::string> targets;
  std::ifstream file(argv[7]);
  for (std::string line; std::getline(file, line);) targets.push_back(line);
  if (targets.empty()) give_up("no targets");
  Load load(std::move(options), std::move(targets));
  for (int i = 8; i < argc; ++i) load.add_header(argv[i]);
  load.run(std::atoi(argv[5]), std::atof(argv[6]));
  return 0;
}
