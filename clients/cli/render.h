// How things look on a screen. Everything that comes from elsewhere is made safe to print here.
#ifndef ARKSHARE_CLIENTS_CLI_RENDER_H_
#define ARKSHARE_CLIENTS_CLI_RENDER_H_

#include <absl/strings/string_view.h>
#include <google/protobuf/timestamp.pb.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "arkshare/v1/index.pb.h"
#include "arkshare/v1/types.pb.h"

namespace arkshare {

bool IsUtf8(absl::string_view text);

// Columns of a terminal that a text takes: 2 for wide characters, 0 for combining ones.
int DisplayWidth(absl::string_view text);
// The longest beginning of `text` that takes at most `width` columns, "…" at its end when cut.
std::string FitToWidth(absl::string_view text, int width);

// Aligned columns of any number of rows. Rows are written 1,000 at a time, so that a folder of a
// million books is no burden; a column may then grow, but never shrinks.
class Table {
 public:
  struct Column {
    std::string title;
    bool right = false;  // aligned
  };

  Table(std::ostream& out, std::vector<Column> columns);
  // Writes what is left; nothing at all when there were no rows.
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // One cell a column, safe to print.
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

// 'it' or "it's": as Python writes a string.
std::string PythonString(absl::string_view text);
// ['164', '144'].
std::string PythonList(const std::vector<std::string>& names);
// [(1, '127.0.0.1', 41931)]: number, host and port of each.
std::string HolderTuples(const std::vector<v1::Holder>& holders);

// "peer 1", "peers 1, 4", "peers 1, 4 and 30 more": `count` is how many there are in all.
std::string PeersInWords(const std::vector<v1::Holder>& holders, uint64_t count);

// The first 12 hex digits of a root.
std::string ShortRoot(const v1::ContentId& content);
// "20.0 MiB/s", or "none" for 0.
std::string LimitInWords(uint64_t bytes_per_second);
// "move" or "copy".
std::string PolicyInWords(v1::SharePolicy policy);
// "1 book", "2 books".
std::string Count(uint64_t n, absl::string_view one, absl::string_view many);
// "2024-05-17 12:00:03" in local time; "" for none.
std::string LocalTime(const google::protobuf::Timestamp& time);

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_RENDER_H_
