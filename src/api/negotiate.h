// Which shape and format a client wants: the Accept header by the rules of k8s.io/apiserver.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "api/decode.h"
#include "api/errors.h"
#include "api/table.h"

namespace gb::api {

struct Negotiated {
  BodyFormat format = BodyFormat::kJson;
  Shape shape = Shape::kObject;
  bool list_shape = false;     // as=PartialObjectMetadataList (a single object then is 406)
  std::string version = "v1";  // of meta.k8s.io, for Table and PartialObjectMetadata
  bool pretty = false;         // ;pretty=1
  std::string content_type;    // what the answer says: "application/json"
};

enum class Asked { kObject, kList, kWatch };

// 406 when nothing fits. `accept`: all values joined by ", ", empty: JSON. protobuf alone is 406;
// after others it is passed over.
[[nodiscard]] Outcome<Negotiated> negotiate(std::string_view accept, Asked asked);

// Discovery: the aggregated form when the client asks for it.
enum class DiscoveryForm { kLegacy, kAggregatedV2, kAggregatedV2Beta1 };
struct NegotiatedDiscovery {
  DiscoveryForm form = DiscoveryForm::kLegacy;
  BodyFormat format = BodyFormat::kJson;
  std::string content_type;
};
[[nodiscard]] Outcome<NegotiatedDiscovery> negotiate_discovery(std::string_view accept);

// ?pretty= and user agents of people (curl, Wget, browsers), as k8s.io/apiserver decides it.
[[nodiscard]] bool wants_pretty(std::string_view pretty_value, std::string_view user_agent);

// Compact JSON as the answer's bytes: pretty-printed or YAML where asked, ended by a newline for
// JSON.
[[nodiscard]] std::string encode(std::string_view json, BodyFormat format, bool pretty);

}  // namespace gb::api
