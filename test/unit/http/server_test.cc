// What a client of the server sees when all is well: requests, answers, keep-alive, bodies,
// streams.
#include "http/server.h"

#include <zlib.h>

#include <atomic>
#include <latch>

#include "http/client_authorities.h"
#include "http/listener.h"
#include "test/unit/http/server_fixture.h"

namespace gb::http::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(ServerTest, AnswersARequestOverTls) {
  start({.clock = manual_clock()});
  RawClient client(port());
  const auto response = client.request("GET /apis?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "GET /apis?x=1 ");
  EXPECT_EQ(response->header("content-type"), "text/plain");
  EXPECT_EQ(response->header("content-length"), "14");
  EXPECT_EQ(response->header("date"), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(response->header("connection"), "");
  EXPECT_EQ(response->header("keep-alive"), "") << "unlimited in time and number";
  EXPECT_TRUE(in_flight_becomes(0));
}

TEST_F(ServerTest, TellsTheServiceWhoAsks) {
  const Authority ca("ca");
  const KeyPair jane = ca.issue({.common_name = "jane", .organizations = {"dev"}});
  RequestHead seen;
  service.on_handle = [&seen](Request& request, const auto&) {
    seen = request.head;
    return text_response(200, "");
  };
  start();
  for (const bool tls12 : {false, true}) {
    RawClient client(port(), {.certificate = &jane, .tls12 = tls12});
    ASSERT_TRUE(client.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    const auto subject =
        ClientAuthorities::parse(ca.pem()).value()->verify(seen.peer_certificate, wall_now());
    ASSERT_TRUE(subject) << subject.error().text();
    EXPECT_EQ(subject->common_name, "jane");
    EXPECT_THAT(seen.peer, testing::StartsWith("127.0.0.1:"));
  }
  RawClient nobody(port());
  ASSERT_TRUE(nobody.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_TRUE(seen.peer_certificate.empty());
}

TEST_F(ServerTest, SpeaksTls12AndHttp11OnlyAndListsNoAuthorities) {
  start();
  const RawClient client(port(), {.tls12 = true});
  ASSERT_TRUE(client.connected());
  EXPECT_STREQ(SSL_get_version(client.ssl()), "TLSv1.2");
  EXPECT_EQ(sk_X509_NAME_num(SSL_get_client_CA_list(client.ssl())), 0);
}

TEST_F(ServerTest, ServesHundredsOfRequestsOnOneConnection) {
  start();
  RawClient client(port());
  for (int i = 0; i < 500; ++i) {
    const std::string body = "body " + std::to_string(i);
    const auto response =
        client.request("POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\n\r\n" + body);
    ASSERT_TRUE(response) << i;
    ASSERT_EQ(response->body, "POST /" + std::to_string(i) + " " + body);
  }
}

TEST_F(ServerTest, ServesPipelinedRequestsInOrder) {
  start();
  RawClient client(port());
  std::string bytes;
  for (int i = 0; i < 300; ++i)
    bytes +=
        i % 2 == 0
            ? "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n"
            : "POST /" + std::to_string(i) +
                  " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  ASSERT_TRUE(client.send(bytes));
  for (int i = 0; i < 300; ++i) {
    const auto response = client.response();
    ASSERT_TRUE(response) << i;
    ASSERT_EQ(response->body, (i % 2 == 0 ? "GET /" + std::to_string(i) + " "
                                          : "POST /" + std::to_string(i) + " abc"));
  }
}

TEST_F(ServerTest, TakesARequestByteByByte) {
  start();
  RawClient client(port());
  for (const char byte :
       std::string("POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"))
    ASSERT_TRUE(client.send(std::string(1, byte)));
  const auto response = client.response();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "POST /slow hello world");
}

TEST_F(ServerTest, TakesABodyUpToTheLimitInBothFramings) {
  start({.max_body = 1 << 20});
  const std::string body(1 << 20, 'x');
  service.on_handle = [](Request& request, const auto&) {
    return text_response(200, std::to_string(request.body.size()));
  };
  RawClient client(port());
  auto response =
      client.request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n" + body);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "1048576");
  response =
      client.request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" +
                     body + "\r\n0\r\n\r\n");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "1048576");
}

TEST_F(ServerTest, AHeadRequestHasNoBodyAndTheNextRequestIsServed) {
  start();
  RawClient client(port());
  ASSERT_TRUE(client.send("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n"));
  const auto head = client.response(false);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->header("content-length"), "8");
  const auto next = client.response();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->body, "GET /b ");
}

TEST_F(ServerTest, A304HasNeitherBodyNorLength) {
  service.on_handle = [](Request&, const auto&) { return text_response(304, ""); };
  start();
  RawClient client(port());
  ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  for (int i = 0; i < 2; ++i) {
    const auto response = client.response(false);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 304);
    EXPECT_EQ(response->header("content-length"), "");
  }
}

TEST_F(ServerTest, StreamsPiecesWithoutJoiningThemAndSaysTheirSum) {
  std::vector<Piece> pieces;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    pieces.push_back(
        std::make_shared<const std::string>(std::string(i % 700, 'a') + std::to_string(i)));
    expected += *pieces.back();
  }
  pieces.push_back(std::make_shared<const std::string>(3000000, 'z'));
  pieces.push_back(std::make_shared<const std::string>("end"));
  expected += *pieces[5000] + "end";
  service.on_handle = [&](Request&, const auto&) {
    Response response;
    response.body = pieces;
    return response;
  };
  start();
  RawClient client(port());
  for (int i = 0; i < 3; ++i) {
    const auto response = client.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(response);
    EXPECT_EQ(response->header("content-length"), std::to_string(expected.size()));
    EXPECT_TRUE(response->body == expected);
  }
}

std::string gunzip(const std::string& compressed) {
  z_stream stream{};
  inflateInit2(&stream, 15 + 16);
  std::string out(64 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST_F(ServerTest, CompressesLargeBodiesForWhoAcceptsIt) {
  std::vector<Piece> pieces;
  std::string expected;
  for (int i = 0; i < 20000; ++i) {
    pieces.push_back(std::make_shared<const std::string>("object " + std::to_string(i * 7919)));
    expected += *pieces.back();
  }
  service.on_handle = [&](Request& request, const auto&) {
    Response response;
    if (request.head.target == "/large")
      response.body = pieces;
    else
      response.body = std::string(131072, 'x');
    return response;
  };
  start();
  RawClient client(port());
  auto response =
      client.request("GET /large HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br, gzip;q=0.5\r\n\r\n");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->header("content-encoding"), "gzip");
  EXPECT_EQ(response->header("vary"), "Accept-Encoding");
  EXPECT_LT(response->body.size(), expected.size());
  EXPECT_TRUE(gunzip(response->body) == expected);

  response = client.request("GET /small HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->header("content-encoding"), "") << "only beyond the threshold";
  EXPECT_EQ(response->body.size(), 131072U);
  for (const char* accepted : {"br", "gzip;q=0", "identity"}) {
    response = client.request(
        "GET /large HTTP/1.1\r\nHost: a\r\nAccept-Encoding: " + std::string(accepted) + "\r\n\r\n");
    ASSERT_TRUE(response);
    EXPECT_TRUE(response->body == expected) << accepted;
  }
}

TEST_F(ServerTest, KeepsTheRulesOfHttp10) {
  start();
  RawClient once(port());
  auto response = once.request("GET / HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->header("connection"), "close");
  EXPECT_TRUE(once.ended());
  RawClient kept(port());
  for (int i = 0; i < 2; ++i) {
    response = kept.request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    ASSERT_TRUE(response);
    EXPECT_EQ(response->header("connection"), "keep-alive");
  }
}

TEST_F(ServerTest, ClosesCleanlyWhenEitherSideAsksForIt) {
  service.on_handle = [](Request& request, const auto&) {
    auto response = text_response(200, "bye");
    response.close = request.head.target == "/close";
    return response;
  };
  start();
  for (const char* request : {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n",
                              "GET /close HTTP/1.1\r\nHost: a\r\n\r\n"}) {
    RawClient client(port());
    const auto response = client.request(request);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->header("connection"), "close");
    EXPECT_TRUE(client.ended());
    EXPECT_TRUE(client.clean_end()) << "close_notify, not a cut that could be an attacker's";
  }
}

TEST_F(ServerTest, SendsContinueOnlyWhenAskedAndOnlyAfterTheAdmission) {
  service.on_admit = [](const RequestHead& head) -> std::variant<Service::Admitted, Response> {
    if (head.target == "/no") return text_response(403, "no");
    return Service::Admitted{};
  };
  start();
  RawClient client(port());
  ASSERT_TRUE(client.send(
      "POST /yes HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
  const auto interim = client.head();
  ASSERT_TRUE(interim);
  EXPECT_EQ(interim->status, 100);
  auto response = client.request("hello");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "POST /yes hello");

  response = client.request("POST /unasked HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);

  response = client.request(
      "POST /no HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 403);
  EXPECT_EQ(response->header("connection"), "close");
}

TEST_F(ServerTest, HandsTheAdmissionOnToTheHandler) {
  service.on_admit = [](const RequestHead& head) -> std::variant<Service::Admitted, Response> {
    return Service::Admitted(std::make_shared<std::string>("ticket of " + head.target));
  };
  service.on_handle = [](Request&, const Service::Admitted& admitted) {
    return text_response(200, *std::static_pointer_cast<std::string>(admitted));
  };
  start();
  RawClient client(port());
  const auto response = client.request("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "ticket of /x");
}

TEST_F(ServerTest, HundredsOfIdleConnectionsCostNoThread) {
  start({.workers = 2, .health_workers = 0, .head_deadline = std::chrono::minutes(10)});
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 500; ++i) {
    idle.push_back(std::make_unique<RawClient>(port()));
    ASSERT_TRUE(idle.back()->connected());
    if (i % 2 == 0) {
      ASSERT_TRUE(idle.back()->request("GET /once HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
  }
  RawClient client(port());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(client.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  for (auto& each : idle) ASSERT_TRUE(each->request("GET /again HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_EQ(server->stats().connections, 501U);
}

TEST_F(ServerTest, AWorkerThatBlocksDoesNotHoldUpTheOthers) {
  std::latch release(1);
  service.on_handle = [&](Request& request, const auto&) {
    if (request.head.target == "/block") release.wait();
    return text_response(200, request.head.target);
  };
  start({.workers = 2, .health_workers = 0});
  RawClient blocked(port());
  ASSERT_TRUE(blocked.send("GET /block HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_TRUE(service.wait_admitted(1));
  for (int i = 0; i < 20; ++i) {
    RawClient client(port());
    ASSERT_TRUE(client.request("GET /free HTTP/1.1\r\nHost: a\r\n\r\n"));
  }
  EXPECT_TRUE(in_flight_becomes(1));
  release.count_down();
  const auto response = blocked.response();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "/block");
}

TEST_F(ServerTest, AFullLaneHoldsUpNoOther) {
  std::latch release(1);
  std::atomic<int> slow{0};
  service.on_arrive = [](const RequestHead& head) {
    return Service::Arrival{head.target == "/slow"    ? Lane::kSlow
                            : head.target == "/livez" ? Lane::kHealth
                                                      : Lane::kQuick,
                            {}};
  };
  service.on_handle = [&](Request& request, const auto&) {
    if (request.head.target == "/slow") ++slow;
    if (request.head.target != "/livez") release.wait();
    return text_response(200, request.head.target);
  };
  start({.workers = 3, .slow_workers = 1, .health_workers = 1});
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (const char* target : {"/slow", "/slow", "/slow", "/quick", "/quick"}) {
    waiting.push_back(std::make_unique<RawClient>(port()));
    ASSERT_TRUE(
        waiting.back()->send("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n"));
  }
  ASSERT_TRUE(service.wait_admitted(2));
  for (int i = 0; i < 20; ++i) {
    RawClient client(port());
    EXPECT_TRUE(client.request("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"));
  }
  EXPECT_LE(slow, 1);
  release.count_down();
  for (auto& client : waiting) EXPECT_TRUE(client->response()) << "nobody is forgotten";
}

TEST_F(ServerTest, WhoFindsNoPlaceIsTurnedAwayAndThePlaceOfOthersEndsWithTheirAnswer) {
  std::atomic<int> places{0};
  std::latch release(1);
  service.on_arrive = [&](const RequestHead&) -> std::optional<Service::Arrival> {
    if (places.fetch_add(1) == 1) {
      --places;
      return std::nullopt;
    }
    return Service::Arrival{Lane::kQuick, std::shared_ptr<void>(&places, [&](void*) { --places; })};
  };
  service.on_handle = [&](Request& request, const auto&) {
    if (request.head.target == "/block") release.wait();
    return text_response(200, request.head.target);
  };
  start();
  RawClient first(port());
  ASSERT_TRUE(first.send("GET /block HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_TRUE(service.wait_admitted(1));
  RawClient second(port());
  const auto refused = second.request(kGet);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(refused->header("retry-after"), "1");
  EXPECT_THAT(refused->body, HasSubstr("\"reason\":\"TooManyRequests\""));
  EXPECT_EQ(service.admitted(), 1);
  release.count_down();
  ASSERT_TRUE(first.response());
  ASSERT_TRUE(in_flight_becomes(0));
  const auto served = second.request(kGet);
  ASSERT_TRUE(served) << "its connection goes on";
  EXPECT_EQ(served->status, 200);
}

TEST_F(ServerTest, ANewCertificateIsUsedByLaterConnectionsOnly) {
  start();
  const auto serial = [](const RawClient& client) {
    X509* certificate = SSL_get0_peer_certificate(client.ssl());
    return ASN1_INTEGER_get(X509_get0_serialNumber(certificate)) +
           X509_subject_name_hash(certificate);
  };
  RawClient before(port());
  const auto first = serial(before);
  ASSERT_TRUE(tls->replace(*make_self_signed({"rotated"}, wall_now())));
  const RawClient after(port());
  EXPECT_NE(serial(after), first);
  EXPECT_TRUE(before.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) << "the old one lives on";
}

TEST_F(ServerTest, ManyClientsAtOnceGetTheirOwnAnswers) {
  start({.workers = 4, .health_workers = 0});
  std::atomic<int> wrong{0};
  std::vector<std::jthread> clients;
  for (int c = 0; c < 8; ++c)
    clients.emplace_back([this, c, &wrong] {
      RawClient client(port());
      for (int i = 0; i < 100; ++i) {
        const std::string target = "/" + std::to_string(c) + "/" + std::to_string(i);
        const auto response = client.request(
            "POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        if (!response || response->body != "POST " + target + " abc") ++wrong;
      }
    });
  clients.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(in_flight_becomes(0));
}

TEST_F(ServerTest, SaysWhatIsWrongWithItsOptions) {
  start();
  EXPECT_EQ(Server::start({.address = "localhost"}, tls, service).error().code, Code::kInvalid);
  EXPECT_EQ(Server::start({.workers = 4, .health_workers = 4}, tls, service).error().code,
            Code::kInvalid);
  auto listener = Listener::open("127.0.0.1", 0);
  ASSERT_TRUE(listener);
  const auto early_port = listener->port();
  RawClient early(early_port, {.tls = false});
  EXPECT_TRUE(early.connected()) << "before there is anybody to serve it";
  const auto late = Server::start(std::move(*listener), {}, tls, service);
  ASSERT_TRUE(late);
  EXPECT_EQ((*late)->port(), early_port);
  const auto used = Server::start({.port = port()}, tls, service);
  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().code, Code::kUnavailable);
  EXPECT_THAT(used.error().message, HasSubstr("Address already in use"));
}

}  // namespace
}  // namespace gb::http::test
