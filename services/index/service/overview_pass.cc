#include "services/index/service/overview_pass.h"

#include <absl/strings/escaping.h>
#include <absl/strings/string_view.h>

#include "lib/core/key.h"

namespace arkshare {
namespace {

constexpr size_t kPassBytes = 32;

}  // namespace

const std::pair<std::string, std::string>& OverviewPass() {
  static const auto* const pass = new std::pair<std::string, std::string>(
      "arkshare-overview-pass", absl::BytesToHexString(RandomBytes(kPassBytes)));
  return *pass;
}

bool IsOverview(const grpc::ServerContextBase& context) {
  const auto& [name, secret] = OverviewPass();
  const auto found = context.client_metadata().find(name);
  return found != context.client_metadata().end() &&
         absl::string_view(found->second.data(), found->second.size()) == secret;
}

}  // namespace arkshare
