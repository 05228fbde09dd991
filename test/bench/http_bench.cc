// Figures of the transport: small requests and large lists under wrk, memory and latency of a
// thousand watches whose clients are a process of their own.
//
//   http_bench [SECONDS]           runs everything (default 5 s for each load); needs wrk
//   http_bench watchers PORT N     the clients of the watch part (started by the above)
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/file_limit.h"
#include "http/server.h"
#include "test/bench/process_usage.h"

namespace {

using gb::http::FrameQueue;
using gb::http::Piece;
using std::chrono::steady_clock;

std::int64_t now_ns() {
  return steady_clock::now().time_since_epoch().count();
}

class BenchService final : public gb::http::Service {
 public:
  BenchService() {
    for (int i = 0; i < 10000; ++i)
      list_.push_back(
          std::make_shared<const std::string>(std::string(1500, static_cast<char>('a' + i % 26))));
  }
  std::variant<Admitted, gb::http::Response> admit(const gb::http::RequestHead&) override {
    return Admitted{};
  }
  gb::http::Response handle(gb::http::Request request, Admitted) override {
    gb::http::Response response;
    response.headers.add("Content-Type", "application/json");
    ++served_;
    if (request.head.target == "/list") {
      response.body = list_;
    } else if (request.head.target == "/watch") {
      auto queue = std::make_shared<FrameQueue>();
      const std::lock_guard lock(mutex_);
      queues_.push_back(queue);
      response.body = std::move(queue);
    } else {
      response.body = std::string(1200, 'x');
    }
    return response;
  }

  std::uint64_t served() const { return served_; }
  void broadcast() {
    const std::lock_guard lock(mutex_);
    const auto event = std::make_shared<const std::string>(std::to_string(now_ns()) +
                                                           std::string(1500, ' ') + "\n");
    for (const auto& queue : queues_) queue->push(event);
  }

 private:
  std::vector<Piece> list_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<FrameQueue>> queues_;
  std::atomic<std::uint64_t> served_{0};
};

void load(const BenchService& service, std::uint16_t port, const std::string& target,
          const std::string& seconds, const std::string& clients) {
  const double cpu = cpu_seconds();
  const std::uint64_t served = service.served();
  std::printf("--- GET %s, wrk -c%s\n", target.c_str(), clients.c_str());
  std::fflush(stdout);
  const std::string command = "wrk -t1 --timeout 10s -c" + clients + " -d" + seconds +
                              "s --latency https://127.0.0.1:" + std::to_string(port) + target +
                              " | grep -E '50%|99%|Requests/sec|Transfer/sec|Non-2xx|Socket'";
  if (std::system(command.c_str()) != 0) std::printf("wrk failed: is it installed?\n");
  const auto count = static_cast<double>(service.served() - served);
  std::printf("server CPU a request: %.1f us; RSS %ld KB\n", (cpu_seconds() - cpu) * 1e6 / count,
              resident_kib());
}

int watchers(std::uint16_t port, int count) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  std::vector<SSL*> clients;
  std::vector<pollfd> fds;
  for (int i = 0; i < count; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 1;
    SSL* ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    const char request[] = "GET /watch HTTP/1.1\r\nHost: a\r\n\r\n";
    char answer[4096];
    if (SSL_connect(ssl) != 1 || SSL_write(ssl, request, sizeof request - 1) <= 0 ||
        SSL_read(ssl, answer, sizeof answer) <= 0)
      return 1;
    clients.push_back(ssl);
    fds.push_back({fd, POLLIN, 0});
  }
  std::printf("ready\n");
  std::fflush(stdout);
  std::vector<double> latencies;
  while (latencies.size() < static_cast<std::size_t>(count) * 20 &&
         ::poll(fds.data(), fds.size(), 5000) > 0) {
    for (std::size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      char answer[16384];
      const int size = SSL_read(clients[i], answer, sizeof answer - 1);
      if (size <= 0) return 1;
      answer[size] = '\0';
      const char* text = std::strstr(answer, "\r\n");
      latencies.push_back(
          static_cast<double>(now_ns() - std::atoll(text != nullptr ? text + 2 : answer)) / 1e6);
    }
  }
  std::sort(latencies.begin(), latencies.end());
  if (latencies.empty()) return 1;
  std::printf("reads of events (some joined): %zu; latency p50 %.1f ms, p99 %.1f ms\n",
              latencies.size(), latencies[latencies.size() / 2],
              latencies[latencies.size() * 99 / 100]);
  return 0;
}

void watch_part(BenchService& service, std::uint16_t port, const char* self) {
  std::printf("--- 1000 watches\n");
  std::fflush(stdout);
  const std::int64_t before = resident_kib();
  const std::string command = std::string(self) + " watchers " + std::to_string(port) + " 1000";
  FILE* child = ::popen(command.c_str(), "r");
  char line[256];
  if (child == nullptr || std::fgets(line, sizeof line, child) == nullptr) {
    std::printf("the watchers could not connect\n");
    return;
  }
  std::printf("RSS a watch: %.1f KB\n", static_cast<double>(resident_kib() - before) / 1000);
  const double cpu = cpu_seconds();
  for (int i = 0; i < 20; ++i) {
    service.broadcast();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  std::printf("server CPU an event and watcher: %.1f us\n", (cpu_seconds() - cpu) * 1e6 / 20000);
  while (std::fgets(line, sizeof line, child) != nullptr) std::fputs(line, stdout);
  ::pclose(child);
}

}  // namespace

int main(int argc, char** argv) {
  gb::raise_file_limit();
  if (argc == 4 && std::string(argv[1]) == "watchers")
    return watchers(static_cast<std::uint16_t>(std::atoi(argv[2])), std::atoi(argv[3]));
  const auto wall =
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto pair = gb::http::make_self_signed({"127.0.0.1"}, wall);
  const auto tls = gb::http::TlsContext::server(*pair);
  BenchService service;
  gb::http::ServerOptions options;
  options.gzip_from = ~std::size_t{0};
  auto server = gb::http::Server::start(options, *tls, service);
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().text().c_str());
    return 1;
  }
  const std::string seconds = argc > 1 ? argv[1] : "5";
  watch_part(service, (*server)->port(), argv[0]);
  load(service, (*server)->port(), "/small", seconds, "32");
  load(service, (*server)->port(), "/list", seconds, "2");
  return 0;
}
