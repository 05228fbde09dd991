// The tables of a data set, declared by one function for each OpenStack project.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "row.h"

namespace gb::datagen {

// How many there are of each thing that other tables refer to.
struct Counts {
  std::uint64_t projects = 0, users = 0, instances = 0, failed_instances = 0, hosts = 0,
                networks = 0, ports = 0, security_groups = 0, volumes = 0, images = 0, flavors = 24;
};

struct Table {
  std::string schema, name;
  std::string columns;       // the inside of CREATE TABLE (…)
  std::uint64_t rows = 0;    // of the first day
  bool grows = false;        // gets new rows on the second day
  std::string day2_changes;  // SET …, for one row in a hundred; empty: nothing changes
  std::function<void(Row&)> fill;
  // Rows that belong to one row of the parent: on the second day none of them comes without it.
  unsigned per_parent = 1;
  std::string options = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci";
};

struct DataSet {
  std::vector<Table> tables;
  // Statements after the rows are in: views, routines, triggers, events, sequences. One statement
  // each.
  std::vector<std::string> programs;
};

void add_keystone(DataSet& set, const Counts& counts);
void add_nova_api(DataSet& set, const Counts& counts);
void add_nova_cell(DataSet& set, const Counts& counts, const std::string& schema);
void add_neutron(DataSet& set, const Counts& counts);
void add_cinder(DataSet& set, const Counts& counts);
void add_glance(DataSet& set, const Counts& counts);
void add_placement(DataSet& set, const Counts& counts);

}  // namespace gb::datagen
