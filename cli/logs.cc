#include "cli/logs.h"

#include <cstdio>

#include "cli/output.h"
#include "cli/signals.h"

namespace gb::cli {

int run(const Logs& command) {
  const auto object = parse_object_name(command.object);
  if (!object) return failed(object.error());
  const auto cluster = Cluster::open(command.kube);
  if (!cluster) return refused(cluster.error());
  std::string path = (*cluster)->path(object->type->plural, object->name, "log");
  path += command.follow ? "?follow=true" : "?follow=false";
  if (command.tail) path += "&tailLines=" + std::to_string(*command.tail);
  const Status read = (*cluster)->lines(
      path,
      [](std::string_view line) {
        std::printf("%s\n", printable(line).c_str());
        std::fflush(stdout);  // who follows a log wants each line when it is said
      },
      interrupt_token());
  if (!read && read.error().code == Code::kCancelled) return kInterrupted;
  return read ? kDone : refused(read.error());
}

}  // namespace gb::cli
