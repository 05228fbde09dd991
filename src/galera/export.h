// A dump as plain SQL that the stock client loads: for who has no program of ours, wants to look
// into a backup, or takes it elsewhere.
//
// The order is that of a restore: schemas, sequences, tables with their rows, foreign keys,
// routines, grants, views, triggers, events, grants. Values stand as what the column holds: text
// and binary values as the bytes that they are, in hexadecimal where these are not plain ASCII; no
// character set is converted on the way. Nothing is dropped or replaced: a schema that is there
// already ends the loading at its CREATE DATABASE. Statements stay below the 16 MiB that the client
// sends as it comes: large values are put together from pieces.
//
// The client has to be told to keep comments and line ends (mariadb --comments --binary-mode), or
// those in the bodies of routines are lost: the text begins with that command.
//
// Thread safety: functions; the source by one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "galera/model.h"
#include "galera/stream.h"

namespace gb::galera {

struct ExportOptions {
  std::vector<std::string> databases;  // of the backup; empty: all
  bool grants = false;                 // accounts and what they were granted, too
  std::string title;                   // one line, told at the top
};

struct ExportReport {
  std::uint64_t tables = 0;
  std::uint64_t rows = 0;
  std::vector<std::string> notes;  // what is not in the text and why, one sentence each
};

// Takes the text piece by piece; an error ends the export.
using SqlSink = std::function<Status(std::string_view)>;

// Errors: Invalid (a schema that is not in the backup), Corruption (the backup cannot be read),
// Cancelled, and those of the sink.
Result<ExportReport> export_sql(const InstanceModel& model, const ExportOptions& options,
                                DumpSource& source, const SqlSink& sink, std::stop_token stop);

}  // namespace gb::galera
