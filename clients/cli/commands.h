// The commands of arkshare-cli: one function each, which writes to the session's console and
// returns the program's exit code.
#ifndef ARKSHARE_CLIENTS_CLI_COMMANDS_H_
#define ARKSHARE_CLIENTS_CLI_COMMANDS_H_

#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clients/cli/queries.h"
#include "clients/cli/session.h"

namespace arkshare {

// Asked of the peer alone (commands_peer.cc).

// ls: the shared folder, also what is not shared and why.
int RunLs(Session& session);
int RunStatus(Session& session);

struct TransfersOptions {
  // Of the received book whose source does not answer, to be kept as a copy: hex, at least 6 digits
  // of the transfer's ID, only one may begin so. Empty: list them all.
  std::string keep = {};
};
// A call of the peer to the source that is under way is waited for.
inline constexpr absl::Duration kKeepTimeout = absl::Minutes(2);
int RunTransfers(Session& session, const TransfersOptions& options);

struct ShareOptions {
  // Of this machine; relative ones are seen from the working folder.
  std::vector<std::string> paths = {};
};
int RunShare(Session& session, const ShareOptions& options);

struct UnshareOptions {
  std::vector<std::string> names = {};
};
int RunUnshare(Session& session, const UnshareOptions& options);

struct LimboOptions {
  // Of the transfer whose hidden copy comes back: hex, at least 6 digits of it, only one may begin
  // so. Empty: list them.
  std::string restore = {};
};
int RunLimbo(Session& session, const LimboOptions& options);

struct LimitsOptions {
  // Bytes a second, 0 for none; unset leaves it as it is.
  std::optional<uint64_t> upload = {};
  std::optional<uint64_t> download = {};
};
int RunLimits(Session& session, const LimitsOptions& options);

// quit: ends the peer.
// Unregistering and ending uploads takes longer than other calls.
inline constexpr absl::Duration kShutdownTimeout = absl::Seconds(30);
int RunQuit(Session& session);

// Asked of the index, or of servers by their address (commands_index.cc).

struct SearchOptions {
  // Exactly one of the three.
  std::vector<std::string> words = {};
  std::string name = {};
  std::string root = {};  // 64 hex digits, with size
  std::optional<uint64_t> size = {};
  // How many results at most.
  uint64_t limit = 50;
};
int RunSearch(Session& session, const SearchOptions& options);

struct BrowseOptions {
  uint32_t peer_id = 0;
};
int RunBrowse(Session& session, const BrowseOptions& options);

int RunPeers(Session& session);

struct PingOptions {
  std::vector<uint32_t> peer_ids = {};
  int count = 5;
  absl::Duration interval = absl::Milliseconds(200);
};
// ping: round trips to peers themselves, whose answers must be signed with the keys that the index
// knows.
int RunPing(Session& session, const PingOptions& options);

struct HealthOptions {
  // "HOST:PORT" or "unix:PATH".
  std::vector<std::string> addresses = {};
};
// health: whether each of these servers says that it serves; done when all do.
int RunHealth(Session& session, const HealthOptions& options);

struct WatchOptions {
  // At most one of the two; neither: everything.
  std::vector<std::string> words = {};
  std::string name = {};
  // Between attempts to reach an index that went away.
  absl::Duration retry_interval = absl::Seconds(1);
};
// watch: every change of the index's table, until it is interrupted (commands_watch.cc).
int RunWatch(Session& session, const WatchOptions& options);

// Both (commands_get.cc).

struct GetOptions {
  std::vector<std::string> names = {};
  // In place of names: everything that from_peer_id lists and that is not here.
  bool all = false;
  // 0: the best source.
  uint32_t from_peer_id = 0;
  // Empty, or the first 6 to 64 hex digits of the content's root.
  std::string root = {};
  // The name here, for one book; empty: the source's.
  std::string save_as = {};
  bool copy_only = false;
};
int RunGet(Session& session, const GetOptions& options);

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_COMMANDS_H_
