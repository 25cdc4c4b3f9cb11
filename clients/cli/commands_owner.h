// The commands of arkshare-cli by which an owner follows a peer: uploads, the history, wishes, and
// transfers as they change. Each writes to the session's console and returns the program's exit
// code.
#ifndef ARKSHARE_CLIENTS_CLI_COMMANDS_OWNER_H_
#define ARKSHARE_CLIENTS_CLI_COMMANDS_OWNER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clients/cli/session.h"

namespace arkshare {

// uploads: lists the downloads of other peers from this one.
int RunUploads(Session& session);

struct HistoryOptions {
  // The maximum number of books.
  uint64_t limit = 50;
};
// history: lists the books that came and went, newest first.
int RunHistory(Session& session, const HistoryOptions& options);

// transfers --watch: prints a line for each transfer, and one for each change, until interrupted.
int WatchTransfers(Session& session);

// At most one of a query and `remove`; neither: list all wishes.
struct WishOptions {
  // The query: exactly one of words, name and root (with size).
  std::vector<std::string> words = {};
  std::string name = {};
  std::string root = {};              // 64 hex digits
  std::optional<uint64_t> size = {};  // bytes
  bool get = false;                   // by the rules of the source's policy
  bool copy = false;                  // copies only; at most one of get and copy
  // The most books to get.
  uint32_t limit = 1;
  // The numbers of wishes.
  std::vector<uint64_t> remove = {};
  bool add = false;  // the command is wish add
};
int RunWish(Session& session, const WishOptions& options);

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_COMMANDS_OWNER_H_
