// Opens one of the listings that a reader may have.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_SERVING_CANDIDATE_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_SERVING_CANDIDATE_H_

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "services/peer/disk/shared_folder.h"
#include "services/peer/library/book.h"

namespace arkshare {

struct ServingCandidate {
  Book book;
  std::shared_ptr<const std::atomic<bool>> ended;  // as in ServedBook
};

// Opens the first candidate whose file is still what was hashed, but for ctime. Calls `examine`
// with the paths of those that are not. Errors: kBookChanged, also when a file cannot be read.
absl::StatusOr<ServedBook> OpenFirst(const SharedFolder& folder,
                                     std::vector<ServingCandidate> candidates,
                                     absl::FunctionRef<void(const std::string& path)> examine);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_SERVING_CANDIDATE_H_
