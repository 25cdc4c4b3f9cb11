#include "services/index/service/page_token.h"

#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/types/span.h>

#include <cstdint>

#include "lib/core/bytes.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/merkle.h"

namespace arkshare {
namespace {

constexpr absl::string_view kVersion = "1";
constexpr size_t kFingerprintBytes = 8;
constexpr size_t kMaxTokenBytes = 4096;

std::string Fingerprint(absl::string_view query) {
  return DigestBytes(Sha256(AsBytes(query))).substr(0, kFingerprintBytes);
}

}  // namespace

std::string EncodePageToken(absl::string_view query, const std::vector<std::string>& parts) {
  std::string plain = Fingerprint(query);
  for (const std::string& part : parts) {
    plain.push_back(static_cast<char>(part.size() >> 8));
    plain.push_back(static_cast<char>(part.size() & 0xff));
    absl::StrAppend(&plain, part);
  }
  return absl::StrCat(kVersion, absl::WebSafeBase64Escape(plain));
}

absl::StatusOr<std::vector<std::string>> DecodePageToken(absl::string_view query,
                                                         absl::string_view token,
                                                         size_t part_count) {
  std::string plain;
  if (token.size() > kMaxTokenBytes || !absl::StartsWith(token, kVersion) ||
      !absl::WebSafeBase64Unescape(token.substr(kVersion.size()), &plain) ||
      !absl::StartsWith(plain, Fingerprint(query))) {
    return PageTokenInvalid();
  }
  absl::string_view rest = absl::string_view(plain).substr(kFingerprintBytes);
  std::vector<std::string> parts;
  while (!rest.empty()) {
    if (rest.size() < 2) return PageTokenInvalid();
    const size_t size =
        static_cast<size_t>(static_cast<uint8_t>(rest[0])) << 8 | static_cast<uint8_t>(rest[1]);
    rest.remove_prefix(2);
    if (rest.size() < size) return PageTokenInvalid();
    parts.emplace_back(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  if (parts.size() != part_count) return PageTokenInvalid();
  return parts;
}

absl::Status PageTokenInvalid() {
  return MakeError(Reason::kPageTokenInvalid,
                   "this page_token does not belong to this query: start again without one");
}

}  // namespace arkshare
