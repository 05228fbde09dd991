#include "api/negotiate.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "api/indenter.h"
#include "api/text.h"
#include "base/text.h"

namespace gb::api {
namespace {

constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kYamlType = "application/yaml";
constexpr std::string_view kProtobufType = "application/vnd.kubernetes.protobuf";

struct Clause {
  std::string type;
  std::string subtype;
  std::map<std::string, std::string> parameters;
  double quality = 1.0;

  [[nodiscard]] bool covers(std::string_view media) const {
    const std::size_t slash = media.find('/');
    return (type == "*" && subtype == "*") ||
           (type == media.substr(0, slash) &&
            (subtype == "*" || subtype == media.substr(slash + 1)));
  }
  [[nodiscard]] std::string parameter(const std::string& name) const {
    const auto it = parameters.find(name);
    return it == parameters.end() ? std::string() : it->second;
  }
  [[nodiscard]] bool transforms() const {
    return parameters.count("as") + parameters.count("g") + parameters.count("v") != 0;
  }
};

std::optional<Clause> parse_clause(std::string_view text) {
  const std::vector<std::string> parts = split(text, ';');
  const std::vector<std::string> media = split(parts.front(), '/');
  Clause clause;
  clause.type = trim(media.front());
  if (media.size() == 2) {
    clause.subtype = trim(media[1]);
  } else if (media.size() == 1 && clause.type == "*") {
    clause.subtype = "*";
  } else {
    return {};
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::vector<std::string> pair = split(parts[i], '=');
    if (pair.size() != 2) continue;
    const std::string name(trim(pair[0]));
    const std::string value(trim(pair[1]));
    if (name == "q") {
      clause.quality = 0;
      std::from_chars(value.data(), value.data() + value.size(), clause.quality);
    } else {
      clause.parameters[name] = value;
    }
  }
  return clause;
}

// Best first: by quality, then what is more exact, then as written.
std::vector<Clause> parse_accept(std::string_view accept) {
  std::vector<Clause> clauses;
  for (const std::string& part : split(accept, ','))
    if (std::optional<Clause> clause = parse_clause(part)) clauses.push_back(*std::move(clause));
  const auto exactness = [](const Clause& clause) {
    return (clause.type != "*" ? 1 : 0) + (clause.subtype != "*" ? 1 : 0);
  };
  std::stable_sort(clauses.begin(), clauses.end(), [&](const Clause& a, const Clause& b) {
    return a.quality != b.quality ? a.quality > b.quality : exactness(a) > exactness(b);
  });
  return clauses;
}

// The first gate, which only looks at media types: what it refuses is told in plain text.
Outcome<void> check_representation(std::string_view accept, Asked asked) {
  std::vector<std::string> known = {std::string(kJsonType), std::string(kYamlType),
                                    std::string(kProtobufType)};
  for (const std::string& part : split(accept, ',')) {
    const std::string_view media = trim(std::string_view(part).substr(0, part.find(';')));
    if (media == "*/*" || std::find(known.begin(), known.end(), media) != known.end()) return {};
  }
  if (asked != Asked::kObject) {
    known.push_back(concat(kJsonType, ";stream=watch"));
    known.push_back(concat(kProtobufType, ";stream=watch"));
  }
  ApiError error;
  error.code = 406;
  error.reason = "NotAcceptable";
  error.message = "406: Not Acceptable\n\nAvailable representations: " + join(known, ", ");
  error.plain_text = true;
  return refuse(std::move(error));
}

ApiError nothing_fits() {
  return not_acceptable(
      {std::string(kJsonType), std::string(kYamlType), std::string(kProtobufType)});
}

bool allows_parameters(const Clause& clause, bool yaml) {
  const std::string stream = clause.parameter("stream");
  if (!stream.empty() && (stream != "watch" || yaml)) return false;
  const std::string server_version = clause.parameter("sv");
  return server_version.empty() || server_version == "v1";
}

// The shape that a clause asks for; nothing when there is no such shape.
bool read_shape(const Clause& clause, Negotiated& result) {
  if (!clause.transforms()) return true;
  const std::string version = clause.parameter("v");
  if (clause.parameter("g") != "meta.k8s.io" || (version != "v1" && version != "v1beta1"))
    return false;
  const std::string kind = clause.parameter("as");
  result.version = version;
  if (kind == "Table") {
    result.shape = Shape::kTable;
  } else if (kind == "PartialObjectMetadata" || kind == "PartialObjectMetadataList") {
    result.shape = Shape::kPartialMetadata;
    result.list_shape = kind == "PartialObjectMetadataList";
  } else {
    return false;
  }
  return true;
}

Outcome<Negotiated> check_shape(Negotiated result, Asked asked) {
  const auto mismatch = [](std::string message) {
    ApiError error;
    error.code = 406;
    error.reason = "NotAcceptable";
    error.message = std::move(message);
    return refuse(std::move(error));
  };
  if (asked == Asked::kWatch && result.format == BodyFormat::kYaml) return refuse(nothing_fits());
  if (result.shape != Shape::kPartialMetadata) return result;
  if (asked == Asked::kList && !result.list_shape)
    return mismatch(
        "you requested PartialObjectMetadata, but the requested object is a list (List)");
  if (asked != Asked::kList && result.list_shape)
    return mismatch(
        "you requested PartialObjectMetadataList, but the requested object is not a list "
        "(Object)");
  return result;
}

}  // namespace

Outcome<Negotiated> negotiate(std::string_view accept, Asked asked) {
  Negotiated result;
  result.content_type = kJsonType;
  if (trim(accept).empty()) return result;
  if (Outcome<void> known = check_representation(accept, asked); !known)
    return refuse(std::move(known).error());
  for (const Clause& clause : parse_accept(accept)) {
    for (const bool yaml : {false, true}) {
      const std::string_view media = yaml ? kYamlType : kJsonType;
      Negotiated candidate;
      candidate.format = yaml ? BodyFormat::kYaml : BodyFormat::kJson;
      candidate.content_type = media;
      candidate.pretty = clause.parameter("pretty") == "1";
      if (!clause.covers(media) || !allows_parameters(clause, yaml) ||
          !read_shape(clause, candidate))
        continue;
      return check_shape(std::move(candidate), asked);
    }
  }
  return refuse(nothing_fits());
}

Outcome<NegotiatedDiscovery> negotiate_discovery(std::string_view accept) {
  NegotiatedDiscovery result;
  result.content_type = kJsonType;
  if (trim(accept).empty()) return result;
  if (Outcome<void> known = check_representation(accept, Asked::kObject); !known)
    return refuse(std::move(known).error());
  for (const Clause& clause : parse_accept(accept)) {
    for (const bool yaml : {false, true}) {
      const std::string_view media = yaml ? kYamlType : kJsonType;
      if (!clause.covers(media)) continue;
      result.format = yaml ? BodyFormat::kYaml : BodyFormat::kJson;
      result.content_type = media;
      // Without as= it is the legacy form, whatever g and v say.
      if (clause.parameters.count("as") == 0) return result;
      const std::string version = clause.parameter("v");
      if (yaml || clause.parameter("g") != "apidiscovery.k8s.io" ||
          clause.parameter("as") != "APIGroupDiscoveryList" ||
          (version != "v2" && version != "v2beta1"))
        continue;
      result.form =
          version == "v2" ? DiscoveryForm::kAggregatedV2 : DiscoveryForm::kAggregatedV2Beta1;
      result.content_type =
          concat(kJsonType, ";g=apidiscovery.k8s.io;v=", version, ";as=APIGroupDiscoveryList");
      return result;
    }
  }
  return refuse(nothing_fits());
}

bool wants_pretty(std::string_view pretty_value, std::string_view user_agent) {
  if (!pretty_value.empty()) {
    constexpr std::string_view kTrue[] = {"1", "t", "T", "true", "TRUE", "True"};
    return std::find(std::begin(kTrue), std::end(kTrue), pretty_value) != std::end(kTrue);
  }
  return user_agent.starts_with("curl") || user_agent.starts_with("Wget") ||
         user_agent.starts_with("Mozilla/5.0");
}

std::string encode(std::string_view json, BodyFormat format, bool pretty) {
  if (format == BodyFormat::kYaml) return json_to_yaml(json);
  std::string text;
  if (pretty)
    Indenter().feed(json, text);
  else
    text = json;
  if (text.empty() || text.back() != '\n') text += '\n';
  return text;
}

}  // namespace gb::api
