// The one place where cpp-httplib meets a request: it parses the request line, runs the handler
// inside its exception wall and renders the head of the response, over a stream that is fed from
// memory. It never sees a header or a body of the client (docs/adr/0001-transport.md says why).
//
// Thread safety: none; every worker has its own.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "http/server.h"

namespace gb::http {

// What a response's head needs to know of its request.
struct Framing {
  std::string_view method;
  std::string_view target;
  bool http10 = false;
  bool keep_alive = true;  // asked for, and possible
  bool accepts_gzip = false;
  std::size_t gzip_from = 0;
};

struct Rendered {
  std::string head;
  std::vector<Piece> body;             // empty with HEAD, 204 and 304
  std::shared_ptr<FrameQueue> stream;  // set: the body follows from it
  bool chunked = false;                // how the stream is framed
  bool keep_alive = false;
};

class Gate {
 public:
  explicit Gate(const Clock& clock);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Renders what `make` answers; an exception of it becomes a plain 500.
  Rendered render(const Framing& framing, const std::function<Response()>& make);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gb::http
