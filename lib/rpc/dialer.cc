#include "lib/rpc/dialer.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/connection_cause.h"
#include "lib/rpc/credentials.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/key_handshake.h"
#include "lib/rpc/relayed_target.h"

namespace arkshare {
namespace {

// An index may name any number of addresses.
constexpr size_t kMaxWrongKeys = 1'024;

std::string PlaceOf(const std::string& target, const PublicKey& expected) {
  return absl::StrCat(expected.hex(), "@", target);
}

absl::Status WrongKey(absl::string_view server, absl::string_view why) {
  return MakeError(Reason::kWrongKey,
                   absl::StrCat("cannot reach ", server, ": ", why,
                                "; check the address, or ask its owner for a new invitation"));
}

}  // namespace

void Dialer::WrongKeys::Note(const std::string& place, absl::string_view why) {
  MutexLock lock(&mutex_);
  if (why_.size() >= kMaxWrongKeys) why_.clear();
  why_[place] = std::string(why);
}

std::string Dialer::WrongKeys::Take(const std::string& place) {
  MutexLock lock(&mutex_);
  const auto found = why_.find(place);
  if (found == why_.end()) return "";
  std::string why = std::move(found->second);
  why_.erase(found);
  return why;
}

Dialer::Dialer(std::shared_ptr<grpc::ChannelCredentials> credentials, TlsOptions tls,
               std::optional<LeafCertificate> leaf)
    : credentials_(std::move(credentials)), tls_(std::move(tls)), leaf_(std::move(leaf)) {}

std::shared_ptr<Dialer> Dialer::Plaintext() {
  return std::shared_ptr<Dialer>(new Dialer(grpc::InsecureChannelCredentials(), {}, std::nullopt));
}

absl::StatusOr<std::shared_ptr<Dialer>> Dialer::FromTls(const TlsOptions& tls) {
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials =
      MakeChannelCredentials(tls);
  if (!credentials.ok()) return credentials.status();
  return std::shared_ptr<Dialer>(new Dialer(*std::move(credentials), tls, std::nullopt));
}

std::shared_ptr<Dialer> Dialer::WithKey(const LeafCertificate& leaf) {
  return std::shared_ptr<Dialer>(new Dialer(nullptr, {}, leaf));
}

std::shared_ptr<grpc::Channel> Dialer::Dial(const std::string& target, const PublicKey* expected,
                                            int read_ahead, absl::Duration connect_timeout,
                                            const Door* door) {
  const std::optional<std::string> relay = expected == nullptr ? std::nullopt : RelayOf(target);
  const bool by_door = relay.has_value() && door != nullptr;
  const std::string& place = by_door ? door->address : relay.has_value() ? *relay : target;
  const std::string lines = by_door ? door->lines : "";
  const std::string authority = relay.has_value() ? PeerAuthority(*expected) : "";
  if (!uses_keys()) {
    return MakeChannel(place, credentials_, read_ahead, connect_timeout, "", authority, lines);
  }
  // TargetUri takes "unix:7070" for a host, so this does too.
  if (absl::StartsWith(TargetUri(target), "unix:")) {
    return MakeChannel(target, grpc::InsecureChannelCredentials(), read_ahead, connect_timeout);
  }
  if (expected == nullptr) return MakeChannel(target, nullptr, read_ahead, connect_timeout);
  const auto note = [wrong_keys = wrong_keys_, place_of_key = PlaceOf(target, *expected)](
                        absl::string_view why) { wrong_keys->Note(place_of_key, why); };
  return MakeChannel(place, MakeKeyChannelCredentials(*leaf_, *expected, note), read_ahead,
                     connect_timeout, kKeyTargetName, authority, lines);
}

absl::Status Dialer::WithCause(const absl::Status& status, absl::string_view server,
                               const std::string& target, const PublicKey* expected) {
  const Reason reason = GetReason(status);
  if (reason != Reason::kIndexUnreachable && reason != Reason::kPeerUnreachable) return status;
  // The relay has said why it does not connect.
  if (RelayOf(target).has_value()) return status;
  if (!uses_keys()) return arkshare::WithCause(status, server, target, tls_);
  if (expected == nullptr || absl::StartsWith(TargetUri(target), "unix:")) return status;
  if (const std::string why = wrong_keys_->Take(PlaceOf(target, *expected)); !why.empty()) {
    return WrongKey(server, why);
  }
  const absl::StatusOr<PublicKey> key = ReadKeyAt(target, *leaf_, kCausePatience);
  if (!key.ok()) {
    // ReadKeyAt takes what it dials for an index.
    return GetReason(key.status()) == Reason::kIndexUnreachable
               ? MakeError(reason, key.status().message())
               : key.status();
  }
  if (*key != *expected) {
    return WrongKey(server, absl::StrCat("the program there has the key ", key->hex(), ", not ",
                                         expected->hex()));
  }
  return MakeError(
      Reason::kHandshakeRefused,
      absl::StrCat(server,
                   " ends the connection: it does not know this key, or it is overloaded; "
                   "join the group, or ask whether you were removed from it"));
}

}  // namespace arkshare
