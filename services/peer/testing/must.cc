#include "services/peer/testing/must.h"

#include <absl/strings/string_view.h>

#include <cstdlib>
#include <iostream>

#include "lib/core/errors.h"

namespace arkshare {

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "a step that must work failed: " << status << std::endl;
  std::abort();
}

std::string ReasonOf(const absl::Status& status) {
  if (status.ok()) return "OK";
  const absl::string_view name = ReasonName(GetReason(status));
  return name.empty() ? absl::StatusCodeToString(status.code()) : std::string(name);
}

}  // namespace arkshare
