// What an attacker or a broken client sends, byte by byte over TLS: every trap of cpp-httplib
// 0.11.4 that docs/adr/0001-transport.md lists, and every class of its known vulnerabilities.

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

}  // namespace
}  // namespace gb::http::test
