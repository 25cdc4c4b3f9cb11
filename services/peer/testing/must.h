// Steps of a test that must not fail, and the names of errors.
#ifndef ARKSHARE_SERVICES_PEER_TESTING_MUST_H_
#define ARKSHARE_SERVICES_PEER_TESTING_MUST_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <utility>

namespace arkshare {

// Aborts the test program unless `status` is OK.
void Must(const absl::Status& status);

// Returns the value, or aborts the test program with the error.
template <typename T>
T Must(absl::StatusOr<T> value) {
  Must(value.status());
  return *std::move(value);
}

// Returns "OK", the name of the reason, or the name of the code when there is no reason.
std::string ReasonOf(const absl::Status& status);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TESTING_MUST_H_
