#include "clients/cli/render.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <utf8proc.h>

#include <algorithm>
#include <utility>

#include "lib/core/book_name.h"
#include "lib/core/byte_size.h"
#include "lib/core/content_id.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

constexpr size_t kRowsAtATime = 1000;
constexpr absl::string_view kBetweenColumns = "  ";

// Returns the number of bytes and columns of the first character. Requires: `text` is not empty.
std::pair<size_t, int> FirstCharacter(absl::string_view text) {
  utf8proc_int32_t c = 0;
  const utf8proc_ssize_t used =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                       static_cast<utf8proc_ssize_t>(text.size()), &c);
  if (used <= 0) return {1, 1};
  return {static_cast<size_t>(used), utf8proc_charwidth(c)};
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    utf8proc_int32_t c = 0;
    const utf8proc_ssize_t used =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                         static_cast<utf8proc_ssize_t>(text.size()), &c);
    if (used <= 0) return false;
    text.remove_prefix(static_cast<size_t>(used));
  }
  return true;
}

int DisplayWidth(absl::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const auto [bytes, columns] = FirstCharacter(text);
    width += columns;
    text.remove_prefix(bytes);
  }
  return width;
}

std::string FitToWidth(absl::string_view text, int width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  std::string out;
  int left = width - 1;  // One column is for the ellipsis.
  while (left >= 0 && !text.empty()) {
    const auto [bytes, columns] = FirstCharacter(text);
    if (columns > left) break;
    out.append(text.data(), bytes);
    left -= columns;
    text.remove_prefix(bytes);
  }
  return width > 0 ? absl::StrCat(out, "…") : "";
}

Table::Table(std::ostream& out, std::vector<Column> columns)
    : out_(out), columns_(std::move(columns)) {
  for (const Column& column : columns_) widths_.push_back(DisplayWidth(column.title));
}

Table::~Table() { Flush(); }

void Table::Add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
  ++row_count_;
  if (rows_.size() >= kRowsAtATime) Flush();
}

void Table::Flush() {
  if (rows_.empty()) return;
  for (const std::vector<std::string>& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], DisplayWidth(row[i]));
  }
  if (!titles_written_) {
    std::vector<std::string> titles;
    for (const Column& column : columns_) titles.push_back(column.title);
    Write(titles);
    titles_written_ = true;
  }
  for (const std::vector<std::string>& row : rows_) Write(row);
  rows_.clear();
}

void Table::Write(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(static_cast<size_t>(widths_[i] - DisplayWidth(cells[i])), ' ');
    absl::StrAppend(&line, i == 0 ? "" : kBetweenColumns, columns_[i].right ? padding : "",
                    cells[i], columns_[i].right ? "" : padding);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out_ << line << '\n';
}

std::string PythonString(absl::string_view text) {
  const std::string shown = EscapeForDisplay(text);
  if (!absl::StrContains(shown, '\'')) return absl::StrCat("'", shown, "'");
  if (!absl::StrContains(shown, '"')) return absl::StrCat("\"", shown, "\"");
  return absl::StrCat("'", absl::StrReplaceAll(shown, {{"'", "\\'"}}), "'");
}

std::string PythonList(const std::vector<std::string>& names) {
  return absl::StrCat("[",
                      absl::StrJoin(names, ", ",
                                    [](std::string* out, const std::string& name) {
                                      absl::StrAppend(out, PythonString(name));
                                    }),
                      "]");
}

std::string HolderTuples(const std::vector<v1::Holder>& holders) {
  std::vector<std::string> tuples;
  for (const v1::Holder& holder : holders) {
    const absl::StatusOr<HostPort> address = ParseHostPort(holder.address());
    tuples.push_back(
        address.ok()
            ? absl::StrCat("(", holder.peer_id(), ", ", PythonString(address->host), ", ",
                           address->port, ")")
            : absl::StrCat("(", holder.peer_id(), ", ", PythonString(holder.address()), ", 0)"));
  }
  return absl::StrCat("[", absl::StrJoin(tuples, ", "), "]");
}

std::string PeersInWords(const std::vector<v1::Holder>& holders, uint64_t count,
                         const PeerNames& names) {
  std::vector<std::string> shown;
  for (const v1::Holder& holder : holders) {
    shown.push_back(names.Show(holder.peer_id(), holder.public_key()));
  }
  std::string words =
      absl::StrCat(std::max<uint64_t>(count, shown.size()) == 1 ? "peer " : "peers ",
                   absl::StrJoin(shown, ", "));
  if (count > shown.size()) absl::StrAppend(&words, " and ", count - shown.size(), " more");
  return words;
}

std::string ShortRoot(const v1::ContentId& content) { return ToHex(content.root()).substr(0, 12); }

std::string LimitInWords(uint64_t bytes_per_second) {
  if (bytes_per_second == 0) return "none";
  return absl::StrCat(FormatByteSize(bytes_per_second), "/s");
}

std::string PolicyInWords(v1::SharePolicy policy) {
  switch (policy) {
    case v1::SHARE_POLICY_MOVE:
      return "move";
    case v1::SHARE_POLICY_COPY:
      return "copy";
    default:
      return "?";
  }
}

std::string ReplicaInWords(const v1::ReplicaState& replica) {
  std::string words = replica.store() == v1::ReplicaState::STORE_LIVE      ? "live"
                      : replica.store() == v1::ReplicaState::STORE_CUT_OFF ? "cut off"
                                                                           : "joining";
  const absl::StatusOr<absl::Duration> behind = DurationFromProto(replica.behind(), "behind");
  if (replica.has_behind() && behind.ok()) {
    absl::StrAppend(&words, " for ", absl::FormatDuration(absl::Floor(*behind, absl::Seconds(1))));
  }
  const v1::ReplicaState::Reconciles& by = replica.reconciles();
  const std::pair<absl::string_view, uint64_t> causes[] = {{"start", by.start()},
                                                           {"compacted", by.compacted()},
                                                           {"gap", by.gap()},
                                                           {"replicas", by.replicas()},
                                                           {"refounded", by.refounded()}};
  uint64_t reconciles = 0;
  std::vector<std::string> parts;
  for (const auto& [cause, count] : causes) {
    reconciles += count;
    if (count > 0) parts.push_back(absl::StrCat(cause, " ", count));
  }
  absl::StrAppend(&words, " at revision ", replica.revision(), ", ",
                  FormatByteSize(replica.queued_bytes()), " queued, ",
                  Count(replica.transactions(), "transaction", "transactions"), ", ",
                  Count(reconciles, "reconcile", "reconciles"));
  if (!parts.empty()) absl::StrAppend(&words, " (", absl::StrJoin(parts, ", "), ")");
  return words;
}

std::string Count(uint64_t n, absl::string_view one, absl::string_view many) {
  return absl::StrCat(n, " ", n == 1 ? one : many);
}

}  // namespace arkshare
