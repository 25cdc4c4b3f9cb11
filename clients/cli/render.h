// How values look on a screen. Text from other programs is made safe to print here.
#ifndef ARKSHARE_CLIENTS_CLI_RENDER_H_
#define ARKSHARE_CLIENTS_CLI_RENDER_H_

#include <absl/strings/string_view.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "arkshare/v1/index.pb.h"
#include "arkshare/v1/types.pb.h"
#include "clients/cli/peer_names.h"

namespace arkshare {

bool IsUtf8(absl::string_view text);

// Returns the number of terminal columns of a text: 2 for a wide character, 0 for a combining one.
int DisplayWidth(absl::string_view text);
// Returns `text`, cut to at most `width` columns and then ending in "…".
std::string FitToWidth(absl::string_view text, int width);

// Writes rows in aligned columns, 1,000 rows at a time, so that a million books need little memory.
// A column can grow from one batch to the next, but never shrinks.
class Table {
 public:
  struct Column {
    std::string title;
    bool right = false;  // right-aligned
  };

  Table(std::ostream& out, std::vector<Column> columns);
  // Writes the remaining rows. Without any rows, not even the titles are written.
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // Adds a row: one cell a column, each safe to print.
  void Add(std::vector<std::string> cells);
  uint64_t row_count() const { return row_count_; }

 private:
  void Flush();
  void Write(const std::vector<std::string>& cells);

  std::ostream& out_;
  std::vector<Column> columns_;
  std::vector<int> widths_;
  std::vector<std::vector<std::string>> rows_;
  uint64_t row_count_ = 0;
  bool titles_written_ = false;
};

// 'it' or "it's", as Python writes a string.
std::string PythonString(absl::string_view text);
// ['164', '144'].
std::string PythonList(const std::vector<std::string>& names);
// [(1, '127.0.0.1', 41931)]: number, host and port of each.
std::string HolderTuples(const std::vector<v1::Holder>& holders);

// "peer 1 (ada)", "peers 1 (ada), 4", "peers 1, 4 and 30 more". `count`: the number of all holders.
std::string PeersInWords(const std::vector<v1::Holder>& holders, uint64_t count,
                         const PeerNames& names);

// The first 12 hex digits of a root.
std::string ShortRoot(const v1::ContentId& content);
// "20.0 MiB/s", or "none" for 0.
std::string LimitInWords(uint64_t bytes_per_second);
// "move" or "copy".
std::string PolicyInWords(v1::SharePolicy policy);
// "live at revision 81, 0 B queued, 12 transactions, 2 reconciles (start 1, gap 1)"; while it is
// cut off, "cut off for 12s at revision 81, …".
std::string ReplicaInWords(const v1::ReplicaState& replica);
// "1 book", "2 books".
std::string Count(uint64_t n, absl::string_view one, absl::string_view many);

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_RENDER_H_
