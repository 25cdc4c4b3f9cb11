#include "clients/cli/connection.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_split.h>
#include <absl/strings/string_view.h>

#include "lib/rpc/targets.h"

namespace arkshare {

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const ConnectionOptions& options,
                                                             Interrupts* interrupts) {
  absl::StatusOr<std::string> peer = ParseControlSocket("--peer", options.peer);
  if (!peer.ok()) return peer.status();
  std::vector<std::string> indexes;
  for (absl::string_view part : absl::StrSplit(options.index, ',', absl::SkipWhitespace())) {
    std::string target(absl::StripAsciiWhitespace(part));
    if (absl::Status s = CheckTarget("--index", target); !s.ok()) return s;
    indexes.push_back(std::move(target));
  }
  absl::StatusOr<std::shared_ptr<Dialer>> dialer = Dialer::FromTls(options.tls);
  if (!dialer.ok()) return dialer.status();
  return std::unique_ptr<Connection>(new Connection(
      interrupts, *std::move(peer), std::move(indexes), *std::move(dialer), options));
}

Connection::Connection(Interrupts* interrupts, std::string peer, std::vector<std::string> indexes,
                       std::shared_ptr<Dialer> dialer, const ConnectionOptions& options)
    : watch_(interrupts),
      peer_(&watch_, std::move(peer)),
      dialer_(&peer_, std::move(dialer), options.tls.enabled(), options.clock),
      index_(&watch_, &peer_, &dialer_, std::move(indexes)),
      names_(&dialer_, &index_, options.clock),
      others_(&watch_, &dialer_),
      health_(&watch_, &dialer_, &names_) {}

}  // namespace arkshare
