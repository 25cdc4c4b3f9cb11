#include "services/peer/owner/history_token.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/time/time.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "lib/core/errors.h"

namespace arkshare {

std::string HistoryToken(const HistoryPlace& place) {
  return absl::StrCat(absl::ToUnixMillis(place.time), "-", place.id.hex());
}

absl::StatusOr<HistoryPlace> ParseHistoryToken(absl::string_view token) {
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '-');
  int64_t milliseconds = 0;
  if (parts.size() == 2 && absl::SimpleAtoi(parts[0], &milliseconds)) {
    const absl::StatusOr<std::string> bytes = FromHex(parts[1]);
    absl::StatusOr<TransferId> id =
        bytes.ok() ? TransferId::FromBytes(*bytes) : absl::StatusOr<TransferId>(bytes.status());
    if (id.ok()) return HistoryPlace{absl::FromUnixMillis(milliseconds), *std::move(id)};
  }
  return MakeError(Reason::kPageTokenInvalid, "page_token is not one that this call returned");
}

}  // namespace arkshare
