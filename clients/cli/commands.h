// The commands of arkshare-cli, one function each. A command writes to the session's console and
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

// Commands that call the peer only (commands_peer.cc; those for transfers and limbo are in
// commands_transfers.cc).

// ls: lists the files of the shared folder; for a file that is not shared, the reason.
int RunLs(Session& session);
int RunStatus(Session& session);

// At most one of them; none: list all. A transfer is named by at least the first 6 hex digits
// of its ID, which must fit one transfer.
struct TransfersOptions {
  // The transfer whose received book becomes a copy, because its source does not answer.
  std::string keep = {};
  // The transfer whose received book can enter the folder nowhere, and its new name there.
  std::string place = {};
  std::string place_name = {};
  // The downloads to end for good.
  std::vector<std::string> cancel = {};
  // The transfers to remove from the list.
  std::vector<std::string> forget = {};
  // The transfers that failed or wait, and are to go on.
  std::vector<std::string> retry = {};
  bool watch = false;  // print changes until interrupted
};
// The peer first finishes a call to the source that is in progress, so keep needs a long timeout.
inline constexpr absl::Duration kKeepTimeout = absl::Minutes(2);
int RunTransfers(Session& session, const TransfersOptions& options);

struct ShareOptions {
  // Paths on this machine. A relative path starts at the working folder.
  std::vector<std::string> paths = {};
};
int RunShare(Session& session, const ShareOptions& options);

struct UnshareOptions {
  std::vector<std::string> names = {};
};
int RunUnshare(Session& session, const UnshareOptions& options);

struct LimboOptions {
  // The transfer whose hidden copy is restored. At least the first 6 hex digits of its ID, which
  // must fit one entry. Empty: list the entries.
  std::string restore = {};
};
int RunLimbo(Session& session, const LimboOptions& options);

struct LimitsOptions {
  // Bytes a second; 0: unlimited; unset: unchanged.
  std::optional<uint64_t> upload = {};
  std::optional<uint64_t> download = {};
};
int RunLimits(Session& session, const LimitsOptions& options);

struct TlsExportOptions {
  // Where cert.pem, key.pem and ca.pem are written. Made with mode 0700 if it is missing.
  std::string folder = {};
};
// tls: writes the TLS files with which other programs of the owner call the group as this peer
// (commands_tls.cc). Files of an earlier export of the same peer are replaced, and no others.
int RunTls(Session& session, const TlsExportOptions& options);

struct WebOptions {
  // Only print the address.
  bool print = false;
  // Close the page, and sign out all browsers.
  bool close = false;
  // The program that opens a file for the user; empty: there is no screen, so only print.
  std::string browser = {};
};
// The code in the page's address ends after this time (peer.proto).
inline constexpr absl::Duration kPageCodeLife = absl::Seconds(60);
// web: opens the peer's web page (commands_web.cc).
int RunWeb(Session& session, const WebOptions& options);

// The peer unregisters and ends its uploads first, which takes longer than other calls.
inline constexpr absl::Duration kShutdownTimeout = absl::Seconds(30);
// quit: ends the peer.
int RunQuit(Session& session);

// Commands that call the index, or servers by their address (commands_index.cc).

struct SearchOptions {
  // Exactly one of words, name and root (with size).
  std::vector<std::string> words = {};
  std::string name = {};
  std::string root = {};              // 64 hex digits
  std::optional<uint64_t> size = {};  // bytes
  // The maximum number of results.
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
// ping: measures round trips to the peers. Each answer must be signed with the key that the index
// has for that peer.
int RunPing(Session& session, const PingOptions& options);

struct HealthOptions {
  // "HOST:PORT" or "unix:PATH".
  std::vector<std::string> addresses = {};
};
// health: asks each server whether it serves. kExitDone only when all of them do.
int RunHealth(Session& session, const HealthOptions& options);

struct WatchOptions {
  // At most one of words and name. Neither: watch everything.
  std::vector<std::string> words = {};
  std::string name = {};
  // The pause between attempts to reach an index that went away.
  absl::Duration retry_interval = absl::Seconds(1);
};
// watch: prints every change of the index's table until interrupted (commands_watch.cc).
int RunWatch(Session& session, const WatchOptions& options);

// The command that calls both (commands_get.cc).

struct GetOptions {
  std::vector<std::string> names = {};
  // Instead of names: every book that from_peer_id lists and this peer does not have.
  bool all = false;
  // 0: the best source.
  uint32_t from_peer_id = 0;
  // Empty, or the first 6 to 64 hex digits of the content's root.
  std::string root = {};
  // The name to save one book under; empty: the source's name.
  std::string save_as = {};
  bool copy_only = false;
};
int RunGet(Session& session, const GetOptions& options);

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_COMMANDS_H_
