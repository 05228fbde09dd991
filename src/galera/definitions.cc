#include "galera/definitions.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

using ItemKind = TableItem::Kind;

tl::unexpected<Error> not_a_table(std::string_view create_sql, std::string_view expected) {
  return fail(Code::kCorruption, "the backup's text of a table is not one that a server prints: " +
                                     std::string(expected) + " is missing in \"" +
                                     std::string(create_sql.substr(0, 80)) + "\"");
}

// The parts of a key: the walk stands at its opening parenthesis.
std::vector<KeyPart> key_parts(TokenWalk walk) {
  std::vector<KeyPart> parts;
  int depth = 0;
  bool expect_name = true;
  for (; !walk.end(); walk.next()) {
    if (walk.is_punct('(')) {
      if (++depth == 2 && !parts.empty()) parts.back().prefix = true;
    } else if (walk.is_punct(')')) {
      if (--depth == 0) break;
    } else if (walk.is_punct(',') && depth == 1) {
      expect_name = true;
    } else if (expect_name && walk.is_name()) {
      parts.push_back({name_of(walk.token()), false});
      expect_name = false;
    }
  }
  return parts;
}

void read_column(TokenWalk walk, TableItem& item) {
  item.name = name_of(walk.token());
  walk.next();
  int depth = 0;
  for (bool after_not = false; !walk.end(); walk.next()) {
    if (walk.is_punct('(')) ++depth;
    if (walk.is_punct(')')) --depth;
    if (depth != 0) continue;
    if (walk.is_word("AUTO_INCREMENT")) item.auto_increment = true;
    if (after_not && walk.is_word("NULL")) item.not_null = true;
    after_not = walk.is_word("NOT");
  }
}

// FOREIGN KEY (…) REFERENCES `schema`.`table` (…)
void read_reference(TokenWalk walk, TableItem& item) {
  while (!walk.end() && !walk.is_punct('(')) walk.next();
  item.parts = key_parts(walk);
  while (!walk.end() && !walk.take_word("REFERENCES")) walk.next();
  item.parent = name_of(walk.token());
  walk.next();
  if (walk.take_punct('.')) {
    item.parent_schema = std::exchange(item.parent, name_of(walk.token()));
    walk.next();
  }
  item.parent_parts = key_parts(walk);
}

// One entry: `walk` stands at its first token.
Result<TableItem> read_item(TokenWalk walk, std::string text) {
  TableItem item;
  item.text = std::move(text);
  if (walk.token().kind == TokenKind::kName) {
    read_column(walk, item);
    return item;
  }
  const auto key = [&](ItemKind kind) {
    item.kind = kind;
    while (!walk.end() && !walk.is_punct('(')) {
      if (walk.token().kind == TokenKind::kName) item.name = name_of(walk.token());
      walk.next();
    }
    item.parts = key_parts(walk);
  };
  if (walk.take_word("PRIMARY")) {
    key(ItemKind::kPrimary);
  } else if (walk.take_word("UNIQUE")) {
    key(ItemKind::kUnique);
  } else if (walk.take_word("FULLTEXT")) {
    key(ItemKind::kFulltext);
  } else if (walk.take_word("KEY") || walk.take_word("INDEX") || walk.take_word("SPATIAL") ||
             walk.take_word("VECTOR")) {
    key(ItemKind::kIndex);
  } else if (walk.take_word("PERIOD")) {
    item.kind = ItemKind::kPeriod;
  } else if (walk.take_word("CHECK")) {
    item.kind = ItemKind::kCheck;
  } else if (walk.take_word("CONSTRAINT")) {
    item.name = name_of(walk.token());
    walk.next();
    item.kind = walk.is_word("FOREIGN") ? ItemKind::kForeignKey : ItemKind::kCheck;
    if (!walk.is_word("FOREIGN") && !walk.is_word("CHECK"))
      return not_a_table(item.text, "FOREIGN KEY or CHECK");
    if (item.kind == ItemKind::kForeignKey) read_reference(walk, item);
  } else {
    return not_a_table(item.text, "a column or a key");
  }
  return item;
}

std::string engine_of(const std::vector<Token>& tokens, std::size_t from) {
  for (TokenWalk walk(tokens, from); !walk.end(); walk.next()) {
    if (!walk.is_word("ENGINE")) continue;
    walk.next();
    walk.take_punct('=');
    return name_of(walk.token());
  }
  return {};
}

const TableItem* column(const TableDefinition& table, const std::string& name) {
  for (const TableItem& item : table.items)
    if (item.kind == ItemKind::kColumn && item.name == name) return &item;
  return nullptr;
}

// InnoDB stores rows by the primary key, else by the first UNIQUE key that no NULL and no prefix
// spoils.
const TableItem* clustering_key(const TableDefinition& table) {
  for (const TableItem& item : table.items)
    if (item.kind == ItemKind::kPrimary) return &item;
  for (const TableItem& item : table.items) {
    if (item.kind != ItemKind::kUnique) continue;
    const bool usable = std::all_of(item.parts.begin(), item.parts.end(), [&](const KeyPart& part) {
      const TableItem* of = column(table, part.column);
      return !part.prefix && of != nullptr && of->not_null;
    });
    if (usable) return &item;
  }
  return nullptr;
}

bool is_key(ItemKind kind) {
  return kind == ItemKind::kPrimary || kind == ItemKind::kUnique || kind == ItemKind::kIndex ||
         kind == ItemKind::kFulltext;
}

// The keys that are added after the rows. Where AUTO_INCREMENT stands on another key than the one
// that rows are stored by, none: such tables are rare, and the order of their keys stays as it was.
std::vector<const TableItem*> late_keys(const TableDefinition& table) {
  if (to_lower(table.engine) != "innodb") return {};
  const TableItem* first = clustering_key(table);
  for (const TableItem& item : table.items)
    if (item.auto_increment &&
        (first == nullptr || first->parts.empty() || first->parts.front().column != item.name))
      return {};
  std::vector<const TableItem*> out;
  for (const TableItem& item : table.items)
    if (is_key(item.kind) && &item != first) out.push_back(&item);
  return out;
}

constexpr std::string_view kStatistics = "STATS_AUTO_RECALC";

// A table whose definition says something about it itself keeps what it says.
bool statistics_wait(const TableDefinition& table) {
  return to_lower(table.engine) == "innodb" && table.options.find(kStatistics) == std::string::npos;
}

// At the front: a comment or partitions may follow.
std::string options_of(const TableDefinition& table, Keys keys) {
  if (keys == Keys::kAll || !statistics_wait(table)) return table.options;
  return std::string(kStatistics) + "=0 " + table.options;
}

}  // namespace

std::string target_name(const SchemaNames& names, const std::string& schema) {
  const auto it = names.find(schema);
  return it == names.end() ? schema : it->second;
}

Result<TableDefinition> parse_table(std::string_view create_sql) {
  GB_TRY_ASSIGN(const std::vector<Token> tokens, tokenize(create_sql));
  TokenWalk walk(tokens);
  if (!walk.take_word("CREATE")) return not_a_table(create_sql, "CREATE TABLE");
  if (!walk.take_word("TABLE")) return not_a_table(create_sql, "CREATE TABLE");
  if (walk.token().kind != TokenKind::kName) return not_a_table(create_sql, "the table's name");
  TableDefinition table;
  table.name = name_of(walk.token());
  walk.next();
  if (!walk.take_punct('(')) return not_a_table(create_sql, "the list of columns");

  std::size_t first = walk.position();
  for (int depth = 1; depth > 0; walk.next()) {
    if (walk.end()) return not_a_table(create_sql, "the end of the list of columns");
    if (walk.is_punct('(')) ++depth;
    if (walk.is_punct(')')) --depth;
    if (depth > 1 || (depth == 1 && !walk.is_punct(','))) continue;
    const std::string text(trim(text_between(tokens, first, walk.position())));
    GB_TRY_ASSIGN(const std::vector<Token> part, tokenize(text));
    GB_TRY_ASSIGN(TableItem item, read_item(TokenWalk(part), text));
    table.items.push_back(std::move(item));
    first = walk.position() + 1;
  }
  table.options = trim(text_between(tokens, first, tokens.size()));
  table.engine = engine_of(tokens, first);
  return table;
}

Result<std::string> without_directories(std::string_view sql) {
  GB_TRY_ASSIGN(const std::vector<Token> tokens, tokenize(sql));
  std::string out;
  std::size_t copied = 0;
  for (TokenWalk walk(tokens); !walk.end();) {
    std::size_t first = walk.position();
    if (!walk.take_word("DATA") && !walk.take_word("INDEX")) {
      walk.next();
      continue;
    }
    if (!walk.take_word("DIRECTORY")) continue;
    walk.take_punct('=');
    if (walk.token().kind != TokenKind::kString) continue;
    if (first > copied && tokens[first - 1].kind == TokenKind::kSpace) --first;
    out += text_between(tokens, copied, first);
    copied = walk.position() + 1;
    walk.next();
  }
  return out + text_between(tokens, copied, tokens.size());
}

Result<std::string> create_table_sql(const TableDefinition& table, const std::string& schema,
                                     Keys keys, const SchemaNames& names) {
  const std::vector<const TableItem*> late =
      keys == Keys::kFirst ? late_keys(table) : std::vector<const TableItem*>{};
  std::string body;
  for (const TableItem& item : table.items) {
    if (item.kind == ItemKind::kForeignKey) continue;
    if (std::find(late.begin(), late.end(), &item) != late.end()) continue;
    body += body.empty() ? "\n  " : ",\n  ";
    body += item.text;
  }
  GB_TRY_ASSIGN(const std::string renamed,
                rename_schemas(body + "\n) " + options_of(table, keys), names));
  return "CREATE TABLE " + quote_table(schema, table.name) + " (" + renamed;
}

std::vector<std::string> complete_table_sql(const TableDefinition& table,
                                            const std::string& schema) {
  const std::string alter = "ALTER TABLE " + quote_table(schema, table.name) + " ";
  std::vector<std::string> changes;  // of one statement
  std::vector<std::string> out;
  for (const TableItem* key : late_keys(table)) {
    if (key->kind == ItemKind::kFulltext)
      out.push_back(alter + "ADD " + key->text);
    else
      changes.push_back("ADD " + key->text);
  }
  if (statistics_wait(table)) changes.push_back(std::string(kStatistics) + "=DEFAULT");
  if (!changes.empty()) out.insert(out.begin(), alter + join(changes, ", "));
  return out;
}

Result<std::string> add_foreign_keys_sql(const TableDefinition& table, const std::string& schema,
                                         const SchemaNames& names) {
  std::string added;
  for (const TableItem& item : table.items)
    if (item.kind == ItemKind::kForeignKey)
      added += (added.empty() ? " ADD " : ", ADD ") + item.text;
  if (added.empty()) return added;
  GB_TRY_ASSIGN(const std::string renamed, rename_schemas(added, names));
  return "ALTER TABLE " + quote_table(schema, table.name) + renamed;
}

Result<std::string> add_foreign_key_sql(const TableDefinition& table, const TableItem& foreign_key,
                                        const std::string& schema, const SchemaNames& names) {
  return add_foreign_keys_sql({table.name, {foreign_key}, {}, {}}, schema, names);
}

}  // namespace gb::galera
