// Page tokens: where a list goes on, opaque to clients.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_PAGE_TOKEN_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_PAGE_TOKEN_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <string>
#include <vector>

namespace arkshare {

// Encodes the sort key of the last item sent (`parts`). `query` identifies the query, in any form
// that is the same for every page.
std::string EncodePageToken(absl::string_view query, const std::vector<std::string>& parts);

// Returns the parts. PAGE_TOKEN_INVALID when `token` is not a page token, belongs to another query,
// or does not have `part_count` parts.
absl::StatusOr<std::vector<std::string>> DecodePageToken(absl::string_view query,
                                                         absl::string_view token,
                                                         size_t part_count);

// Returns the error for parts that make no sense.
absl::Status PageTokenInvalid();

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_PAGE_TOKEN_H_
