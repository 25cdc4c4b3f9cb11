// Getting one book, as the get command and the menu both do it.
#ifndef ARKSHARE_CLIENTS_CLI_FETCH_H_
#define ARKSHARE_CLIENTS_CLI_FETCH_H_

#include <absl/status/statusor.h>

#include <string>

#include "arkshare/v1/peer.pb.h"
#include "clients/cli/session.h"

namespace arkshare {

// Fetches and shows the progress on the console's error stream: behind `label`, which is already on
// the terminal's line when `line_begun`. Cancelled when interrupted; the peer goes on with it.
absl::StatusOr<v1::Transfer> FetchWithProgress(Session& session, const v1::FetchRequest& request,
                                               const std::string& label, bool line_begun);

// What is to be known of a finished transfer besides that it is done, safe to print: that the
// source keeps its copy (because a copy was asked for, or because it only lends), or a changed
// name. Empty for a plain move.
std::string NoteOnTransfer(const v1::Transfer& transfer, bool copy_asked);

// Whose a moved book was; who brings or brought a copy, as "3" or "3, 7, 12 and 27 more", most
// first. Empty when not known.
std::string SourcesInWords(const v1::Transfer& transfer);

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_FETCH_H_
