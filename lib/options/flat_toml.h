// A parser for the part of TOML 1.0 that a list of options needs.
#ifndef ARKSHARE_LIB_OPTIONS_FLAT_TOML_H_
#define ARKSHARE_LIB_OPTIONS_FLAT_TOML_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <string>
#include <vector>

namespace arkshare {

struct TomlEntry {
  std::string key;
  std::vector<std::string> values;  // one, or those of an array
};

// Parses one `key = value` a line, and comments. A value is a basic or literal string, a number,
// true or false, or an array of them on one line. InvalidArgument, with the number of the line, for
// everything else: tables, dotted keys, dates, multi-line strings, a key given twice.
absl::StatusOr<std::vector<TomlEntry>> ParseFlatToml(absl::string_view text);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_OPTIONS_FLAT_TOML_H_
