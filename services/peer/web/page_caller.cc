#include "services/peer/web/page_caller.h"

#include <absl/strings/escaping.h>
#include <absl/strings/string_view.h>

namespace arkshare {

std::string PageSessionOf(const grpc::ServerContext& context) {
  const auto found = context.client_metadata().find(kPageSessionKey);
  if (found == context.client_metadata().end()) return "";
  return absl::HexStringToBytes(absl::string_view(found->second.data(), found->second.size()));
}

}  // namespace arkshare
