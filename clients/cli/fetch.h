// Fetching one book, for the get command and the menu.
#ifndef ARKSHARE_CLIENTS_CLI_FETCH_H_
#define ARKSHARE_CLIENTS_CLI_FETCH_H_

#include <absl/status/statusor.h>

#include <string>

#include "arkshare/v1/peer.pb.h"
#include "clients/cli/session.h"

namespace arkshare {

// Fetches a book and shows the progress after `label` on the console's error stream. `line_begun`:
// the label is already on the terminal's line. Returns Cancelled when interrupted; the peer then
// continues the transfer.
absl::StatusOr<v1::Transfer> FetchWithProgress(Session& session, const v1::FetchRequest& request,
                                               const std::string& label, bool line_begun);

// Returns a note on a finished transfer, safe to print; empty for a plain move. The note says that
// the source keeps its copy, or that the name has changed.
std::string NoteOnTransfer(const v1::Transfer& transfer, bool copy_asked, const PeerNames& names);

// Returns the number of the peer that had a moved book, or of the peers that send a copy, the
// largest contribution first: "3 (ada)", "3 (ada), 7, 12 and 27 more". Empty when unknown.
std::string SourcesInWords(const v1::Transfer& transfer, const PeerNames& names);

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_FETCH_H_
