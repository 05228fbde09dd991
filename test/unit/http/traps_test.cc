// What an attacker or a broken client sends, byte by byte over TLS: every trap of cpp-httplib
// 0.11.4 that docs/adr/0001-transport.md lists, and every class of its known vulnerabilities.
#include <openssl/err.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <latch>
#include <stdexcept>

#include "test/unit/http/server_fixture.h"

namespace gb::http::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class TrapsTest : public ServerTest {
 protected:
  // The request is refused before the service hears of it, the client is told so and the connection
  // ends: whatever follows the bytes is never read as a request.
  void expect_refused(const std::string& bytes, int status, const std::string& why = "") {
    const int before = service.admitted();
    RawClient client(port());
    ASSERT_TRUE(client.send(bytes)) << bytes.substr(0, 200);
    ASSERT_TRUE(client.send(kGet));
    const auto response = client.response();
    ASSERT_TRUE(response) << "no answer to " << bytes.substr(0, 200);
    EXPECT_EQ(response->status, status) << bytes.substr(0, 200);
    EXPECT_EQ(response->header("connection"), "close");
    EXPECT_EQ(response->header("content-type"), "application/json");
    EXPECT_THAT(response->body, HasSubstr("\"kind\":\"Status\""));
    EXPECT_THAT(response->body, HasSubstr(why));
    EXPECT_TRUE(client.ended()) << "the connection went on after " << bytes.substr(0, 200);
    EXPECT_EQ(service.admitted(), before) << bytes.substr(0, 200);
  }
  static std::string get(const std::string& fields) {
    return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
  }
  static std::string post(const std::string& fields, const std::string& body = "") {
    return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
  }
};

// Trap: values of request headers are percent-decoded (CVE-2026-45372).
TEST_F(TrapsTest, HeaderValuesAreNeverDecoded) {
  Headers seen;
  service.on_admit = [&](const RequestHead& head) -> std::variant<Service::Admitted, Response> {
    seen = head.headers;
    return Service::Admitted{};
  };
  start();
  RawClient client(port());
  ASSERT_TRUE(client.request(
      get("X-Remote-User: al%0d%0aX-Remote-Group%3A system%3Amasters\r\nx-remote-group: a, b\r\n"
          "X-Remote-Group:\tc \r\nX-Empty:\r\n")));
  EXPECT_EQ(seen.get("x-remote-user"), "al%0d%0aX-Remote-Group%3A system%3Amasters");
  EXPECT_THAT(seen.all("X-Remote-Group"), ElementsAre("a, b", "c")) << "all values, none split";
  EXPECT_EQ(seen.get("X-Empty"), "") << "an empty value is a value";
  EXPECT_EQ(seen.fields().size(), 5U);
}

// Trap: `Name : v` accepted, bad lines skipped.
TEST_F(TrapsTest, BrokenHeaderLinesAreRefused) {
  start();
  for (const char* line : {"X-Remote-User : admin\r\n", " X-Folded: x\r\n", "A: b\r\n\tfolded\r\n",
                           "no colon\r\n", ": no name\r\n", "N\x01me: x\r\n", "Na(me: x\r\n",
                           "A: b\x01\r\n", "A: b\x7f\r\n", "A: b\rX-Remote-User: admin\r\n"})
    expect_refused(get(line), 400);
}

TEST_F(TrapsTest, LinesThatDoNotEndInCrlfAreRefused) {
  start();
  expect_refused("GET / HTTP/1.1\nHost: a\n\n", 400, "CRLF");
  expect_refused("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400, "CRLF");
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\n\n", 400, "CRLF");
  expect_refused("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
  expect_refused(get("X: " + std::string(1, '\0') + "y\r\n"), 400, "NUL");
}

// Trap: no count or size cap (CVE-2025-53628, -52887).
TEST_F(TrapsTest, HeadsAreLimitedInSizeAndFields) {
  start();
  std::string fields;
  for (int i = 0; i < 199; ++i) fields += "X-" + std::to_string(i) + ": y\r\n";
  RawClient client(port());
  auto response = client.request(get(fields));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200) << "200 fields are fine";
  response = client.request(get("X: " + std::string(65000, 'y') + "\r\n"));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);

  expect_refused(get(fields + "One: more\r\n"), 431, "too many header fields");
  expect_refused(get("X: " + std::string(66000, 'y') + "\r\n"), 431, "too large");
  expect_refused("GET /" + std::string(70000, 'x'), 431, "too large");
}

TEST_F(TrapsTest, RequestLinesAreStrict) {
  start();
  for (const char* line :
       {"GET  / HTTP/1.1", "GET /", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "GET / HTTPS/1.1",
        "G@T / HTTP/1.1", "GET /a b HTTP/1.1", "GET http://other/ HTTP/1.1",
        "CONNECT a:443 HTTP/1.1", "OPTIONS * HTTP/1.1", "GET /#fragment HTTP/1.1",
        "GET /\x80 HTTP/1.1", "GET / http/1.1", "GET / HTTP/1.10", "GET\t/ HTTP/1.1"})
    expect_refused(std::string(line) + "\r\nHost: a\r\n\r\n", 400);
  for (const char* version : {"HTTP/2.0", "HTTP/1.2", "HTTP/0.9"})
    expect_refused("GET / " + std::string(version) + "\r\nHost: a\r\n\r\n", 505);
}

TEST_F(TrapsTest, OneHostExactly) {
  start();
  expect_refused("GET / HTTP/1.1\r\n\r\n", 400, "Host header is missing");
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", 400, "more than one Host");
}

TEST_F(TrapsTest, TargetsReachTheServiceAsSent) {
  start();
  RawClient client(port());
  const std::string query = std::string(20000, 'q');
  for (const std::string& target : {std::string("/a%2e%2e/%00?b=%0d%0a&c?d=1?e"),
                                    std::string("/../..//x"), "/list?labelSelector=" + query}) {
    const auto response = client.request("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(response) << target.substr(0, 100);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "GET " + target + " ");
  }
}

// Trap: std::regex routes overflow small stacks with long paths (CVE-2026-29076).
TEST_F(TrapsTest, ALongPathIsAnsweredNotACrash) {
  start();
  RawClient client(port());
  auto response = client.request("GET /" + std::string(8000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  response = client.request("GET /" + std::string(50000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 414);
  EXPECT_TRUE(client.request(kGet)) << "the framing was clear: the connection goes on";
}

TEST_F(TrapsTest, UnknownMethodsReachTheService) {
  start();
  RawClient client(port());
  for (const char* method : {"TRACE", "PROPFIND", "FROB", "PRI"}) {
    const auto response = client.request(std::string(method) + " /x HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(response);
    EXPECT_EQ(response->body, std::string(method) + " /x ") << "who answers 405 is the service";
  }
}

// Trap: REMOTE_ADDR is added to and believed from the headers (CVE-2025-66570).
TEST_F(TrapsTest, TheAddressComesFromTheSocket) {
  RequestHead seen;
  service.on_handle = [&](Request& request, const auto&) {
    seen = request.head;
    return text_response(200, "");
  };
  start();
  RawClient client(port());
  ASSERT_TRUE(client.request(get("REMOTE_ADDR: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\n")));
  EXPECT_THAT(seen.peer, testing::StartsWith("127.0.0.1:"));
  EXPECT_EQ(seen.headers.all("REMOTE_ADDR").size(), 1U) << "nothing was added";
}

// Trap: `Content-Length: abc` is 0; both framings accepted; the first of two lengths wins.
TEST_F(TrapsTest, AmbiguousFramingIsRefused) {
  start();
  for (const char* length : {"abc", "", "-1", "+5", "0x5", "5, 5", "5 5", "1e3",
                             "99999999999999999999", "18446744073709551616"})
    expect_refused(post("Content-Length: " + std::string(length) + "\r\n", "hello"), 400);
  expect_refused(post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400);
  expect_refused(post("Content-Length: 5\r\nContent-Length: 50\r\n", "hello"), 400);
  const std::string chunks = "5\r\nhello\r\n0\r\n\r\n";
  expect_refused(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunks), 400);
  expect_refused(post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", chunks), 400);
  expect_refused(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunks), 400);
  for (const char* encoding : {"gzip, chunked", "identity", "xchunked", "chunked, chunked", ""})
    expect_refused(post("Transfer-Encoding: " + std::string(encoding) + "\r\n", chunks), 501);
  expect_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, 400);
  expect_refused(post("Expect: 200-ok\r\n"), 417);
}

// Trap: a body on GET is never read and becomes the next request (CVE-2026-34441).
TEST_F(TrapsTest, ABodyNeverBecomesTheNextRequest) {
  start();
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const char* method : {"GET", "HEAD", "DELETE", "OPTIONS", "FROB"}) {
    RawClient client(port());
    ASSERT_TRUE(
        client.send(std::string(method) + " /outer HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                    std::to_string(smuggled.size()) + "\r\n\r\n" + smuggled + std::string(kGet)));
    auto response = client.response(std::string(method) != "HEAD");
    ASSERT_TRUE(response);
    response = client.response();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->body, "GET /next ") << method;
  }
}

// Of requests that mean nothing by a body nobody keeps one: /livez takes them from everybody.
TEST_F(TrapsTest, ABodyThatMeansNothingIsThrownAway) {
  service.on_arrive = [](const RequestHead&) -> std::optional<Service::Arrival> {
    return Service::Arrival{.takes_body = false};
  };
  service.on_handle = [](Request& request, const auto&) {
    return text_response(200, std::to_string(request.body.size()) + " of " +
                                  std::to_string(request.body.capacity()));
  };
  start();
  const std::string nothing = "0 of " + std::to_string(std::string().capacity());
  const std::string small(200000, 'x');
  const std::string chunks = "30d40\r\n" + small + "\r\n0\r\n\r\n";
  for (const std::string& request :
       {post("Content-Length: 200000\r\n", small), post("Transfer-Encoding: chunked\r\n", chunks),
        post("Content-Encoding: gzip\r\nContent-Length: 5\r\n", "hello")}) {
    RawClient client(port());
    const auto response = client.request(request);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, nothing);
    EXPECT_TRUE(client.request(kGet)) << "the connection was kept, and nothing is left over";
  }
  // Too much of it, and what is asked for first, is not waited for.
  for (const char* fields : {"Content-Length: 3000000\r\n", "Content-Length: 99999999999\r\n",
                             "Content-Length: 5\r\nExpect: 100-continue\r\n"}) {
    RawClient client(port());
    const auto response = client.request(post(fields));
    ASSERT_TRUE(response) << fields;
    EXPECT_EQ(response->status, 200) << fields;
    EXPECT_EQ(response->body, nothing);
    EXPECT_EQ(response->header("connection"), "close");
    EXPECT_TRUE(client.ended());
  }
  RawClient endless(port());
  ASSERT_TRUE(endless.send(post("Transfer-Encoding: chunked\r\n")));
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(endless.send("30d40\r\n" + small + "\r\n")) << "it is read up to the limit";
  const auto response = endless.response();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, nothing);
  EXPECT_EQ(response->header("connection"), "close");
  RawClient broken(port());
  const auto refused = broken.request(post("Transfer-Encoding: chunked\r\n", "x\r\n"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 400);
}

TEST_F(TrapsTest, MalformedChunksEndTheConnection) {
  start();
  for (const char* body :
       {"x\r\n", "5\r\nhelloGET", "-5\r\n", "ffffffffffffffffff\r\n", "5\nhello\n0\n\n"}) {
    RawClient client(port());
    ASSERT_TRUE(client.send(post("Transfer-Encoding: chunked\r\n", body) + std::string(kGet)));
    const auto response = client.response();
    ASSERT_TRUE(response) << body;
    EXPECT_EQ(response->status, 400) << body;
    EXPECT_TRUE(client.ended());
  }
}

// Trap: no limit on chunked bodies (CVE-2025-46728, -53629).
TEST_F(TrapsTest, BodiesOverTheBudgetAreRefusedInBothFramings) {
  start({.max_body = 1000});
  RawClient declared(port());
  auto response = declared.request(post("Content-Length: 1001\r\n"));
  ASSERT_TRUE(response) << "refused on its declared length, before a byte of it";
  EXPECT_EQ(response->status, 413);
  EXPECT_THAT(response->body, HasSubstr("Request entity too large: limit is 1000"));
  EXPECT_TRUE(declared.ended());

  RawClient chunked(port());
  std::string chunks;
  for (int i = 0; i < 11; ++i) chunks += "64\r\n" + std::string(100, 'x') + "\r\n";
  ASSERT_TRUE(chunked.send(post("Transfer-Encoding: chunked\r\n", chunks)));
  response = chunked.response();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 413);
  EXPECT_TRUE(chunked.ended());
}

// Trap: decompression bombs (CVE-2026-22776, -28435).
TEST_F(TrapsTest, AContentEncodingIsRefusedBeforeTheBody) {
  bool handled = false;
  service.on_handle = [&](Request&, const auto&) {
    handled = true;
    return text_response(200, "");
  };
  start();
  for (const char* encoding : {"gzip", "br", "deflate", "x", "gzip, gzip"}) {
    RawClient client(port());
    const auto response = client.request(
        post("Content-Encoding: " + std::string(encoding) + "\r\nContent-Length: 1000000\r\n"));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 415);
    EXPECT_TRUE(client.ended());
  }
  EXPECT_FALSE(handled);
}

// CVE-2018-1002105.
TEST_F(TrapsTest, AnUpgradeIsRefusedAndTheConnectionEnds) {
  start();
  RawClient client(port());
  ASSERT_TRUE(
      client.send(get("Connection: Upgrade\r\nUpgrade: websocket\r\n") + std::string(kGet)));
  const auto response = client.response();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 400);
  EXPECT_THAT(response->body, HasSubstr("upgrade"));
  EXPECT_TRUE(client.ended());
}

// Trap: Range gives 206, Accept-Encoding gives brotli.
TEST_F(TrapsTest, RangesAndBrotliAreNotForUs) {
  service.on_handle = [](Request&, const auto&) {
    return text_response(200, std::string(1000, 'x'));
  };
  start({.gzip_from = 1 << 20});
  RawClient client(port());
  const auto response = client.request(get("Range: bytes=0-1\r\nAccept-Encoding: br, gzip\r\n"));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body.size(), 1000U);
  EXPECT_EQ(response->header("content-encoding"), "");
  EXPECT_EQ(response->header("accept-ranges"), "");
}

// Trap: exception text leaks in a header (CVE-2026-28434).
TEST_F(TrapsTest, AnExceptionIsAPlain500) {
  const auto explode = [](bool standard) {
    if (standard) throw std::runtime_error("password is hunter2");
    throw 42;
  };
  service.on_admit = [&](const RequestHead& head) -> std::variant<Service::Admitted, Response> {
    if (head.target == "/admit") explode(true);
    if (head.target == "/admit-int") explode(false);
    return Service::Admitted{};
  };
  service.on_handle = [&](Request& request, const auto&) {
    explode(request.head.target == "/handle");
    return text_response(200, "");
  };
  start();
  RawClient client(port());
  for (const char* target : {"/admit", "/admit-int", "/handle", "/handle-int"}) {
    const auto response =
        client.request("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(response) << target;
    EXPECT_EQ(response->status, 500);
    EXPECT_THAT(response->head + response->body, Not(HasSubstr("hunter2")));
    EXPECT_THAT(response->head, Not(HasSubstr("EXCEPTION")));
    EXPECT_THAT(response->body, HasSubstr("\"reason\":\"InternalError\""));
  }
}

// Response header injection (CVE-2026-21428).
TEST_F(TrapsTest, AResponseHeaderCannotInjectAnother) {
  service.on_handle = [](Request&, const auto&) {
    auto response = text_response(200, "x");
    response.headers.add("X-Evil", "a\r\nSet-Cookie: b");
    response.headers.add("X-Nul", std::string("a\0b", 3));
    response.headers.add("X-Bad\r\nName", "c");
    response.headers.add("Content-Length", "999");
    response.headers.add("Transfer-Encoding", "chunked");
    response.headers.add("X-Good", "d");
    return response;
  };
  start();
  RawClient client(port());
  const auto response = client.request(kGet);
  ASSERT_TRUE(response);
  EXPECT_THAT(response->head, Not(HasSubstr("Set-Cookie")));
  EXPECT_THAT(response->head, Not(HasSubstr("Evil")));
  EXPECT_THAT(response->head, Not(HasSubstr("X-Bad")));
  EXPECT_EQ(response->header("x-good"), "d");
  EXPECT_EQ(response->headers.count("content-length"), 1U);
  EXPECT_EQ(response->body, "x");
  EXPECT_TRUE(client.request(kGet));
}

// The admission comes before the body: a refused POST with an unsent body is answered.
TEST_F(TrapsTest, ARefusalDoesNotWaitForTheBody) {
  service.on_admit = [](const RequestHead&) -> std::variant<Service::Admitted, Response> {
    return text_response(401, "Unauthorized");
  };
  start();
  for (const char* fields : {"Content-Length: 3000000\r\n", "Transfer-Encoding: chunked\r\n",
                             "Content-Length: 99999999999\r\n"}) {
    RawClient client(port());
    const auto response = client.request(post(fields));
    ASSERT_TRUE(response) << fields;
    EXPECT_EQ(response->status, 401);
    EXPECT_EQ(response->header("connection"), "close");
    EXPECT_TRUE(client.ended());
  }
  // With the whole body there, nothing stands in the way of the next request.
  RawClient client(port());
  const auto response = client.request(post("Content-Length: 5\r\n", "hello"));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->header("connection"), "");
  EXPECT_TRUE(client.request(kGet));
}

TEST_F(TrapsTest, ARefusalReachesAClientThatIsStillSending) {
  service.on_admit = [](const RequestHead&) -> std::variant<Service::Admitted, Response> {
    return text_response(403, "no");
  };
  start();
  RawClient client(port());
  // More than the sockets' buffers hold: without a lingering close the reset overtakes the answer.
  ASSERT_TRUE(client.send(post("Content-Length: 3000000\r\n")));
  const std::string block(100000, 'x');
  for (int i = 0; i < 20; ++i)
    if (!client.send(block)) break;
  const auto response = client.response();
  ASSERT_TRUE(response) << "the answer was lost";
  EXPECT_EQ(response->status, 403);
}

TEST_F(TrapsTest, SlowHeadsAndBodiesAreCut) {
  const auto clock = manual_clock();
  using std::chrono::milliseconds;
  start({.head_deadline = milliseconds(1000),
         .body_deadline = milliseconds(5000),
         .idle_deadline = milliseconds(100000),
         .clock = clock});
  RawClient half_head(port());
  ASSERT_TRUE(half_head.send("GET / HTTP/1.1\r\nHost:"));
  RawClient half_body(port());
  ASSERT_TRUE(half_body.send(post("Content-Length: 5\r\n", "he")));
  ASSERT_TRUE(service.wait_admitted(1));
  const RawClient no_handshake(port(), {.tls = false});
  ASSERT_TRUE(eventually([&] { return server->stats().connections == 3; }));
  ASSERT_TRUE(
      pass_time(*clock, milliseconds(500), [&] { return server->stats().connections == 0; }));
  EXPECT_FALSE(half_head.response());
  EXPECT_FALSE(half_body.response());
  EXPECT_TRUE(in_flight_becomes(0)) << "what was lost is over";
}

TEST_F(TrapsTest, AClientThatTricklesItsHeadIsCutToo) {
  const auto clock = manual_clock();
  using std::chrono::milliseconds;
  start({.head_deadline = milliseconds(1000), .clock = clock});
  RawClient client(port());
  ASSERT_TRUE(client.send("GET / HTTP/1.1\r\n"));
  ASSERT_TRUE(pass_time(*clock, milliseconds(50), [&] {
    client.send("X");
    return server->stats().connections == 0;
  })) << "each byte must not buy more time";
}

TEST_F(TrapsTest, IdleConnectionsEndCleanlyAfterTheirTime) {
  const auto clock = manual_clock();
  using std::chrono::milliseconds;
  start({.head_deadline = milliseconds(1000), .clock = clock});
  RawClient client(port());
  ASSERT_TRUE(client.request(kGet));
  clock->advance(std::chrono::seconds(599));
  ASSERT_TRUE(client.request(kGet)) << "longer than the 90 s of kube-apiserver";
  std::jthread time([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      clock->advance(std::chrono::seconds(100));
      std::this_thread::sleep_for(milliseconds(10));
    }
  });
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(client.clean_end());
}

TEST_F(TrapsTest, AConnectionThatNeverAsksForAnythingEndsSoon) {
  const auto clock = manual_clock();
  using std::chrono::milliseconds;
  start({.head_deadline = milliseconds(1000), .clock = clock});
  RawClient asked(port());
  ASSERT_TRUE(asked.request(kGet));
  RawClient silent(port());
  ASSERT_TRUE(silent.connected());
  ASSERT_TRUE(
      pass_time(*clock, milliseconds(100), [&] { return server->stats().connections == 1; }));
  EXPECT_TRUE(silent.ended());
  EXPECT_TRUE(asked.request(kGet)) << "who has asked may be idle for ten minutes";
}

TEST_F(TrapsTest, AReaderThatTakesNothingIsCut) {
  const auto clock = manual_clock();
  using std::chrono::milliseconds;
  service.on_handle = [](Request&, const auto&) {
    return text_response(200, std::string(64 << 20, 'x'));
  };
  start({.write_deadline = milliseconds(1000), .clock = clock});
  RawClient client(port(), {.receive_buffer = 4096});
  ASSERT_TRUE(client.send(kGet));
  ASSERT_TRUE(client.head());
  ASSERT_TRUE(
      pass_time(*clock, milliseconds(100), [&] { return server->stats().connections == 0; }));
  EXPECT_TRUE(in_flight_becomes(0));
}

// Who reads steadily, but without end, is cut as well: the answer and its place are held until
// then.
TEST_F(TrapsTest, AReaderThatTakesForeverIsCut) {
  const auto clock = manual_clock();
  using std::chrono::seconds;
  const auto begun = clock->steady_now();
  std::atomic<int> places{0};
  service.on_arrive = [&](const RequestHead&) -> std::optional<Service::Arrival> {
    ++places;
    return Service::Arrival{Lane::kQuick, std::shared_ptr<void>(&places, [&](void*) { --places; })};
  };
  service.on_handle = [](Request&, const auto&) {
    return text_response(200, std::string(64 << 20, 'x'));
  };
  start({.write_deadline = seconds(100), .clock = clock});
  RawClient client(port(), {.receive_buffer = 4096});
  ASSERT_TRUE(client.send(kGet));
  ASSERT_TRUE(client.head());
  EXPECT_EQ(places, 1) << "the answer is made, but has not left";
  ASSERT_TRUE(pass_time(*clock, seconds(1), [&] {
    for (int i = 0; i < 4; ++i) client.receive();
    return server->stats().connections == 0;
  }));
  // 100 s, and a second for each of its 256 quarters of a megabyte.
  EXPECT_GE(clock->steady_now() - begun, seconds(356));
  EXPECT_TRUE(eventually([&] { return places == 0; }));
}

TEST_F(TrapsTest, PlainHttpIsToldSo) {
  start();
  RawClient client(port(), {.tls = false});
  ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  const auto response = client.head();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 400);
  EXPECT_EQ(service.admitted(), 0);
}

TEST_F(TrapsTest, GarbageInsteadOfAHandshakeHarmsNobody) {
  start();
  RawClient garbage(port(), {.tls = false});
  ASSERT_TRUE(garbage.send(std::string(1000, '\x16')));
  RawClient gone(port(), {.tls = false});
  EXPECT_TRUE(RawClient(port()).request(kGet));
  while (garbage.receive()) {
  }
}

TEST_F(TrapsTest, ConnectionsBeyondTheCapAreClosedAtOnce) {
  start({.max_connections = 3});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(port()));
    ASSERT_TRUE(clients.back()->request(kGet));
  }
  testing::internal::CaptureStderr();
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(RawClient(port()).connected());
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.find("connections were refused"), said.rfind("connections were refused"))
      << "one line, not one for each";
  EXPECT_THAT(said, HasSubstr("connections were refused count=1 peer=\"127.0.0.1:"));
  clients.pop_back();
  EXPECT_TRUE(eventually([&] { return RawClient(port()).connected(); }));
  EXPECT_TRUE(clients[0]->request(kGet));
}

// A pod needs no credentials to open connections, and no handshake: kubelet's probes and
// kube-apiserver come through all the same.
TEST_F(TrapsTest, ConnectionsOfNobodyKnownMakeRoomForNewOnes) {
  service.on_admit = [](const RequestHead& head) -> std::variant<Service::Admitted, Response> {
    return Service::Admitted(std::make_shared<bool>(head.target != "/livez"));
  };
  service.on_is_known = [](const Service::Admitted& admitted) {
    return *std::static_pointer_cast<bool>(admitted);
  };
  start({.max_connections = 4});
  RawClient known(port());
  ASSERT_TRUE(known.request(kGet));
  std::vector<std::unique_ptr<RawClient>> silent;
  testing::internal::CaptureStderr();
  for (int i = 0; i < 10; ++i) {
    silent.push_back(std::make_unique<RawClient>(port(), RawClient::Options{.tls = false}));
    ASSERT_TRUE(eventually([&] {
      return server->stats().connections ==
             std::min<std::size_t>(4, 2 + static_cast<std::size_t>(i));
    }));
  }
  RawClient probe(port());
  const auto alive = probe.request("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string said = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(alive);
  EXPECT_EQ(alive->status, 200);
  EXPECT_TRUE(silent.front()->ended()) << "the oldest goes first";
  EXPECT_TRUE(known.request(kGet)) << "who is known stays";
  EXPECT_EQ(server->stats().connections, 4U);
  EXPECT_THAT(said,
              HasSubstr("connections of nobody known were closed for newer ones count=1 peer="));
  EXPECT_THAT(said, Not(HasSubstr("refused")));
  // Who has shaken hands and asked for what is open to everybody is nobody known either.
  std::vector<std::unique_ptr<RawClient>> others;
  for (int i = 0; i < 3; ++i) {
    others.push_back(std::make_unique<RawClient>(port()));
    ASSERT_TRUE(others.back()->request(kGet)) << i;
  }
  EXPECT_TRUE(probe.ended());
  EXPECT_FALSE(RawClient(port()).connected()) << "all are known now";
}

TEST_F(TrapsTest, WhatAWorkerWorksForIsNotClosedForNewOnes) {
  std::latch go_on{1};
  service.on_is_known = [](const Service::Admitted&) { return false; };
  service.on_handle = [&](Request& request, const auto&) {
    if (request.head.target == "/slow") go_on.wait();
    return text_response(200, "");
  };
  start({.max_connections = 2});
  RawClient slow(port());
  ASSERT_TRUE(slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_TRUE(service.wait_admitted(1));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(RawClient(port()).request(kGet));
  go_on.count_down();
  const auto response = slow.response();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
}

// A client whose TLS a test shapes by its context.
class Handshake {
 public:
  Handshake(std::uint16_t port, SSL_CTX* context, SSL_SESSION* resumed = nullptr)
      : raw_(port, {.tls = false}), ssl_(SSL_new(context)) {
    SSL_set_fd(ssl_, raw_.fd());
    if (resumed != nullptr) SSL_set_session(ssl_, resumed);
    ERR_clear_error();
    done_ = SSL_connect(ssl_) == 1;
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    if (reason != nullptr) refused_ = reason;
  }
  ~Handshake() { SSL_free(ssl_); }
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] const std::string& refused() const { return refused_; }
  [[nodiscard]] SSL* ssl() const { return ssl_; }
  // Sends a request, and reads what is there first.
  [[nodiscard]] bool answered() const {
    char some[64];
    return SSL_write(ssl_, kGet.data(), static_cast<int>(kGet.size())) > 0 &&
           SSL_read(ssl_, some, sizeof some) > 0;
  }

 private:
  RawClient raw_;
  SSL* ssl_;
  bool done_ = false;
  std::string refused_;
};

using ClientContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

ClientContext client_context(int version = 0) {
  ClientContext context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  return context;
}

// Trap: an ALPN that is not ours.
TEST_F(TrapsTest, OnlyHttp11IsNegotiated) {
  start();
  const auto shake = [&](std::string protocols) {
    const ClientContext context = client_context();
    SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                            static_cast<unsigned>(protocols.size()));
    const Handshake client(port(), context.get());
    if (!client.done()) return std::string("refused");
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client.ssl(), &name, &size);
    return std::string(reinterpret_cast<const char*>(name), size);
  };
  EXPECT_EQ(shake("\x02h2\x08http/1.1"), "http/1.1");
  EXPECT_EQ(shake("\x02h2"), "refused");
}

TEST_F(TrapsTest, TlsBefore12IsRefused) {
  start();
  const auto shake = [&](int version) {
    const ClientContext context = client_context(version);
    // Else it is the client's own library that refuses.
    SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0");
    const Handshake client(port(), context.get());
    return client.done() ? std::string(SSL_get_version(client.ssl())) : client.refused();
  };
  EXPECT_EQ(shake(TLS1_VERSION), "tlsv1 alert protocol version");
  EXPECT_EQ(shake(TLS1_1_VERSION), "tlsv1 alert protocol version");
  EXPECT_EQ(shake(TLS1_2_VERSION), "TLSv1.2");
  EXPECT_EQ(shake(TLS1_3_VERSION), "TLSv1.3");
}

// A resumed session would skip the client's certificate.
TEST_F(TrapsTest, NoSessionIsResumed) {
  start();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const ClientContext context = client_context(version);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT);
    const Handshake first(port(), context.get());
    ASSERT_TRUE(first.done()) << first.refused();
    ASSERT_TRUE(first.answered()) << "tickets of TLS 1.3 come before the first answer";
    const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session(
        SSL_get1_session(first.ssl()), SSL_SESSION_free);
    EXPECT_EQ(SSL_SESSION_has_ticket(session.get()), 0) << version;
    const Handshake second(port(), context.get(), session.get());
    ASSERT_TRUE(second.done()) << second.refused();
    EXPECT_EQ(SSL_session_reused(second.ssl()), 0) << version;
    EXPECT_TRUE(second.answered());
  }
}

TEST_F(TrapsTest, TheKeyThatWeMakeIsOfP256) {
  start();
  const ClientContext context = client_context();
  const Handshake client(port(), context.get());
  ASSERT_TRUE(client.done()) << client.refused();
  char group[64] = {};
  std::size_t size = 0;
  EVP_PKEY* key = X509_get0_pubkey(SSL_get0_peer_certificate(client.ssl()));
  ASSERT_EQ(EVP_PKEY_get_group_name(key, group, sizeof group, &size), 1) << "no elliptic curve";
  EXPECT_STREQ(group, "prime256v1");
}

// Trap: accept errors end the server.
TEST_F(TrapsTest, WithoutADescriptorLeftItServesOnAndAcceptsLater) {
  start();
  RawClient old(port());
  ASSERT_TRUE(old.request(kGet));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest = ::dup(old.fd());  // the next that is given out
  ::close(lowest);
  const rlimit one_more{static_cast<rlim_t>(lowest) + 1, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &one_more), 0);
  const RawClient late(port(), {.tls = false});
  EXPECT_TRUE(late.connected());
  // The thread that tells of these requests meets the one who waits on the way.
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(old.request(kGet));
  EXPECT_EQ(server->stats().connections, 1U);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(eventually([&] { return server->stats().connections == 2; })) << "who waited is lost";
  EXPECT_TRUE(RawClient(port()).request(kGet));
}

// Trap: SIGPIPE, by which SSL_write to a peer that has gone would end the process.
TEST_F(TrapsTest, SigpipeIsIgnored) {
  std::signal(SIGPIPE, SIG_DFL);
  start();
  struct sigaction now{};
  ASSERT_EQ(::sigaction(SIGPIPE, nullptr, &now), 0);
  EXPECT_EQ(now.sa_handler, SIG_IGN);
}

}  // namespace
}  // namespace gb::http::test
