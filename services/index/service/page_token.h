// Page tokens: where a list goes on, opaque to whoever carries them.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_PAGE_TOKEN_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_PAGE_TOKEN_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <string>
#include <vector>

namespace arkshare {

// `parts` is the sort key of the last item sent; `query` is what was asked for, in any form that is
// the same for every page.
std::string EncodePageToken(absl::string_view query, const std::vector<std::string>& parts);

// The parts again. PAGE_TOKEN_INVALID when `token` is not one of ours, belongs to another query, or
// has not `part_count` parts.
absl::StatusOr<std::vector<std::string>> DecodePageToken(absl::string_view query,
                                                         absl::string_view token,
                                                         size_t part_count);

// The error for parts that make no sense.
absl::Status PageTokenInvalid();

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_PAGE_TOKEN_H_
