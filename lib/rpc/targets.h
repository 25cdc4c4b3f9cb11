// Addresses to connect to, as people give them.
#ifndef ARKSHARE_LIB_RPC_TARGETS_H_
#define ARKSHARE_LIB_RPC_TARGETS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <string>
#include <vector>

namespace arkshare {

// The value of `option`: HOST:PORT with a port that can be connected to. INVALID_FIELD.
absl::Status CheckTarget(absl::string_view option, const std::string& text);
// The values of --index, at least one; empty ones are left out. INVALID_FIELD.
absl::StatusOr<std::vector<std::string>> ParseIndexes(absl::Span<const std::string> texts);
// The value of `option`, where a peer is driven from: unix:PATH, since whoever can connect to a
// port could drive it; or only a PATH that begins with "/". INVALID_FIELD.
absl::StatusOr<std::string> ParseControlSocket(absl::string_view option, const std::string& text);

// Where a peer has its control socket unless it is told otherwise: arkshare/control.sock in
// `runtime_dir`, which is the value of XDG_RUNTIME_DIR; in /run when that is null or empty.
std::string DefaultControlSocket(const char* runtime_dir);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_TARGETS_H_
