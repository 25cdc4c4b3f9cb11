#include "services/index/sessions/peer_ids.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/types/span.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

constexpr size_t kMostKeys = 10'000;
constexpr size_t kPartsOfNumber = 2;
constexpr size_t kPartsOfSession = 6;
constexpr size_t kPartsOfCallable = 7;

absl::StatusOr<PublicKey> ParseKey(absl::string_view hex) {
  const absl::StatusOr<std::string> bytes = FromHex(hex);
  if (!bytes.ok()) return bytes.status();
  return PublicKey::FromBytes(*bytes);
}

// Parses the parts of a line after the number.
std::optional<KeptSession> ParseSession(absl::Span<const absl::string_view> parts) {
  KeptSession session;
  const absl::StatusOr<std::string> bytes = FromHex(parts[0]);
  if (!bytes.ok()) return std::nullopt;
  const absl::StatusOr<Sha256Digest> hash = DigestFromBytes(*bytes);
  if (!hash.ok()) return std::nullopt;
  session.token_hash = *hash;
  session.policy = parts[1] == "move"   ? v1::SHARE_POLICY_MOVE
                   : parts[1] == "copy" ? v1::SHARE_POLICY_COPY
                                        : v1::SHARE_POLICY_UNSPECIFIED;
  session.advertised = parts[2] == "advertised";
  session.takes_calls = parts.size() == kPartsOfCallable - kPartsOfNumber;
  if (session.policy == v1::SHARE_POLICY_UNSPECIFIED ||
      (session.takes_calls && parts.back() != "calls")) {
    return std::nullopt;
  }
  if (parts[2] == "relayed") {
    return session.takes_calls && parts[3] == "-" ? std::optional(session) : std::nullopt;
  }
  session.address = std::string(parts[3]);
  if ((!session.advertised && parts[2] != "seen") || !ParseHostPort(session.address).ok()) {
    return std::nullopt;
  }
  return session;
}

}  // namespace

absl::StatusOr<PeerIds> PeerIds::Parse(absl::string_view text) {
  PeerIds ids;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    ++number;
    const std::vector<absl::string_view> parts = absl::StrSplit(line, ' ');
    const bool with_session = parts.size() == kPartsOfSession || parts.size() == kPartsOfCallable;
    const absl::StatusOr<PublicKey> key = ParseKey(parts[0]);
    uint32_t id = 0;
    if ((!with_session && parts.size() != kPartsOfNumber) || !key.ok() ||
        !absl::SimpleAtoi(parts[1], &id) || id == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, " is not a key and a number"));
    }
    std::optional<KeptSession> session;
    if (with_session) {
      session = ParseSession(absl::MakeSpan(parts).subspan(kPartsOfNumber));
      if (!session.has_value()) {
        return absl::InvalidArgumentError(absl::StrCat("line ", number, " has no session"));
      }
    }
    ids.Remember(*key, id, std::move(session));
  }
  return ids;
}

absl::StatusOr<PeerIds> PeerIds::Load(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return PeerIds();
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || (file.peek() != std::ifstream::traits_type::eof() && !(text << file.rdbuf())) ||
      file.bad()) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read the state file ", path, ": ",
                     errno != 0 ? std::strerror(errno) : "it is not a regular file",
                     "; name another one with --state, or correct its owner and mode"));
  }
  absl::StatusOr<PeerIds> ids = Parse(text.str());
  if (!ids.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the state file ", path, " is damaged or not ours: ", ids.status().message(),
                     "; remove it"));
  }
  return ids;
}

std::string PeerIds::Serialize() const {
  std::string text;
  for (const auto& [order, key] : by_order_) {
    const Entry& entry = by_key_.at(key);
    absl::StrAppend(&text, key.hex(), " ", entry.id);
    if (const std::optional<KeptSession>& session = entry.session) {
      absl::StrAppend(&text, " ", ToHex(session->token_hash),
                      session->policy == v1::SHARE_POLICY_MOVE ? " move" : " copy",
                      session->address.empty() ? " relayed -"
                      : session->advertised    ? " advertised "
                                               : " seen ",
                      session->address, session->takes_calls ? " calls" : "");
    }
    text += '\n';
  }
  return text;
}

void PeerIds::Remember(const PublicKey& key, uint32_t id, std::optional<KeptSession> session) {
  if (const auto other = by_id_.find(id); other != by_id_.end()) Forget(PublicKey(other->second));
  Forget(key);
  const uint64_t order = next_order_++;
  if (session.has_value()) by_token_[session->token_hash] = key;
  by_key_[key] = {id, order, std::move(session)};
  by_id_[id] = key;
  by_order_[order] = key;
  if (by_key_.size() > kMostKeys) Forget(PublicKey(by_order_.begin()->second));
}

std::optional<uint32_t> PeerIds::IdOf(const PublicKey& key) const {
  const auto place = by_key_.find(key);
  if (place == by_key_.end()) return std::nullopt;
  return place->second.id;
}

std::optional<PublicKey> PeerIds::KeyOf(uint32_t id) const {
  const auto place = by_id_.find(id);
  if (place == by_id_.end()) return std::nullopt;
  return place->second;
}

std::optional<KeptSession> PeerIds::SessionOf(const PublicKey& key) const {
  const auto place = by_key_.find(key);
  return place == by_key_.end() ? std::nullopt : place->second.session;
}

std::optional<PeerIds::Owned> PeerIds::FindSession(const Sha256Digest& token_hash) const {
  const auto place = by_token_.find(token_hash);
  if (place == by_token_.end()) return std::nullopt;
  const Entry& entry = by_key_.at(place->second);
  return Owned{place->second, entry.id, *entry.session};
}

bool PeerIds::DropSession(const PublicKey& key) {
  const auto place = by_key_.find(key);
  return place != by_key_.end() && DropSession(place->second);
}

bool PeerIds::DropSessionsUnless(absl::FunctionRef<bool(const PublicKey&)> stays) {
  bool any = false;
  for (auto& [key, entry] : by_key_) {
    if (!stays(key)) any |= DropSession(entry);
  }
  return any;
}

bool PeerIds::DropSession(Entry& entry) {
  if (!entry.session.has_value()) return false;
  by_token_.erase(entry.session->token_hash);
  entry.session.reset();
  return true;
}

void PeerIds::Forget(const PublicKey& key) {
  const auto place = by_key_.find(key);
  if (place == by_key_.end()) return;
  DropSession(place->second);
  by_id_.erase(place->second.id);
  by_order_.erase(place->second.order);
  by_key_.erase(place);
}

}  // namespace arkshare
