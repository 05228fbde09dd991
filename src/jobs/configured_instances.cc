#include "jobs/configured_instances.h"

#include <algorithm>
#include <fstream>

#include "base/text.h"

namespace gb::jobs {

Result<std::string> read_password_file(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || (!std::getline(file, line) && !file.eof()))
    return fail(Code::kInvalid, "the password file " + path + " cannot be read",
                "check that it exists and that this program may read it");
  while (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.empty())
    return fail(Code::kInvalid, "the password file " + path + " is empty",
                "write the password as its first line");
  return line;
}

Result<galera::Address> parse_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const auto bad = [&] {
    return fail(Code::kInvalid, "\"" + text + "\" is not host:port", "write it like 10.0.0.1:3306");
  };
  galera::Address address;
  address.host = text.substr(0, colon);
  if (colon != std::string::npos) {
    const std::string port = text.substr(colon + 1);
    if (port.empty() || port.size() > 5 ||
        !std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; }))
      return bad();
    const int number = std::stoi(port);
    if (number < 1 || number > 65535) return bad();
    address.port = static_cast<std::uint16_t>(number);
  }
  if (address.host.empty() || address.host.find(':') != std::string::npos) return bad();
  return address;
}

Result<galera::Endpoint> ConfiguredInstances::resolve(std::string_view ns, std::string_view name) {
  std::vector<std::string> known;
  for (const ConfiguredInstance& instance : instances_) {
    if (instance.ns != ns) continue;
    known.push_back(instance.endpoint.name);
    if (instance.endpoint.name != name) continue;
    galera::Endpoint endpoint = instance.endpoint;
    auto password = read_password_file(instance.password_file);
    if (!password) return wrap("instance \"" + endpoint.name + "\"", password.error());
    endpoint.password = *password;
    endpoint.rotation = std::make_shared<galera::RotatingPassword>(
        *std::move(password),
        [file = instance.password_file]() -> Result<std::vector<std::string>> {
          GB_TRY_ASSIGN(std::string now, read_password_file(file));
          return std::vector{std::move(now)};
        });
    return endpoint;
  }
  return fail(Code::kNotFound,
              "there is no database instance \"" + std::string(name) + "\" in namespace \"" +
                  std::string(ns) + "\"",
              known.empty() ? "the server's configuration names none there (instances:)"
                            : "known there: " + join(known, ", "));
}

}  // namespace gb::jobs
