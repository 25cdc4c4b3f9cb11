// Checks of the addresses in options.
#ifndef ARKSHARE_LIB_RPC_TARGETS_H_
#define ARKSHARE_LIB_RPC_TARGETS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <string>
#include <vector>

namespace arkshare {

// All functions return kInvalidField with a message that names `option`.

// Checks that `text` is HOST:PORT with a port of 1 to 65535.
absl::Status CheckTarget(absl::string_view option, const std::string& text);
// Parses the values of --index. Skips empty values; at least one must remain.
absl::StatusOr<std::vector<std::string>> ParseIndexes(absl::Span<const std::string> texts);
// Parses unix:PATH, or an absolute PATH, into unix:PATH. A port is refused, because every user who
// can connect to it could control the peer.
absl::StatusOr<std::string> ParseControlSocket(absl::string_view option, const std::string& text);

// Returns the default control socket of a peer: arkshare/control.sock in `runtime_dir`, which is
// the value of XDG_RUNTIME_DIR; in /run when that is null or empty.
std::string DefaultControlSocket(const char* runtime_dir);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_TARGETS_H_
